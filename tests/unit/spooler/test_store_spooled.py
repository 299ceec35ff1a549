import asyncio
import os
import threading
from pathlib import Path

import pytest

from chassis.errors import SpoolFull, StoreUnavailable
from spooler.job import Job
from spooler.new_job import AT_HAND_BYTES, INLINE_BYTES, Inline, NewJob
from spooler.printer import Printer
from spooler.spool.shared import SharedLog
from spooler.sql import accept as sql_accept
from spooler.sql.batch import Operation
from spooler.sql.cursor import Cursor
from spooler.sql.store import SqlStore
from tests.rig.until import until

LARGE = INLINE_BYTES + 1


@pytest.fixture
async def store(tmp_path):
    opened = await SqlStore.open(tmp_path)
    await opened.create_printer(Printer("labels"))
    yield opened
    await opened.close()


@pytest.fixture
def doings(monkeypatch):
    """What is done, in order: syncs of segments (`spool`) and rows that are written (`row`). No segment syncs in `broken`."""
    done = list[str]()
    sync, put_document = os.fdatasync, sql_accept.put_document

    def synced(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").readlink().suffix == ".spool":
            if broken:
                raise OSError(5, "Input/output error")
            done.append("spool")
        sync(fd)

    def put(*args):
        done.append("row")
        put_document(*args)

    broken = list[bool]()
    monkeypatch.setattr(os, "fdatasync", synced)
    monkeypatch.setattr(sql_accept, "put_document", put)
    return done, broken


async def submit(store: SqlStore, size: int):
    (answer,) = await store.accept([NewJob("labels", Inline(os.urandom(size)))])
    return answer


async def together(store: SqlStore, *sizes: int):
    """Submit from callers of their own, all in one batch: the writer is kept busy until all are there."""
    begun, held = threading.Event(), threading.Event()

    def wait(_cursor: Cursor) -> None:
        begun.set()
        held.wait(10)

    busy = store._thread.enqueue(Operation(wait))
    await asyncio.to_thread(begun.wait, 10)
    waiting = [asyncio.ensure_future(submit(store, size)) for size in sizes]
    for _ in range(3):
        await asyncio.sleep(0)  # until all of them are in the queue
    held.set()
    await busy
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_documents_of_many_callers_share_a_sync_and_are_durable_before_the_rows_that_name_them(
    store, doings
):
    await submit(store, LARGE)  # makes the segment
    done, _broken = doings
    done.clear()

    answers = await together(store, *[LARGE] * 5, 100, AT_HAND_BYTES)

    assert all(isinstance(answer, Job) for answer in answers)
    assert done == ["spool"] + ["row"] * 7


async def test_a_document_that_cannot_be_made_durable_harms_none_that_lies_in_the_database(store, doings):
    _done, broken = doings
    broken.append(True)

    spooled, small, other = await together(store, LARGE, 100, LARGE)

    assert isinstance(spooled, StoreUnavailable)
    assert isinstance(other, StoreUnavailable)
    assert isinstance(small, Job)
    broken.clear()
    again = await submit(store, LARGE)
    assert len(await store.read(again.number, 0, LARGE)) == LARGE
    assert (await store.usage()).live_bytes < 2 * LARGE


@pytest.mark.parametrize("failure", [OSError(5, "Input/output error"), ZeroDivisionError()])
async def test_a_spool_that_fails_before_it_writes_harms_none_that_lies_in_the_database(
    store, monkeypatch, failure
):
    def fails(_log, _documents):
        raise failure

    refused = SharedLog._refused
    monkeypatch.setattr(SharedLog, "_refused", fails)

    spooled, small = await together(store, LARGE, 100)

    assert isinstance(spooled, StoreUnavailable)
    assert isinstance(small, Job)
    monkeypatch.setattr(SharedLog, "_refused", refused)
    assert isinstance(await submit(store, LARGE), Job)


async def test_a_small_job_waits_for_a_few_of_the_large_documents_that_came_before_it(store, monkeypatch):
    hashed, keep_data = list[int](), store._keep_data

    async def keep(data: bytes):
        kept = await keep_data(data)
        hashed.append(len(data))
        return kept

    monkeypatch.setattr(store, "_keep_data", keep)
    begun, held = threading.Event(), threading.Event()

    def wait(_cursor: Cursor) -> None:
        begun.set()
        held.wait(10)

    busy = store._thread.enqueue(Operation(wait))
    await asyncio.to_thread(begun.wait, 10)
    large = [asyncio.ensure_future(submit(store, 1 << 20)) for _ in range(12)]
    await until(lambda: len(hashed) == len(large))
    for _ in range(10):
        await asyncio.sleep(0)  # until they are in line
    small = asyncio.ensure_future(submit(store, 100))
    await asyncio.sleep(0)
    held.set()
    await busy

    assert (await small).number == 5  # behind 4 MiB
    assert sorted([(await job).number for job in large]) == [1, 2, 3, 4, *range(6, 14)]


async def test_a_document_without_room_harms_none_beside_it(store, monkeypatch):
    reserve = store._reserve
    monkeypatch.setattr(reserve, "free_bytes", lambda: reserve.reserve_bytes + 150_000)

    most, small, more = await together(store, 100_000, 100, 100_000)

    assert isinstance(most, Job)
    assert isinstance(small, Job)
    assert isinstance(more, SpoolFull)


async def test_a_caller_that_goes_leaves_nothing_behind_that_nobody_needs(store, tmp_path: Path):
    waiting = asyncio.ensure_future(submit(store, LARGE))
    await asyncio.sleep(0)
    waiting.cancel()
    await submit(store, LARGE)

    # What was in its place in the order was accepted, though nobody waits: its request may be asked about.
    page = await store.list_jobs()
    assert len(page.jobs) == 2
    assert [len(await store.read(job.number, 0, LARGE)) for job in page.jobs] == [LARGE] * 2
