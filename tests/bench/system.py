"""What is measured: a print system that sends documents to the receiver, ours or another."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

UNARY = "unary"
MODES = (
    UNARY,
    "stream 1",
    "stream 32",
)  # one document per call; a stream of messages with 1 and 32 documents
LARGE = "large"  # one document
EARLY = "early"  # one document for a printer that begins while it comes in
# Documents for one queue of several printers: four; four of which one refuses; three; four of which one dies amid a document.
POOL, LAME_POOL, SMALL_POOL, DYING_POOL = "pool", "lame", "three", "dying"
POOLS = (POOL, LAME_POOL, SMALL_POOL, DYING_POOL)


class Devices(NamedTuple):
    """What printers print at: ports of loopback, and a FIFO."""

    receiving: int
    refusing: int  # every connection
    fifo: Path  # read by the receiver that is compiled
    dying: int  # the same as `refusing`, but while its printer lives


class Left(NamedTuple):
    """A job that has not ended. Without a `why` it goes on by itself, or nobody is told what it waits for."""

    name: str = ""  # by which its system can be told to print it again
    why: str = ""  # what its system says to a person who asks
    uncertain: tuple[int, int] = (0, 0)  # the bytes of which that is


def queue(mode: str, number: int, printers: int) -> str:
    """Return the queue that a document goes to; a pool's name is the mode's, and that of one that begins early."""
    return mode if mode in {*POOLS, EARLY} else f"q{number % printers}"


def pool_members(devices: Devices) -> dict[str, dict[str, int]]:
    """Return the pools' printers, and the port of each."""
    good = devices.receiving
    ports = {
        POOL: (good,) * 4,
        LAME_POOL: (good, good, good, devices.refusing),
        SMALL_POOL: (good,) * 3,
        DYING_POOL: (good, good, good, devices.dying),
    }
    return {
        pool: {f"{pool}{place}": port for place, port in enumerate(found)} for pool, found in ports.items()
    }


async def together(parts: Iterable[Coroutine[object, object, None]]) -> None:
    """Do parts at once; when one fails the others are given up, so that nothing of it goes on behind its back."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Process(Protocol):
    """What costs CPU and memory."""

    name: str

    def cpu_s(self) -> float:
        """Return user and system seconds so far."""

    def rss_mib(self) -> float:
        """Return its resident memory in MiB."""

    def peak_mib(self) -> float:
        """Return the most it had since `forget_peak`, or ever."""

    def forget_peak(self) -> None:
        """The peak begins anew with what it has now."""


class System(Protocol):
    """A print system with the printers `q0`, `q1`, …; every one prints at the receiver.

    One that has pools has those of `pool_members`, too.
    """

    name: str
    durability: str
    ours: bool  # one lost, doubled or damaged job of ours fails the run; of a peer they are counted
    exact: bool  # it is not known to lose what it accepts, and is waited for longer
    pools: bool
    most_printers: int  # that one server has
    many: bool  # it keeps jobs and has many printers
    keeps: bool  # it can be held, killed with what waits, and started again

    async def start(self) -> None:
        """Start what does not run; return when it answers."""

    async def stop_server(self) -> None:
        """End the part that keeps jobs, so that it can be started again."""

    async def kill_server(self) -> None:
        """The same without a word to it, as it crashes."""

    async def close(self) -> None:
        """End everything."""

    async def renew(self) -> None:
        """Begin anew after it broke, as if it had never run."""

    @property
    def processes(self) -> Sequence[Process]:
        """What costs CPU and memory."""

    async def send(self, mode: str, clients: int, printers: int, numbers: Sequence[int], size: int) -> None:
        """Submit documents, spread over clients and printers, or to a pool; return when all are answered."""

    async def send_large(self, mode: str, number: int, size: int) -> None:
        """Submit one large document; return when it is answered."""

    async def listed(self) -> int | None:
        """Return how many unfinished jobs a list of all those of `q0` has; None: it is not asked for one."""

    async def revive(self) -> None:
        """Say that the pool's printer that died may be tried again, where that is a person's to say."""

    async def left(self, pool: str) -> Mapping[int, Left]:
        """Return the jobs of a pool that have not ended, by the numbers of their documents."""

    async def hold(self, held: bool) -> None:
        """Stop or start the printing of `q0`; what comes meanwhile waits."""
