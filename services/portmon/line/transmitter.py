"""What a line has still to send: what its driver's queue holds, and what may lie behind that, in chip or adapter."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
import time
from pathlib import Path

# Documentation/admin-guide/devices.txt
_PTY_MAJORS = range(136, 144)
_UART_MAJORS = (4, 204)  # ttyS, and the ports of boards (ttyAMA, ttySC)
# A pseudo terminal has no queue that can be asked, and buffers of 20,512 bytes (Linux 6.18, measured 2026-11-21).
_PTY_BYTES = 24576
_UART_BYTES = 256  # the largest FIFO of a chip (XR17V35x); a 16550 has 16 bytes
_ADAPTER_BYTES = 4096  # an adapter's (FT2232H); most have 256 to 640 bytes

_TIOCSERGETLSR = 0x5459  # asm-generic/ioctls.h
_TIOCSER_TEMT = 1
# The queue is kept as short as a line stays busy by, for a kill or a cancel leaves in doubt what is in it.
_QUEUE_S = 0.25
_LEAST_QUEUE = 256  # below it the kernel says that a line is writable (WAKEUP_CHARS in drivers/tty/n_tty.c)
_MOST_QUEUE = 4096
_BYTE_BITS = 10
_LOOK_S = 0.01
_LONGEST_REST_S = 1.0


def incarnation(device: str) -> str:
    """Return what tells a pseudo terminal from the next one with its number, name and inode; "" of a real line.

    It is made anew with its time; its owner and rights change that, too, which makes it look like another one only.
    """
    with contextlib.suppress(OSError, ValueError):
        node = Path(device).stat()
        return f" {node.st_ctime_ns}" if _is_pseudo(node) else ""
    return ""


def _is_pseudo(node: os.stat_result) -> bool:
    return os.major(node.st_rdev) in _PTY_MAJORS


class Transmitter:
    """The way out of an open line. Belongs to the port's thread; only `send_out` waits."""

    def __init__(self, fd: int, baud: int) -> None:
        self._fd, self._baud = fd, baud
        self._queued, self._wrote_at = 0, 0.0
        node = os.fstat(fd)
        self.is_pseudo = _is_pseudo(node)
        self._beyond = _UART_BYTES if os.major(node.st_rdev) in _UART_MAJORS else _ADAPTER_BYTES
        self._most = min(max(int(baud / _BYTE_BITS * _QUEUE_S), _LEAST_QUEUE), _MOST_QUEUE)

    @property
    def holds(self) -> int:
        """The most bytes that it may lose of those that have left the queue."""
        return _PTY_BYTES if self.is_pseudo else self._beyond

    def queued(self) -> int:
        """Return what waits in the output queue; of a line that is gone, what was last seen to."""
        with contextlib.suppress(OSError):
            self._queued = struct.unpack("i", fcntl.ioctl(self._fd, termios.TIOCOUTQ, b"\0\0\0\0"))[0]
        return self._queued

    def beyond(self) -> int:
        """Return how many bytes at most are neither in the queue nor on the line. A pseudo terminal has no such place."""
        return 0 if self.is_pseudo or (not self.queued() and self._is_empty()) else self._beyond

    def _is_empty(self) -> bool:
        """Tell whether the chip says that it has sent all it got; many drivers cannot be asked."""
        try:
            (state,) = struct.unpack("I", fcntl.ioctl(self._fd, _TIOCSERGETLSR, b"\0\0\0\0"))
        except OSError:
            return False
        return bool(state & _TIOCSER_TEMT)

    def write(self, data: memoryview) -> int:
        """Give bytes to the driver and return how many it took; 0 when the queue is long enough. Raises OSError."""
        room = _MOST_QUEUE if self.is_pseudo else self._most - self.queued()
        if room <= 0:
            return 0
        try:
            count = os.write(self._fd, data[:room])
        except BlockingIOError:
            return 0
        self._wrote_at = time.monotonic()
        return count

    def send_out(self, longest_s: float = _LONGEST_REST_S) -> None:
        """Wait until what has left the queue is on the line, if that can be known, else as long as it takes at most."""
        now = time.monotonic()
        until = min(now + longest_s, self._wrote_at + self._beyond * _BYTE_BITS / self._baud)
        while time.monotonic() < until and self.beyond():
            time.sleep(_LOOK_S)

    def empty(self, longest_s: float) -> bool:
        """Wait until the queue has run empty; False when it has not."""
        until = time.monotonic() + longest_s
        while self.queued() and time.monotonic() < until:
            time.sleep(_LOOK_S)
        return self.queued() == 0

    def drop(self) -> None:
        """Throw away what is queued, and of a pseudo terminal what is on its way. Raises termios.error: it is gone."""
        termios.tcflush(self._fd, termios.TCOFLUSH)
