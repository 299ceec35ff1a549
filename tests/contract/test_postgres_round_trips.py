"""What is written to PostgreSQL together waits for the server a fixed number of times, however much it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chassis.errors import FabricError
from spooler.group_commit import Entry
from spooler.job import Job
from spooler.new_job import Duplicate, Inline, NewJob
from spooler.printer import Printer
from spooler.sql.accept import Kept, accept
from spooler.sql.batch import Operation
from spooler.sql.cursor import Cursor
from spooler.sql.postgres.connection import Connection, PostgresCursor, connect, place_of
from spooler.sql.postgres.writer import PostgresWriter
from spooler.sql.printers import create
from spooler.sql.record import record
from spooler.store import Changes
from tests.contract.store_contract import ended, label
from tests.rig.postgres import PostgresServer, postgres_server

ACCEPTING = 2  # what is known of printers and requests, then everything else and the commit
RECORDING = 1
Answer = Job | Duplicate | FabricError


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def connection(server: PostgresServer) -> Iterator[Connection]:
    with connect(server.database(), "test") as connection:
        yield connection


@pytest.fixture
def writer(connection: Connection, server: PostgresServer) -> PostgresWriter:
    writer = PostgresWriter(connection, place_of(server.url("test")))
    commit(writer, [lambda cursor: create(cursor, Printer("labels"), "me", "")])
    return writer


def commit(writer: PostgresWriter, work: Sequence[Callable[[Cursor], Any]]) -> list[Any]:
    entries = [Entry(Operation(run), None) for run in work]
    writer.commit(entries)
    assert not [entry.error for entry in entries if entry.error]
    return [entry.result for entry in entries]


def submit(writer: PostgresWriter, wanted: Sequence[NewJob]) -> list[Answer]:
    """Accept jobs in one commit, each from a caller of its own."""

    def accepting(new: NewJob) -> Operation:
        assert isinstance(new.document, Inline)
        pair = (new, Kept(new.document.data, None, len(new.document.data)))
        return Operation(lambda cursor: accept(cursor, writer.accepting, [pair]), accepts=[new])

    entries = [Entry(accepting(new), None) for new in wanted]
    writer.commit(entries)
    return [answer for entry in entries for answer in entry.result]


@contextmanager
def waits(connection: Connection, folder: Path) -> Iterator[list[int]]:
    """Give how often the client asked the server for its answers, once the context has ended."""
    found: list[int] = []
    path = folder / "trace"
    with path.open("wb") as file:
        connection.pgconn.trace(file.fileno())
        yield found
        connection.pgconn.untrace()
    said = path.read_text()
    # libpq's own trace. The end of a pipeline is a Sync; psycopg may let a Flush follow, and waits for both at once.
    pipelines = max(said.count("\tFlush\n"), said.count("\tSync\n"))
    found.append(pipelines + said.count("\tQuery\n"))


@pytest.mark.parametrize("jobs", [1, 100])
def test_jobs_that_are_accepted_together_wait_for_the_server_twice(
    writer: PostgresWriter, connection: Connection, tmp_path: Path, jobs: int
):
    with waits(connection, tmp_path) as found:
        answers = submit(writer, [label(request_id=f"r{number}") for number in range(jobs)])

    assert all(isinstance(answer, Job) for answer in answers)
    assert found[0] <= ACCEPTING


@pytest.mark.parametrize("jobs", [1, 100])
def test_outcomes_that_are_written_together_wait_for_the_server_once(
    writer: PostgresWriter, connection: Connection, tmp_path: Path, jobs: int
):
    accepted = [answer for answer in submit(writer, [label()] * jobs) if isinstance(answer, Job)]

    def writing(job: Job) -> Callable[[Cursor], Any]:
        return lambda cursor: record(cursor, Changes(jobs=[ended(job)]), 0)

    with waits(connection, tmp_path) as found:
        commit(writer, [writing(job) for job in accepted])

    assert found[0] <= RECORDING
    assert connection.execute("SELECT count(*) FROM jobs WHERE state = 9").fetchone() == (jobs,)


def test_what_is_written_together_goes_to_the_server_in_few_pieces_however_many_jobs_it_is(
    writer: PostgresWriter, monkeypatch: pytest.MonkeyPatch
):
    sent, send = 0, psycopg.Pipeline._communicate_gen

    def counted(pipeline: psycopg.Pipeline) -> Any:
        nonlocal sent
        sent += 1
        return (yield from send(pipeline))

    submit(writer, [label()] * 3)
    monkeypatch.setattr(psycopg.Pipeline, "_communicate_gen", counted)
    submit(writer, [label(request_id="alone")])
    assert sent <= ACCEPTING
    sent = 0
    submit(writer, [label(request_id=f"of many {number}") for number in range(100)])
    assert sent <= ACCEPTING + 4  # two rows each, 64 in a piece


def test_megabytes_that_neither_side_reads_meanwhile_are_written_all_the_same(
    writer: PostgresWriter, connection: Connection
):
    """More than sockets hold on their way there, and in each answer on the way back."""
    jobs = [answer for answer in submit(writer, [label(bytes(16_000))] * 400) if isinstance(answer, Job)]
    assert len(jobs) == 400
    cursor = PostgresCursor(connection)
    with cursor.pipelined():
        answers = [
            cursor.execute("SELECT data FROM inline_documents WHERE job_number = ?", (job.number,)) is cursor
            for job in jobs
        ]
        assert cursor.execute("SELECT count(*) FROM inline_documents").fetchone() == (400,)
    assert all(answers)


def test_of_one_request_in_one_commit_one_job_comes_whether_it_was_known_before_or_not(
    writer: PostgresWriter,
):
    known, other = label(request_id="known"), label(request_id="new")
    (first,) = submit(writer, [known])
    assert isinstance(first, Job)

    again, new, once_more, differs = submit(
        writer, [known, other, other, label(b"^XA!^XZ", request_id="known")]
    )

    assert isinstance(again, Duplicate)
    assert again.job.number == first.number
    assert isinstance(new, Job)
    assert isinstance(once_more, Duplicate)
    assert once_more.job.number == new.number
    assert isinstance(differs, FabricError)


def test_rows_of_one_table_are_written_in_the_order_in_which_they_came(connection: Connection):
    cursor = PostgresCursor(connection)
    cursor.execute("CREATE TABLE notes (n BIGINT PRIMARY KEY, said TEXT)")
    add, change, forget = (
        "INSERT INTO notes VALUES (?, ?)",
        "UPDATE notes SET said = ? WHERE n = ?",
        "DELETE FROM notes WHERE n = ?",
    )
    with cursor.pipelined():
        cursor.executemany(add, [(1, "a"), (2, "b")])
        cursor.executemany(change, [("c", 1)])
        cursor.executemany(forget, [(2,)])
        cursor.executemany(add, [(2, "d")])
        assert cursor.execute("UPDATE notes SET said = 'e' WHERE n = 2 AND said = 'd'").rowcount == 1
        cursor.executemany(change, [("f", 2)])

    assert cursor.execute("SELECT n, said FROM notes ORDER BY n").fetchall() == [(1, "c"), (2, "f")]


def test_a_row_that_cannot_be_written_is_told_before_the_commit_is_believed(connection: Connection):
    cursor = PostgresCursor(connection)
    cursor.execute("CREATE TABLE notes (n BIGINT PRIMARY KEY)")

    def twice_the_same() -> None:
        with cursor.pipelined():
            cursor.execute("BEGIN")
            cursor.executemany("INSERT INTO notes VALUES (?)", [(1,), (1,)])
            cursor.execute("COMMIT")

    with pytest.raises(psycopg.errors.UniqueViolation):
        twice_the_same()
    cursor.execute("ROLLBACK")
    assert cursor.execute("SELECT count(*) FROM notes").fetchone() == (0,)


def test_whoever_was_deposed_commits_nothing_of_what_was_sent_at_once(
    writer: PostgresWriter, connection: Connection
):
    connection.execute("DELETE FROM replicas")

    entry = Entry(Operation(lambda cursor: create(cursor, Printer("receipts"), "me", "")), None)
    writer.commit([entry])

    assert entry.error is not None
    assert "have not heard of this spooler" in entry.error.message
    connection.execute("ROLLBACK")
    assert connection.execute("SELECT name FROM printers").fetchall() == [("labels",)]


def test_what_the_writer_looks_for_is_found_by_its_key_though_its_plan_is_older_than_the_rows(
    writer: PostgresWriter, connection: Connection
):
    for number in range(16):  # by now its statements are prepared, for a table of one page
        submit(writer, [label(request_id=f"r{number}")])
        if number == 1:
            connection.execute("VACUUM ANALYZE jobs")
    before = whole_readings(connection, "jobs")

    submit(writer, [label(request_id=f"s{number}") for number in range(50)])

    assert whole_readings(connection, "jobs") == before


def whole_readings(connection: Connection, table: str) -> int:
    connection.execute("SELECT pg_stat_force_next_flush()")
    found = connection.execute(
        "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = %s", (table,)
    ).fetchone()
    assert found is not None
    return int(found[0])
