"""What is measured with all systems in turn: rates, latency, a large document. A/B/A/B, the first round only warms up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.measure import Bench, Run, cpu_ms_each, percentile, rounded, spread
from tests.bench.system import MODES, UNARY, System

SIZES = (1024, 65536)
PRINTERS = (1, 50)
MIB = 1 << 20


@dataclass(frozen=True)
class Form:
    """How much is done."""

    rounds: int
    fabric_jobs: dict[tuple[str, int], int]  # by mode and clients
    peer_jobs: dict[int, int]  # by clients
    latency_samples: int
    large_mib: int
    scale_printers: int
    scale_jobs: int
    idle_s: float
    limit_jobs: int


LONG = Form(
    rounds=3,
    fabric_jobs={(UNARY, 1): 400, (UNARY, 16): 1600, ("stream 1", 1): 3000, ("stream 32", 1): 6000},
    peer_jobs={1: 150, 16: 240},
    latency_samples=200,
    large_mib=256,
    scale_printers=1000,
    scale_jobs=10_000,
    idle_s=5.0,
    limit_jobs=2000,
)
SHORT = Form(
    rounds=1,
    fabric_jobs={(UNARY, 1): 30, (UNARY, 16): 64, ("stream 1", 1): 100, ("stream 32", 1): 160},
    peer_jobs={1: 10, 16: 16},
    latency_samples=20,
    large_mib=16,
    scale_printers=60,
    scale_jobs=300,
    idle_s=0.5,
    limit_jobs=200,
)


@dataclass(frozen=True)
class Cell:
    """One figure of the table of rates."""

    system: System
    mode: str
    clients: int
    printers: int
    size: int
    jobs: int


def _cells(systems: Sequence[System], form: Form, size: int, printers: int) -> list[Cell]:
    cells = []
    for mode in MODES:
        for clients in (1, 16) if mode == UNARY else (1,):
            for system in systems:
                if system.name == "fabric":
                    jobs = form.fabric_jobs[mode, clients]
                elif mode == UNARY:
                    jobs = form.peer_jobs[clients]
                else:
                    continue
                cells.append(Cell(system, mode, clients, printers, size, jobs if size <= 1024 else jobs // 2))
    return cells


async def rates(bench: Bench, systems: Sequence[System], form: Form) -> list[dict[str, Any]]:
    """Return small jobs per second for all sizes, printers, clients and modes."""
    rows = []
    for size in SIZES:
        for printers in PRINTERS:
            cells = _cells(systems, form, size, printers)
            runs: dict[Cell, list[Run]] = {cell: [] for cell in cells}
            for round_ in range(-1, form.rounds):
                for cell in cells:
                    jobs = max(8, cell.jobs // 8) if round_ < 0 else cell.jobs
                    run = await bench.run(cell.system, cell.mode, cell.clients, printers, jobs, size)
                    if round_ >= 0:
                        runs[cell].append(run)
            rows += [_rate(cell, runs[cell]) for cell in cells]
    return rows


def _rate(cell: Cell, runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "system": cell.system.name,
        "size": cell.size,
        "printers": cell.printers,
        "clients": cell.clients,
        "mode": cell.mode,
        "jobs": cell.jobs,
        "printed_per_s": spread([run.jobs / run.printed_s for run in runs]),
        "accepted_per_s": spread([run.jobs / run.accepted_s for run in runs]),
        "cpu_ms_per_job": cpu_ms_each(runs, cell.jobs),
    }


async def latency(bench: Bench, systems: Sequence[System], form: Form) -> list[dict[str, Any]]:
    """Return the time from submitting 1 KiB to an idle system until its first byte comes out."""
    times: dict[str, list[float]] = {system.name: [] for system in systems}
    for sample in range(-10, form.latency_samples):
        for system in systems:
            run = await _one(bench, system)
            if sample >= 0:
                times[system.name].append(run * 1000)
    return [
        {
            "system": system.name,
            "samples": form.latency_samples,
            **{f"p{p}_ms": rounded(percentile(times[system.name], p)) for p in (50, 95, 99)},
        }
        for system in systems
    ]


async def _one(bench: Bench, system: System) -> float:
    """Return how long one document took to its first byte, in seconds; then let the system come to rest."""
    begin = bench.receiver.printed
    (number,) = bench.numbers(1)
    before = time.monotonic_ns()
    await system.send(UNARY, 1, 1, [number], 1024)
    (arrival,) = await bench.arrived(begin, [number], 1024)
    await asyncio.sleep(0.01)
    return (arrival.first_ns - before) / 1e9


async def large(bench: Bench, systems: Sequence[System], form: Form) -> list[dict[str, Any]]:
    """Return the throughput of one large document and when its first byte came out."""
    size = form.large_mib * MIB
    runs: dict[str, list[Run]] = {system.name: [] for system in systems}
    for round_ in range(-1, form.rounds):
        for system in systems:
            run = await bench.run(system, "large", 1, 1, 1, 4 * MIB if round_ < 0 else size)
            if round_ >= 0:
                runs[system.name].append(run)
    return [
        {
            "system": name,
            "mib": form.large_mib,
            "mb_per_s": spread([size / 1e6 / run.printed_s for run in found]),
            "accepted_mb_per_s": spread([size / 1e6 / run.accepted_s for run in found]),
            "first_byte_ms": spread([1000 * run.first_byte_s for run in found]),
            "cpu_ms_per_mb": cpu_ms_each(found, size / 1e6),
        }
        for name, found in runs.items()
    ]
