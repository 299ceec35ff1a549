"""A member's lease is renewed whatever else the spooler does, and not for a spooler that is stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from spooler.sql.postgres import lease
from spooler.sql.postgres.store import PostgresStore
from tests.rig.postgres import PostgresServer, postgres_server
from tests.rig.programs import wait_until

_UNTIL = "SELECT lease_until FROM replicas"
_RUNS = "SELECT lease_until > now() FROM replicas"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def asked(url: str, question: Any) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


async def test_a_lease_is_renewed_while_the_loop_does_not_come_to_it(server: PostgresServer):
    url = server.database()
    store = await PostgresStore.open(url)
    assert store.membership is not None
    await store.membership.beat()
    until = asked(url, _UNTIL)
    # On this thread, which is the loop's: nothing of the spooler's runs on it meanwhile.
    wait_until(lambda: asked(url, _UNTIL) > until, why="nobody renews it")
    await store.close()


async def test_a_lease_is_renewed_while_all_who_read_wait(server: PostgresServer):
    url = server.database()
    store = await PostgresStore.open(url)
    assert store.membership is not None
    await store.next_epoch()
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        looks = [asyncio.ensure_future(store.list_jobs()) for _ in range(20)]
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            await store.membership.beat()
    await asyncio.gather(*looks)
    await store.close()


async def test_a_spooler_whose_loop_turns_no_more_loses_its_lease(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lease, "_STUCK_S", 0.0)
    url = server.database()
    store = await PostgresStore.open(url, lease_s=1.0)
    assert store.membership is not None
    await store.membership.beat()
    wait_until(lambda: not asked(url, _RUNS), why="it is renewed by itself")
    await store.close()
