"""A standby takes over from the database's server: what was accepted is there, and the store that was open says that it died."""

from __future__ import annotations

import asyncio

import pytest

from chassis.errors import StoreUnavailable
from spooler.printer import Printer
from spooler.sql.postgres.store import PostgresStore
from spooler.store import Changes
from tests.contract.store_contract import accepted, ended, label, whole
from tests.rig.postgres import postgres_server
from tests.rig.postgres_standby import either, fail_over, standby_of


@pytest.mark.timeout(120)
async def test_what_was_accepted_outlives_the_server_with_a_standby_in_step() -> None:
    with postgres_server(durable=True) as server, standby_of(server) as standby:
        url = either(server, standby, server.database())
        store = await PostgresStore.open(url)
        await store.create_printer(Printer("labels"))
        before = await accepted(store, *[label(bytes(size)) for size in (10, 20_000, 600_000)])
        await store.record(Changes(jobs=[ended(before[0])]))
        epoch = await store.next_epoch()

        await asyncio.to_thread(fail_over, server, standby)
        with pytest.raises(StoreUnavailable):
            await store.next_epoch()
        async with asyncio.timeout(30):
            with pytest.raises(StoreUnavailable):
                await store.died()
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
