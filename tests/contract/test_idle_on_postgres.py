"""A spooler that has nothing to do asks PostgreSQL for next to nothing, however many printers it has, and notices what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.tasks import Tasks
from spooler.printer import PortName, Printer
from spooler.replicas import mirror
from spooler.replicas.sharing import Sharing
from spooler.sql.postgres.store import PostgresStore
from tests.fabric.dispatch_rig import Rig, eventually
from tests.fakes.host import FakeHost, FakeHosts
from tests.rig.postgres import PostgresServer, postgres_server

_WATCHED_S = 4.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        server.stop()
        server.start(log_statement="all")
        yield server


@asynccontextmanager
async def spooler(url: str, printers: int) -> AsyncIterator[PostgresStore]:
    """Run a spooler's part in a store, which has printers that are all its own, and has come to rest."""
    store = await PostgresStore.open(url, "idle")
    try:
        names = [f"p{number:04}" for number in range(printers)]
        await asyncio.gather(
            *(store.create_printer(Printer(name, (PortName("edge", f"{name}:"),))) for name in names)
        )
        async with Tasks("test") as tasks:
            rig = Rig(store, FakeHosts(FakeHost("edge")), tasks)  # type: ignore[arg-type]
            sharing = Sharing(store.membership, store, rig.dispatcher, tasks)
            await sharing.start(await store.load(), await store.next_epoch())
            await eventually(store.membership.look, lambda standing: len(standing.owners) == printers)
            await asyncio.sleep(2.0)
            yield store
            await sharing.withdraw()
            await rig.dispatcher.drain()
            await sharing.leave()
    finally:
        await store.close()


async def statements(server: PostgresServer, for_s: float) -> list[str]:
    """Return what a server is asked in a while."""
    log = server.folder / "server.log"
    begin = log.stat().st_size
    await asyncio.sleep(for_s)
    # A statement may have several.
    lines = log.read_bytes()[begin:].decode().replace("\n\t", " ").splitlines()
    return [line.partition("LOG:")[2] for line in lines if " execute " in line or " statement: " in line]


@pytest.mark.parametrize("printers", [1, 1000])
async def test_an_idle_second_is_one_statement_however_many_printers(server: PostgresServer, printers: int):
    async with spooler(server.database(), printers):
        found = await statements(server, _WATCHED_S)
    # The writer's connection is tried once in 15 s, by three.
    renewals = [one for one in found if "UPDATE replicas" in one]
    assert 1 <= len(renewals) <= _WATCHED_S + 1, found
    assert len(found) <= len(renewals) + 3, found


async def test_all_rows_are_compared_once_while_nothing_changes(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mirror, "COMPARE_S", 0.2)
    async with spooler(server.database(), 10) as store:
        found = await statements(server, 2.0)
        assert sum("hashtextextended" in one for one in found) >= 3, found
        assert not [one for one in found if "printers.body" in one], found
        looking = asyncio.ensure_future(statements(server, 2.0))
        await asyncio.sleep(0)
        await store.create_printer(Printer("new"))
        assert [one for one in await looking if "printers.body" in one]


async def test_who_comes_and_says_nothing_gets_its_share_and_who_falls_silent_is_put_out(
    server: PostgresServer,
):
    url = server.database()
    async with spooler(url, 50) as store:
        here: Any = store.membership
        other = await PostgresStore.open(url, "other", lease_s=4.0)  # it gives no sign of life after this one
        there: Any = other.membership
        left = await eventually(here.look, lambda standing: len(standing.owners) < 50)
        assert {one.name for one in left.members} == {"idle", "other"}
        back = await eventually(here.look, lambda standing: len(standing.owners) == 50)
        assert {one.epoch for one in back.members} == {here.me} != {there.me}
        await other.close()
