"""What documents may take of a PostgreSQL database: above it they are refused before they are OK."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from chassis.errors import SpoolFull
from spooler.job import Job
from spooler.printer import Printer
from spooler.sql.postgres.store import PostgresStore
from spooler.store import Changes
from tests.contract.store_contract import accepted, ended, label
from tests.rig.postgres import PostgresServer, postgres_server

MOST = 4 << 20
_PIECE = 1 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


async def accept_all(store: PostgresStore, *documents: bytes) -> int:
    """Accept documents one after the other until one is refused; return how many were taken."""
    for taken, data in enumerate(documents):
        (answer,) = await asyncio.gather(store.accept([label(data)]), return_exceptions=True)
        if isinstance(answer, SpoolFull):
            assert "documents may take 4194304 bytes (database_bytes)" in answer.message
            return taken
        assert isinstance(answer, list)
        assert isinstance(answer[0], Job)
    return len(documents)


async def test_above_the_quota_documents_are_refused_and_what_is_given_back_is_room_again(
    server: PostgresServer,
) -> None:
    store = await PostgresStore.open(server.database(), most_bytes=MOST)
    await store.create_printer(Printer("labels"))
    assert await accept_all(store, *[bytes(_PIECE)] * 8) == 3
    jobs = (await store.load()).jobs
    assert len(jobs) == 3
    usage = await store.usage()
    assert usage.reserve_bytes == MOST // 20
    assert usage.free_bytes - usage.reserve_bytes < _PIECE

    upload = await store.create_upload("me")
    with pytest.raises(SpoolFull):
        await store.append_upload(upload.id, 0, bytes(_PIECE))
    assert await store.sync_upload(upload.id) == 0

    # What ends jobs needs no room.
    await store.record(Changes(jobs=[ended(jobs[0])], drop_documents=[jobs[0].number]))
    await accepted(store, label(bytes(_PIECE)))
    await store.close()


async def test_small_documents_are_refused_with_the_others_and_another_spooler_refuses_them_too(
    server: PostgresServer,
) -> None:
    url = server.database()
    store = await PostgresStore.open(url, most_bytes=MOST)
    await store.create_printer(Printer("labels"))
    assert await accept_all(store, *[bytes(_PIECE)] * 8) == 3
    other = await PostgresStore.open(url, "other", most_bytes=MOST)
    assert await accept_all(other, *[os.urandom(16_000) for _ in range(80)]) < 80
    await store.close()
    await other.close()


async def test_without_a_quota_nobody_says_how_much_room_there_is(server: PostgresServer) -> None:
    store = await PostgresStore.open(server.database())
    assert (await store.usage()).reserve_bytes == 0
    await store.close()
