"""What is measured with all systems in turn: rates, latency, a large document. A/B/B/A, the first round only warms up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from tests.bench.measure import (
    SETTLE_S,
    Bench,
    Latencies,
    Run,
    cpu_ms_each,
    others_cpu_ms_each,
    peak_of,
    spread,
)
from tests.bench.process import BenchError
from tests.bench.system import EARLY, LAME_POOL, LARGE, MODES, POOL, SMALL_POOL, UNARY, System

T = TypeVar("T")
SIZES = (1024, 65536)
PRINTERS = (1, 50)
MIB = 1 << 20
PERCENTILES = (50, 90, 95, 99, 100)  # further ones would be made of a handful of samples
IDLE_S = 0.05  # between the first bytes that are timed
_TRIES = 20
MEMBERS = {POOL: "4", LAME_POOL: "4, one refuses", SMALL_POOL: "3"}


@dataclass(frozen=True)
class Form:
    """How much is done."""

    rounds: int
    fabric_jobs: dict[tuple[str, int], int]  # by mode and clients
    peer_jobs: dict[str, tuple[int, int]]  # by system: with one client, with sixteen; about a second of each
    latency_samples: int
    pool_jobs: dict[str, int]  # by system
    dying_rounds: int
    dying_jobs: int  # in each, of every system
    killed_jobs: int
    command_jobs: int
    large_mib: int
    scale_printers: int
    scale_jobs: int
    idle_s: float
    limit_jobs: int
    backlog_jobs: int
    finished_jobs: int
    wide: tuple[tuple[int, int], ...]  # printers, and those of each host
    postgres_rounds: int
    replicas: tuple[int, ...]  # spoolers on one PostgreSQL


LONG = Form(
    rounds=3,
    fabric_jobs={(UNARY, 1): 400, (UNARY, 16): 1600, ("stream 1", 1): 3000, ("stream 32", 1): 6000},
    peer_jobs={
        "CUPS": (100, 160),
        "CUPS, SyncOnClose": (100, 160),
        "LPrint": (1500, 2000),
        "LPRng": (50, 100),
        "p910nd": (500, 500),
    },
    latency_samples=200,
    pool_jobs={"fabric": 1600, "CUPS": 100},
    dying_rounds=4,
    dying_jobs=40,
    killed_jobs=1000,
    command_jobs=16,
    large_mib=256,
    scale_printers=1000,
    scale_jobs=10_000,
    idle_s=20.0,  # CPU is counted in steps of 10 ms
    limit_jobs=2000,
    backlog_jobs=100_000,
    finished_jobs=1_000_000,
    wide=((1_000, 10), (10_000, 1_000), (10_000, 10)),
    postgres_rounds=3,
    replicas=(1, 2),
)
SHORT = Form(
    rounds=1,
    fabric_jobs={(UNARY, 1): 30, (UNARY, 16): 64, ("stream 1", 1): 100, ("stream 32", 1): 160},
    peer_jobs={
        "CUPS": (10, 16),
        "CUPS, SyncOnClose": (10, 16),
        "LPrint": (10, 16),
        "LPRng": (10, 16),
        "p910nd": (10, 16),
    },
    latency_samples=20,
    pool_jobs={"fabric": 64, "CUPS": 4},
    dying_rounds=1,
    dying_jobs=12,
    killed_jobs=64,
    command_jobs=4,
    large_mib=64,  # more than any process may keep of it
    scale_printers=60,
    scale_jobs=300,
    idle_s=0.5,
    limit_jobs=200,
    backlog_jobs=1_000,
    finished_jobs=2_000,
    wide=((20, 10), (100, 50), (100, 10)),
    postgres_rounds=1,
    replicas=(2,),
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
                if printers > system.most_printers:
                    continue
                if system.name == "fabric":
                    jobs = form.fabric_jobs[mode, clients]
                elif mode == UNARY:
                    jobs = form.peer_jobs[system.name][clients > 1]
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
                for cell in in_turn(cells, round_):
                    run = await bench.tried(cell.system, partial(_one_cell, bench, cell, round_ < 0))
                    if round_ >= 0 and run is not None:
                        runs[cell].append(run)
            rows += [_rate(cell, runs[cell]) for cell in cells if runs[cell]]
    return rows


def in_turn(those: Iterable[T], round_: int) -> list[T]:
    """Return all in the order of a round: every other one goes back, so that nobody is always behind the same other."""
    found = list(those)
    return found[::-1] if round_ % 2 else found


async def _one_cell(bench: Bench, cell: Cell, only_warms_up: bool) -> Run:
    jobs = max(8, cell.jobs // 8) if only_warms_up else cell.jobs
    return await bench.run(cell.system, cell.mode, cell.clients, cell.printers, jobs, cell.size)


def _rate(cell: Cell, runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "system": cell.system.name,
        "size": cell.size,
        "printers": cell.printers,
        "clients": cell.clients,
        "mode": cell.mode,
        "jobs": cell.jobs,
        "printed_per_s": spread([run.printed_per_s for run in runs]),
        "accepted_per_s": spread([run.jobs / run.accepted_s for run in runs]),
        "cpu_ms_per_job": cpu_ms_each(runs, cell.jobs),
        "others_cpu_ms_per_job": others_cpu_ms_each(runs, cell.jobs),
        "lost": sum(run.lost for run in runs),
        "doubled": sum(run.doubled for run in runs),
    }


async def latency(bench: Bench, systems: Sequence[System], form: Form) -> list[dict[str, Any]]:
    """Return the time from submitting 1 KiB to an idle system until its first byte comes out."""
    times = {system.name: Latencies() for system in systems}
    for sample in range(-10, form.latency_samples):
        for system in in_turn(systems, sample):  # idle in between, so that nobody's wake is felt
            one = partial(_until_it_prints, bench, system, UNARY, 1024, IDLE_S)
            run = await bench.tried(system, one)
            if sample >= 0 and run is not None:
                times[system.name].add(run.first_byte_s)
    return [
        {
            "system": system.name,
            "samples": times[system.name].count,
            **{f"p{p:g}_ms": times[system.name].percentile_ms(p) for p in PERCENTILES},
            "histogram": times[system.name].encoded(),
        }
        for system in systems
        if times[system.name].count
    ]


async def large(bench: Bench, systems: Sequence[System], form: Form) -> list[dict[str, Any]]:
    """Return the throughput of one large document, when its first byte came out, and the memory it took.

    Memory is the most that each process had, with one of an eighth of the size, and with this one.
    """
    size = form.large_mib * MIB
    peaks: dict[tuple[System, str], list[dict[str, float]]] = {}
    runs: dict[tuple[System, str], list[Run]] = {
        (system, mode): []
        for system in systems
        for mode in ((LARGE, EARLY) if system.name == "fabric" else (LARGE,))
    }
    for round_ in range(-1, form.rounds):
        for system, mode in in_turn(runs, round_):
            bytes_ = size // 8 if round_ < 0 else size
            for process in system.processes:
                process.forget_peak()
            run = await bench.tried(system, partial(_until_it_prints, bench, system, mode, bytes_))
            if run is None:
                continue
            peaks.setdefault((system, mode), []).append(peak_of(system))
            if round_ >= 0:
                runs[system, mode].append(run)
    return [
        {
            "system": system.name,
            "begins": "while it comes in" if mode == EARLY else "when it is whole",
            "mib": form.large_mib,
            "mb_per_s": spread([size / 1e6 / run.printed_s for run in found]),
            "accepted_mb_per_s": spread([size / 1e6 / run.accepted_s for run in found]),
            "first_byte_ms": spread([1000 * run.first_byte_s for run in found]),
            "cpu_ms_per_mb": cpu_ms_each(found, size / 1e6),
            "others_cpu_ms_per_mb": others_cpu_ms_each(found, size / 1e6),
            "peak_eighth_mib": peaks[system, mode][0],
            "peak_mib": peaks[system, mode][-1],
        }
        for (system, mode), found in runs.items()
        if found
    ]


async def _until_it_prints(
    bench: Bench, system: System, mode: str, size: int, settle_s: float = SETTLE_S
) -> Run:
    """Return a run of one document that came out; a peer that loses it is given another. Raises BenchError: again and again."""
    for _ in range(_TRIES):
        run = await bench.run(system, mode, 1, 1, 1, size, settle_s=settle_s)
        if not run.lost:
            return run
    raise BenchError(f"{system.name} lost {_TRIES} documents, one after the other")


async def pools(bench: Bench, systems: Sequence[System], form: Form) -> list[dict[str, Any]]:
    """Return how fast one queue prints at four printers: all well, one that refuses every connection, only the others."""
    runs: dict[tuple[System, str], list[Run]] = {
        (system, mode): [] for mode in MEMBERS for system in systems if system.pools
    }
    for round_ in range(-1, form.rounds):
        for system, mode in in_turn(runs, round_):
            jobs = min(8, form.pool_jobs[system.name]) if round_ < 0 else form.pool_jobs[system.name]
            run = await bench.tried(system, partial(bench.run, system, mode, 16, 1, jobs, 1024))
            if round_ >= 0 and run is not None:
                runs[system, mode].append(run)
    return [
        {
            "system": system.name,
            "members": MEMBERS[mode],
            "printed_per_s": spread([run.printed_per_s for run in found]),
            "cpu_ms_per_job": cpu_ms_each(found, found[0].jobs),
            "lost": sum(run.lost for run in found),
            "doubled": sum(run.doubled for run in found),
        }
        for (system, mode), found in runs.items()
        if found
    ]
