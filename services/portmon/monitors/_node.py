"""What a printer's node and a FIFO have in common: a path that is opened once, locked and held, and written without waiting."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from chassis.errors import InvalidSettings
from portmon.devices.controls import control
from portmon.document import DocInfo, DocKey
from portmon.monitor import OpenContext, Port, write_error

_GONE = (errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN)


class Opened(NamedTuple):
    """A node that was opened and locked. `way_back`: it can be read."""

    path: str
    fd: int
    way_back: bool
    is_pipe: bool


def opened(device: str, port: str) -> Opened:
    """Open a node or a FIFO and lock it. A FIFO is only written: its reader is the device.

    Raises:
        OSError: and why. InvalidSettings: it is neither.
    """
    is_pipe = stat.S_ISFIFO(Path(device).stat().st_mode)
    fd, way_back = _open(device, one_way=is_pipe)
    try:
        if not is_pipe:
            _refuse_unless_character_device(fd, port)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(fd)
        raise
    return Opened(device, fd, way_back, is_pipe)


def _refuse_unless_character_device(fd: int, port: str) -> None:
    if not stat.S_ISCHR(os.fstat(fd).st_mode):
        wrong = "is neither a character device nor a FIFO"
        raise InvalidSettings(f"port {port}: its device {wrong}", port=port, fields=[("device", wrong)])


def _open(device: str, *, one_way: bool) -> tuple[int, bool]:
    flags = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    if not one_way:
        try:
            return os.open(device, flags | os.O_RDWR), True
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EINVAL, errno.EROFS):
                raise
    return os.open(device, flags | os.O_WRONLY), False


class NodePort(Port):
    """A node that is held open, so that status can be read between jobs."""

    resumable = True
    runs_on = True
    refusals: Collection[int] = (errno.EAGAIN,)  # what a write fails with that shall be tried again

    def __init__(self, node: Opened, context: OpenContext, write_timeout_s: float, *, changes: bool) -> None:
        """Take over the descriptor. `changes`: whether controls may change the device."""
        self._device, self._fd, self.readable = node.path, node.fd, node.way_back
        self.one_way = not self.readable
        self._context, self.write_timeout_s, self._changes = context, write_timeout_s, changes
        self._written = 0

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
        except OSError as error:
            if error.errno in self.refusals:
                return 0
            self._failed(error)
            raise write_error(error, self._context.port, self._device) from error
        self._written += count
        return count

    def _failed(self, error: OSError) -> None:
        """Take note of what a write or a read failed with. A FIFO's next reader can take the next document."""
        self.lost = error.errno in _GONE

    @override
    def read(self, size: int) -> bytes:
        try:
            return os.read(self._fd, size)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.readable = False
            self._failed(error)
            raise write_error(error, self._context.port, self._device) from error

    @override
    def control(self, code: int, data: bytes) -> bytes:
        fd = os.dup(self._fd)  # the port may be closed meanwhile
        try:
            return control(fd, code, data, self._context.port, changes=self._changes)
        finally:
            os.close(fd)

    @override
    def abort_doc(self, keep: bool) -> bool:
        return not self.lost  # what the driver has cannot be called back

    @override
    def close(self) -> None:
        try:
            os.close(self._fd)
        except OSError:
            self.lost = True
