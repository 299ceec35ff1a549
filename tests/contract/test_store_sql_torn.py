import os
import shutil
from pathlib import Path

import pytest

from chassis.errors import DocumentLost
from spooler.job import Job
from spooler.new_job import Inline, NewJob
from spooler.printer import Printer
from spooler.sql.store import SqlStore

JOBS = 30


async def as_a_power_cut_leaves_it(store: SqlStore, directory: Path, copy: Path) -> dict[int, bytes]:
    """Accept jobs one commit each, and copy the folder while its log is not yet in the database."""
    await store.create_printer(Printer("labels"))
    documents = {}
    for _ in range(JOBS):
        data = os.urandom(200)
        (job,) = await store.accept([NewJob("labels", Inline(data))])
        assert isinstance(job, Job)
        documents[job.number] = data
    shutil.copytree(directory, copy)
    await store.close()
    return documents


async def test_a_log_torn_anywhere_gives_the_jobs_before_the_tear_whole_and_in_order(tmp_path):
    documents = await as_a_power_cut_leaves_it(
        await SqlStore.open(tmp_path / "a"), tmp_path / "a", tmp_path / "b"
    )
    log = (tmp_path / "b/spooler.db-wal").read_bytes()
    counts = []
    for size in range(len(log), len(log) // 3, -len(log) // 60):
        torn = tmp_path / "torn"
        shutil.copytree(tmp_path / "b", torn)
        (torn / "spooler.db-shm").unlink()
        (torn / "spooler.db-wal").write_bytes(log[:size] + os.urandom(min(5000, len(log) - size)))
        store = await SqlStore.open(torn)
        jobs = (await store.load()).jobs
        assert [job.number for job in jobs] == list(range(1, len(jobs) + 1))
        assert await store.read_small([job.number for job in jobs]) == {
            number: documents[number] for number in range(1, len(jobs) + 1)
        }
        (next_job,) = await store.accept([NewJob("labels", Inline(b"next"))])
        assert isinstance(next_job, Job)
        assert next_job.number == len(jobs) + 1
        await store.close()
        shutil.rmtree(torn)
        counts.append(len(jobs))

    assert counts[0] == JOBS
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < JOBS // 2


async def test_jobs_whose_documents_the_disk_lost_are_named_at_the_start_and_are_not_half_read(tmp_path):
    store = await SqlStore.open(tmp_path)
    await store.create_printer(Printer("labels"))
    answers = await store.accept(
        [NewJob("labels", Inline(os.urandom(size))) for size in (50_000, 100, 50_000)]
    )
    first, small, last = [answer.number for answer in answers if isinstance(answer, Job)]
    await store.close()
    (segment,) = (tmp_path / "spool").glob("*.spool")
    os.truncate(segment, segment.stat().st_size - 1)

    store = await SqlStore.open(tmp_path)
    snapshot = await store.load()
    assert [job.number for job in snapshot.jobs] == [first, small, last]
    assert snapshot.lost_documents == [last]
    assert len(await store.read(first, 0, 1 << 20)) == 50_000
    with pytest.raises(DocumentLost):
        await store.read(last, 0, 1 << 20)
    await store.close()
