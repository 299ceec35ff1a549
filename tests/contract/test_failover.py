"""A standby takes over from the database's server: what was accepted is there, and the store that was open says that it died."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from chassis.errors import StoreUnavailable
from spooler.printer import Printer
from spooler.sql.postgres.store import PostgresStore
from spooler.store import Changes
from tests.contract.store_contract import accepted, ended, label, whole
from tests.rig.postgres import postgres_server
from tests.rig.postgres_standby import (
    at,
    fail_over,
    promote,
    standby_of,
    standing_still,
    wait_for_standbys,
)
from tests.rig.programs import wait_until

pytestmark = pytest.mark.timeout(120)
_WAITS = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


async def has_died(store: PostgresStore) -> None:
    async with asyncio.timeout(30):
        with pytest.raises(StoreUnavailable):
            await store.died()


async def test_what_was_accepted_outlives_the_server_with_a_standby_in_step() -> None:
    with postgres_server(durable=True) as server, standby_of(server) as standby:
        url = at(server, server.database(), server, standby)
        store = await PostgresStore.open(url)
        await store.create_printer(Printer("labels"))
        before = await accepted(store, *[label(bytes(size)) for size in (10, 20_000, 600_000)])
        await store.record(Changes(jobs=[ended(before[0])]))
        epoch = await store.next_epoch()

        await asyncio.to_thread(fail_over, server, standby)
        with pytest.raises(StoreUnavailable):
            await store.next_epoch()
        await has_died(store)
        await store.close()

        again = await PostgresStore.open(url)
        snapshot = await again.load()
        assert [job.number for job in snapshot.jobs] == [job.number for job in before[1:]]
        assert await whole(again, before[2].number) == bytes(600_000)
        assert (await again.get_job(before[0].number)).ended
        assert await again.next_epoch() > epoch
        (later,) = await accepted(again, label(b"^XA^XZ"))
        assert later.number > before[-1].number
        await again.close()


async def test_a_server_that_stands_still_is_left_when_its_standby_has_taken_over() -> None:
    with postgres_server() as server, standby_of(server) as standby:
        url = at(
            server, server.database(), standby, server
        )  # the standby, which is not asked while it is one
        store = await PostgresStore.open(url, lease_s=1.0)
        await store.membership.beat()
        with standing_still(server):
            waiting = asyncio.ensure_future(store.create_printer(Printer("labels")))
            await asyncio.to_thread(promote, standby)
            beating = asyncio.ensure_future(_beat(store))
            await has_died(store)
            with pytest.raises(StoreUnavailable):
                await waiting
            beating.cancel()
            await asyncio.wait([beating])
            await store.close()
            again = await PostgresStore.open(url)
            assert await again.list_printers() == []
            await again.close()


async def _beat(store: PostgresStore) -> None:
    while True:
        with suppress(StoreUnavailable):
            await store.membership.beat()
        await asyncio.sleep(0.1)


async def test_a_commit_that_its_standby_may_not_have_is_no_ok_whoever_ended_the_wait() -> None:
    with postgres_server() as server:
        store = await PostgresStore.open(server.database())
        await store.create_printer(Printer("labels"))
        await asyncio.to_thread(wait_for_standbys, server, "nobody")
        accepting = asyncio.ensure_future(accepted(store, label(b"^XA^XZ")))
        await asyncio.to_thread(wait_until, lambda: server.ask(server.url("postgres"), _WAITS))
        with pytest.raises(StoreUnavailable, match="may not be at its standby"):
            await accepting
        await has_died(store)
        await store.close()
