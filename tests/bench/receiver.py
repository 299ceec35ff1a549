"""The printers of the benchmark: one process that takes documents over TCP and remembers what it got."""

from __future__ import annotations

import asyncio
import mmap
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from tests.bench.dying_printer import DyingPrinter
from tests.bench.process import BenchError, Child
from tests.bench.system import Devices

_HERE = Path(__file__).parent
_HEADER, _RECORD = struct.Struct("<QQ"), struct.Struct("<QQQQQ")
HEAD = struct.Struct("<QQ")  # of a document
# When something came is written by the receiver; this only says how soon it is seen. Less than 1 ms is no wait at all on
# uvloop, and whoever waits would take a core from those who are measured.
_POLL_S = 0.005
_STALLED_S = 30.0  # without a single new document: what is missing is lost

_bodies: dict[int, bytes] = {}


class Arrival(NamedTuple):
    """A document that has come out: its number, its size, when its first byte and its end came (monotonic ns)."""

    number: int
    bytes: int
    first_ns: int
    end_ns: int
    adler: int


@lru_cache(1)
def document(number: int, size: int) -> bytes:
    """Return a document of `size` bytes (16 or more) that no other is equal to; number and size stand in front.

    The last one is kept: a large one takes longer to make than to print its first byte.
    """
    body = _bodies.get(size)
    if body is None:
        block = bytes((place * 7919 + place // 251) % 256 for place in range(min(size, 65536)))
        body = _bodies[size] = (block * (size // len(block) + 1))[: size - HEAD.size]
    return HEAD.pack(number, size) + body


class Receiver:
    """Counts, times and checks documents. `printed` grows only."""

    def __init__(self, folder: Path, capacity: int = 400_000) -> None:
        path = folder / "arrivals"
        with path.open("w+b") as file:
            file.truncate(_HEADER.size + capacity * _RECORD.size)
            self._shared = mmap.mmap(file.fileno(), 0)
        fifo = folder / "fifo"
        os.mkfifo(fifo)
        command, self.program = _build(folder)
        arguments = [str(path), str(capacity), str(fifo)]
        self._child = Child("receiver", [*command, *arguments], folder / "receiver.log", pipe=True)
        assert self._child.process.stdout is not None
        line = self._child.process.stdout.readline()
        self._child.wait_until(lambda: bool(line))
        self.port = int(line)
        self._refusing = socket.socket()
        self._refusing.bind(("127.0.0.1", 0))  # and never listens
        self.dying = DyingPrinter()
        self.devices = Devices(self.port, int(self._refusing.getsockname()[1]), fifo, self.dying.port)

    def close(self) -> None:
        """End the process."""
        self._child.end()
        self._refusing.close()
        self.dying.close()
        self._shared.close()

    def cpu_s(self) -> float:
        """Return the CPU seconds it has used so far."""
        return self._child.cpu_s()

    @property
    def printed(self) -> int:
        """Documents that have come out."""
        return int(_HEADER.unpack_from(self._shared)[0])

    def arrivals(self, begin: int, end: int) -> list[Arrival]:
        """Return the documents that came out as the `begin`th to before the `end`th."""
        return [
            Arrival(*_RECORD.unpack_from(self._shared, _HEADER.size + place * _RECORD.size))
            for place in range(begin, end)
        ]

    async def wait(self, begin: int, count: int) -> list[Arrival]:
        """Return the `count` documents that come out from the `begin`th on. Raises BenchError when some never do."""
        await self.until(lambda: self.printed >= begin + count, _STALLED_S)
        if (came := self.printed - begin) < count:
            raise BenchError(f"of {count} jobs {came} arrived, then none for {_STALLED_S:g} s")
        return self.arrivals(begin, begin + count)

    async def until(self, enough: Callable[[], bool], patience_s: float) -> None:
        """Return when enough has come out, or nothing more has for `patience_s`."""
        seen, deadline = -1, 0.0
        while not enough():
            now = time.monotonic()
            if self.printed != seen:
                seen, deadline = self.printed, now + patience_s
            elif now > deadline:
                return
            self._child.check()
            await asyncio.sleep(_POLL_S)

    def check(self, arrivals: Iterable[Arrival], numbers: Iterable[int], size: int) -> None:
        """Raise BenchError unless exactly these documents came out, each once and whole."""
        got = list(arrivals)
        wanted = set(numbers)
        if len(got) != len(wanted) or {each.number for each in got} != wanted:
            missing = sorted(wanted - {each.number for each in got})
            raise BenchError(
                f"of {len(wanted)} jobs {len(missing)} are missing or came twice: {missing[:5]} …"
            )
        document(0, size)
        rest = _bodies[size]
        for each in got:
            if each.bytes != size:
                raise BenchError(f"job {each.number} has {each.bytes} bytes instead of {size}")
            if each.adler != zlib.adler32(rest, zlib.adler32(HEAD.pack(each.number, size))):
                raise BenchError(f"job {each.number} came out damaged")


def compiler() -> str | None:
    """Return the C compiler here. Without it the receiver is a slow one, and reads no FIFO."""
    return shutil.which("gcc") or shutil.which("cc")


def _build(folder: Path) -> tuple[list[str], str]:
    """Return the command of the receiver, and what it is."""
    for checksum in (("-DWITH_ZLIB", "-lz"), ()):  # zlib's is several times faster
        program = folder / "receiver"
        source = str(_HERE / "receiver.c")
        if (cc := compiler()) and _succeeds([cc, "-O3", "-o", str(program), source, *checksum]):
            return [str(program)], "C with zlib" if checksum else "C"
    return [sys.executable, str(_HERE / "slow_receiver.py")], "Python: no C compiler here"


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
