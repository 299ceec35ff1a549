"""The store in PostgreSQL keeps the same contract as the one in SQLite, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest

from spooler.job import HistoryEvent
from spooler.printer import Printer
from spooler.sql.postgres.connection import parameters
from spooler.sql.postgres.filling import TAKEN
from spooler.sql.postgres.store import PostgresStore
from spooler.sql.postgres.writer import BY_KEYS
from spooler.store import Changes
from tests.contract import store_contract as contract
from tests.contract import store_contract_asking as asking
from tests.contract import store_contract_incoming as incoming
from tests.contract import store_contract_lines as lines
from tests.contract import store_contract_recording as recording
from tests.contract import store_contract_uid_time as uid_time
from tests.contract.store_contract import accepted, ended, label
from tests.rig.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


class Postgres:
    """The store in a database; each opening closes the one before."""

    @pytest.fixture
    async def opening(self, server: PostgresServer) -> AsyncIterator[Callable[[], Awaitable[PostgresStore]]]:
        opened: list[PostgresStore] = []
        url = server.database()

        async def again() -> PostgresStore:
            if opened:
                await opened.pop().close()
            opened.append(await PostgresStore.open(url))
            return opened[0]

        yield again
        await opened.pop().close()


class TestAccepting(Postgres, contract.AcceptingContract):
    pass


class TestIdempotency(Postgres, contract.IdempotencyContract):
    pass


class TestRecording(Postgres, recording.RecordingContract):
    pass


class TestAsking(Postgres, asking.AskingContract):
    pass


class TestUploading(Postgres, asking.UploadingContract):
    pass


class TestPrinters(Postgres, asking.PrinterContract):
    pass


class TestLines(Postgres, lines.LinesContract):
    pass


class TestUidTime(Postgres, uid_time.UidTimeContract):
    pass


class TestBeginning(Postgres, asking.BeginningContract):
    pass


async def test_a_database_without_an_index_that_came_later_gets_it(server: PostgresServer) -> None:
    url = server.database()
    await (await PostgresStore.open(url)).close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP INDEX jobs_spare")
    await (await PostgresStore.open(url)).close()
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'jobs_spare'").fetchone()
    assert found is not None


async def test_what_documents_take_is_known_of_a_database_that_did_not_count_it(
    server: PostgresServer,
) -> None:
    url = server.database()
    store = await PostgresStore.open(url)
    await store.create_printer(Printer("labels"))
    await accepted(store, label(bytes(20_000)))
    await store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_UNCOUNTED)
    store = await PostgresStore.open(url)
    assert (await store.usage()).live_bytes == 20_000
    await store.close()


async def test_what_documents_take_is_right_over_a_kill_and_for_all_that_share_the_database(
    server: PostgresServer,
) -> None:
    url = server.database()
    one, other = await PostgresStore.open(url), await PostgresStore.open(url, "other")
    await one.create_printer(Printer("labels"))
    await accepted(other, *[label(bytes(20_000))] * 3)
    jobs = await accepted(one, *[label(bytes(30_000))] * 2)
    await other.record(Changes(jobs=[ended(jobs[0])], drop_documents=[jobs[0].number]))
    with psycopg.connect(url) as connection:  # somebody who dies before the commit
        connection.execute("INSERT INTO spooled_documents VALUES (999, 999, 0, 12345)")
        connection.rollback()
    assert {(await store.usage()).live_bytes for store in (one, other)} == {90_000}
    with psycopg.connect(url) as connection:
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {TAKEN}"))
    assert "spooled_documents" not in plan
    await one.close()
    await other.close()


async def test_nobody_waits_for_a_statement_to_be_compiled(server: PostgresServer) -> None:
    """A table that is not to be read whole is dear to the server's mind: it compiled, and a document waited 80 ms for it."""
    url = server.database()
    await (await PostgresStore.open(url)).close()

    def plan(**wanted: Any) -> str:
        with psycopg.connect(url, **wanted) as connection:
            connection.execute(BY_KEYS)
            return "\n".join(row[0] for row in connection.execute(f"EXPLAIN {TAKEN}"))

    if server.ask(url, "SELECT pg_jit_available()") == [(True,)]:
        assert "JIT" in plan()
    assert "JIT" not in plan(**parameters(url, "test"))


class TestIncoming(Postgres, incoming.IncomingContract):
    pass


_UNCOUNTED = """
    DROP TRIGGER documents_came ON spooled_documents; DROP TRIGGER documents_went ON spooled_documents;
    DROP TABLE document_bytes;
    UPDATE meta SET value = '3' WHERE key = 'tables'
"""
# As version 2 left it.
_OLD_HISTORY = """
    DROP INDEX history_decisions; DROP INDEX history_of_things;
    ALTER TABLE history DROP COLUMN decision, DROP COLUMN decided_bytes;
    CREATE INDEX history_of_things ON history (at) WHERE job_number = 0;
    UPDATE meta SET value = '2' WHERE key = 'tables'
"""


async def test_what_people_decided_before_is_numbered_in_a_database_of_version_2(
    server: PostgresServer,
) -> None:
    url = server.database()
    line = HistoryEvent("held", "mia", printer="labels")
    store = await PostgresStore.open(url)
    await store.record(Changes(history=[line, line._replace(who="spooler"), line]))
    await store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_OLD_HISTORY)
    store = await PostgresStore.open(url)
    await store.record(Changes(history=[line]))
    assert len(await store.history_by_people()) == 3
    await store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT decision, decided_bytes FROM history ORDER BY id").fetchall()
    assert found == [(1, 77), (0, 0), (2, 154), (3, 231)]
