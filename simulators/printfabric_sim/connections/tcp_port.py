"""A TCP port that listens or refuses, and stays ours meanwhile."""

from __future__ import annotations

import asyncio
import socket
import sys

_BACKLOG = 128


class TcpPort:
    """The socket that listens (`listening`, None while the port refuses), and the one that keeps the port.

    `host` is a name or an address of either version of IP; `rcvbuf_bytes` the receive buffer of connections that come, 0:
    the kernel's own choice.
    """

    def __init__(self, host: str, port: int, rcvbuf_bytes: int) -> None:
        self.number = port
        self.listening: socket.socket | None = None
        self._host = host
        self._family, self._address = socket.AF_INET, host
        self._rcvbuf_bytes = rcvbuf_bytes
        self._keeper: socket.socket | None = None  # bound to the port, and never listens

    async def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen; port 0 becomes a real one. Raises OSError."""
        found = await loop.getaddrinfo(
            self._host or None, self.number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # A name that has addresses of both versions is meant as IPv4, as it always was.
        best = min(found, key=lambda each: each[0] != socket.AF_INET)
        self._family, self._address = best[0], str(best[4][0])
        try:
            self._keep()
            self.listen()
        except OSError:
            self.close()
            raise

    def listen(self) -> None:
        """Listen again. Raises OSError if another program has the port meanwhile."""
        self._reserve(False)
        self.listening = socket.socket(self._family, socket.SOCK_STREAM)
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._rcvbuf_bytes:
            self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._rcvbuf_bytes)
        self.listening.setblocking(False)
        self.listening.bind((self._address, self.number))
        self.listening.listen(_BACKLOG)
        self.number = self.listening.getsockname()[1]

    def refuse(self) -> None:
        """Listen no more; whoever is in the queue gets a RST."""
        if self.listening is not None:
            self.listening.close()
            self.listening = None
        self._reserve(True)

    def close(self) -> None:
        """Let the port go."""
        for sock in (self.listening, self._keeper):
            if sock is not None:
                sock.close()
        self.listening = self._keeper = None

    def _keep(self) -> None:
        """Bind a second socket that never listens: the port stays ours while it refuses, and answers RST.

        Linux lets two sockets with SO_REUSEADDR have one port while at most one listens; the kernel gives it to nobody
        who asks for any port. Elsewhere the port is free while it refuses.
        """
        if not sys.platform.startswith("linux"):
            return
        self._keeper = socket.socket(self._family, socket.SOCK_STREAM)
        self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._keeper.bind((self._address, self.number))
        self.number = self._keeper.getsockname()[1]

    def _reserve(self, on: bool) -> None:
        """While it refuses, no other program may listen there even if it asks for this very port."""
        if self._keeper is not None:
            self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0 if on else 1)
