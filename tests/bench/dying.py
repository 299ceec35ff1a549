"""A queue of four printers of which one dies amid a document: what becomes of every job."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tests.bench.fabric import Fabric
from tests.bench.measure import SETTLE_S, Bench, cpu_of, rounded, spread
from tests.bench.process import BenchError
from tests.bench.receiver import HEAD, Arrival, document
from tests.bench.system import DYING_POOL, Left, System
from tests.bench.workloads import Form, in_turn

SIZE = 65536
CLIENTS = 16
FATES = {  # and what tables call them
    "whole": "whole, once",
    "held": "held, a person is told",
    "again": "again after a half, nobody is told",
    "lost": "lost, nobody is told",
    "waiting": "still waiting",
    "doubled": "whole, twice",
}
NO_POOLS = "LPrint, LPRng, p910nd"
_LOOK_S = 0.05  # between two looks at what has not ended
_PATIENCE_S = 60.0  # for what a system does by itself


@dataclass(frozen=True)
class Fates:
    """What became of the jobs of one round. Each is in one of the first five."""

    jobs: int
    whole: int  # once, at a printer that lives, and nowhere else
    held: int  # not printed, and a person who asks is told what to look at
    again: int  # whole, though half of it lies at the dead printer: nobody is told
    waiting: int  # not printed, not ended, and nobody is told why
    lost: int  # not printed, and ended as if it had been
    doubled: int = 0  # came out once more than once
    printed_per_s: float = 0.0
    cpu_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def wrong(self) -> int:
        """Of ours there may be none of these."""
        return self.again + self.waiting + self.lost + self.doubled


def judged(
    numbers: Sequence[int], arrivals: Sequence[Arrival], half: Arrival, left: Mapping[int, Left]
) -> Fates:
    """Judge by what is on paper, and by what the system says of what has not ended.

    Args:
        numbers: of the documents that were sent.
        arrivals: what came out whole at the printers that live.
        half: what the printer that died had taken.
        left: the jobs that have not ended.
    """
    came = Counter(each.number for each in arrivals)
    missing = [number for number in numbers if not came[number]]
    held = [number for number in missing if number in left and _is_true(left[number], number, half)]
    waiting = [number for number in missing if number in left and number not in held]
    again = came[half.number] > 0
    return Fates(
        jobs=len(numbers),
        whole=len(numbers) - len(missing) - again,
        held=len(held),
        again=int(again),
        waiting=len(waiting),
        lost=len(missing) - len(held) - len(waiting),
        doubled=sum(count - 1 for count in came.values()),
    )


def _is_true(left: Left, number: int, half: Arrival) -> bool:
    """Tell whether what is said of a job that is held fits what lies at the printer that died."""
    start, end = left.uncertain
    return bool(left.why) and number == half.number and start <= half.bytes <= end


def taken_by(printer: bytes, numbers: Sequence[int], size: int) -> Arrival:
    """Return what a printer that died has taken. Raises BenchError: it is not the beginning of one of these documents."""
    number, _ = HEAD.unpack_from(printer)
    if number not in numbers or zlib.adler32(printer) != zlib.adler32(document(number, size)[: len(printer)]):
        raise BenchError(f"what the dying printer took of job {number} is damaged, or of another round")
    return Arrival(number, len(printer), 0, 0, zlib.adler32(printer))


async def dying(bench: Bench, systems: Sequence[System], form: Form) -> list[dict[str, Any]]:
    """Return what became of the jobs of a queue of which one printer dies, each round anew. Raises BenchError: ours lost one."""
    found: dict[System, list[Fates]] = {system: [] for system in systems if system.pools}
    for round_ in range(form.dying_rounds):
        for system in in_turn(found, round_):
            fates = await bench.tried(system, partial(_round, bench, system, form.dying_jobs))
            if fates is not None:
                found[system].append(fates)
    return [_row(system.name, rounds) for system, rounds in found.items() if rounds]


def _row(name: str, rounds: Sequence[Fates]) -> dict[str, Any]:
    jobs = sum(each.jobs for each in rounds)
    return {
        "system": name,
        "size": SIZE,
        "deaths": len(rounds),
        **{what: sum(getattr(each, what) for each in rounds) for what in ("jobs", *FATES)},
        "printed_per_s": spread([each.printed_per_s for each in rounds]),
        "cpu_ms_per_job": {
            process: rounded(1000 * sum(each.cpu_s[process] for each in rounds) / jobs)
            for process in rounds[0].cpu_s
        },
    }


async def _round(bench: Bench, system: System, jobs: int) -> Fates:
    """Send jobs while one printer lives, dies and refuses. Raises BenchError: ours lost, doubled or forgot one."""
    numbers = bench.numbers(jobs, system)
    printer = asyncio.ensure_future(bench.receiver.dying.live(SIZE // 2))
    await asyncio.sleep(0)  # it listens
    try:
        begin, cpu = bench.receiver.printed, cpu_of(system)
        start_ns = time.monotonic_ns()
        await system.send(DYING_POOL, CLIENTS, 1, numbers, SIZE)
        left = await _left(system)
        await asyncio.sleep(SETTLE_S)
        if not printer.done():
            raise BenchError("the printer that dies was given no job")
        half = taken_by(printer.result(), numbers, SIZE)
    finally:
        printer.cancel()
        await asyncio.gather(printer, return_exceptions=True)
    after = cpu_of(system)
    arrivals = await bench.came(begin, numbers, SIZE, enough=0)
    fates = judged(numbers, arrivals, half, left)
    if system.ours and fates.wrong:
        raise BenchError(f"a printer died of job {half.number}: {fates}, {left}")
    if isinstance(system, Fabric):
        await _print_again(bench, system, left)
        bench.jobs_checked += jobs
    await system.revive()
    last_ns = max((each.end_ns for each in arrivals), default=start_ns)
    return replace(
        fates,
        printed_per_s=len(arrivals) / (last_ns - start_ns) * 1e9 if arrivals else 0.0,
        cpu_s={name: after[name] - cpu.get(name, 0.0) for name in after},
    )


async def _left(system: System) -> Mapping[int, Left]:
    """Return the jobs that have not ended, when none of them goes on by itself any more."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        left = await system.left(DYING_POOL)
        if all(each.why for each in left.values()) or time.monotonic() > deadline:
            return left
        await asyncio.sleep(_LOOK_S)


async def _print_again(bench: Bench, system: Fabric, left: Mapping[int, Left]) -> None:
    """What is held is whole: when a person says so it comes out. Raises BenchError: it does not."""
    for number, job in left.items():
        begin = bench.receiver.printed
        await system.print_again(job.name)
        await bench.arrived(begin, [number], SIZE)
