"""Character device port: LPTn: on usblp or parport, any printer node below /dev, or a FIFO. Opened once and held."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator
from typing_extensions import override

from chassis.errors import DeviceNotConnected, InvalidArgument, InvalidSettings, StoreUnavailable
from portmon.devices.found import FoundDevice, printer_nodes
from portmon.devices.tree import DeviceTree
from portmon.monitor import OpenContext, PortSettings, open_error
from portmon.monitors._fifo import FifoPort
from portmon.monitors._keeps_device import KeepsDevice
from portmon.monitors._node import NodePort, opened
from portmon.monitors._printer_node import PrinterNode
from portmon.port_name import same

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


class DeviceMonitor(KeepsDevice[DeviceSettings]):
    """The parallel part of Windows' local monitor, and its USB ports."""

    scheme = "device"
    name = "Local Port"
    description = "Printer device node"
    readable = True
    controls = True
    settings = DeviceSettings
    form: ClassVar[dict[str, object]] = {"revision": 3, "summary": "{device}"}

    @override
    def claims(self, port: str) -> bool:
        return _LPT.fullmatch(port) is not None

    @override
    def check(self, port: str, settings: DeviceSettings) -> None:
        if not self.path(port, settings):
            raise InvalidSettings(
                f"port {port} needs a device",
                port=port,
                fields=[("device", "only LPT1:, LPT2:, … have one by name")],
            )

    @override
    def path(self, port: str, settings: DeviceSettings) -> str:
        return settings.device or str(self.init.own.get(_node_of(port), "")) or self._by_name(port)

    def _by_name(self, port: str) -> str:
        """Return the node that a port has by its name: the first that is there."""
        match = _LPT.fullmatch(port)
        if not match or not int(match[1]):
            return ""
        number, dev = int(match[1]) - 1, self.init.tree.dev
        usb = dev / "usb" / f"lp{number}"
        return str(usb if usb.exists() else dev / f"lp{number}")

    @override
    def keeps(self, settings: DeviceSettings) -> bool:
        return settings.known_by == "device"

    @override
    def look_for(self, tree: DeviceTree) -> list[FoundDevice]:
        return printer_nodes(tree)

    @override
    def bind(self, port: str, settings: DeviceSettings) -> None:
        path = self.path(port, settings)
        if not settings.device and self.init.own.get(_node_of(port)) is None and Path(path).exists():
            with contextlib.suppress(InvalidArgument, StoreUnavailable):  # the next time, then
                self.init.own.set(_node_of(port), path)
        super().bind(port, settings)

    @override
    def unbind(self, port: str) -> None:
        with contextlib.suppress(StoreUnavailable):
            self.init.own.delete(_node_of(port))
        super().unbind(port)

    @override
    def open_port(self, port: str, settings: DeviceSettings, context: OpenContext) -> NodePort:
        device = self.own_device(port, settings)
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

    def write_timeout_s(self, settings: DeviceSettings) -> float:
        """Return how long a port waits: what it says itself, else the host's TransmissionRetryTimeout, else 45 s."""
        ours = self.init.values.get("TransmissionRetryTimeout")
        return (
            settings.write_timeout_s if "write_timeout_s" in settings.model_fields_set or not ours else ours
        )


def _node_of(port: str) -> str:
    """Name the value that says which node a port has by its name: the one that was there first."""
    return f"Node of {same(port)}"
