import hashlib
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from spooler.job import Job
from spooler.job_state import JobState
from spooler.new_job import INLINE_BYTES, Duplicate, Inline, NewJob
from spooler.printer import Printer
from spooler.spool.record import framed_bytes
from spooler.sql.store import SqlStore, StoreSettings
from tests.contract import crash_child

KILLS = 24


class Told:
    """What the children said before they were killed."""

    def __init__(self) -> None:
        self.seeds: dict[int, int] = {}  # by number
        self.ended: set[int] = set()

    def hear(self, text: str) -> None:
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "ended":
                self.ended.add(int(rest))
            else:
                assert int(word) not in self.seeds
                self.seeds[int(word)] = int(rest)


def run_and_kill(directory: Path, first_seed: int, pause_s: float) -> str:
    """Run a child until it has accepted something and a moment more, kill it, and return what it said."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.contract.crash_child"])
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=child_main, args=(directory, sending, first_seed), daemon=True)
    child.start()
    sending.close()
    said = os.read(receiving.fileno(), 65536)
    assert said, "the child ended before it accepted anything"
    time.sleep(pause_s)
    os.kill(child.pid or 0, signal.SIGKILL)
    while more := os.read(receiving.fileno(), 65536):
        said += more
    child.join()
    assert child.exitcode == -signal.SIGKILL
    receiving.close()
    return said.decode()


def child_main(directory: Path, sending: object, first_seed: int) -> None:
    crash_child.run(directory, sending.fileno(), first_seed)  # type: ignore[attr-defined]


async def all_jobs(store: SqlStore) -> dict[int, Job]:
    jobs: dict[int, Job] = {}
    token = ""
    while True:
        page = await store.list_jobs(limit=1000, page_token=token)
        jobs |= {job.number: job for job in page.jobs}
        token = page.next_token
        if not token:
            return jobs


@pytest.fixture
async def directory(tmp_path):
    store = await SqlStore.open(tmp_path / "store")
    await store.create_printer(Printer("labels"))
    await store.close()
    return tmp_path / "store"


async def open_store(directory: Path) -> SqlStore:
    return await SqlStore.open(directory, StoreSettings(segment_bytes=crash_child.SEGMENT_BYTES))


async def test_whatever_was_told_ok_survives_kills_at_any_moment(directory):
    told = Told()
    pauses = random.Random(4711)
    for kill in range(KILLS):
        told.hear(run_and_kill(directory, kill * 1_000_000, pauses.uniform(0, 0.12)))
        store = await open_store(directory)
        snapshot = await store.load()
        unfinished = [job.number for job in snapshot.jobs]
        assert unfinished == sorted(unfinished)
        assert {number for number, seed in told.seeds.items() if seed % 7} <= set(unfinished)
        assert not told.ended & set(unfinished)
        assert snapshot.lost_documents == []
        await store.close()
    assert len(told.seeds) > KILLS * 8

    store = await open_store(directory)
    jobs = await all_jobs(store)
    for number, seed in told.seeds.items():
        job, data = jobs[number], crash_child.document(seed)
        assert job.document.digest == hashlib.sha256(data).digest()
        if job.has_document:
            assert await store.read(number, 0, 1 << 20) == data
        assert (job.state is JobState.COMPLETED) >= (number in told.ended)
    await check_space(store, jobs)
    await store.close()


async def check_space(store: SqlStore, jobs: dict[int, Job]) -> None:
    """What the killed children left half done is given back, and no more than that."""
    for upload in (await store.load()).uploads:
        await store.abandon_upload(upload.id)
    needed = sum(
        framed_bytes(job.document.size_bytes)
        for job in jobs.values()
        if job.has_document and job.document.size_bytes > INLINE_BYTES
    )
    assert (await store.usage()).live_bytes == needed


async def test_a_sender_that_asks_again_after_a_kill_gets_the_same_job_or_a_new_one_but_never_two(directory):
    told = Told()
    told.hear(run_and_kill(directory, 0, 0.05))
    store = await open_store(directory)
    before = await all_jobs(store)
    seeds = {job.sender.request_id: job.number for job in before.values()}
    last = max(told.seeds.values())

    for seed in range(last + 20):
        new = NewJob("labels", Inline(crash_child.document(seed)), owner="till", request_id=str(seed))
        (answer,) = await store.accept([new])
        if str(seed) in seeds:
            assert isinstance(answer, Duplicate)
            assert answer.job.number == seeds[str(seed)]
        else:
            assert isinstance(answer, Job)
            assert answer.number > max(before)
    await store.close()
