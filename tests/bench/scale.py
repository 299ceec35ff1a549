"""Many printers and many waiting jobs: how long a start takes, what they cost in memory, what one job more costs."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.bench.fabric import Fabric
from tests.bench.measure import SETTLE_S, Bench, cpu_of, rounded, rss_of
from tests.bench.process import BenchError
from tests.bench.system import UNARY, System
from tests.bench.workloads import Form

# So many times a twentieth of the waiting jobs is accepted at the beginning, and behind all: what does each cost?
SAMPLES, PARTS = 5, 20
WARM_UP = 200
_PEERS_IDLE_S = 5.0


async def scale(bench: Bench, make: Callable[[int, str], System], form: Form, drained: int) -> dict[str, Any]:
    """Return the figures of one system.

    Args:
        bench: the receiver and the numbers of documents.
        make: returns a new system with so many printers in a folder of that name.
        form: how many printers and jobs.
        drained: how many of the waiting jobs are printed at the end; a slow system may be spared the others.
    """
    few = make(1, "one-printer")
    try:
        await few.start()
        await _look(few)
        await asyncio.sleep(SETTLE_S)
        row: dict[str, Any] = {"system": few.name, "printers": form.scale_printers, "jobs": form.scale_jobs}
        row["rss_first_start_mib"] = rss_of(few)
        await few.stop_server()
        await few.start()
        await _look(few)
        await asyncio.sleep(SETTLE_S)
        row["rss_1_printer_mib"] = rss_of(few)
        await few.stop_server()
        row["start_1_s"] = await _start(bench, few)
    finally:
        await few.close()
    some = make(form.scale_printers // 10, "a-tenth")
    try:
        await some.start()
        await some.stop_server()
        row["start_a_tenth_s"] = await _start(bench, some)
    finally:
        await some.close()
    system = make(form.scale_printers, "many-printers")
    try:
        row |= await _printers(bench, system, form)
        row |= await _waiting(bench, system, form, drained)
    finally:
        await system.close()
    return row


async def _printers(bench: Bench, system: System, form: Form) -> dict[str, Any]:
    first = await _start(bench, system)
    await asyncio.sleep(1.0)  # CUPS prints a job again that it had not yet written down as done
    await system.stop_server()
    again = await _start(bench, system)
    await asyncio.sleep(1.0)
    row = {
        "first_start_s": first,
        "start_s": again,
        "idle_cpu_percent": await _idle(system, form),
        "rss_printers_mib": rss_of(system),
    }
    begin, numbers = bench.receiver.printed, bench.numbers(form.scale_printers, system)
    started_ns = time.monotonic_ns()
    await system.send(UNARY, 16, form.scale_printers, numbers, 1024)
    arrivals = await bench.wait(system, begin, numbers, 1024)
    taken = (max((each.end_ns for each in arrivals), default=started_ns) - started_ns) / 1e9
    await asyncio.sleep(1.0)
    return row | {
        "each_prints_once_per_s": rounded(len(arrivals) / taken) if taken else 0.0,
        "idle_cpu_percent_when_all_have_printed": await _idle(system, form),
        "rss_when_all_have_printed_mib": rss_of(system),
    }


async def _idle(system: System, form: Form) -> float:
    """Return the percent of a core that all its processes take while nothing happens."""
    cpu = sum(cpu_of(system).values())
    idle_s = form.idle_s if system.ours else min(form.idle_s, _PEERS_IDLE_S)
    await asyncio.sleep(idle_s)
    return rounded(100 * (sum(cpu_of(system).values()) - cpu) / idle_s)


async def _start(bench: Bench, system: System) -> float:
    """Return the seconds from the start of what does not run until a job is accepted; it is printed, too."""
    begin, numbers = bench.receiver.printed, bench.numbers(1, system)
    started = time.monotonic()
    await system.start()
    await system.send(UNARY, 1, 1, numbers, 1024)
    taken = time.monotonic() - started
    await bench.wait(system, begin, numbers, 1024)
    await _look(system)
    return rounded(taken)


async def _look(system: System) -> None:
    """Start the console that looks at ours: it costs memory and CPU, and no start waits for it."""
    if isinstance(system, Fabric):
        await system.start_console()


async def _waiting(bench: Bench, system: System, form: Form, drained: int) -> dict[str, Any]:
    """Return what is accepted behind no job and behind many, what they take, and how fast they come out."""
    await system.hold(True)
    part = SAMPLES * (form.scale_jobs // PARTS)
    numbers = bench.numbers(WARM_UP + form.scale_jobs + part, system)
    await system.send(UNARY, 16, 1, numbers[:WARM_UP], 1024)
    await asyncio.sleep(SETTLE_S)
    empty = rss_of(system)
    before = await _accepted(system, numbers[WARM_UP:][:part])
    mode, clients = ("stream 32", 1) if system.name == "fabric" else (UNARY, 16)
    await system.send(mode, clients, 1, numbers[WARM_UP + part : -part], 1024)
    await asyncio.sleep(SETTLE_S)
    full = rss_of(system)
    listed = await _listed(system, form.scale_jobs)
    behind = await _accepted(system, numbers[-part:])
    await system.stop_server()
    started = time.monotonic()
    await system.start()
    row = {
        "accepted_per_s_before_jobs": before[0],
        "accepted_per_s_behind_jobs": behind[0],
        "accepting_cpu_ms_before_jobs": before[1],
        "accepting_cpu_ms_behind_jobs": behind[1],
        **listed,
        "rss_before_jobs_mib": empty,
        "rss_jobs_mib": full,
        "restart_s": rounded(time.monotonic() - started),
    }
    await _look(system)
    await asyncio.sleep(SETTLE_S)
    row["rss_restarted_mib"] = rss_of(system)
    return row | await _drained(bench, system, numbers, min(drained, len(numbers)))


async def _listed(system: System, jobs: int) -> dict[str, float]:
    """Return how long a list of all waiting jobs takes. Raises BenchError: some of ours are not in it."""
    started = time.monotonic()
    found = await system.listed()
    taken = time.monotonic() - started
    if found is None:
        return {}
    if system.ours and found < jobs:
        raise BenchError(f"{found} of {jobs} waiting jobs are listed")
    return {"listed": found, "list_s": rounded(taken)}


async def _accepted(system: System, numbers: Sequence[int]) -> tuple[float, float]:
    """Return how many of these jobs are accepted per second, and the CPU milliseconds of each: medians of `SAMPLES` parts."""
    rates, costs, each = [], [], len(numbers) // SAMPLES
    for sample in range(SAMPLES):
        some = numbers[sample * each :][:each]
        cpu, started = sum(cpu_of(system).values()), time.monotonic()
        await system.send(UNARY, 16, 1, some, 1024)
        rates.append(each / (time.monotonic() - started))
        await asyncio.sleep(SETTLE_S)
        costs.append(1000 * (sum(cpu_of(system).values()) - cpu) / each)
    return rounded(statistics.median(rates)), rounded(statistics.median(costs))


async def _drained(bench: Bench, system: System, numbers: Sequence[int], count: int) -> dict[str, Any]:
    begin, started_ns = bench.receiver.printed, time.monotonic_ns()
    await system.hold(False)
    arrivals = await bench.wait(system, begin, numbers, 1024, count)
    if not arrivals:
        raise BenchError("none of the waiting jobs came out")
    taken = (max(each.end_ns for each in arrivals) - started_ns) / 1e9
    return {"drained": len(arrivals), "drained_per_s": rounded(len(arrivals) / taken)}
