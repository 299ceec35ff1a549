"""Spoolers of two versions on one database: the newer one's tables have more, and the older one goes on with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from chassis.errors import StoreUnavailable
from spooler.job import HistoryEvent, Job
from spooler.printer import Printer
from spooler.sql.postgres import tables
from spooler.sql.postgres.store import PostgresStore
from spooler.sql.schema import metadata
from spooler.store import Changes
from tests.contract.store_contract import accepted, ended, label
from tests.rig.postgres import PostgresServer, postgres_server
from tests.rig.programs import wait_until

NEXT = (
    *(f"ALTER TABLE {name} ADD COLUMN of_the_next BIGINT NOT NULL DEFAULT 7" for name in metadata.tables),
    "CREATE TABLE of_the_next (id BIGINT PRIMARY KEY)",
    "CREATE INDEX jobs_of_the_next ON jobs (of_the_next)",
)

_WAITS = "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


async def next_version(
    url: str, patch: pytest.MonkeyPatch, *, least: int = tables.LEAST, wait_s: float = 60.0
) -> PostgresStore:
    """Open the database as a spooler of the next version does."""
    with patch.context() as now:
        now.setattr(tables, "VERSION", tables.VERSION + 1)
        now.setattr(tables, "LEAST", least)
        now.setitem(tables._STEPS, tables.VERSION - 1, NEXT)
        return await PostgresStore.open(url, "next", wait_s)


async def works(store: PostgresStore, times: int = 8) -> list[Job]:
    """Do a bit of everything, so often that the server keeps the plans of its statements; return the jobs."""
    done = []
    for _ in range(times):
        (job,) = await accepted(store, label(b"^XA^XZ" * 5000))
        await store.record(
            Changes(jobs=[ended(job)], history=[HistoryEvent("held", "mia", printer="labels")])
        )
        assert (await store.get_job(job.number)).state == ended(job).state
        assert [printer.name for printer in await store.list_printers()] == ["labels"]
        await store.update_printer(await store.get_printer("labels"))
        await store.list_jobs()
        await store.load()
        await store.usage()
        await store.history_by_people()
        done.append(job)
    return done


async def test_the_older_works_on_while_and_after_the_newer_changes_the_tables_and_comes_back_to_them(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.database()
    older = await PostgresStore.open(url, "this")
    await older.create_printer(Printer("labels"))
    jobs = await works(older)
    newer = await next_version(url, monkeypatch)
    for store in (older, newer, older):
        jobs += await works(store)
    numbers = [job.number for job in jobs]
    assert numbers == sorted(set(numbers))
    for store in (older, newer):
        assert [(await store.get_job(number)).number for number in numbers] == numbers
    await older.close()
    older = await PostgresStore.open(url, "this, again")  # after a crash, or on the way back
    await works(older, 2)
    await older.close()
    await newer.close()
    with psycopg.connect(url) as connection:
        found: dict[str, str] = dict(
            connection.execute("SELECT key, value FROM meta WHERE key LIKE 'tables%'").fetchall()
        )
    assert found == {"tables": str(tables.VERSION + 1), "tables_for": str(tables.LEAST)}


async def test_the_older_works_on_while_the_newer_waits_for_who_reads_for_long(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.database()
    older = await PostgresStore.open(url, "this")
    await older.create_printer(Printer("labels"))
    jobs = await works(older, 1)
    with psycopg.connect(url, application_name="pg_dump") as reader:
        reader.execute("SELECT count(*) FROM jobs, history, attempts")
        with pytest.raises(StoreUnavailable, match=r"cannot be changed .* pg_dump \(process \d+\)"):
            await next_version(url, monkeypatch, wait_s=0.0)
        newer = asyncio.ensure_future(next_version(url, monkeypatch))
        await asyncio.to_thread(wait_until, lambda: server.ask(url, _WAITS), why="the newer does not wait")
        async with asyncio.timeout(40):
            jobs += await works(older, 4)
        assert not newer.done()
    async with asyncio.timeout(60):
        stores = older, await newer
    for store in stores:
        jobs += await works(store, 1)
    numbers = [job.number for job in jobs]
    assert numbers == sorted(set(numbers))
    for store in stores:
        await store.close()


async def test_who_starts_on_tables_of_its_version_locks_none(server: PostgresServer) -> None:
    url = server.database()
    await (await PostgresStore.open(url)).close()
    with psycopg.connect(url) as writer:
        writer.execute("LOCK TABLE jobs, history, printers IN ROW EXCLUSIVE MODE")
        store = await PostgresStore.open(url, wait_s=0.0)
        await store.close()


async def test_tables_that_the_older_cannot_work_with_are_refused_by_it(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.database()
    await (await PostgresStore.open(url)).close()
    await (await next_version(url, monkeypatch, least=tables.VERSION + 1)).close()
    with pytest.raises(StoreUnavailable, match="newer version"):
        await PostgresStore.open(url)
