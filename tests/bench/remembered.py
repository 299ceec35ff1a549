"""A whole spooler that remembers a million finished jobs: what they cost its start, its lists, its memory and new jobs.

A thousand jobs are printed; then its database is given as many copies of them, an hour or so apart, as it shall have.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceStub
from tests.bench.backlog import first_bytes
from tests.bench.fabric import Fabric
from tests.bench.measure import Bench, cpu_ms_each, rounded, rss_of
from tests.bench.process import BenchError
from tests.bench.system import UNARY
from tests.bench.workloads import Form

SEED = 1_000
_SIZE = 208  # of a label
_PRINTERS = 2
_ROUNDS = 15
_CALM_S = 1.0  # after a start, and before an end: outcomes are written
_SPREAD_MS = 12 * 3_600_000  # all ended within the day that they are remembered
_NUMBER = "{0} + b * :seed"
_EARLIER_MS = "((:blocks - 1 - b) * :apart)"
_EARLIER_US = f"{{0}} - 1000 * {_EARLIER_MS}"
_UID = f"earlier({{0}}, {_EARLIER_MS})"
_COPIED = {  # by table: where the job's number is, and what is not as it was
    "jobs": (
        "number",
        {
            "number": _NUMBER,
            "uid": _UID,
            "request_id": "{0} || '-' || b",
            **dict.fromkeys(("created_at", "started_at", "ended_at"), _EARLIER_US),
        },
    ),
    "attempts": (
        "job_number",
        {"job_number": _NUMBER, "job_uid": _UID, **dict.fromkeys(("started_at", "ended_at"), _EARLIER_US)},
    ),
    "inline_documents": ("job_number", {"job_number": _NUMBER}),
}


def multiply(database: Path, jobs: int) -> None:
    """Give the database of a spooler that does not run so many finished jobs: copies of its first ones, the latest last.

    Raises:
        BenchError: not all it has are finished.
    """
    connection = sqlite3.connect(database)
    connection.create_function("earlier", 2, _earlier, deterministic=True)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-600000"):
        connection.execute(f"PRAGMA {pragma}")
    [open_] = connection.execute("SELECT count(*) FROM jobs WHERE ended_at IS NULL").fetchone()
    if open_:
        raise BenchError(f"{open_} jobs have not ended")
    blocks = -(-jobs // SEED)
    given = {"seed": SEED, "blocks": blocks, "apart": _SPREAD_MS // blocks}
    connection.execute("CREATE TEMP TABLE blocks (b INTEGER PRIMARY KEY)")
    connection.executemany("INSERT INTO blocks VALUES (?)", ((block,) for block in range(blocks)))
    for table, (number, changed) in _COPIED.items():
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        columns = ", ".join(changed.get(name, "{0}").format(f'"{name}"') for name in names)
        connection.execute(
            f"CREATE TEMP TABLE seed_{table} AS SELECT * FROM {table} WHERE {number} <= {SEED}"
        )
        connection.execute(f"DELETE FROM {table}")
        copies = f"SELECT {columns} FROM blocks CROSS JOIN seed_{table} ORDER BY b, seed_{table}.{number}"
        connection.execute(f"INSERT INTO {table} {copies}", given)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'last_number'", (str(blocks * SEED),))
    connection.commit()
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    with database.open("rb+") as file:
        os.fsync(file.fileno())  # what is measured next waits for no writes of this


def _earlier(uid: bytes, ms: int) -> bytes:
    """Return an id of a time that is so many milliseconds before (RFC 9562, 5.7)."""
    return (int.from_bytes(uid[:6], "big") - ms).to_bytes(6, "big") + uid[6:]


async def remembered(bench: Bench, folder: Path, form: Form) -> list[dict[str, Any]]:
    """Return a row for a thousand finished jobs, and one for a great many. Raises BenchError: a job was lost."""
    fabric = Fabric(folder / "remembered", bench.receiver.devices, _PRINTERS)
    database = fabric.folder / "spooler" / "spooler.db"
    rows = []
    try:
        await fabric.start()
        begin, numbers = bench.receiver.printed, bench.numbers(SEED)
        await fabric.send("stream 32", 1, _PRINTERS, numbers, _SIZE)
        await bench.arrived(begin, numbers, _SIZE)
        for jobs in (SEED, form.finished_jobs):
            await asyncio.sleep(_CALM_S)
            await fabric.stop_server()
            if jobs > SEED:
                await asyncio.to_thread(multiply, database, jobs)
            row = {"jobs": jobs, "database_mib": rounded(database.stat().st_size / (1 << 20))}
            rows.append(row | await _with_them(bench, fabric, form))
        return rows
    finally:
        await fabric.close()


async def _with_them(bench: Bench, fabric: Fabric, form: Form) -> dict[str, Any]:
    """Return the figures of a spooler that is started with what its database has."""
    begin, numbers, started = bench.receiver.printed, bench.numbers(1), time.monotonic()
    await fabric.start()
    await fabric.send(UNARY, 1, 1, numbers, _SIZE)
    row = {"start_s": rounded(time.monotonic() - started)}
    await bench.arrived(begin, numbers, _SIZE)
    await asyncio.sleep(_CALM_S)
    row["rss_mib"] = rss_of(fabric)["spooler"]
    row |= await _looked_at(fabric)
    times = await first_bytes(bench, fabric, "q1", form.latency_samples // 4)
    row |= {"dispatch_p50_ms": times.percentile_ms(50), "dispatch_p99_ms": times.percentile_ms(99)}
    for mode, clients in (("stream 32", 1), (UNARY, 16)):
        jobs = form.fabric_jobs[mode, clients] // 4
        runs = [await bench.run(fabric, mode, clients, _PRINTERS, jobs, 1024) for _ in range(1 + form.rounds)]
        row[f"spooler_cpu_ms_per_job_{mode}".replace(" ", "_")] = cpu_ms_each(runs[1:], jobs)["spooler"]
    return row | {"rss_after_work_mib": rss_of(fabric)["spooler"]}


async def _looked_at(fabric: Fabric) -> dict[str, float]:
    """Return how long lists and the first picture of everything take, in milliseconds, each the middle of some."""
    jobs: Any = PrintServiceStub(fabric.channel)
    watch: Any = WatchServiceStub(fabric.channel)

    async def listed(**of: Any) -> None:
        page = await jobs.ListJobs(pb.ListJobsRequest(filter=pb.JobFilter(**of), page_size=100))
        if not page.jobs:
            raise BenchError(f"nothing is listed of {of}")

    async def pictured() -> None:
        call = watch.Watch(watch_pb.WatchRequest())
        async for news in call:
            if news.snapshot_complete:
                break
        call.cancel()

    return {
        "list_newest_100_ms": await _middle_ms(listed),
        "list_newest_100_of_a_printer_ms": await _middle_ms(lambda: listed(printers=["q1"])),
        "list_newest_100_of_a_user_ms": await _middle_ms(lambda: listed(user="loopback")),
        "oldest_job_ms": await _middle_ms(lambda: jobs.GetJob(pb.GetJobRequest(name="jobs/1"))),
        "watch_ms": await _middle_ms(pictured),
    }


async def _middle_ms(call: Callable[[], Awaitable[object]]) -> float:
    """Return the middle of several rounds."""
    took = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        await call()
        took.append(1000 * (time.perf_counter() - began))
    return rounded(median(took))
