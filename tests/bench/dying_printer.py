"""A printer that dies: it takes a part of one document, resets the connection and refuses from then on."""

from __future__ import annotations

import asyncio
import socket
import struct

from tests.surroundings import free_port

# It has little memory of its own, so that whoever sends is amid the document when it dies.
_MEMORY_BYTES = 4096
_PIECE = 1024


class DyingPrinter:
    """Has a port of loopback, and refuses there until it lives; then it dies of the first document."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _MEMORY_BYTES)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.port = free_port()
        # Only a port that was asked for by its number stays bound when the printer dies.
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.setblocking(False)

    async def live(self, most: int) -> bytes:
        """Live until `most` bytes of a document have come; return these, when it is dead.

        Who connects and sends nothing, or hangs up before, does not kill it: it takes another connection.
        """
        loop = asyncio.get_running_loop()
        self._listener.listen(16)
        connection: socket.socket | None = None
        taken = b""
        try:
            while len(taken) < most:
                if connection is not None:
                    connection.close()
                taken = b""
                connection, _ = await loop.sock_accept(self._listener)
                while len(taken) < most and (piece := await loop.sock_recv(connection, _PIECE)):
                    taken += piece
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)  # it keeps its port, and refuses
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()  # a reset
        return taken

    def close(self) -> None:
        """Give its port back."""
        self._listener.close()
