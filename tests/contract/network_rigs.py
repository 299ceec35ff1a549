"""The peers of network ports: a raw TCP printer, a line printer daemon."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any

from tests.contract.peer import Rig, settle, wait_for


class RawRig(Rig):
    """A printer at a TCP port that takes one connection at a time."""

    scheme, port, splits, pipe, answers, ended_by_break = "raw", "IP_127.0.0.1", True, False, True, False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._listener = self._listen()
        self._listener.listen(16)
        self.address: Any = self._listener.getsockname()
        self.connections: list[bytearray] = []
        self.peers: list[int] = []  # the ports that connections came from
        self._present: socket.socket | None = None
        self._ended, self._reset = False, threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _listen(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        listener.bind(("127.0.0.1", 0))
        return listener

    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.address[1]}

    def _accept(self) -> None:
        while not self._ended:
            ready, _, _ = select.select([self._listener], [], [], 0.02)
            if not ready or self._ended:
                continue
            connection, peer = self._listener.accept()
            self.peers.append(peer[1] if peer else 0)
            self.connections.append(bytearray())
            with connection:
                self._present = connection
                self._serve(connection, self.connections[-1])
                self._present = None

    def _serve(self, connection: socket.socket, got: bytearray) -> None:
        """Read until the other side is done, or somebody wants the connection reset."""
        while not self._ended:
            if self._reset.is_set():
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._reset.clear()
                return
            ready, _, _ = select.select([connection], [], [], 0.005)
            if not self._flow.is_set():
                time.sleep(0.005)
            elif ready:
                try:
                    data = connection.recv(65536)
                except ConnectionResetError:
                    return
                if not data:
                    return
                got += data

    def received(self, size: int = 0) -> bytes:
        settle(lambda: sum(map(len, self.connections)), size)
        return b"".join(self.connections)

    def break_off(self) -> None:
        wait_for(lambda: self._present is not None)
        self._reset.set()
        wait_for(lambda: self._present is None)
        self.go_on()

    def say(self, data: bytes) -> None:
        wait_for(lambda: self._present is not None)
        assert self._present is not None
        self._present.sendall(data)

    def stop(self) -> None:
        self._ended = True
        self._thread.join(5)
        self._listener.close()


class LprRig(RawRig):
    """A line printer daemon: control and data files in any order, a data file of size 0 ends with the connection."""

    scheme, port, answers = "lpr", "LPR_127.0.0.1", False

    def __init__(self, folder: Path) -> None:
        self.controls: list[bytes] = []
        self.commands: list[bytes] = []
        self.refuse: dict[int, bytes] = {}  # command octet: answer
        self.last_word = b"\0"
        super().__init__(folder)

    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.address[1], "queue": "lp"}

    def _serve(self, connection: socket.socket, got: bytearray) -> None:
        """Serve one job; `got` gets the data file."""
        self.connections.pop()
        with contextlib.suppress(EOFError, OSError):
            inside = False
            while True:
                line = self._line(connection)
                self.commands.append(line)
                answer = self.refuse.get(line[0] if inside else 0, b"\0")
                connection.sendall(answer)
                if answer != b"\0":
                    return
                if not inside:
                    inside = True
                elif line[0] == 2:
                    control = bytearray()
                    self._take(connection, control, int(line[1:].split()[0]) + 1)
                    self.controls.append(bytes(control[:-1]))
                    connection.sendall(b"\0")
                else:
                    self.connections.append(got)
                    self._data(connection, got, int(line[1:].split()[0]))
        if self._reset.is_set():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._reset.clear()

    def _data(self, connection: socket.socket, got: bytearray, size: int) -> None:
        if size:
            self._take(connection, got, size, document=True)
            zero = bytearray()
            self._take(connection, zero, 1)
            assert zero == b"\0"
        else:
            with contextlib.suppress(EOFError):
                self._take(connection, got, 1 << 62, document=True)
        connection.sendall(self.last_word)

    def _line(self, connection: socket.socket) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            self._take(connection, line, 1)
        return bytes(line)

    def _take(self, connection: socket.socket, into: bytearray, size: int, *, document: bool = False) -> None:
        """Read so many bytes; those of a document as long as the printer is not stalled."""
        while size > 0:
            if self._ended or self._reset.is_set():
                raise EOFError
            ready, _, _ = select.select([connection], [], [], 0.005)
            if document and not self._flow.is_set():
                time.sleep(0.005)
            elif ready:
                data = connection.recv(min(size, 65536))
                if not data:
                    raise EOFError
                into += data
                size -= len(data)
