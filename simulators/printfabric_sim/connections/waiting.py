"""Connections that nobody serves yet: they fall silent and break off like those that are served."""

from __future__ import annotations

import contextlib
import socket
from collections import deque

from printfabric_sim.connections.address import written
from printfabric_sim.connections.socket_filter import play_dead, reset_on_close
from printfabric_sim.core import Core

WHY_LOST = "waited to be served when the power went"
# More than any receive buffer a printer is given.
_MOST_BYTES = 2**22


class WaitingRoom:
    """Sockets that are taken out of the kernel's queue before their turn, since only of those can be said how they behave.

    They are alive only between a freeze and their turn. What a client sends while it waits is acknowledged by the kernel,
    up to the receive buffer.
    """

    def __init__(self, core: Core, kind: str) -> None:
        self._core = core
        self._kind = kind
        self._sockets: deque[socket.socket] = deque()

    def __bool__(self) -> bool:
        return bool(self._sockets)

    def put(self, connection: socket.socket, *, first: bool = False) -> None:
        """Let a connection wait, and play dead meanwhile; `first`: before all others."""
        connection.setblocking(False)
        play_dead(connection, True)
        (self._sockets.appendleft if first else self._sockets.append)(connection)

    def put_all(self, listener: socket.socket) -> None:
        """Let everybody wait who is in the queue of `listener`, which plays dead from now on: nobody comes any more."""
        play_dead(listener, True)
        with contextlib.suppress(BlockingIOError):
            while True:
                with contextlib.suppress(ConnectionAbortedError):
                    self.put(listener.accept()[0])

    def next(self) -> socket.socket:
        """Return whose turn it is, awake."""
        connection = self._sockets.popleft()
        play_dead(connection, False)
        return connection

    def fall_silent(self) -> None:
        """Play dead, whoever was woken since they came."""
        for connection in self._sockets:
            play_dead(connection, True)

    def wake(self) -> None:
        """Acknowledge again."""
        for connection in self._sockets:
            play_dead(connection, False)

    def lose(self) -> None:
        """The memory in which the kernel has put what came from them is gone: tell it as lost, once the power is off."""
        for connection in self._sockets:
            with contextlib.suppress(OSError):  # it has gone, with all it has sent, or has sent nothing
                peer = written(connection.getpeername())
                # Not taken out of the kernel's buffer: that would open the window, which is a sign of life.
                data = connection.recv(_MOST_BYTES, socket.MSG_PEEK)
                if data:
                    self._core.loop.call_soon(self._tell, peer, data)

    def reset(self) -> None:
        """Send everybody a RST."""
        while self._sockets:
            connection = self._sockets.popleft()
            play_dead(connection, False)
            reset_on_close(connection)
            connection.close()

    def _tell(self, peer: str, data: bytes) -> None:
        self._core.feed(self._core.turn_away(self._kind, peer, WHY_LOST), data)
