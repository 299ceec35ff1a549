"""A serial line for tests of it: raw, at any speed, with the kernel's error counters; left as it was found, also after a crash."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import termios
import time
from types import TracebackType
from typing import Any, Self

from portmon.device_wait import READ, WRITE, DeviceWait
from portmon.line.errors import LineErrors, counted
from portmon.line.saved import note_ours, restore_line, save_line
from portmon.line.terminal import let_go, open_terminal
from portmon.monitor import LineStore

_BITS = {5: termios.CS5, 6: termios.CS6, 7: termios.CS7, 8: termios.CS8}
_INPUT, _OUTPUT, _CONTROL, _LOCAL, _IN_SPEED, _OUT_SPEED, _CHARACTERS = range(7)


class Line:
    """An open line. A context manager: at its end the line has its former settings again.

    `lines`: where these are kept, so that a crash does not lose them.
    """

    def __init__(self, device: str, wait: DeviceWait, lines: LineStore) -> None:
        """Open a line and lock it. Raises OSError, termios.error: it is none."""
        self._device, self._wait, self._lines = device, wait, lines
        self._fd = open_terminal(device)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            restore_line(self._fd, device, lines)  # what a crashed process left
            save_line(self._fd, device, lines)
            fcntl.ioctl(self._fd, termios.TIOCEXCL)
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            with contextlib.suppress(termios.error):  # it is gone
                termios.tcflush(self._fd, termios.TCIOFLUSH)
            restore_line(self._fd, self._device, self._lines)
        finally:
            let_go(self._fd, self._device)

    def set(self, baud: int, data_bits: int = 8, parity: str = "none", stop_bits: str = "1") -> None:
        """Set the line, without flow control, and forget what is on its way. Raises termios.error."""
        attributes: list[Any] = termios.tcgetattr(self._fd)
        control = termios.CREAD | termios.CLOCAL | _BITS[data_bits]
        control |= termios.CSTOPB if stop_bits != "1" else 0
        control |= {"even": termios.PARENB, "odd": termios.PARENB | termios.PARODD}.get(parity, 0)
        attributes[_INPUT] = attributes[_OUTPUT] = attributes[_LOCAL] = 0
        attributes[_CONTROL] = control
        attributes[_IN_SPEED] = attributes[_OUT_SPEED] = getattr(termios, f"B{baud}")
        attributes[_CHARACTERS][termios.VMIN], attributes[_CHARACTERS][termios.VTIME] = 0, 0
        termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
        note_ours(self._fd, self._lines)
        termios.tcflush(self._fd, termios.TCIOFLUSH)

    def write(self, data: bytes, timeout_s: float) -> bool:
        """Send all of it; False when the line takes no more."""
        rest, deadline = memoryview(data), time.monotonic() + timeout_s
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._wait.wait(self._fd, WRITE, left)
        return True

    def read(self, timeout_s: float, quiet_s: float, most: int = 4096) -> bytes:
        """Return what comes: until nothing did for `quiet_s` after the first byte, or `timeout_s` passed."""
        found, deadline = bytearray(), time.monotonic() + timeout_s
        while len(found) < most:
            left = deadline - time.monotonic()
            if left <= 0 or not self._wait.wait(self._fd, READ, min(left, quiet_s) if found else left):
                if not found and left > 0:
                    continue
                break
            try:
                piece = os.read(self._fd, most - len(found))
            except BlockingIOError:
                continue
            if not piece:
                raise OSError(errno.EIO, "the line was unplugged")
            found += piece
        return bytes(found)

    def errors(self) -> LineErrors | None:
        """Return what the driver counted; None from one that does not count, as a pty's."""
        return counted(self._fd)

    def signals(self) -> int | None:
        """Return the modem signals (TIOCM bits); None where there are none."""
        try:
            return int(struct.unpack("I", fcntl.ioctl(self._fd, termios.TIOCMGET, bytes(4)))[0])
        except OSError:
            return None

    def set_signal(self, signal: int, on: bool) -> None:
        """Raise or lower an outgoing signal (TIOCM_RTS, TIOCM_DTR). Raises OSError."""
        fcntl.ioctl(self._fd, termios.TIOCMBIS if on else termios.TIOCMBIC, struct.pack("I", signal))
