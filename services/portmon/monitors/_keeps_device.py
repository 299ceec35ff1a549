"""A monitor whose ports keep the device that they were given by its node, under whatever name it is there later."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from typing_extensions import override

from chassis.errors import DeviceNotConnected
from portmon.devices.found import FoundDevice, identity
from portmon.devices.kept import KeptDevices
from portmon.devices.tree import DeviceTree
from portmon.monitor import MonitorInit, PortMonitor, PortSettings

S = TypeVar("S", bound=PortSettings)


class KeepsDevice(PortMonitor[S]):
    """What it asks of a monitor is below; the rest is what monitors are asked."""

    def __init__(self, init: MonitorInit) -> None:
        super().__init__(init)
        self._kept = KeptDevices(init.own, lambda: self.look_for(init.tree))

    @abstractmethod
    def path(self, port: str, settings: S) -> str:
        """Return the path that settings, or the port's name, lead to."""

    @abstractmethod
    def keeps(self, settings: S) -> bool:
        """Tell whether a port stays with its device, and not with its node."""

    @abstractmethod
    def look_for(self, tree: DeviceTree) -> list[FoundDevice]:
        """Return the devices that are there."""

    @override
    def devices(self) -> list[FoundDevice]:
        return self._kept.search()

    @override
    def device(self, port: str, settings: S) -> str:
        path = self.path(port, settings)
        return self._kept.node(port, path) if self.keeps(settings) else path

    @override
    def bind(self, port: str, settings: S) -> None:
        if self.keeps(settings):
            self._kept.bind(port, self.path(port, settings))
        else:
            self._kept.forget(port)

    @override
    def unbind(self, port: str) -> None:
        self._kept.forget(port)

    @override
    def absence(self, port: str, settings: S) -> str:
        return self._kept.absence(port, self.path(port, settings)) if self.keeps(settings) else ""

    @override
    def identity(self, port: str, settings: S) -> str:
        own = self._kept.identity(port, self.path(port, settings)) if self.keeps(settings) else ""
        found = own or identity(self.devices(), self.device(port, settings))
        return found or super().identity(port, settings)

    def own_device(self, port: str, settings: S) -> str:
        """Look for a port's device and return where it is now. Raises DeviceNotConnected: it is not there."""
        self.devices()
        device = self.device(port, settings)
        if absence := self.absence(port, settings):
            raise DeviceNotConnected(f"port {port}: {absence}", port=port, device=device)
        return device
