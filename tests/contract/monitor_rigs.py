"""The peers of port monitors: a rig for each type, which records what arrives and can be told to misbehave."""

from __future__ import annotations

import os
import select
import socket
import struct
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Rig:
    """A peer that records. `documents()` is what arrived, split where this kind of port can tell."""

    scheme = ""
    port = ""
    splits = False  # the peer sees where a document ends
    stalls = True
    breaks = True
    pipe = True
    answers = False
    ended_by_break = True  # a broken device is gone: the port has to be opened again

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._flow = threading.Event()
        self._flow.set()

    def settings(self) -> dict[str, Any]:
        """Return the port's settings."""
        raise NotImplementedError

    def received(self, size: int = 0) -> bytes:
        """Return all bytes that arrived, `size` at least unless they never come, after more had time to."""
        raise NotImplementedError

    def stall(self) -> None:
        """Stop reading."""
        self._flow.clear()

    def go_on(self) -> None:
        """Read again."""
        self._flow.set()

    def break_off(self) -> None:
        """Go away in the middle of a document."""

    def mend(self) -> None:
        """Come back."""

    def say(self, data: bytes) -> None:
        """Send something back."""

    def stop(self) -> None:
        """End the peer."""


class RawRig(Rig):
    """A printer at a TCP port that takes one connection at a time."""

    scheme, port, splits, pipe, answers, ended_by_break = "raw", "IP_127.0.0.1", True, False, True, False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.address: tuple[str, int] = self._listener.getsockname()
        self.connections: list[bytearray] = []
        self._present: socket.socket | None = None
        self._ended, self._reset = False, threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.address[1]}

    def _accept(self) -> None:
        while not self._ended:
            ready, _, _ = select.select([self._listener], [], [], 0.02)
            if not ready or self._ended:
                continue
            connection, _ = self._listener.accept()
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


class _ReaderRig(Rig):
    """A peer that reads one descriptor."""

    def _begin(self, fd: int) -> None:
        self._fd, self._got, self._ended = fd, bytearray(), False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._ended:
            self._flow.wait()
            ready, _, _ = select.select([self._fd], [], [], 0.02)
            if ready and self._flow.is_set() and not self._ended:
                try:
                    self._got += os.read(self._fd, 65536)
                except OSError:
                    time.sleep(0.01)  # a pty whose other side is closed says EIO until it is opened again

    def received(self, size: int = 0) -> bytes:
        settle(lambda: len(self._got), size)
        return bytes(self._got)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._flow.set()
            self._thread.join(5)
            os.close(self._fd)

    def stop(self) -> None:
        self._end()


class SerialRig(_ReaderRig):
    """A printer on a serial line: the master side of a pty."""

    scheme, port, answers = "serial", "COM1:", True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._connect()

    def _connect(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self.before = termios.tcgetattr(slave)
        # One slave descriptor stays open, as a real line stays there whether somebody uses it or not.
        self._slave = slave
        self._begin(master)

    def settings(self) -> dict[str, Any]:
        return {"device": self.path, "baud": 115200}

    def break_off(self) -> None:
        self._end()
        os.close(self._slave)

    def mend(self) -> None:
        self._connect()

    def say(self, data: bytes) -> None:
        os.write(self._fd, data)

    def stop(self) -> None:
        if not self._ended:
            self._end()
            os.close(self._slave)


class FifoRig(_ReaderRig):
    """A character device by way of a FIFO."""

    scheme, port, ended_by_break = "device", "LPT1:", False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.path = folder / "fifo"
        os.mkfifo(self.path)
        self.mend()

    def settings(self) -> dict[str, Any]:
        return {"device": str(self.path)}

    def break_off(self) -> None:
        self._end()

    def mend(self) -> None:
        self._begin(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))


class FileRig(Rig):
    """A file in the sandbox: nobody reads, nothing stalls, the last document stands."""

    scheme, port, stalls, breaks = "file", "out/labels.zpl", False, False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.path = folder / "files" / "out" / "labels.zpl"
        self.path.parent.mkdir(parents=True)
        self._before = b""

    def settings(self) -> dict[str, Any]:
        return {}

    def received(self, size: int = 0) -> bytes:
        """Return the file; documents replace each other here, so a test keeps the ones it wants."""
        return self.path.read_bytes() if self.path.exists() else b""


RIGS = [RawRig, SerialRig, FifoRig, FileRig]


def wait_for(what: Any, timeout_s: float = 5.0) -> None:
    """Wait until `what()` is true; fail if it never is."""
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.002)


def settle(measure: Callable[[], int], least: int = 0) -> None:
    """Wait until a number is `least` (5 s at most), and then has not changed for 60 ms."""
    patience = time.monotonic() + 5
    while measure() < least and time.monotonic() < patience:
        time.sleep(0.002)
    before, since = measure(), time.monotonic()
    while time.monotonic() - since < 0.06:
        time.sleep(0.005)
        now = measure()
        if now != before:
            before, since = now, time.monotonic()


def only(ability: str) -> pytest.MarkDecorator:
    """Run a test for the ports whose device can do this: a file cannot stall."""
    able = [rig for rig in RIGS if getattr(rig, ability)]
    return pytest.mark.parametrize("rig", able, indirect=True, ids=lambda rig: rig.scheme)
