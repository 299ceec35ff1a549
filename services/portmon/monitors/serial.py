"""Serial port: COMn: on a tty, a USB adapter, or a pty, by pyserial.

The line's former settings are saved, durably, before it is touched, and put back when the port is closed; after a
crash the next opening puts them back first.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import termios
from collections.abc import Mapping
from functools import partial
from itertools import compress
from typing import Any, ClassVar

import serial
from typing_extensions import override

from chassis.errors import DeviceNotConnected, InvalidSettings, WriteTimeout
from portmon.device_wait import is_hung_up
from portmon.devices.found import FoundDevice, serial_lines
from portmon.devices.tree import DeviceTree
from portmon.document import DocInfo, DocKey, Evidence
from portmon.facts import Fact
from portmon.line.errors import LineWatch, counted
from portmon.line.form import LINE_FORM
from portmon.line.saved import note_ours, restore_line, save_line, tidy_up_line
from portmon.line.settings import SerialSettings
from portmon.line.terminal import let_go, open_terminal
from portmon.line.transmitter import Transmitter, incarnation
from portmon.monitor import LineStore, OpenContext, Port, drain, open_error, write_error
from portmon.monitors._keeps_device import KeepsDevice
from portmon.monitors._per_document import PerDocument

_COM = re.compile(r"COM(\d+):", re.IGNORECASE)
_DRAIN_AT_ABORT_S = 0.3
_REPORTER = "line"


class SerialPort(Port):
    """A line that is held: locked against other programs, set up, and put back at the end."""

    resumable = True
    runs_on = True
    readable, acks = True, Evidence.OUTPUT_QUEUE
    piece_bytes = 4096  # a tty's buffer; also what a crash may leave in doubt

    def __init__(self, device: str, settings: SerialSettings, context: OpenContext) -> None:
        self._device, self._settings, self._context = device, settings, context
        self.stall = "xoff" if settings.flow != "none" else "device"
        self._written = 0
        self._no_signals = self._broken = False
        self.write_timeout_s = settings.write_timeout_s
        # A descriptor of its own holds the lock and the former settings, and keeps the modem lines up meanwhile.
        self._keeper = open_terminal(device)
        try:
            fcntl.flock(self._keeper, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._keeper)  # somebody else's line: nothing of it is touched
            raise
        try:
            restore_line(self._keeper, device, context.lines)  # what a crashed process left
            save_line(self._keeper, device, context.lines)
            self._serial = self._open()
            note_ours(self._keeper, context.lines)
        except BaseException:
            self._put_back()
            raise
        self._out = Transmitter(self._keeper, settings.baud)
        # 30 s after the last closing (`closing_wait`) the kernel drops what a line has not sent, and an adapter may drop
        # what it holds when it is opened. What a pseudo terminal took is with its other side for as long as that is there.
        self.keeps = self._out.is_pseudo
        self._watch = LineWatch(partial(counted, self._keeper), partial(context.report, _REPORTER))

    def _open(self) -> serial.Serial:
        settings = self._settings
        line = serial.Serial(
            self._device,
            baudrate=settings.baud,
            bytesize=settings.data_bits,
            parity=settings.parity[0].upper(),
            stopbits=float(settings.stop_bits),
            xonxoff=settings.flow == "xonxoff",
            rtscts=settings.flow == "rtscts",
            timeout=0,
            write_timeout=0,
        )
        try:
            # Programs that know nothing of flock get EBUSY; the keeper was opened before and stays usable.
            fcntl.ioctl(line.fileno(), termios.TIOCEXCL)
        except OSError:
            line.close()
            raise
        return line

    @override
    def fileno(self) -> int | None:
        return int(self._serial.fileno())

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        self._written, self._broken = 0, False

    @override
    def write(self, data: memoryview) -> int:
        if self.paused():
            return 0
        try:
            count = self._out.write(data)
        except OSError as error:
            self.lost = True
            raise write_error(error, self._context.port, self._device) from error
        self._written += count
        return count

    @override
    def signals(self) -> tuple[str, ...]:
        line = self._serial
        with contextlib.suppress(OSError):  # a pty has no modem lines
            states = (line.rts, line.dtr, line.cts, line.dsr, line.cd, line.ri)
            return tuple(compress(("RTS", "DTR", "CTS", "DSR", "DCD", "RI"), states))
        return ()

    @override
    def paused(self) -> bool:
        # POSIX has no DTR/DSR flow control; the line is looked at before each write.
        if self._settings.flow != "dtrdsr" or self._no_signals:
            return False
        try:
            return not self._serial.dsr
        except OSError as error:
            self._no_signals = error.errno in (errno.ENOTTY, errno.EINVAL)  # a pty has no modem lines
            return False

    @override
    def read(self, size: int) -> bytes:
        try:
            data = os.read(self._serial.fileno(), size)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.lost = True
            raise write_error(error, self._context.port, self._device) from error
        if not data:  # there is just nothing, VMIN being 0, or nothing will ever come
            self._raise_if_unplugged()
        self._watch.take(data)
        return data

    def _raise_if_unplugged(self) -> None:
        if is_hung_up(self._serial.fileno()):
            self.lost = True
            text = f"port {self._context.port}: {self._device} was unplugged"
            raise DeviceNotConnected(text, port=self._context.port, device=self._device)

    def _awaited(self) -> int:
        """Return what waits in the output queue. Raises DeviceNotConnected: it never leaves it."""
        self._raise_if_unplugged()
        return self._out.queued()

    @override
    def facts(self) -> Mapping[str, Fact]:
        return self._watch.facts()

    @override
    def acked(self) -> int:
        queued = self._out.queued()
        if not self._broken:
            self.far_buffer_bytes = self._out.holds if self.keeps else self._out.beyond()
        return max(0, self._written - queued)

    @override
    def end_doc(self) -> Evidence:
        if not drain(self._context.wait, self._awaited, self.write_timeout_s):
            raise WriteTimeout(
                f"port {self._context.port}: {self._device} keeps {self._out.queued()} bytes in its output queue",
                port=self._context.port,
                acked=self.acked(),
            )
        return Evidence.OUTPUT_QUEUE

    @override
    def abort_doc(self, keep: bool) -> bool:
        # close() of a tty waits for its queue, 30 s at a line that is stopped: give it a moment, then drop the rest.
        if keep and not self.lost and self._out.empty(_DRAIN_AT_ABORT_S) and self._goes_out():
            return True
        self._written = self.acked()
        self.far_buffer_bytes, self._broken = self._out.holds, True
        self._drop()
        return False

    def _goes_out(self) -> bool:
        """Tell whether what has left the queue comes to the printer, whoever closes the line."""
        if self._settings.flow != "none":  # else nobody can stop it
            self._out.send_out(_DRAIN_AT_ABORT_S)
            return not self._out.beyond()
        return True

    def _drop(self) -> None:
        try:
            self._out.drop()
        except termios.error:
            self.lost = True

    @override
    def close(self) -> None:
        if self._out.queued():  # a pty says 0 and has bytes all the same: they were called sent, and stay so
            self._drop()
        self._out.send_out()  # with the settings it was sent with
        try:
            self._serial.close()
        except OSError:
            self.lost = True
        self._put_back()
        self._context.report(_REPORTER, [], 0.0)

    def _put_back(self) -> None:
        """Restore the former settings, give the lock back, forget that there was something to restore."""
        try:
            restore_line(self._keeper, self._device, self._context.lines)
        finally:
            let_go(self._keeper, self._device)


class SerialMonitor(KeepsDevice[SerialSettings]):
    """The serial part of Windows' local monitor."""

    scheme = "serial"
    name = "Local Port"
    description = "Serial port"
    readable = True
    settings = SerialSettings
    form: ClassVar[dict[str, Any]] = LINE_FORM

    @override
    def claims(self, port: str) -> bool:
        return _COM.fullmatch(port) is not None

    @override
    def check(self, port: str, settings: SerialSettings) -> None:
        if not self.path(port, settings):
            raise InvalidSettings(
                f"port {port} needs a device",
                port=port,
                fields=[("device", "only COM1:, COM2:, … have one by name")],
            )

    @override
    def path(self, port: str, settings: SerialSettings) -> str:
        match = _COM.fullmatch(port)
        line = str(self.init.tree.dev / f"ttyS{int(match[1]) - 1}") if match and int(match[1]) else ""
        return settings.device or line

    @override
    def identity(self, port: str, settings: SerialSettings) -> str:
        return super().identity(port, settings) + incarnation(self.device(port, settings))

    @override
    def keeps(self, settings: SerialSettings) -> bool:
        return settings.known_by == "device"

    @override
    def look_for(self, tree: DeviceTree) -> list[FoundDevice]:
        return serial_lines(tree)

    @override
    def open_port(self, port: str, settings: SerialSettings, context: OpenContext) -> Port:
        acquire = partial(self._acquire, port, settings, context)
        if settings.open_mode == "document":
            return PerDocument(acquire, context, settings.write_timeout_s)
        return acquire()

    def _acquire(self, port: str, settings: SerialSettings, context: OpenContext) -> SerialPort:
        device = self.own_device(port, settings)
        try:
            return SerialPort(device, settings, context)
        except OSError as error:
            raise open_error(OSError(error.errno or errno.EIO, str(error)), port, device) from error
        except termios.error as error:
            fields = [("device", "is not a serial line")]
            raise InvalidSettings(
                f"port {port}: {device} {fields[0][1]}", port=port, fields=fields
            ) from error
        except ValueError as error:
            raise InvalidSettings(
                f"port {port}: {device} refuses its settings: {error}", port=port
            ) from error

    @override
    def tidy_up(self, port: str, settings: SerialSettings, lines: LineStore) -> None:
        # The line that was touched, which need not be the one that the port has now.
        device = str(lines.line["device"]) if lines.line else self.device(port, settings)
        with contextlib.suppress(OSError):  # busy or gone: the next opening tries again
            tidy_up_line(device, lines)
