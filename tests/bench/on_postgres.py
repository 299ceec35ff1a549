"""Small jobs on the store in PostgreSQL beside the one in SQLite, with one to three spoolers on it, in one run."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.bench.fabric import Fabric
from tests.bench.measure import Bench, Latencies, Run, cpu_ms_each, rounded, spread
from tests.bench.process import Family
from tests.bench.receiver import Receiver
from tests.bench.system import UNARY, Process
from tests.bench.workloads import IDLE_S, Form, in_turn
from tests.rig.postgres import found_programs, postgres_server

PRINTERS = 50
SIZE = 1024
STREAMS = "stream 32"
LOADS = ((UNARY, 1), (UNARY, 16), (STREAMS, 6))  # modes and clients, which are spread over the replicas
SQLITE = "SQLite"
OTHER = ", other"  # behind the name of a system of the checkout beside this one


def postgres_with(replicas: int) -> str:
    """Return the name of a system."""
    return f"PostgreSQL, {replicas} spooler{'s' if replicas > 1 else ''}"


class SharedFabric(Fabric):
    """A fabric with its database server, if it has one."""

    def __init__(self, name: str, server: Process | None, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self.name = name
        self._server = server

    @property
    def processes(self) -> Sequence[Process]:
        """What costs CPU and memory, the database server included."""
        return [*super().processes, *([self._server] if self._server else [])]


@dataclass
class Figures:
    """What one system did under one load."""

    runs: list[Run] = field(default_factory=list)
    answers: Latencies = field(default_factory=Latencies)


def why_not() -> str:
    """Return why this cannot be measured, or nothing."""
    if found_programs() is None:
        return "PostgreSQL is not installed"
    if find_spec("psycopg") is None:
        return "psycopg is not installed"
    if os.geteuid() == 0 and not any(user.pw_name == "postgres" for user in pwd.getpwall()):
        return "PostgreSQL does not run as root, and there is no user postgres"
    return ""


async def on_postgres(bench: Bench, folder: Path, form: Form, beside: Path | None) -> dict[str, Any]:
    """Return rates, latencies and costs of each system.

    beside: another checkout, whose spoolers are measured by turns with these: with SQLite, and one on PostgreSQL.

    Raises:
        BenchError: a job was lost.
    """
    if missing := why_not():
        return {"missing": missing}
    async with AsyncExitStack() as stack:
        systems = await _started(stack, folder, bench.receiver, form.replicas, beside)
        rates = [row for load in LOADS for row in await _under(bench, systems, form, *load)]
        first_bytes = await _first_bytes(bench, systems, form)
    return {"printers": PRINTERS, "rates": rates, "first_byte": first_bytes}


async def _started(
    stack: AsyncExitStack,
    folder: Path,
    receiver: Receiver,
    replicas_wanted: Sequence[int],
    beside: Path | None,
) -> list[SharedFabric]:
    wanted: list[tuple[str, int, Path | None]] = [(SQLITE, 0, None)]
    wanted += [(postgres_with(replicas), replicas, None) for replicas in replicas_wanted]
    if beside is not None:
        wanted += [(SQLITE + OTHER, 0, beside), (postgres_with(1) + OTHER, 1, beside)]
    systems = []
    for number, (name, replicas, checkout) in enumerate(wanted):
        server, database = None, ""
        if replicas:
            running = stack.enter_context(postgres_server(durable=True, below=folder))
            server, database = Family("postgres", running.pid), running.database()
        system = SharedFabric(
            name, server, folder / f"store-{number}", devices=receiver.devices, printers=PRINTERS,
            replicas=replicas or 1, database=database, checkout=checkout,
        )  # fmt: skip
        stack.push_async_callback(system.close)
        await system.start()
        systems.append(system)
    return systems


async def _under(
    bench: Bench, systems: Sequence[SharedFabric], form: Form, mode: str, clients: int
) -> list[dict[str, Any]]:
    """Return what each system does under one load; the first round only warms up."""
    jobs = form.fabric_jobs[mode, 1 if mode == STREAMS else clients]
    found = {system.name: Figures() for system in systems}
    for round_ in range(-1, form.postgres_rounds):
        for system in in_turn(systems, round_):
            figures = found[system.name]
            count = jobs if round_ >= 0 else max(2 * PRINTERS, jobs // 8)
            system.on_answer = figures.answers.add if round_ >= 0 else lambda _seconds: None
            run = await bench.run(system, mode, clients, PRINTERS, count, SIZE)
            if round_ >= 0:
                figures.runs.append(run)
    return [_row(name, mode, clients, jobs, found) for name in found]


def _row(name: str, mode: str, clients: int, jobs: int, found: dict[str, Figures]) -> dict[str, Any]:
    runs, answers = found[name].runs, found[name].answers
    costs = cpu_ms_each(runs, jobs)
    return {
        "system": name,
        "mode": mode,
        "clients": clients,
        "size": SIZE,
        "jobs": jobs,
        "printed_per_s": spread([run.printed_per_s for run in runs]),
        "accepted_per_s": spread([run.jobs / run.accepted_s for run in runs]),
        "answered_ms": {f"p{p}": answers.percentile_ms(p) for p in (50, 99)} if mode == UNARY else None,
        "cpu_ms_per_job": costs,
        "cpu_ms_of_all": rounded(sum(costs.values())),
        "times_as_fast_as": {
            other: spread([mine.printed_per_s / its.printed_per_s for mine, its in zip(runs, theirs.runs, strict=True)])
            for other, theirs in found.items()
            if other != name
        },
    }  # fmt: skip


async def _first_bytes(bench: Bench, systems: Sequence[SharedFabric], form: Form) -> list[dict[str, Any]]:
    """Return the time from submission until the first byte comes out, everything else idle; printers by turns."""
    times = {system.name: Latencies() for system in systems}
    samples = form.latency_samples // 2
    for system in systems:
        system.on_answer = lambda _seconds: None
    for sample in range(-min(PRINTERS, samples), samples):
        for system in systems:
            run = await bench.run(system, UNARY, 1, PRINTERS, 1, SIZE, settle_s=IDLE_S)
            if sample >= 0:
                times[system.name].add(run.first_byte_s)
    return [
        {
            "system": name,
            "samples": samples,
            **{f"p{p}_ms": one.percentile_ms(p) for p in (50, 99)},
        }
        for name, one in times.items()
    ]
