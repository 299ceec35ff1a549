"""An address that answers nothing, not even a refusal: a printer that is off, or behind a dead link."""

from __future__ import annotations

import socket

_LEAST = 4  # more than any kernel queues where it was told to queue none


class BlackHole:
    """A listening socket whose queue is full: the kernel answers no SYN to it until `end`."""

    def __init__(self, listener: socket.socket) -> None:
        listener.listen(0)
        self._listener = listener
        self._waiting = [socket.socket() for _ in range(_LEAST)]
        for one in self._waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())

    def end(self) -> None:
        """Answer again; what came meanwhile was ours. May be called again."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        queued = [one for one in waiting if _is_connected(one)]
        for one in waiting:
            one.close()
        for _ in queued:
            self._listener.accept()[0].close()
        self._listener.listen(16)


def _is_connected(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError:
        return False
    return True
