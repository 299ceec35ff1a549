"""Documents of ended jobs make room when it is needed, and not before."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chassis.errors import DocumentLost, SpoolFull
from spooler.job import Job
from spooler.job_state import JobState
from spooler.new_job import Inline, NewJob
from spooler.printer import Printer
from spooler.room import Room
from spooler.sql.store import SqlStore, StoreSettings
from spooler.store import Changes

DATA = b"x" * 100_000


async def opened(path: Path, reserve_bytes: int) -> SqlStore:
    return await SqlStore.open(path, StoreSettings(reserve_bytes=reserve_bytes))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    # The volume seems short of space as soon as twice the reserve is more than what is free.
    store = await opened(tmp_path, shutil.disk_usage(tmp_path).free * 2 // 3)
    await store.create_printer(Printer("labels"))
    yield store
    await store.close()


async def job(store: SqlStore, *, ended: bool = True, retain: bool = False) -> Job:
    [made] = await store.accept([NewJob("labels", Inline(DATA), retain=retain)])
    assert isinstance(made, Job)
    if ended:
        made = replace(made, state=JobState.COMPLETED, ended_at=datetime.now(UTC), revision=2)
        await store.record(Changes(jobs=[made]))
    return made


async def test_ended_jobs_give_their_documents_back_when_space_is_short(store: SqlStore) -> None:
    ended, waiting, kept = await job(store), await job(store, ended=False), await job(store, retain=True)
    assert await Room(store).make()
    assert not (await store.get_job(ended.number)).has_document
    with pytest.raises(DocumentLost):
        await store.read(ended.number, 0, 1)
    assert await store.read(waiting.number, 0, len(DATA) + 1) == DATA
    assert await store.read(kept.number, 0, len(DATA) + 1) == DATA
    assert not await Room(store).make()


async def test_nothing_is_given_back_while_there_is_room(tmp_path: Path) -> None:
    store = await opened(tmp_path / "roomy", 1)
    await store.create_printer(Printer("labels"))
    ended = await job(store)
    assert not await Room(store).make()
    assert await store.read(ended.number, 0, 1) == b"x"
    await store.close()


async def test_what_did_not_fit_is_written_once_more_when_room_was_made(store: SqlStore) -> None:
    await job(store)
    tries = []

    async def write() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise SpoolFull("no room")
        return "written"

    assert await Room(store).within(write) == "written"


async def test_a_spool_full_of_waiting_jobs_stays_full(store: SqlStore) -> None:
    await job(store, ended=False)

    async def write() -> None:
        raise SpoolFull("no room")

    with pytest.raises(SpoolFull):
        await Room(store).within(write)
