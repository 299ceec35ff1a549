"""p910nd beside us: a connection to port 9100 copied to a device, in C. No queue, one client at a time, nothing kept.

It is what a port costs that keeps no promise: its device is a FIFO of the receiver.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from tests.bench.process import BenchError, Child, OneProgram
from tests.bench.receiver import compiler, document
from tests.bench.system import UNARY, Devices

_SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_LOCKS = Path("/var/lock/p910nd")  # cannot be told another place
_ADDRESS = ("127.9.1.0", 9100)
_PIECE = 1 << 20


class P910nd(OneProgram):
    """One p910nd, which is the queue `q0`."""

    name = "p910nd"
    durability = "none: it keeps nothing, a client waits"
    exact = True
    pools = False
    most_printers = 1
    many = False

    def __init__(self, folder: Path, devices: Devices, _printers: int) -> None:
        self._folder = folder
        folder.mkdir()
        _LOCKS.mkdir(exist_ok=True)
        self._device = devices.fifo

    @staticmethod
    def why_not() -> str:
        """Return why it cannot be measured here; empty when it can."""
        if shutil.which("p910nd", path=_SBIN) is None:
            return "p910nd is not installed here"
        if compiler() is None:
            return "the receiver has no FIFO: no C compiler here"
        if os.geteuid() != 0 and not os.access(_LOCKS, os.W_OK):
            return f"p910nd keeps its lock in {_LOCKS}, where only root writes"
        with socket.socket() as mine:
            return "" if mine.connect_ex(_ADDRESS) else f"something else listens at {_ADDRESS}"

    async def start(self) -> None:
        """Start it and wait until it listens."""
        program = shutil.which("p910nd", path=_SBIN)
        assert program is not None
        command = [program, "-f", str(self._device), "-i", _ADDRESS[0], "-d", "0"]
        self._child = child = Child("p910nd", command, self._folder / "p910nd.log")

        def listens() -> bool:
            with socket.socket() as mine:
                return mine.connect_ex(_ADDRESS) == 0

        child.wait_until(listens)

    async def send(self, mode: str, _clients: int, _printers: int, numbers: Sequence[int], size: int) -> None:
        """Send documents, each by a connection of its own, one after the other whatever the number of clients.

        Who comes while another is served is dropped after one or two: clients that mean to print take turns.
        """
        if mode != UNARY:
            raise BenchError(f"{self.name} knows no {mode}")
        for number in numbers:
            await _print(document(number, size))

    async def send_large(self, _mode: str, number: int, size: int) -> None:
        """Send one large document."""
        await _print(document(number, size))

    async def hold(self, held: bool) -> None:
        """It has nothing to hold."""
        raise BenchError(f"{self.name} keeps no jobs: held={held}")


async def _print(data: bytes) -> None:
    reader, writer = await asyncio.open_connection(*_ADDRESS)
    for offset in range(0, len(data), _PIECE):
        writer.write(data[offset : offset + _PIECE])
        await writer.drain()
    writer.write_eof()
    await reader.read()  # it hangs up when all is copied
    writer.close()
