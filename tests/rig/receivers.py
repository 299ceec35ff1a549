"""Printers by hand: they take bytes as slowly as they are told, remember all of them, and say how many there are."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
import time
import tty
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_LOOK_S = 0.05
_CALM_LOOKS = 5


class Receiver(ABC):
    """Something that prints. `port` is its name on the host, `monitor` and `settings` how the host reaches it."""

    monitor = ""
    is_pipe = True  # a byte pipe, not a connection
    rate_counts = True  # `rate` slows it down

    def __init__(self, port: str, rate: int = 0) -> None:
        self.port = port
        self.rate = rate  # bytes a second; 0: as fast as it can
        self.paper = bytearray()
        self._looks = self._looks_then = 0  # in vain: all, and those before something came last
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"receiver-{port}", daemon=True)

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The port's settings."""

    @abstractmethod
    def _run(self) -> None:
        """Receive until `_ended`."""

    @property
    def count(self) -> int:
        """Bytes received so far."""
        return len(self.paper)

    def begin(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def end(self) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join(10)

    def now(self) -> bytes:
        """Return what was received so far."""
        return bytes(self.paper)

    def settled(self) -> bytes:
        """Return what was received, once nothing has come for a while."""
        all_settled([self])
        return self.now()

    @property
    def looks(self) -> int:
        """How often it has looked for something to receive, in vain or while it was busy with what it had."""
        return self._looks

    def calm_since(self, looks: int) -> bool:
        """Whether it has looked in vain again and again after so many looks; true where something else receives."""
        in_vain = self._looks - max(looks, self._looks_then)
        return in_vain >= _CALM_LOOKS or not self._thread.is_alive()

    def _came(self, data: bytes) -> None:
        self._looks_then = self._looks
        self.paper += data

    def _chew(self, size: int) -> None:
        began = time.monotonic()
        while self.rate and (left := began + size / self.rate - time.monotonic()) > 0:
            self._looks += 1
            if self._ended.wait(min(left, _LOOK_S)):  # in short steps: the rate may change meanwhile
                return


class TcpReceiver(Receiver):
    """A raw TCP printer: one connection at a time, a small receive buffer, a FIN when it has read the sender's."""

    monitor, is_pipe = "raw", False

    def __init__(self, port: str, rate: int = 0) -> None:
        super().__init__(port, rate)
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.connections: list[bytearray] = []
        self.ends: list[str] = []  # how each connection ended: fin, reset
        self.breaks_at: int | None = None  # resets the connection once it has had so many bytes of it

    @property
    def settings(self) -> dict[str, Any]:
        host, number = self._listener.getsockname()
        return {"host": host, "port": number}

    def _run(self) -> None:
        while not self._ended.is_set():
            self._looks += 1
            if select.select([self._listener], [], [], _LOOK_S)[0]:
                self._looks_then = self._looks
                connection, _ = self._listener.accept()
                self.connections.append(bytearray())
                with connection:
                    self.ends.append(self._receive(connection, self.connections[-1]))
        self._listener.close()

    def _receive(self, connection: socket.socket, page: bytearray) -> str:
        while not self._ended.is_set():
            if self.breaks_at is not None and len(page) >= self.breaks_at:
                self.breaks_at = None
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return "broken here"
            if not select.select([connection], [], [], _LOOK_S)[0]:
                self._looks += 1
                continue
            try:
                data = connection.recv(16384)
            except ConnectionResetError:
                return "reset"
            if not data:
                return "fin"
            page += data
            self._came(data)
            self._heard(connection)
            self._chew(len(data))
        return "stopped"

    def _heard(self, connection: socket.socket) -> None:
        """Answer what was just read; most printers say nothing."""


class _FdReceiver(Receiver):
    """What comes out of one descriptor."""

    _fd: int

    def _run(self) -> None:
        while not self._ended.is_set():
            if not select.select([self._fd], [], [], _LOOK_S)[0]:
                self._looks += 1
                continue
            try:
                data = os.read(self._fd, 16384)
            except OSError:  # a pty that nobody has open says EIO until somebody opens it again
                time.sleep(0.01)
                continue
            self._came(data)
            self._chew(len(data))

    def end(self) -> None:
        super().end()
        os.close(self._fd)


class FifoReceiver(_FdReceiver):
    """A character device's stand-in. The reader keeps both ends open, so that no writer's end is an end for it."""

    monitor = "device"

    def __init__(self, port: str, path: Path, rate: int = 0) -> None:
        super().__init__(port, rate)
        self._path = path
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    @property
    def settings(self) -> dict[str, Any]:
        return {"device": str(self._path)}


class PtyReceiver(_FdReceiver):
    """A serial printer: the master of a pty. The line stays there whether somebody has it open or not."""

    monitor = "serial"

    def __init__(self, port: str, rate: int = 0, flow: str = "none") -> None:
        super().__init__(port, rate)
        self._flow = flow
        self._fd, self._line = os.openpty()
        tty.setraw(self._line)
        self.device = os.ttyname(self._line)

    @property
    def settings(self) -> dict[str, Any]:
        return {"device": self.device, "baud": 115200, "flow": self._flow}

    def say(self, data: bytes) -> None:
        """Send something back, XOFF for instance."""
        os.write(self._fd, data)

    def end(self) -> None:
        super().end()
        os.close(self._line)


class FileReceiver(Receiver):
    """A file port. Nobody reads; the document stands under its name when it is whole, beside it until then."""

    monitor = "file"
    rate_counts = False

    def __init__(self, port: str, host_state: Path) -> None:
        super().__init__(port)
        self._folder = host_state / "files"
        self._target = self._folder / port

    @property
    def settings(self) -> dict[str, Any]:
        return {}

    def _run(self) -> None:
        """Nothing receives here."""

    @property
    def count(self) -> int:
        with contextlib.suppress(OSError):
            return max((path.stat().st_size for path in self._folder.glob(".*.part")), default=0) or (
                self._target.stat().st_size if self._target.exists() else 0
            )
        return 0

    def clear(self) -> None:
        """Forget what was printed, whole or not."""
        for path in (self._target, *self._folder.glob(".*.part")):
            path.unlink(missing_ok=True)

    def now(self) -> bytes:
        """Return the document, or what there is of it."""
        parts = list(self._folder.glob(".*.part"))
        if self._target.exists() or not parts:
            return self._target.read_bytes() if self._target.exists() else b""
        return parts[0].read_bytes()


def all_settled(receivers: Sequence[Receiver]) -> None:
    """Wait until nothing has come to any of them for a quarter of a second, in which they have looked."""

    def counts() -> list[int]:
        return [one.count for one in receivers]

    looks = [one.looks for one in receivers]
    before, since = counts(), time.monotonic()
    while time.monotonic() - since < 0.25 or not all(map(Receiver.calm_since, receivers, looks)):
        time.sleep(0.01)
        if (now := counts()) != before:
            before, since = now, time.monotonic()
