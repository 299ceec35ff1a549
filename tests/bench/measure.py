"""One run measured: how fast, how late, at which cost; and many runs in one figure."""

from __future__ import annotations

import asyncio
import statistics
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict, TypeVar

from hdrh.histogram import HdrHistogram

from tests.bench.process import BenchError
from tests.bench.receiver import Arrival, Receiver, document
from tests.bench.system import EARLY, LARGE, System

SETTLE_S = 0.2  # after the last byte: outcomes are written, backends are waited for; their CPU counts
LOST_S = 2.0  # what a system that loses jobs has not printed after so long a silence is lost
_PEER_LOST_S = 30.0  # the same of a peer that is not known to lose any
_PEER_S = 240.0  # a peer that takes longer for one run hangs
_MOST_BREAKS = 5  # a peer that broke so often is left alone
# Documents of peers have numbers of their own: what one of them prints once more is not mistaken for a job of ours.
_FIRST_OF_PEERS = 1 << 40
_LONGEST_US = 60_000_000
# How a peer's end looks from here: it hung up, answered nonsense, or nothing.
PEER_BREAKS = (BenchError, OSError, EOFError, TimeoutError, ValueError, IndexError, struct.error)

T = TypeVar("T")


class Spread(TypedDict):
    """Several runs of the same: their median, the least and the most."""

    median: float
    min: float
    max: float


def spread(values: Sequence[float]) -> Spread:
    """Return what several runs gave, rounded to four digits."""
    return Spread(
        median=rounded(statistics.median(values)), min=rounded(min(values)), max=rounded(max(values))
    )


def rounded(value: float) -> float:
    """Return four significant digits."""
    return float(f"{value:.4g}")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the client's event loop: uvloop, where it is built; None is asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - not built for every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


class Latencies:
    """Times in a histogram that is exact to three digits (HDR), whatever their number."""

    def __init__(self, encoded: Iterable[str] = ()) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_US, 3)
        for each in encoded:
            self._histogram.decode_and_add(each)

    def add(self, seconds: float) -> None:
        """Count one time."""
        self._histogram.record_value(min(_LONGEST_US, max(1, round(seconds * 1e6))))

    def encoded(self) -> str:
        """Return all that was counted; `Latencies` of several such have the counts of all."""
        return str(self._histogram.encode().decode())

    @property
    def count(self) -> int:
        """How many were counted."""
        return int(self._histogram.get_total_count())

    def percentile_ms(self, percent: float) -> float:
        """Return the time, in milliseconds, that `percent` of all do not exceed."""
        return rounded(self._histogram.get_value_at_percentile(percent) / 1000)


@dataclass(frozen=True)
class Run:
    """What one run took. Times in seconds, CPU by process."""

    jobs: int
    accepted_s: float  # until the last was answered
    printed_s: float  # until the last came out
    first_byte_s: float  # of the document that came out first
    lost: int = 0  # accepted, and never came out
    doubled: int = 0
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    others_cpu_s: Mapping[str, float] = field(default_factory=dict)  # of the client and the receiver

    @property
    def printed_per_s(self) -> float:
        """Jobs that came out, by the time until the last of them did."""
        return (self.jobs - self.lost) / self.printed_s if self.jobs > self.lost else 0.0


class Bench:
    """The receiver and the numbers of all documents of this benchmark; every run is checked for lost jobs.

    `breaks` is how often each peer broke, and why; `strays` how many documents of peers came out too late or once more.
    """

    def __init__(self, receiver: Receiver, breaks: dict[str, list[str]] | None = None) -> None:
        self.receiver = receiver
        self.jobs_checked = self.strays = 0
        self.breaks: dict[str, list[str]] = breaks if breaks is not None else {}
        self._numbers = {True: 1, False: _FIRST_OF_PEERS}

    def numbers(self, count: int, system: System | None = None) -> Sequence[int]:
        """Return numbers that no document has yet, in a row; for ours, or for a peer."""
        ours = system is None or system.ours
        first = self._numbers[ours]
        self._numbers[ours] += count
        return range(first, first + count)

    async def arrived(self, begin: int, numbers: Sequence[int], size: int) -> list[Arrival]:
        """Wait for documents of ours and check them. Raises BenchError when one is lost, came twice or is damaged."""
        arrivals = await self._ours(begin, len(numbers))
        self.receiver.check(arrivals, numbers, size)
        self.jobs_checked += len(numbers)
        return arrivals

    async def _ours(self, begin: int, count: int) -> list[Arrival]:
        """Return the next `count` documents that are not a peer's."""
        strays = 0
        while True:
            arrivals = await self.receiver.wait(begin, count + strays)
            ours = [one for one in arrivals if one.number < _FIRST_OF_PEERS]
            if len(ours) == count:
                self.strays += strays
                return ours
            strays = len(arrivals) - len(ours)

    async def some_arrived(self, begin: int, count: int, numbers: Sequence[int], size: int) -> list[Arrival]:
        """As `arrived`, for the first `count` of documents whose order nobody promised."""
        arrivals = await self._ours(begin, count)
        self.receiver.check(arrivals, {each.number for each in arrivals} & set(numbers), size)
        self.jobs_checked += count
        return arrivals

    async def came(
        self,
        begin: int,
        numbers: Sequence[int],
        size: int,
        patience_s: float = LOST_S,
        enough: int | None = None,
    ) -> list[Arrival]:
        """Wait for the documents of a peer, which may lose some; return those that came, the second time, too.

        enough: of them, in any order; None: all.

        Raises:
            BenchError: one is damaged.
        """
        wanted = set(numbers)
        least = len(wanted) if enough is None else enough

        def found() -> list[Arrival]:
            return [
                one for one in self.receiver.arrivals(begin, self.receiver.printed) if one.number in wanted
            ]

        def are_here() -> bool:
            if self.receiver.printed - begin < least:  # nothing has to be looked at
                return False
            return len({one.number for one in found()}) >= least

        await self.receiver.until(are_here, patience_s)
        arrivals = found()
        for one in arrivals:
            self.receiver.check([one], [one.number], size)
        return arrivals

    async def wait(
        self, system: System, begin: int, numbers: Sequence[int], size: int, enough: int | None = None
    ) -> list[Arrival]:
        """Wait for the documents of a system, or `enough` of them: ours are all checked, those of a peer are counted."""
        if not system.ours:
            return await self.came(begin, numbers, size, _PEER_LOST_S if system.exact else LOST_S, enough)
        if enough is not None:
            return await self.some_arrived(begin, enough, numbers, size)
        return await self.arrived(begin, numbers, size)

    async def tried(self, system: System, work: Callable[[], Awaitable[T]]) -> T | None:
        """Do something with a system. A peer that breaks is begun anew, and the answer is None; ours may not break.

        Raises:
            BenchError: ours lost a job, or died.
        """
        if system.ours:
            return await work()
        breaks = self.breaks.setdefault(system.name, [])
        if len(breaks) >= _MOST_BREAKS:
            return None
        try:
            async with asyncio.timeout(_PEER_S):
                return await work()
        except PEER_BREAKS as error:
            breaks.append(str(error) or repr(error))
            print(f"  {system.name} broke: {breaks[-1][:300]}", file=sys.stderr, flush=True)
        try:
            async with asyncio.timeout(_PEER_S):
                await system.renew()
        except PEER_BREAKS as error:
            breaks += [f"and does not start again: {error}"] * _MOST_BREAKS
        return None

    async def run(
        self,
        system: System,
        mode: str,
        clients: int,
        printers: int,
        count: int,
        size: int,
        *,
        settle_s: float = SETTLE_S,
    ) -> Run:
        """Send `count` documents and wait until they are out; their CPU is counted for `settle_s` more."""
        numbers = self.numbers(count, system)
        document(numbers[0], size)  # before the clock runs
        begin, cpu, others = self.receiver.printed, cpu_of(system), self._others_cpu()
        start_ns = time.monotonic_ns()
        if mode in {LARGE, EARLY}:
            await system.send_large(mode, numbers[0], size)
        else:
            await system.send(mode, clients, printers, numbers, size)
        accepted_ns = time.monotonic_ns()
        arrivals = await self.wait(system, begin, numbers, size)
        others_after = self._others_cpu()
        await asyncio.sleep(settle_s)
        after = cpu_of(system)
        printed = {each.number for each in arrivals}
        never = start_ns  # nothing came out: a rate of no jobs
        return Run(
            jobs=count,
            accepted_s=(accepted_ns - start_ns) / 1e9,
            printed_s=(max((each.end_ns for each in arrivals), default=never) - start_ns) / 1e9,
            first_byte_s=(min((each.first_ns for each in arrivals), default=never) - start_ns) / 1e9,
            lost=count - len(printed),
            doubled=len(arrivals) - len(printed),
            cpu_s={name: after[name] - cpu.get(name, 0.0) for name in after},
            others_cpu_s={name: others_after[name] - others[name] for name in others},
        )

    def _others_cpu(self) -> dict[str, float]:
        """Return the CPU seconds so far of who shares the cores with what is measured: the client, the receiver."""
        return {"client": time.process_time(), "receiver": self.receiver.cpu_s()}


def cpu_of(system: System) -> dict[str, float]:
    """Return the CPU seconds of each process so far."""
    return {child.name: child.cpu_s() for child in system.processes}


def rss_of(system: System) -> dict[str, float]:
    """Return the memory of each process in MiB."""
    return {child.name: rounded(child.rss_mib()) for child in system.processes}


def peak_of(system: System) -> dict[str, float]:
    """Return the most memory that each process had since its peak was forgotten, in MiB."""
    return {child.name: rounded(child.peak_mib()) for child in system.processes}


def cpu_ms_each(runs: Sequence[Run], units: float) -> dict[str, float]:
    """Return CPU milliseconds per unit by process, over all runs; `units` of them in each."""
    return _ms_each([run.cpu_s for run in runs], units)


def others_cpu_ms_each(runs: Sequence[Run], units: float) -> dict[str, float]:
    """Return the same of client and receiver, which share the cores."""
    return _ms_each([run.others_cpu_s for run in runs], units)


def _ms_each(costs: Sequence[Mapping[str, float]], units: float) -> dict[str, float]:
    return {
        name: rounded(1000 * sum(cost[name] for cost in costs) / (units * len(costs))) for name in costs[0]
    }
