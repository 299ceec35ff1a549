"""How much slower is a spooler's store with a million jobs behind it? `python -m tests.bench.finished_jobs [JOBS]`.

The jobs are put into the database by SQL, as they would lie there when they had been printed; then the same calls are
timed on an empty store and on the full one, each the middle of several rounds.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from spooler.job import Job
from spooler.job_state import TERMINAL, JobState
from spooler.ledger import Outcome
from spooler.new_job import Inline, NewJob
from spooler.printer import PortName, Printer
from spooler.sql.store import SqlStore
from spooler.store import Changes, JobFilter, JobOrder

JOBS = 1_000_000
DOCUMENT = b"^XA^FO30,30^FDlabel^FS^XZ" * 8
ROUNDS = 15
UNFINISHED = frozenset(JobState) - TERMINAL


async def fill(folder: Path, jobs: int) -> None:
    """Make a store with so many finished jobs."""
    store = await SqlStore.open(folder)
    await store.create_printer(Printer("labels", (PortName("edge", "P1:"),)))
    [job] = await store.accept([NewJob("labels", Inline(DOCUMENT), owner="ann", user="mia")])
    assert isinstance(job, Job)
    ended = datetime.now(UTC) - timedelta(hours=1)
    await store.record(
        Changes(
            jobs=[replace(job, state=JobState.COMPLETED, outcome=Outcome.PRINTED, ended_at=ended, revision=2)]
        )
    )
    await store.close()
    connection = sqlite3.connect(folder / "spooler.db")
    columns = [row[1] for row in connection.execute("PRAGMA table_info(jobs)")]
    new = {"number": "n", "uid": "randomblob(16)", "ended_at": "ended_at + n", "created_at": "created_at + n"}
    wanted = ", ".join(new.get(name, f'"{name}"') for name in columns)
    numbers = "WITH RECURSIVE c(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM c WHERE n < ?)"
    connection.execute(f"{numbers} INSERT INTO jobs SELECT {wanted} FROM c, jobs WHERE number = 1", (jobs,))
    connection.execute(f"{numbers} INSERT INTO inline_documents SELECT n, ? FROM c", (jobs, DOCUMENT))
    connection.execute("UPDATE meta SET value = ? WHERE key = 'last_number'", (str(jobs),))
    connection.commit()
    connection.close()


async def timed(call: Callable[[], Awaitable[Any]], rounds: int = ROUNDS) -> float:
    """Return the middle of several rounds, in milliseconds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        await call()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


async def measure(folder: Path) -> dict[str, float]:
    """Return milliseconds by what was done."""
    began = time.perf_counter()
    store = await SqlStore.open(folder)
    found = {"open": (time.perf_counter() - began) * 1000}
    found["load what is unfinished"] = await timed(store.load, 3)
    old = datetime.now(UTC) - timedelta(days=1)

    async def accept() -> None:
        await store.accept([NewJob("labels", Inline(DOCUMENT), owner="ann") for _ in range(100)])

    async def end() -> None:
        page = await store.list_jobs(JobFilter(states=UNFINISHED), limit=100)
        now = datetime.now(UTC)
        jobs = [
            replace(
                job,
                state=JobState.COMPLETED,
                outcome=Outcome.PRINTED,
                ended_at=now,
                revision=job.revision + 1,
            )
            for job in page.jobs
        ]
        await store.record(Changes(jobs=jobs))

    found["accept 100"] = await timed(accept)
    found["end 100"] = await timed(end)
    found["newest 100"] = await timed(lambda: store.list_jobs(order=JobOrder.NEWEST_FIRST))
    found["a printer's newest 100"] = await timed(
        lambda: store.list_jobs(JobFilter(printer="labels"), order=JobOrder.NEWEST_FIRST)
    )
    found["one job"] = await timed(lambda: store.get_job(1))
    found["nothing to forget"] = await timed(lambda: store.purge_finished(old, 500, 10_000_000))
    found["forget 500 beyond the newest"] = await timed(lambda: store.purge_finished(old, 500, 0), 3)
    await store.close()
    return found


async def main(jobs: int) -> None:
    """Print both columns and their ratio."""
    with tempfile.TemporaryDirectory() as few, tempfile.TemporaryDirectory() as many:
        await fill(Path(few), 1_000)
        began = time.perf_counter()
        await fill(Path(many), jobs)
        size = (Path(many) / "spooler.db").stat().st_size >> 20
        print(f"{jobs} finished jobs made in {time.perf_counter() - began:.0f} s, {size} MiB")
        small, large = await measure(Path(few)), await measure(Path(many))
    print(f"{'milliseconds':32}{'1,000':>10}{jobs:>12,}{'ratio':>8}")
    for name, before in small.items():
        print(f"{name:32}{before:10.2f}{large[name]:12.2f}{large[name] / before:8.2f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else JOBS))
