"""What is asked of the SQL store: on connections of their own, on threads of their own, never behind the writer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Engine,
    Integer,
    Select,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
)

from chassis.errors import InvalidArgument, JobNotFound
from spooler.job import Attempt, HistoryEvent, Job
from spooler.job_state import IPP_NUMBER
from spooler.new_job import Upload
from spooler.printer import Paused, PortName
from spooler.spool.record import RECORD_HEADER_BYTES, STRIDE, Extent
from spooler.sql.cursor import Cursor
from spooler.sql.errors import told
from spooler.sql.open import READERS
from spooler.sql.rows import (
    JOB_READ,
    Row,
    attempt_of_row,
    attributes_of,
    event_of_row,
    job_of_row,
    micros,
    moment,
)
from spooler.sql.schema import (
    SPARE,
    attempts,
    bound_sql,
    columns,
    history,
    inline_documents,
    jobs,
    paused_ports,
    spooled_documents,
    sql,
    uploads,
)
from spooler.store import JobFilter, JobOrder, JobPage

Result = TypeVar("Result")

_MOST_JOBS = 1000  # on one page
_MARK = {JobOrder.OLDEST_FIRST: "o", JobOrder.NEWEST_FIRST: "n"}

_JOB = sql(select(*JOB_READ).where(jobs.c.number == bindparam("n")))
_BY_UID = sql(select(*JOB_READ).where(jobs.c.uid == bindparam("u")))
_BY_REQUEST = sql(
    select(*JOB_READ).where(jobs.c.owner == bindparam("o"), jobs.c.request_id == bindparam("r"))
)
_UNFINISHED = sql(select(*JOB_READ)) + " WHERE state < 7 ORDER BY number"
_OPEN_ATTEMPTS = sql(select(attempts)) + " WHERE ended_at IS NULL ORDER BY job_number, number"
_ATTEMPTS = sql(select(attempts).where(attempts.c.job_number == bindparam("n")).order_by(attempts.c.number))
_EVENTS = sql(select(*columns(history, "id", "decision", "decided_bytes")))
_EVENTS_OF_PORT = (
    f"{_EVENTS} WHERE port_host = ? COLLATE NOCASE AND port_name = ? COLLATE NOCASE AND port_name IS NOT NULL"
    " ORDER BY id DESC LIMIT ?"
)
_EVENTS_BY_PEOPLE = f"{_EVENTS} WHERE decision > 0 ORDER BY decision DESC LIMIT ?"
_PAUSED_PORTS = sql(
    select(
        paused_ports.c.host, paused_ports.c.port, paused_ports.c.who, paused_ports.c.at, paused_ports.c.reason
    )
)
_INLINE = sql(select(inline_documents.c.data).where(inline_documents.c.job_number == bindparam("n")))
_SPOOLED = sql(
    select(spooled_documents.c.segment, spooled_documents.c.position, spooled_documents.c.length).where(
        spooled_documents.c.job_number == bindparam("n")
    )
)
_lies = spooled_documents.c
# A document of `length` bytes has one header per STRIDE; see spooler.spool.record.framed_bytes.
_framed: ColumnElement[int] = literal_column(
    f"(length + {RECORD_HEADER_BYTES} * ((length + {STRIDE - 1}) / {STRIDE}))", Integer
)
_SEGMENTS = sql(
    select(_lies.segment, func.sum(_framed), func.max(_lies.position + _framed)).group_by(_lies.segment)
)
_IN_SEGMENT = sql(
    select(_lies.job_number).where(
        _lies.segment == bindparam("segment"), _lies.position + _framed > bindparam("size")
    )
)
_UPLOADS = sql(
    select(uploads.c.id, uploads.c.owner, uploads.c.request_id, uploads.c.attributes, uploads.c.created_at)
)


class Reader:
    """Runs questions on its threads."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._threads = ThreadPoolExecutor(READERS, "store-read")

    async def ask(self, question: Callable[[Cursor], Result]) -> Result:
        """Return what `question` finds. Raises StoreUnavailable, and what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.ask_here, question)

    def ask_here(self, question: Callable[[Cursor], Result]) -> Result:
        """`ask`, on the caller's own thread."""
        try:
            raw = self._engine.raw_connection()
            try:
                return question(cast(sqlite3.Connection, raw.driver_connection).cursor())
            finally:
                raw.close()
        except sqlite3.Error as error:
            raise told(error, self._path) from error

    async def list_jobs(self, where: JobFilter, order: JobOrder, limit: int, page_token: str) -> JobPage:
        """Return a page of jobs; the rules are `Jobs.list_jobs`'s."""
        sql_text, parameters, limit = list_jobs_sql(where, order, limit, page_token)
        found = await self.ask(
            lambda cursor: [job_of_row(row) for row in cursor.execute(sql_text, parameters)]
        )
        return page_of(found, order, limit)

    def close(self) -> None:
        """Let running questions end, then close the connections."""
        self._threads.shutdown()
        self._engine.dispose()


def job(cursor: Cursor, number: int) -> Job:
    """Return a job. Raises JobNotFound."""
    row = cursor.execute(_JOB, (number,)).fetchone()
    if row is None:
        raise JobNotFound(f"no job {number}", job=number)
    return job_of_row(row)


def job_by_uid(cursor: Cursor, uid: bytes) -> Job:
    """Return a job by its uid. Raises JobNotFound."""
    row = cursor.execute(_BY_UID, (uid,)).fetchone()
    if row is None:
        raise JobNotFound(f"no job {uid.hex()}", uid=uid)
    return job_of_row(row)


def job_by_request(cursor: Cursor, owner: str, request_id: str) -> Job | None:
    """Return the job that a request made."""
    row = cursor.execute(_BY_REQUEST, (owner, request_id)).fetchone()
    return None if row is None else job_of_row(row)


def unfinished_jobs(cursor: Cursor) -> list[Job]:
    """Return all jobs that have not ended, in order of number."""
    return [job_of_row(row) for row in cursor.execute(_UNFINISHED)]


def open_attempts(cursor: Cursor) -> list[Attempt]:
    """Return the attempts that have no end."""
    return [attempt_of_row(row) for row in cursor.execute(_OPEN_ATTEMPTS)]


def attempts_of(cursor: Cursor, number: int) -> list[Attempt]:
    """Return a job's attempts, oldest first."""
    return [attempt_of_row(row) for row in cursor.execute(_ATTEMPTS, (number,))]


def history_by_people(cursor: Cursor, limit: int) -> list[HistoryEvent]:
    """Return the newest `limit` events that somebody else than the spooler caused, oldest first."""
    rows = cursor.execute(_EVENTS_BY_PEOPLE, (limit,))
    return [event_of_row(row) for row in reversed(rows.fetchall())]


def history_of(
    cursor: Cursor, number: int, printer: str, port: PortName | None, limit: int
) -> list[HistoryEvent]:
    """Return the newest `limit` events of a job, a printer or a port, oldest first."""
    if number:
        rows = cursor.execute(
            f"{_EVENTS} WHERE job_number = ? AND job_number != 0 ORDER BY id DESC LIMIT ?", (number, limit)
        )
    elif port is not None:
        rows = cursor.execute(_EVENTS_OF_PORT, (*port, limit))
    else:
        rows = cursor.execute(
            f"{_EVENTS} WHERE printer = ? AND printer != '' ORDER BY id DESC LIMIT ?", (printer, limit)
        )
    return [event_of_row(row) for row in reversed(rows.fetchall())]


def ports_paused(cursor: Cursor) -> list[tuple[PortName, Paused]]:
    """Return the ports that people paused."""
    rows = cursor.execute(_PAUSED_PORTS)
    return [(PortName(host, port), Paused(who, moment(at), reason)) for host, port, who, at, reason in rows]


def document(cursor: Cursor, number: int) -> bytes | Extent | None:
    """Return a job's document: its bytes, or where in the spool they lie; None for none."""
    row = cursor.execute(_INLINE, (number,)).fetchone()
    if row is not None:
        return bytes(row[0])
    row = cursor.execute(_SPOOLED, (number,)).fetchone()
    return None if row is None else Extent(*row)


def small_documents(cursor: Cursor, numbers: Sequence[int]) -> dict[int, bytes]:
    """Return those of the documents that lie in the database."""
    rows = ((number, cursor.execute(_INLINE, (number,)).fetchone()) for number in numbers)
    return {number: row[0] for number, row in rows if row is not None}


def segments(cursor: Cursor) -> list[tuple[int, int, int]]:
    """Return of each segment in use: number, framed bytes in use, end of the last document."""
    return cursor.execute(_SEGMENTS).fetchall()


def jobs_beyond(cursor: Cursor, segment: int, size_bytes: int) -> list[int]:
    """Return the jobs whose documents do not end within the first `size_bytes` of a segment."""
    return [number for (number,) in cursor.execute(_IN_SEGMENT, (segment, size_bytes))]


def unfinished_uploads(cursor: Cursor) -> list[Upload]:
    """Return the uploads that were begun; how much of them has come, the spool knows."""
    return [upload_of_row(row) for row in cursor.execute(_UPLOADS)]


def upload_of_row(row: Row) -> Upload:
    """Return the upload of a row."""
    upload_id, owner, request_id, attributes, created_at = row
    return Upload(upload_id, owner, moment(created_at), 0, request_id or "", attributes_of(attributes))


def list_jobs_sql(
    where: JobFilter, order: JobOrder, limit: int, page_token: str
) -> tuple[str, Sequence[object], int]:
    """Return the statement that finds one job more than a page has, its parameters, and how many a page has."""
    limit = min(max(limit, 1), _MOST_JOBS)
    statement = _jobs_where(where, order, _number_of(page_token, order)).limit(limit + 1)
    return *bound_sql(statement), limit


def page_of(found: list[Job], order: JobOrder, limit: int) -> JobPage:
    """Return the page of what `list_jobs_sql` found."""
    token = f"{_MARK[order]}{found[limit - 1].number}" if len(found) > limit else ""
    return JobPage(found[:limit], token)


def _number_of(page_token: str, order: JobOrder) -> int | None:
    if not page_token:
        return None
    number = page_token[1:]
    if page_token[0] != _MARK[order] or not (number.isascii() and number.isdecimal()) or len(number) > 18:
        raise InvalidArgument(
            f"not a page token of this list: {page_token!r}", fields=[("page_token", "unknown")]
        )
    return int(number)


def _jobs_where(where: JobFilter, order: JobOrder, after: int | None) -> Select[tuple[object, ...]]:
    statement = select(*JOB_READ)
    for name in ("printer", "user", "owner", "request_id"):
        if value := getattr(where, name):
            statement = statement.where(jobs.c[name] == value)
    if where.states:
        numbers = sorted(IPP_NUMBER[state] for state in where.states)
        statement = statement.where(jobs.c.state.in_(numbers))
        if numbers[-1] < 7:
            statement = statement.where(text("state < 7"))  # finds the index of what is unfinished
    if where.spare:
        statement = statement.where(text(SPARE))
    if where.created_from is not None:
        statement = statement.where(jobs.c.created_at >= micros(where.created_from))
    if where.created_until is not None:
        statement = statement.where(jobs.c.created_at < micros(where.created_until))
    if where.numbers is not None:
        named = jobs.c.number.in_(sorted(where.numbers))
        statement = statement.where(or_(named, jobs.c.uid.in_(sorted(where.uids))) if where.uids else named)
    if order is JobOrder.NEWEST_FIRST:
        statement = statement.order_by(jobs.c.number.desc())
        return statement if after is None else statement.where(jobs.c.number < after)
    statement = statement.order_by(jobs.c.number)
    return statement if after is None else statement.where(jobs.c.number > after)
