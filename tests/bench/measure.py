"""One run measured: how fast, how late, at which cost; and many runs in one figure."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from hdrh.histogram import HdrHistogram

from tests.bench.receiver import Arrival, Receiver, document
from tests.bench.system import EARLY, LARGE, System

SETTLE_S = 0.2  # after the last byte: outcomes are written, backends are waited for; their CPU counts
LOST_S = 2.0  # what a system that loses jobs has not printed after so long a silence is lost
_LONGEST_US = 60_000_000


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


class Latencies:
    """Times in a histogram that is exact to three digits (HDR), whatever their number."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_US, 3)

    def add(self, seconds: float) -> None:
        """Count one time."""
        self._histogram.record_value(min(_LONGEST_US, max(1, round(seconds * 1e6))))

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

    @property
    def printed_per_s(self) -> float:
        """Jobs that came out, by the time until the last of them did."""
        return (self.jobs - self.lost) / self.printed_s if self.jobs > self.lost else 0.0


class Bench:
    """The receiver and the numbers of all documents of this benchmark; every run is checked for lost jobs."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.jobs_checked = 0
        self._numbers = itertools.count(1)

    def numbers(self, count: int) -> Sequence[int]:
        """Return numbers that no document has yet, in a row."""
        first = next(self._numbers)
        self._numbers = itertools.count(first + count)
        return range(first, first + count)

    async def arrived(self, begin: int, numbers: Sequence[int], size: int) -> list[Arrival]:
        """Wait for documents and check them. Raises BenchError when one is lost, came twice or is damaged."""
        arrivals = await self.receiver.wait(begin, len(numbers))
        self.receiver.check(arrivals, numbers, size)
        self.jobs_checked += len(numbers)
        return arrivals

    async def some_arrived(self, begin: int, count: int, numbers: Sequence[int], size: int) -> list[Arrival]:
        """As `arrived`, for the first `count` of documents whose order nobody promised."""
        arrivals = await self.receiver.wait(begin, count)
        self.receiver.check(arrivals, {each.number for each in arrivals} & set(numbers), size)
        self.jobs_checked += count
        return arrivals

    async def came(self, begin: int, numbers: Sequence[int], size: int) -> list[Arrival]:
        """Wait for the documents of a system that is not exact; return those that came, the second time, too.

        Raises:
            BenchError: one is damaged.
        """
        wanted = set(numbers)

        def found() -> list[Arrival]:
            return [
                one for one in self.receiver.arrivals(begin, self.receiver.printed) if one.number in wanted
            ]

        await self.receiver.until(lambda: len({one.number for one in found()}) == len(wanted), LOST_S)
        arrivals = found()
        for one in arrivals:
            self.receiver.check([one], [one.number], size)
        return arrivals

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
        numbers = self.numbers(count)
        document(numbers[0], size)  # before the clock runs
        begin, cpu = self.receiver.printed, cpu_of(system)
        start_ns = time.monotonic_ns()
        if mode in {LARGE, EARLY}:
            await system.send_large(mode, numbers[0], size)
        else:
            await system.send(mode, clients, printers, numbers, size)
        accepted_ns = time.monotonic_ns()
        wait = self.arrived if system.exact else self.came
        arrivals = await wait(begin, numbers, size)
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
        )


def cpu_of(system: System) -> dict[str, float]:
    """Return the CPU seconds of each process so far."""
    return {child.name: child.cpu_s() for child in system.processes}


def rss_of(system: System) -> dict[str, float]:
    """Return the memory of each process in MiB."""
    return {child.name: rounded(child.rss_mib()) for child in system.processes}


def cpu_ms_each(runs: Sequence[Run], units: float) -> dict[str, float]:
    """Return CPU milliseconds per unit by process, over all runs; `units` of them in each."""
    return {
        name: rounded(1000 * sum(run.cpu_s[name] for run in runs) / (units * len(runs)))
        for name in runs[0].cpu_s
    }
