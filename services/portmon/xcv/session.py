"""Management sessions: what one is about, what its bearer may do, and which handles are alive."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from chassis.errors import InvalidHandle

ADMINISTER = 1  # SERVER_ACCESS_ADMINISTER
USE = 8  # PRINTER_ACCESS_USE
_MOST = 1024


@dataclass(frozen=True, slots=True)
class XcvSession:
    """An open management session."""

    port: str
    monitor: str
    access: int
    who: str


class Sessions:
    """Those that are open, the latest used; and the handles of those that were closed."""

    def __init__(self) -> None:
        self._open: OrderedDict[bytes, XcvSession] = OrderedDict()
        self._closed: OrderedDict[bytes, None] = OrderedDict()

    def open(self, session: XcvSession) -> bytes:
        """Return the handle of a new session."""
        handle = secrets.token_bytes(16)
        self._open[handle] = session
        while len(self._open) > _MOST:
            self._note_closed(self._open.popitem(last=False)[0])
        return handle

    def get(self, handle: bytes) -> XcvSession:
        """Return the session of a handle.

        Raises:
            InvalidHandle: code 6.
        """
        found = self._open.get(handle)
        if found is None:
            raise InvalidHandle("this management handle was closed, or never given out")
        self._open.move_to_end(handle)  # those that nobody uses make room first
        return found

    def close(self, handle: bytes) -> None:
        """End a session; one that has ended stays so.

        Raises:
            InvalidHandle: it was never given out, or long ago.
        """
        if self._open.pop(handle, None) is not None:
            self._note_closed(handle)
        elif handle not in self._closed:
            raise InvalidHandle("this management handle was never given out")

    def _note_closed(self, handle: bytes) -> None:
        self._closed[handle] = None
        while len(self._closed) > _MOST:
            self._closed.popitem(last=False)
