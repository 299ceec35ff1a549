"""A FIFO that something else reads: what its reader took is known to the byte."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import time
from pathlib import Path

from typing_extensions import override

from chassis.errors import DeviceNotConnected, WriteTimeout
from portmon.device_wait import is_hung_up
from portmon.document import Evidence
from portmon.monitor import drain
from portmon.monitors._node import NodePort

_DRAIN_AT_ABORT_S = 0.3
_LOOK_S = 0.01


class FifoPort(NodePort):
    """The writing end. `acked` is what its reader took; the rest is gone once both ends were closed at one moment."""

    acks = Evidence.PIPE_READ

    @override
    def _failed(self, error: OSError) -> None:
        self._raise_if_orphaned()
        super()._failed(error)

    def _unread(self) -> int:
        return int(struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, b"\0\0\0\0"))[0])

    def _awaited(self) -> int:
        """Return the bytes that wait for the reader. Raises DeviceNotConnected: none will ever come."""
        unread = self._unread()
        if unread:
            self._raise_if_orphaned()
        return unread

    def _raise_if_orphaned(self) -> None:
        """Raise DeviceNotConnected without a reader, where the path leads elsewhere now, or nowhere."""
        if not is_hung_up(self._fd) or _leads_to(self._device, self._fd):
            return
        self.lost = True
        text = f"port {self._context.port}: {self._device} is gone, and nobody reads what it holds"
        raise DeviceNotConnected(text, port=self._context.port, device=self._device)

    @override
    def acked(self) -> int:
        return max(0, self._written - self._unread())

    @override
    def abort_doc(self, keep: bool) -> bool:
        until = time.monotonic() + _DRAIN_AT_ABORT_S
        while self._unread() and time.monotonic() < until:
            time.sleep(_LOOK_S)
        return not self.lost and not self._unread()

    @override
    def end_doc(self) -> Evidence:
        if not drain(self._context.wait, self._awaited, self.write_timeout_s):
            raise WriteTimeout(
                f"port {self._context.port}: nobody reads {self._unread()} bytes in {self._device}",
                port=self._context.port,
                acked=self.acked(),
            )
        return Evidence.PIPE_READ


def _leads_to(path: str, fd: int) -> bool:
    try:
        return os.path.samestat(Path(path).stat(), os.fstat(fd))
    except OSError:
        return False
