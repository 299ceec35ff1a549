"""A store that moves from SQLite to PostgreSQL: everything arrives, or nothing has changed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from pydantic import SecretStr

from chassis.errors import FabricError
from chassis.settings_sources import SettingsError
from spooler.job import HistoryEvent, Job, changed
from spooler.move_command import run
from spooler.new_job import INLINE_BYTES
from spooler.printer import Paused, Printer
from spooler.settings import SpoolerSettings
from spooler.sql.postgres.store import PostgresStore
from spooler.sql.store import SqlStore
from spooler.store import Changes, Store
from tests.contract.store_contract import NOW, PORT, accepted, ended, label
from tests.contract.store_contract_recording import ERROR, LEDGER, cut_attempt
from tests.rig.postgres import PostgresServer, postgres_server

pytestmark = pytest.mark.timeout(240)  # several processes, on a machine that may be busy
SIZES = (0, 7, 16 * 1024, 16 * 1024 + 1, 300_000, 3_000_000)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


class Done(NamedTuple):
    """How the command ended."""

    status: int
    output: str


def command(directory: Path, url: str) -> Done:
    """Run it as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "spooler.move_command", "--state-dir", str(directory), "--log.level", "error"],
        env={**os.environ, "PRINTFABRIC_SPOOLER_DATABASE": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    return Done(done.returncode, done.stdout + done.stderr)


async def move(directory: Path, url: str) -> str:
    """Run it here and return what it says or raises; a process takes a second more to start."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            await run(SpoolerSettings(state_dir=directory, database=SecretStr(url)))
        except (FabricError, SettingsError) as error:
            return str(error)
    return said.getvalue()


def document(size: int) -> bytes:
    return (hashlib.sha256(str(size).encode()).digest() * (size // 32 + 1))[:size]


async def fill(directory: Path) -> None:
    """Something of everything that a store keeps."""
    store = await SqlStore.open(directory)
    try:
        await store.next_epoch()
        await store.create_printer(Printer("labels", ports=(PORT,), description="by the dock"))
        await store.put_note("host edge-7", '{"ports": []}', None)
        jobs = [
            (await accepted(store, label(document(size), owner="ada", request_id=f"r{size}")))[0]
            for size in SIZES
        ]
        tried = changed(jobs[0], port=PORT, attempts=1, ledger=LEDGER, last_error=ERROR, started_at=NOW)
        events = [
            HistoryEvent("held", "mia", "why", jobs[0].number, "", NOW),
            HistoryEvent("paused", "bob", "", 0, "labels", NOW),
        ]
        done = ended(jobs[1], retain=True)
        pauses = [(PORT, Paused("mia", NOW, "a new ribbon"))]
        await store.record(
            Changes(jobs=[tried, done], attempts=[cut_attempt(tried)], history=events, pauses=pauses)
        )
        await store.create_upload("ada", request_id="unfinished")
    finally:
        await store.close()


async def contents(store: Store) -> object:
    """Return all that people and spoolers ask a store for."""
    snapshot = await store.load()
    jobs = (await store.list_jobs()).jobs
    return (
        replace(snapshot, uploads=[]),
        jobs,
        [await store.attempts(job.number) for job in jobs],
        [await store.history(job.number) for job in jobs],
        await store.history(printer="labels"),
        await store.list_printers(),
        await store.get_note("host edge-7"),
        [await store.read(job.number, 0, 10_000_000) for job in jobs],
    )


async def in_sqlite(directory: Path) -> object:
    store = await SqlStore.open(directory)
    try:
        return await contents(store)
    finally:
        await store.close()


async def in_postgres(url: str) -> object:
    store = await PostgresStore.open(url)
    try:
        assert (await store.usage()).live_bytes == sum(size for size in SIZES if size > INLINE_BYTES)
        return await contents(store)
    finally:
        await store.close()


async def test_everything_that_was_accepted_arrives(tmp_path: Path, server: PostgresServer):
    await fill(tmp_path)
    before = await in_sqlite(tmp_path)
    url = server.database()
    done = command(tmp_path, url)
    assert done.status == 0, done.output
    assert "3,316,385 bytes of documents" in done.output
    assert await in_postgres(url) == before


async def test_what_moved_goes_on_where_it_was(tmp_path: Path, server: PostgresServer):
    await fill(tmp_path)
    url = server.database()
    assert "all compared" in await move(tmp_path, url)
    store = await PostgresStore.open(url)
    try:
        assert await store.next_epoch() > 1
        twice = label(document(7), owner="ada", request_id="r7")
        again, fresh = await store.accept([twice, label(b"new")])
        assert not isinstance(again, Job)  # the request is remembered: nothing prints twice
        assert isinstance(fresh, Job)
        assert fresh.number == len(SIZES) + 1
        await store.record(Changes(history=[HistoryEvent("held", "mia", "", fresh.number, "", NOW)]))
        assert len(await store.history(fresh.number)) == 1
    finally:
        await store.close()


async def test_the_old_store_prints_nothing_more(tmp_path: Path, server: PostgresServer):
    await fill(tmp_path)
    url = server.database()
    assert "all compared" in await move(tmp_path, url)
    assert not (tmp_path / "spooler.db").exists()
    assert (tmp_path / "spooler.db.moved").exists()
    again = command(tmp_path, url)
    assert again.status == 69
    assert "moved already" in again.output


async def test_a_run_that_was_ended_before_the_renaming_is_finished_by_the_next(
    tmp_path: Path, server: PostgresServer
):
    await fill(tmp_path)
    url = server.database()
    assert "all compared" in await move(tmp_path, url)
    for name in ("spooler.db", "spool"):
        (tmp_path / f"{name}.moved").rename(tmp_path / name)
    assert "earlier run" in await move(tmp_path, url)
    assert not (tmp_path / "spooler.db").exists()


async def test_a_database_with_jobs_is_refused_and_nothing_changes(tmp_path: Path, server: PostgresServer):
    await fill(tmp_path / "one")
    await fill(tmp_path / "two")
    url = server.database()
    assert "all compared" in await move(tmp_path / "one", url)
    there, here = await in_postgres(url), await in_sqlite(tmp_path / "two")
    assert "is not empty" in await move(tmp_path / "two", url)
    assert await in_postgres(url) == there
    assert await in_sqlite(tmp_path / "two") == here


async def test_a_running_spooler_on_either_side_is_in_the_way(tmp_path: Path, server: PostgresServer):
    await fill(tmp_path)
    url = server.database()
    source = await SqlStore.open(tmp_path)
    try:
        assert "in use by another spooler" in await move(tmp_path, url)
    finally:
        await source.close()
    target = await PostgresStore.open(url)
    try:
        assert "another spooler has the database" in await move(tmp_path, url)
    finally:
        await target.close()
    assert "all compared" in await move(tmp_path, url)


async def test_a_damaged_document_stops_it_and_leaves_the_database_empty(
    tmp_path: Path, server: PostgresServer
):
    await fill(tmp_path)
    for segment in (tmp_path / "spool").glob("*.spool"):
        data = bytearray(segment.read_bytes())
        data[-100] ^= 1
        segment.write_bytes(data)
    url = server.database()
    assert "purge that job" in await move(tmp_path, url)
    with psycopg.connect(url) as connection:
        (jobs,) = connection.execute("SELECT count(*) FROM jobs").fetchone() or (None,)
        assert jobs == 0
    assert (tmp_path / "spooler.db").exists()


async def test_without_a_database_it_says_what_it_needs(tmp_path: Path):
    assert command(tmp_path, "") == (
        78,
        "fabric-spooler: database: where to? name a PostgreSQL database that is empty\n",
    )


async def test_where_no_store_is_none_is_made(tmp_path: Path, server: PostgresServer):
    assert "there is no store" in await move(tmp_path / "nothing", server.database())
    assert not (tmp_path / "nothing").exists()
