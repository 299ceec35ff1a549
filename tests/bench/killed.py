"""A server that is killed right after it has accepted jobs that wait: which of them come out of the one that follows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from tests.bench.measure import Bench, rounded
from tests.bench.system import UNARY, System
from tests.bench.workloads import Form

CLIENTS = 16
_SIZE = 1024


async def killed(bench: Bench, systems: Sequence[System], form: Form) -> list[dict[str, Any]]:
    """Return what became of accepted jobs. Raises BenchError: one of ours did not come out once and whole."""
    rows = []
    for system in systems:
        if system.keeps:
            row = await bench.tried(system, partial(_one, bench, system, form.killed_jobs))
            rows += [row] if row is not None else []
    return rows


async def _one(bench: Bench, system: System, jobs: int) -> dict[str, Any]:
    numbers = bench.numbers(jobs, system)
    await system.hold(True)
    begin, began = bench.receiver.printed, time.monotonic()
    await system.send(UNARY, CLIENTS, 1, numbers, _SIZE)
    accepted_s = time.monotonic() - began
    await system.kill_server()  # by SIGKILL: what the kernel has stays, which a power cut would take
    began = time.monotonic()
    await system.start()
    start_s = time.monotonic() - began
    await system.hold(False)
    arrivals = await bench.wait(system, begin, numbers, _SIZE)
    came = {each.number for each in arrivals}
    return {
        "system": system.name,
        "jobs": jobs,
        "whole": len(came),
        "lost": jobs - len(came),
        "doubled": len(arrivals) - len(came),
        "accepted_per_s": rounded(jobs / accepted_s),
        "start_s": rounded(start_s),
    }
