import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from spooler.job import HistoryEvent
from spooler.metrics import SpoolerMetrics
from spooler.retention import Keep, Retention
from spooler.sql.store import SqlStore
from spooler.store import Changes

NOW = datetime.now(UTC)


@pytest.fixture
async def store(tmp_path):
    store = await SqlStore.open(tmp_path)
    yield store
    await store.close()


async def forget(store, **keep):
    async def no_uploads():
        return 0

    await Retention(store, SpoolerMetrics(), Keep(60.0, **keep), no_uploads).forget()


async def test_decisions_go_by_rules_of_their_own_and_more_than_one_round_forgets_them(store):
    lines = [
        HistoryEvent("held", "mia", str(number), number, "labels", NOW - timedelta(days=1))
        for number in range(1, 1301)
    ]
    old = HistoryEvent("paused", "mia", printer="labels", at=NOW - timedelta(days=500))
    await store.record(Changes(history=[old, *lines, old._replace(who="spooler")]))

    await forget(store)
    kept = await store.history_by_people(5000)
    # What is over 400 days old is gone, the spooler's line too.
    assert (len(kept), kept[0].detail) == (1300, "1")
    assert len(await store.history(printer="labels", limit=5000)) == 1300
    await forget(store, decisions=100)
    assert [event.job_number for event in await store.history_by_people(5000)] == list(range(1201, 1301))
    await forget(store, decision_bytes=0)
    assert await store.history_by_people() == []


async def test_how_full_it_is_is_measured_by_each_who_shares_the_store(store):
    async def no_uploads():
        return 0

    metrics = SpoolerMetrics()
    running = asyncio.ensure_future(Retention(store, metrics, Keep(60.0), no_uploads, lambda: False).run())
    async with asyncio.timeout(30):
        while not metrics.spool_reserve_bytes:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert metrics.spool_free_bytes > metrics.spool_reserve_bytes
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
