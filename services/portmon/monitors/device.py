"""Character device port: LPTn: on usblp or parport, any printer node below /dev, or a FIFO. Opened once and held."""

from __future__ import annotations

import os
import re
from typing import ClassVar

from pydantic import Field, field_validator
from typing_extensions import override

from chassis.errors import InvalidSettings
from portmon.devices.found import FoundDevice, identity, printer_nodes
from portmon.monitor import OpenContext, PortMonitor, PortSettings, open_error
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
        description="Path of the node or FIFO. Empty: LPT1: is /dev/usb/lp0, or /dev/lp0 where there is no such node.",
        json_schema_extra={
            "group": "Printer",
            "widget": "device-picker",
            "source": {"xcv": "EnumDevices"},
            "span": 2,
        },
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
        match = _LPT.fullmatch(port)
        if settings.device or not match or not int(match[1]):
            return settings.device
        number, dev = int(match[1]) - 1, self.init.tree.dev
        usb = dev / "usb" / f"lp{number}"
        return str(usb if usb.exists() else dev / f"lp{number}")

    @override
    def open_port(self, port: str, settings: DeviceSettings, context: OpenContext) -> NodePort:
        device = self.device(port, settings)
        try:
            timeout_s = self.write_timeout_s(settings)
            return open_device(device, context, timeout_s, changes=settings.vendor_requests)
        except OSError as error:
            raise open_error(error, port, device, parallel=True) from error

    def write_timeout_s(self, settings: DeviceSettings) -> float:
        """Return how long a port waits: what it says itself, else the host's TransmissionRetryTimeout, else 45 s."""
        ours = self.init.values.get("TransmissionRetryTimeout")
        return (
            settings.write_timeout_s if "write_timeout_s" in settings.model_fields_set or not ours else ours
        )

    @override
    def identity(self, port: str, settings: DeviceSettings) -> str:
        return identity(self.devices(), self.device(port, settings)) or super().identity(port, settings)

    @override
    def devices(self) -> list[FoundDevice]:
        return printer_nodes(self.init.tree)
