"""The kernel's news of directories and nodes (inotify), by ctypes: five calls do not need a package."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE, _DELETE, _MOVED_FROM, _MOVED_TO, _ATTRIB = 0x100, 0x200, 0x40, 0x80, 0x4
_OPEN, _CLOSE = 0x20, 0x18  # IN_CLOSE is both kinds of it
_ONLY_DIRECTORY = 0x01000000
_IGNORED = 0x8000
_DIRECTORY = _CREATE | _DELETE | _MOVED_FROM | _MOVED_TO | _ATTRIB | _ONLY_DIRECTORY
_NODE = _OPEN | _CLOSE | _ATTRIB
_HEAD = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


class Inotify:
    """One inotify descriptor: directories for what comes and goes in them, nodes for who opens and closes them."""

    def __init__(self) -> None:
        """Make it. Raises OSError: the kernel gives no more of them (fs.inotify.max_user_instances)."""
        self.fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "no inotify")
        self._watches: dict[Path, int] = {}

    def watch(self, directories: Iterable[Path], nodes: Iterable[Path]) -> None:
        """Watch exactly these from now on; those that are not there are left out, and may be asked for again."""
        wanted = dict.fromkeys(directories, _DIRECTORY) | dict.fromkeys(nodes, _NODE)
        for path in self._watches.keys() - wanted.keys():
            _libc.inotify_rm_watch(self.fd, self._watches.pop(path))
        for path, mask in wanted.items():
            # Adding again costs nothing, and finds a directory that was made anew under its old name.
            number = _libc.inotify_add_watch(self.fd, os.fsencode(path), mask)
            if number >= 0:
                self._watches[path] = number
            else:
                self._watches.pop(path, None)

    def drain(self) -> bool:
        """Take what has come and say whether any of it is news."""
        news = False
        while True:
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                return news
            at = 0
            while at + _HEAD.size <= len(data):
                _number, mask, _cookie, length = _HEAD.unpack_from(data, at)
                news = news or not mask & _IGNORED
                at += _HEAD.size + length

    def close(self) -> None:
        """End all watches."""
        os.close(self.fd)
