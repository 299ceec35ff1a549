"""Character device port: LPTn: on usblp or parport, any printer node below /dev, or a FIFO. Opened once and held."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import struct
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator
from typing_extensions import override

from chassis.errors import DeviceFault, DeviceNotConnected, InvalidSettings, NotSupported, WriteTimeout
from portmon.device_wait import is_hung_up
from portmon.devices.controls import Control, control
from portmon.devices.found import FoundDevice, identity, printer_nodes
from portmon.devices.ieee1284 import facts_of
from portmon.document import DocInfo, DocKey, Evidence
from portmon.facts import Fact
from portmon.monitor import (
    OpenContext,
    Port,
    PortMonitor,
    PortSettings,
    drain,
    open_error,
    write_error,
)

_LPT = re.compile(r"LPT(\d+):", re.IGNORECASE)
_USB_MAJOR = 180  # Documentation/admin-guide/devices.txt: usblp among them


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


class DevicePort(Port):
    """A node that is held open, so that status can be read between jobs."""

    resumable = True
    runs_on = True

    def __init__(
        self, device: str, context: OpenContext, write_timeout_s: float, *, vendor_requests: bool = False
    ) -> None:
        self._device, self._context, self.write_timeout_s = device, context, write_timeout_s
        self._written, self._changes = 0, vendor_requests
        self._fd, self.readable = _open(device)
        self.one_way = not self.readable
        self._facts: Mapping[str, Fact] = {}
        try:
            self._is_pipe = _is_pipe(self._fd, context.port)
            # A USB device that goes takes its node's openings with it; a parallel port outlives its printer.
            self.shows_restart = os.major(os.fstat(self._fd).st_rdev) == _USB_MAJOR
            # A pipe's write is known to the byte; of a device's failed write nobody knows what went over the cable.
            self.write_error_is_exact = self._is_pipe
            self.piece_bytes = 65536 if self._is_pipe else 8192
            self.acks = Evidence.PIPE_READ if self._is_pipe else Evidence.DEVICE_WRITE
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._is_pipe:
                self._facts = _identity_of(self)
        except BaseException:
            os.close(self._fd)
            raise

    @override
    def fileno(self) -> int | None:
        return self._fd

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        self._written = 0

    @override
    def write(self, data: memoryview) -> int:
        try:
            count = os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._raise_if_orphaned()
            # A FIFO's next reader can take the next document; a node that fails like this is gone.
            self.lost = error.errno in (errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN)
            raise write_error(error, self._context.port, self._device) from error
        self._written += count
        return count

    @override
    def read(self, size: int) -> bytes:
        try:
            return os.read(self._fd, size)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.readable = False
            self.lost = error.errno in (errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN)
            raise write_error(error, self._context.port, self._device) from error

    @override
    def control(self, code: int, data: bytes) -> bytes:
        fd = os.dup(self._fd)  # the port may be closed meanwhile
        try:
            return control(fd, code, data, self._context.port, changes=self._changes)
        finally:
            os.close(fd)

    @override
    def facts(self) -> Mapping[str, Fact]:
        return self._facts

    def _unread(self) -> int:
        if not self._is_pipe:
            return 0
        return int(struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, b"\0\0\0\0"))[0])

    def _awaited(self) -> int:
        """Return the bytes that wait for the reader of a FIFO. Raises DeviceNotConnected: none will ever come."""
        unread = self._unread()
        if unread:
            self._raise_if_orphaned()
        return unread

    def _raise_if_orphaned(self) -> None:
        """Raise DeviceNotConnected for a FIFO without a reader whose path leads elsewhere now, or nowhere."""
        if not self._is_pipe or not is_hung_up(self._fd):
            return
        if _leads_to(self._device, self._fd):
            return
        self.lost = True
        text = f"port {self._context.port}: {self._device} is gone, and nobody reads what it holds"
        raise DeviceNotConnected(text, port=self._context.port, device=self._device)

    @override
    def acked(self) -> int:
        return max(0, self._written - self._unread())

    @override
    def end_doc(self) -> Evidence:
        if not self._is_pipe:
            return Evidence.DEVICE_WRITE
        if not drain(self._context.wait, self._awaited, self.write_timeout_s):
            raise WriteTimeout(
                f"port {self._context.port}: nobody reads {self._unread()} bytes in {self._device}",
                port=self._context.port,
                acked=self.acked(),
            )
        return Evidence.PIPE_READ

    @override
    def abort_doc(self, keep: bool) -> bool:
        return not self.lost  # what the driver has cannot be called back

    @override
    def close(self) -> None:
        try:
            os.close(self._fd)
        except OSError:
            self.lost = True


def _identity_of(port: DevicePort) -> Mapping[str, Fact]:
    """Return what the device says that it is (its IEEE 1284 id); nothing where driver or device have none."""
    try:
        return facts_of(port.control(Control.GET_1284_ID, b""))
    except (NotSupported, DeviceFault):
        return {}


def _is_pipe(fd: int, port: str) -> bool:
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
        wrong = "is neither a character device nor a FIFO"
        raise InvalidSettings(f"port {port}: its device {wrong}", port=port, fields=[("device", wrong)])
    return stat.S_ISFIFO(mode)


def _leads_to(path: str, fd: int) -> bool:
    try:
        return os.path.samestat(Path(path).stat(), os.fstat(fd))
    except OSError:
        return False


def _open(device: str) -> tuple[int, bool]:
    """Return a descriptor and whether it can be read. A FIFO is only written: its reader is the device."""
    flags = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    if stat.S_ISFIFO(Path(device).stat().st_mode):
        return os.open(device, flags | os.O_WRONLY), False
    try:
        return os.open(device, flags | os.O_RDWR), True
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EINVAL, errno.EROFS):
            raise
        return os.open(device, flags | os.O_WRONLY), False


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
    def open_port(self, port: str, settings: DeviceSettings, context: OpenContext) -> DevicePort:
        device = self.device(port, settings)
        try:
            timeout_s = self.write_timeout_s(settings)
            return DevicePort(device, context, timeout_s, vendor_requests=settings.vendor_requests)
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
