"""Receivers that others wrote: Debian's p910nd, socat's serial line."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.rig.programs import running, wait_until
from tests.rig.receivers import Receiver
from tests.surroundings import missing, require_tool

# Where Debian's start script keeps the daemon's lock; p910nd cannot be told another place.
_LOCKS = Path("/var/lock/p910nd")


class _FileOfAnother(Receiver):
    """A receiver in another process that writes to a file."""

    def __init__(self, port: str, file: Path) -> None:
        super().__init__(port)
        self.file = file
        self.file.touch()

    def _run(self) -> None:
        """The other process receives."""

    @property
    def count(self) -> int:
        return self.file.stat().st_size

    def now(self) -> bytes:
        return self.file.read_bytes()


class P910nd(_FileOfAnother):
    """A printer behind p910nd, which opens its file anew for each connection and writes from the beginning."""

    monitor, is_pipe = "raw", False

    def __init__(self, port: str, file: Path, address: tuple[str, int]) -> None:
        super().__init__(port, file)
        self.address = address

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": self.address[0], "port": self.address[1]}


class SocatSerial(_FileOfAnother):
    """A serial line made by socat, which writes what comes out of it to a file."""

    monitor = "serial"

    def __init__(self, port: str, file: Path, device: Path, flow: str) -> None:
        super().__init__(port, file)
        self._settings = {
            "device": str(device), "baud": 115200, "dataBits": 8, "parity": "none", "stopBits": "1", "flow": flow,
        }  # fmt: skip

    @property
    def settings(self) -> dict[str, Any]:
        return self._settings


@contextlib.contextmanager
def p910nd(port: str, folder: Path) -> Iterator[P910nd]:
    """Run Debian's p910nd, writing to a file, until the context ends.

    Its port is 9100 to 9102, so it gets a loopback address of its own.
    """
    program = require_tool("p910nd")
    try:
        _LOCKS.mkdir(exist_ok=True)
    except OSError as error:
        missing(f"p910nd keeps its lock in {_LOCKS}, which cannot be made ({error.strerror})")
    file = folder / "p910nd.prn"
    file.touch()
    for number in (0, 1, 2):
        address = (_own_loopback(), 9100 + number)
        command = [program, "-f", str(file), "-i", address[0], "-d", str(number)]
        with running(command, folder / "p910nd.log") as process:
            wait_until(lambda to=address, one=process: one.poll() is not None or _listens(to))  # type: ignore[misc]
            if process.poll() is None:
                yield P910nd(port, file, address)
                return
    raise AssertionError(f"p910nd does not start: {(folder / 'p910nd.log').read_text()}")


@contextlib.contextmanager
def socat_serial(port: str, folder: Path, flow: str) -> Iterator[SocatSerial]:
    """Run a serial line made by socat until the context ends."""
    device, file = folder / f"tty-{flow}", folder / f"{flow}.prn"
    command = [require_tool("socat"), "-u", f"PTY,link={device},rawer,b115200", f"CREATE:{file}"]
    with running(command, folder / "socat.log"):
        wait_until(device.exists, why="socat made no pty")
        # Without anybody at the other end socat would take the line for hung up and go.
        line = os.open(device, os.O_RDWR | os.O_NOCTTY)
        try:
            yield SocatSerial(port, file, device, flow)
        finally:
            os.close(line)


def _own_loopback() -> str:
    source = random.SystemRandom()
    return ".".join(["127", *(str(source.randrange(1, 255)) for _ in range(3))])


def _listens(address: tuple[str, int]) -> bool:
    """Look without connecting: the daemon serves one connection at a time."""
    wanted = socket.inet_aton(address[0])[::-1].hex().upper() + f":{address[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1] == wanted and row[3] == "0A" for row in rows)
