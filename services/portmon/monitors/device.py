"""Character device port: LPTn: on usblp or parport, any printer node below /dev, or a FIFO. Opened once and held."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator
from typing_extensions import override

from chassis.errors import DeviceNotConnected, InvalidSettings
from portmon.devices.bindings import Bindings, Bound
from portmon.devices.found import FoundDevice, at, identity, printer_nodes
from portmon.monitor import MonitorInit, OpenContext, PortMonitor, PortSettings, open_error
from portmon.monitors._fifo import FifoPort
from portmon.monitors._node import NodePort, opened
from portmon.monitors._printer_node import PrinterNode

_LPT = re.compile(r"LPT(\d+):", re.IGNORECASE)


class DeviceSettings(PortSettings):
    """Which node. The write time-out's default is that of Windows' parallel ports, 45 s."""

    device: str = Field(
        default="",
        max_length=512,
        title="Device",
        description="Path of the node or FIFO. Empty: LPT1: is /dev/usb/lp0 or /dev/lp0, whichever was there first.",
        json_schema_extra={
            "group": "Printer",
            "widget": "device-picker",
            "source": {"xcv": "EnumDevices"},
            "span": 2,
        },
    )

    known_by: Literal["device", "node"] = Field(
        default="device",
        title="Stays with",
        description="device: the printer that was there first, whatever its node is called later; another one in its "
        "place is refused. node: whatever is at the path.",
        json_schema_extra={"group": "Printer", "advanced": True},
    )

    vendor_requests: bool = Field(
        default=False,
        title="Controls that change the printer",
        description="Let language monitors send vendor requests and change the protocol; reading and soft reset are "
        "always allowed.",
        json_schema_extra={"group": "Behaviour", "advanced": True},
    )

    @field_validator("device")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if value and (not value.startswith("/") or "\0" in value):
            raise ValueError("must be an absolute path")
        return value


def open_device(device: str, context: OpenContext, write_timeout_s: float, *, changes: bool) -> NodePort:
    """Open, lock and hold a node or a FIFO. `changes`: whether controls may change the device.

    Raises:
        OSError: and why. InvalidSettings: it is neither.
    """
    node = opened(device, context.port)
    kind = FifoPort if node.is_pipe else PrinterNode
    try:
        return kind(node, context, write_timeout_s, changes=changes)
    except BaseException:
        os.close(node.fd)
        raise


class DeviceMonitor(PortMonitor[DeviceSettings]):
    """The parallel part of Windows' local monitor, and its USB ports."""

    scheme = "device"
    name = "Local Port"
    description = "Printer device node"
    readable = True
    controls = True
    settings = DeviceSettings
    form: ClassVar[dict[str, object]] = {"revision": 2, "summary": "{device}"}

    def __init__(self, init: MonitorInit) -> None:
        super().__init__(init)
        self._bindings = Bindings(init.own)
        self._found: list[FoundDevice] | None = None  # by the last search

    @override
    def claims(self, port: str) -> bool:
        return _LPT.fullmatch(port) is not None

    @override
    def check(self, port: str, settings: DeviceSettings) -> None:
        if not self.device(port, settings):
            raise InvalidSettings(
                f"port {port} needs a device",
                port=port,
                fields=[("device", "only LPT1:, LPT2:, … have one by name")],
            )

    @override
    def device(self, port: str, settings: DeviceSettings) -> str:
        bound = self._bindings.of(port, settings.device)
        if bound is None:
            return settings.device or self._by_name(port)
        one = bound.among(self._devices()) if settings.known_by == "device" and bound.identity else None
        return bound.path if one is None else one.node

    def _by_name(self, port: str) -> str:
        """Return the node that a port has by its name: the first that is there."""
        match = _LPT.fullmatch(port)
        if not match or not int(match[1]):
            return ""
        number, dev = int(match[1]) - 1, self.init.tree.dev
        usb = dev / "usb" / f"lp{number}"
        return str(usb if usb.exists() else dev / f"lp{number}")

    def _devices(self) -> list[FoundDevice]:
        return self.devices() if self._found is None else self._found

    @override
    def bind(self, port: str, settings: DeviceSettings) -> None:
        bound = self._bindings.of(port, settings.device)
        if settings.known_by == "node" and bound is not None and bound.identity:
            self._bindings.bind(port, Bound(bound.asked, bound.path, Path(bound.path).name))
        elif bound is None or not bound.identity:
            self._bind_first(port, settings, bound)
        elif (one := bound.among(self._devices())) is not None and one.identity != bound.identity:
            # Another with its serial number came: from now on its socket tells it from that.
            self._bindings.bind(port, Bound.to(bound.asked, bound.path, one))

    def _bind_first(self, port: str, settings: DeviceSettings, bound: Bound | None) -> None:
        path = bound.path if bound is not None else settings.device or self._by_name(port)
        one = at(self.devices(), path)
        if one is None:
            return
        if settings.known_by == "device" and one.is_known:
            self._bindings.bind(port, Bound.to(settings.device, path, one))
        elif bound is None and not settings.device:
            self._bindings.bind(port, Bound("", path, one.description))

    @override
    def unbind(self, port: str) -> None:
        self._bindings.forget(port)

    @override
    def absence(self, port: str, settings: DeviceSettings) -> str:
        bound = self._bindings.of(port, settings.device)
        if bound is None or settings.known_by == "node":
            return ""
        return bound.absence(self._devices())

    @override
    def open_port(self, port: str, settings: DeviceSettings, context: OpenContext) -> NodePort:
        device = self._own_device(port, settings)
        try:
            timeout_s = self.write_timeout_s(settings)
            opened = open_device(device, context, timeout_s, changes=settings.vendor_requests)
        except OSError as error:
            raise open_error(error, port, device, parallel=True) from error
        self.devices()
        if self.device(port, settings) == device and not self.absence(port, settings):
            return opened
        opened.close()
        text = f"port {port}: {device} became another device while it was opened"
        raise DeviceNotConnected(text, port=port, device=device)

    def _own_device(self, port: str, settings: DeviceSettings) -> str:
        """Look for the port's own device and return its node. Raises DeviceNotConnected: it is not there."""
        self.devices()
        device = self.device(port, settings)
        if absence := self.absence(port, settings):
            raise DeviceNotConnected(f"port {port}: {absence}", port=port, device=device)
        return device

    def write_timeout_s(self, settings: DeviceSettings) -> float:
        """Return how long a port waits: what it says itself, else the host's TransmissionRetryTimeout, else 45 s."""
        ours = self.init.values.get("TransmissionRetryTimeout")
        return (
            settings.write_timeout_s if "write_timeout_s" in settings.model_fields_set or not ours else ours
        )

    @override
    def identity(self, port: str, settings: DeviceSettings) -> str:
        bound = self._bindings.of(port, settings.device)
        if bound is not None and bound.identity and settings.known_by == "device":
            return f"{bound.path} {bound.identity}"
        return identity(self.devices(), self.device(port, settings)) or super().identity(port, settings)

    @override
    def devices(self) -> list[FoundDevice]:
        self._found = printer_nodes(self.init.tree)
        return self._found
