"""The million finished jobs that a spooler is given: they are such as it would have made, and none is left open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spooler.job import Job
from spooler.job_state import JobState
from spooler.ledger import Outcome
from spooler.new_job import Inline, NewJob
from spooler.printer import PortName, Printer
from spooler.sql.store import SqlStore
from spooler.store import Changes, JobOrder
from tests.bench.process import BenchError
from tests.bench.remembered import SEED, multiply


async def store_with(folder: Path, jobs: int, *, ended: int) -> None:
    store = await SqlStore.open(folder)
    await store.create_printer(Printer("labels", (PortName("edge", "P1:"),)))
    made = await store.accept([NewJob("labels", Inline(b"%d" % n), request_id=f"r{n}") for n in range(jobs)])
    done = {
        "state": JobState.COMPLETED,
        "outcome": Outcome.PRINTED,
        "ended_at": datetime.now(UTC),
        "revision": 2,
    }
    await store.record(Changes(jobs=[replace(job, **done) for job in made[:ended] if isinstance(job, Job)]))  # type: ignore[arg-type]
    await store.close()


async def test_copies_are_older_jobs_of_their_own_and_new_ones_come_behind_them(tmp_path: Path):
    await store_with(tmp_path, 3, ended=3)

    multiply(tmp_path / "spooler.db", 2 * SEED)

    store = await SqlStore.open(tmp_path)
    jobs = (await store.list_jobs(order=JobOrder.OLDEST_FIRST)).jobs
    assert [job.number for job in jobs] == [1, 2, 3, SEED + 1, SEED + 2, SEED + 3]
    assert len({job.uid for job in jobs}) == 6
    assert [job.uid for job in jobs[::3]] == sorted(job.uid for job in jobs[::3])
    assert jobs[0].created_at < jobs[3].created_at < datetime.now(UTC)
    assert (await store.load()).jobs == []
    [new] = await store.accept([NewJob("labels", Inline(b"new"))])
    assert isinstance(new, Job)
    assert new.number == 2 * SEED + 1
    assert new.uid > jobs[-1].uid
    await store.close()


async def test_a_job_that_has_not_ended_is_not_copied(tmp_path: Path):
    await store_with(tmp_path, 3, ended=2)

    with pytest.raises(BenchError, match="1 jobs have not ended"):
        multiply(tmp_path / "spooler.db", 2 * SEED)
