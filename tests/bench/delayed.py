"""Documents over a line with delay: `python -m tests.bench.delayed [--delays 0,10,50] [--mbit 1000,0] [--only client,host]`.

The line (`tests.bench.line`) is between a client, which is our SDK in a process of its own, and the spooler; or between
the spooler and a host. Beside each figure is what a plain TCP connection carries over the same line: more cannot be had.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench import network
from tests.bench.fabric import Fabric
from tests.bench.line import FAR
from tests.bench.measure import Bench, loop_factory
from tests.bench.process import BenchError, Child
from tests.bench.receiver import Receiver, document
from tests.bench.system import EARLY, LARGE
from tests.rig.delaying_proxy import DelayingProxy

SMALL = 1024  # bytes
BEHIND = {"client": "spooler", "host": "portmon"}  # what is reached by the line


class Line(NamedTuple):
    """There and back in `delay_ms`; `mbit` a second, 0: as many as the program that carries it can."""

    delay_ms: float
    mbit: float

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.delay_ms:g} ms, {f'{self.mbit:g} Mbit/s' if self.mbit else 'no limit'}"


Way = Callable[[str], str]
"""Gives the address by which somebody far away reaches what listens at one."""


@contextmanager
def laid(line: Line, folder: Path) -> Iterator[tuple[Way, str]]:
    """Carry meanwhile: packets where this machine lets us, else bytes. Yields the way, and what carries."""
    command = [sys.executable, "-m", "tests.bench.line", str(line.delay_ms), str(line.mbit)]
    with ExitStack() as stack:
        child = Child("line", command, folder / "line.log", pipe=True)
        stack.callback(child.end)
        assert child.process.stdout is not None
        if child.process.stdout.readline():
            yield lambda address: address.replace("127.0.0.1", FAR), "packets"
            return

        def by_proxy(address: str) -> str:
            proxy = DelayingProxy(address, line.delay_ms / 1000, int(line.mbit * 125_000) or 1 << 40)
            stack.callback(proxy.close)
            return proxy.address

        yield by_proxy, "a proxy, which adds buffers of its own"


class Delayed(Fabric):
    """A fabric of which one service is reached by the line: `spooler` or `portmon`."""

    def __init__(self, folder: Path, receiver: Receiver, behind: str, way: Way) -> None:
        super().__init__(folder, receiver.devices, 1)
        self._behind, self._way = behind, way

    async def _begin(self, program: str, name: str) -> str:
        address = await super()._begin(program, name)
        return self._way(address) if program == self._behind else address

    async def start(self) -> None:
        """See `Fabric`; `early` begins while a document comes in."""
        await super().start()
        await self._begin_early()

    def process(self, name: str) -> Child:
        """Return one of its programs."""
        return self._children[name]


def tcp_copy(size: int, way: Way) -> float:
    """Return MB/s of a plain connection over the line, which is there already; the far end says when it has all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(1 << 18):
                    pass
                connection.sendall(b".")

        taking = threading.Thread(target=take)
        taking.start()
        host, _, port = way(f"127.0.0.1:{listener.getsockname()[1]}").rpartition(":")
        with socket.create_connection((host, int(port))) as connection:
            piece, began = bytes(1 << 20), time.monotonic()
            for _ in range(size >> 20):
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
            took_s = time.monotonic() - began
        taking.join()
    return size / 1e6 / took_s


Figures = dict[str, float]


class Row(NamedTuple):
    """What was found over one line: who is far, the figures of all rounds, what carried."""

    line: str
    part: str
    figures: dict[str, list[float]]
    carrier: str = ""


class Measured:
    """One line between a client and the spooler, or between the spooler and a host; figures of each round."""

    def __init__(self, bench: Bench, system: Delayed, way: Way, folder: Path, sizes: tuple[int, int]) -> None:
        """`sizes`: bytes of the large document, and how many small ones."""
        self._bench, self._system, self._way = bench, system, way
        self._folder, (self._size, self._jobs) = folder, sizes

    async def _plain(self) -> Figures:
        """What cannot be exceeded."""
        return {"plain TCP, MB/s": await asyncio.to_thread(tcp_copy, self._size, self._way)}

    async def client(self) -> Figures:
        """A client is far: what is accepted, how soon the first byte is out, and what it takes of memory."""
        await self._system.hold(True)
        found = await self._plain()
        spooler = self._system.process("spooler")
        (number,) = self._bench.numbers(1)
        file = self._folder / "document"
        file.write_bytes(document(number, self._size))
        spooler.forget_peak()
        told = await self._run("upload", "q0", str(file))
        found["upload, MB/s"] = self._size / 1e6 / told["seconds"]
        found["client, MiB more"] = told["peak_mib"] - told["before_mib"]
        found["spooler, MiB at most"] = spooler.peak_mib()
        told = await self._run("many", "q0", str(self._jobs), str(SMALL))
        found["submit_many, jobs/s"] = self._jobs / told["seconds"]
        begin_ = self._bench.receiver.printed
        told = await self._run("upload", EARLY, str(file))
        (arrival,) = await self._bench.arrived(begin_, [number], self._size)
        found["first byte, ms"] = (arrival.first_ns - told["began_ns"]) / 1e6
        return found

    async def host(self) -> Figures:
        """A host is far: what goes to it, from the first byte on paper to the last."""
        found = await self._plain()
        monitor = self._system.process("portmon")
        (number,) = self._bench.numbers(1)
        begin_ = self._bench.receiver.printed
        await self._system.hold(True)
        await self._system.send_large(LARGE, number, self._size)
        monitor.forget_peak()
        await self._system.hold(False)
        (arrival,) = await self._bench.arrived(begin_, [number], self._size)
        found["printed, MB/s"] = self._size / 1e6 / ((arrival.end_ns - arrival.first_ns) / 1e9)
        found["port monitor, MiB at most"] = monitor.peak_mib()
        return found

    async def _run(self, *words: str) -> Figures:
        command = [sys.executable, "-m", "tests.bench.one_client", self._system.address, *words]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        told, _ = await process.communicate()
        if process.returncode:
            raise BenchError(f"the client ended with {process.returncode}")
        return dict(json.loads(told))


async def measure(
    folder: Path, lines: Sequence[Line], parts: Sequence[str], sizes: tuple[int, int], rounds: int
) -> list[Row]:
    """Return a row for each line and part. Raises BenchError: a document was lost."""
    found = []
    for place, line in enumerate(lines):
        for part in parts:
            (own := folder / f"{place}-{part}").mkdir()
            found.append(await _over(line, part, own, sizes, rounds))
    return found


async def _over(line: Line, part: str, folder: Path, sizes: tuple[int, int], rounds: int) -> Row:
    row = Row(line.name, part, {})
    receiver = Receiver(folder)
    try:
        with laid(line, folder) as (way, carrier):
            system = Delayed(folder / "fabric", receiver, BEHIND[part], way)
            try:
                await system.start()
                measured = Measured(Bench(receiver), system, way, folder, sizes)
                for _ in range(rounds):
                    figures = await (measured.client() if part == "client" else measured.host())
                    for name, figure in figures.items():
                        row.figures.setdefault(name, []).append(figure)
            finally:
                await system.close()
    finally:
        receiver.close()
    return row._replace(carrier=carrier)


def table(found: Sequence[Row]) -> str:
    """Return a table of Markdown for each part: median, and the least and the most where there are rounds."""
    lines = []
    for part in BEHIND:
        if rows := [row for row in found if row.part == part]:
            heads = rows[0].figures
            lines += [
                f"| {part}, by {rows[0].carrier} | {' | '.join(heads)} |",
                "|---" * (len(heads) + 1) + "|",
            ]
            lines += [f"| {row.line} | {' | '.join(map(_spread, row.figures.values()))} |" for row in rows]
            lines.append("")
    return "\n".join(lines)


def _spread(figures: Sequence[float]) -> str:
    median = f"{statistics.median(figures):,.1f}"
    return median if len(figures) == 1 else f"{median} ({min(figures):,.1f} to {max(figures):,.1f})"


def _set_buffers(most: int) -> None:
    """Let TCP keep so many bytes for each connection and way, in this network only."""
    for name in ("tcp_rmem", "tcp_wmem"):
        setting = Path(f"/proc/sys/net/ipv4/{name}")
        least, first, _ = setting.read_text().split()
        setting.write_text(f"{least} {first} {most}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.delayed", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--delays", default="0,1,10,50,100", help="ms there and back")
    parser.add_argument("--mbit", default="1000,0", help="bandwidth; 0: none is set")
    parser.add_argument("--only", default=",".join(BEHIND), help="who is far from the spooler")
    parser.add_argument("--size", type=int, default=128, help="MiB of the document")
    parser.add_argument("--jobs", type=int, default=4000, help="small jobs")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--buffers", type=int, default=0, help="MiB of TCP's at most; 0: as this machine has them"
    )
    given = parser.parse_args()
    own = not network.enter()
    if given.buffers and own:
        _set_buffers(given.buffers << 20)
    lines = [Line(float(ms), float(mbit)) for mbit in given.mbit.split(",") for ms in given.delays.split(",")]
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=loop_factory()) as runner:
        sizes = (given.size << 20, given.jobs)
        print(table(runner.run(measure(Path(folder), lines, given.only.split(","), sizes, given.rounds))))


if __name__ == "__main__":
    main()
