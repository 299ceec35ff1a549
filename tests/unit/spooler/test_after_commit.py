"""What goes wrong behind a commit: the answers are true by then, and stay."""

import asyncio
import errno
import threading
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import StoreUnavailable
from chassis.status import status_from_error
from spooler.group_commit import Entry
from spooler.job import Job
from spooler.new_job import INLINE_BYTES, Duplicate, Inline, NewJob
from spooler.printer import Printer
from spooler.refusal import concerns_one
from spooler.sql.batch import BatchWriter, Operation
from spooler.sql.cursor import Cursor
from spooler.sql.store import SqlStore, StoreSettings
from spooler.store import Changes

EACH_ITS_SEGMENT = StoreSettings(segment_bytes=1)
LARGE = NewJob("labels", Inline(bytes(INLINE_BYTES + 1)), owner="ann", request_id="large")


@pytest.fixture
async def store(tmp_path):
    opened = await SqlStore.open(tmp_path)
    await opened.create_printer(Printer("labels"))
    yield opened
    await opened.close()


async def in_one_batch(store: SqlStore, *calls: Awaitable[Any]) -> list[Any]:
    """Return what calls answer, or raise, all in one batch: the writer is kept busy until all are there."""
    begun, held = threading.Event(), threading.Event()

    def wait(_cursor: Cursor) -> None:
        begun.set()
        held.wait(10)

    busy = store._thread.enqueue(Operation(wait))
    await asyncio.to_thread(begun.wait, 10)
    waiting = [asyncio.ensure_future(call) for call in calls]
    for _ in range(3):
        await asyncio.sleep(0)  # until all of them are in the queue
    held.set()
    await busy
    return await asyncio.gather(*waiting, return_exceptions=True)


def no_segment_can_be_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = Path.unlink

    def refuses(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".spool":
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuses)


async def test_a_document_that_cannot_be_deleted_costs_no_job_of_its_batch_its_ok(
    tmp_path: Path, monkeypatch
):
    store = await SqlStore.open(tmp_path, EACH_ITS_SEGMENT)
    await store.create_printer(Printer("labels"))
    (first,) = await store.accept([LARGE])
    (other,) = await store.accept([NewJob("labels", LARGE.document)])
    assert isinstance(first, Job)
    assert isinstance(other, Job)
    needed = (await store.usage()).live_bytes // 2
    with monkeypatch.context() as broken:
        no_segment_can_be_deleted(broken)

        small = [NewJob("labels", Inline(b"^XA^XZ"), owner="bob", request_id=f"{n}") for n in range(20)]
        found = await in_one_batch(
            store,
            store.record(Changes(drop_documents=[first.number])),
            store.accept([LARGE]),  # sent again: given back behind the commit, too
            *(store.accept([new]) for new in small),
        )

        assert found[0] is None
        assert isinstance(found[1][0], Duplicate)
        assert all(isinstance(job, Job) for (job,) in found[2:])
        for n in range(20):
            assert await store.get_by_request_id("bob", f"{n}") is not None
        assert (await store.usage()).live_bytes == needed
        await store.accept([NewJob("labels", LARGE.document)])  # in a new segment: the full one cannot go
        left = sorted((tmp_path / "spool").iterdir())
        await store.close()

    again = await SqlStore.open(tmp_path, EACH_ITS_SEGMENT)
    assert (await again.usage()).live_bytes == 2 * needed
    await again.close()  # and what it had to remove at its start is removed
    assert len(left) == 4
    assert len(list((tmp_path / "spool").iterdir())) == 2
    again = await SqlStore.open(tmp_path, EACH_ITS_SEGMENT)
    assert len(await again.read(other.number, 0, 1 << 20)) == INLINE_BYTES + 1
    await again.close()


async def test_what_follows_a_commit_of_one_fails_neither_its_answer_nor_what_follows_for_the_next(store):
    settled = list[Any]()

    def fails(_result: Any) -> None:
        raise ZeroDivisionError

    answers = await in_one_batch(
        store,
        store._thread.submit(Operation(lambda _cursor: "one", settle=fails)),
        store._thread.submit(Operation(lambda _cursor: "two", settle=settled.append)),
    )

    assert answers == ["one", "two"]
    assert settled == ["two"]


async def test_a_bug_in_one_of_those_that_are_tried_alone_turns_no_answer_round_that_is_committed(store):
    settled = list[Any]()

    def spoils(cursor: Cursor) -> None:
        cursor.execute("SELECT no_such_column FROM jobs")

    def is_a_bug(_cursor: Cursor) -> None:
        raise ZeroDivisionError

    new = NewJob("labels", Inline(b"^XA^XZ"))
    (before,), spoiled, bug, (behind,) = await in_one_batch(
        store,
        store.accept([new]),
        store._thread.submit(Operation(spoils)),
        store._thread.submit(Operation(is_a_bug, settle=settled.append)),
        store.accept([new]),
    )

    assert [job.number for job in (await store.list_jobs()).jobs] == [before.number, behind.number]
    assert isinstance(spoiled, StoreUnavailable)
    assert isinstance(bug, StoreUnavailable)
    assert settled == [None]


async def test_a_bug_in_one_of_a_batch_fails_that_one_alone_and_leaves_no_transaction_open(store):
    def is_a_bug(_cursor: Cursor) -> None:
        raise ZeroDivisionError

    new = NewJob("labels", Inline(b"^XA^XZ"))
    (before,), bug, (behind,) = await in_one_batch(
        store,
        store.accept([new]),
        store._thread.submit(Operation(is_a_bug)),
        store.accept([new]),
    )
    (later,) = await store.accept([new])

    assert isinstance(bug, StoreUnavailable)
    kept = [job.number for job in (await store.list_jobs()).jobs]
    assert kept == [before.number, behind.number, later.number]


async def test_what_the_store_refuses_costs_those_of_its_batch_a_few_commits_and_not_one_each(
    store, monkeypatch
):
    def spoils(cursor: Cursor) -> None:
        cursor.execute("SELECT no_such_column FROM jobs")

    tried = list[int]()
    transaction = BatchWriter._transaction

    def counted(writer: BatchWriter, todo: Sequence[Entry[Operation]]) -> None:
        tried.append(len(todo))
        transaction(writer, todo)

    monkeypatch.setattr(BatchWriter, "_transaction", counted)
    new = NewJob("labels", Inline(b"^XA^XZ"))
    answers = await in_one_batch(
        store,
        *(store.accept([new]) for _ in range(40)),
        store._thread.submit(Operation(spoils)),
        *(store.accept([new]) for _ in range(23)),
    )

    assert [len(one) for one in answers if not isinstance(one, StoreUnavailable)] == [1] * 63
    assert tried[1:] == [64, 32, 32, 16, 8, 8, 4, 2, 1, 1, 2, 4, 16]  # behind what kept the writer busy


async def test_a_client_hears_nothing_of_how_far_a_refusal_reaches(store):
    def is_a_bug(_cursor: Cursor) -> None:
        raise ZeroDivisionError

    with pytest.raises(StoreUnavailable) as refused:
        await store._thread.submit(Operation(is_a_bug))

    assert concerns_one(refused.value)
    assert not concerns_one(StoreUnavailable("the disk does not answer"))
    assert b"concerns" not in status_from_error(refused.value).SerializeToString()
