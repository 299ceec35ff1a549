"""Printers at TCP ports for the vectors: one that reads, one that never does, one that talks."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class Peer:
    """Accepts connections and keeps them; reads what comes unless it is told not to; says what it is told to say."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(8)
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self.reads = True
        self.got = bytearray()
        self._connections: list[socket.socket] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(2)
        self._listener.close()
        self.hang_up()

    def _serve(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                self._connections.append(connection)
            for connection in list(self._connections):
                if self.reads:
                    self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while data := connection.recv(65536):
                self.got += data
            self._connections.remove(connection)
            connection.close()

    def say(self, data: bytes) -> bool:
        """Send something on the newest connection; False while nobody is connected."""
        with contextlib.suppress(OSError, IndexError):
            self._connections[-1].sendall(data)
            return True
        return False

    def hang_up(self) -> None:
        """Close every connection."""
        while self._connections:
            self._connections.pop().close()
