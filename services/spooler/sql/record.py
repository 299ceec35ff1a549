"""Changing and forgetting jobs in the SQL store. Runs on the writer's thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from spooler.job import Job
from spooler.spool.record import Extent
from spooler.sql import lines
from spooler.sql.accept import Kept, put_document, upload_missing
from spooler.sql.cursor import Cursor
from spooler.sql.read import job
from spooler.sql.rows import JOB_CHANGING, attempt_row, changing_row, micros, moment
from spooler.sql.schema import (
    attempts,
    history,
    inline_documents,
    jobs,
    paused_ports,
    spooled_documents,
    sql,
    uploads,
)
from spooler.store import Changes

_UPDATE_JOB = sql(
    update(jobs)
    .values({jobs.c[name]: bindparam(f"new_{name}") for name in JOB_CHANGING})
    .where(jobs.c.number == bindparam("n"), jobs.c.revision < bindparam("r"))
)
_NO_DOCUMENT = sql(update(jobs).values(has_document=bindparam("h")).where(jobs.c.number == bindparam("n")))

_WHOLE = sql(
    update(jobs)
    .values(size_bytes=bindparam("size"), digest=bindparam("d"), has_document=bindparam("h"))
    .where(jobs.c.number == bindparam("n"))
)
_END_UPLOAD = sql(delete(uploads).where(uploads.c.id == bindparam("id")))

# An attempt that no port has begun yet may be tried at another one.
_OF_A_TRY = (
    "port_host",
    "port_name",
    "fence",
    "resume_offset",
    "resume_prefix",
    "mark",
    "ended_at",
    "ledger",
    "outcome",
    "error",
)
_new_attempt = upsert(attempts)
_PUT_ATTEMPT = sql(
    _new_attempt.on_conflict_do_update(
        index_elements=["job_number", "number"],
        set_={name: _new_attempt.excluded[name] for name in _OF_A_TRY},
    )
)
_INSERT_PAUSE = sql(insert(paused_ports))
_DELETE_PAUSE = sql(
    delete(paused_ports).where(
        paused_ports.c.host_key == bindparam("h"), paused_ports.c.port_key == bindparam("p")
    )
)
_EXTENT_OF = sql(
    select(spooled_documents.c.segment, spooled_documents.c.position, spooled_documents.c.length).where(
        spooled_documents.c.job_number == bindparam("n")
    )
)
_DELETE_INLINE = sql(delete(inline_documents).where(inline_documents.c.job_number == bindparam("n")))
_DELETE_SPOOLED = sql(delete(spooled_documents).where(spooled_documents.c.job_number == bindparam("n")))
_DELETE_ATTEMPTS = sql(delete(attempts).where(attempts.c.job_number == bindparam("n")))
# The partial indexes are found only if their conditions are written as they are there.
_DELETE_EVENTS = sql(delete(history).where(history.c.job_number == bindparam("n"))) + (
    " AND job_number != 0 AND decision = 0"
)
_DELETE_JOB = sql(delete(jobs).where(jobs.c.number == bindparam("n"))) + " AND state >= 7"
_ENDED_BEFORE = (
    sql(select(jobs.c.number).where(jobs.c.ended_at < bindparam("t")))
    + " AND ended_at IS NOT NULL AND retain = 0 ORDER BY ended_at LIMIT ?"
)

_OLDEST_ENDS = (
    sql(select(jobs.c.number)) + " WHERE ended_at IS NOT NULL AND retain = 0 ORDER BY ended_at LIMIT ?"
)
_NEWEST = "SELECT MAX(number) FROM jobs"
_DELETE_OLD_EVENTS = (
    "DELETE FROM history WHERE id IN"
    " (SELECT id FROM history WHERE job_number = 0 AND decision = 0 AND at < ? ORDER BY at LIMIT ?)"
)


def record(cursor: Cursor, changes: Changes, now: int) -> list[Extent]:
    """Write changes and return what of the spool they made free; `now` in microseconds."""
    told_jobs = [_with_end(job, now) for job in changes.jobs]
    cursor.executemany(_UPDATE_JOB, [(*changing_row(job), job.number, job.revision) for job in told_jobs])
    cursor.executemany(_PUT_ATTEMPT, [attempt_row(attempt, now) for attempt in changes.attempts])
    lines.write(cursor, changes.history, now)
    for port, paused in changes.pauses:
        cursor.execute(_DELETE_PAUSE, port.key)
        if paused is not None:
            cursor.execute(_INSERT_PAUSE, (*port.key, *port, paused.by, micros(paused.at), paused.reason))
    if not changes.drop_documents:
        return []
    told = {job.number for job in changes.jobs if not job.has_document}
    cursor.executemany(
        _NO_DOCUMENT, [(False, number) for number in changes.drop_documents if number not in told]
    )
    return drop_documents(cursor, changes.drop_documents)


def drop_documents(cursor: Cursor, numbers: Iterable[int]) -> list[Extent]:
    """Forget documents and return where in the spool they lay."""
    freed: list[Extent] = []
    for number in numbers:
        cursor.execute(_DELETE_INLINE, (number,))
        if not cursor.rowcount:
            row = cursor.execute(_EXTENT_OF, (number,)).fetchone()
            if row is not None:
                freed.append(Extent(*row))
                cursor.execute(_DELETE_SPOOLED, (number,))
    return freed


def remove(cursor: Cursor, numbers: Sequence[int]) -> tuple[int, list[Extent]]:
    """Forget ended jobs with all that is theirs, but not what people decided about them.

    Return how many there were, and what of the spool is free now.
    """
    gone = [number for number in numbers if cursor.execute(_DELETE_JOB, (number,)).rowcount]
    keys = [(number,) for number in gone]
    cursor.executemany(_DELETE_ATTEMPTS, keys)
    cursor.executemany(_DELETE_EVENTS, keys)
    return len(gone), drop_documents(cursor, gone)


def ended_before(
    cursor: Cursor, older_than: datetime, max_count: int, keep_jobs: int | None = None
) -> list[int]:
    """Return jobs that ended before a time, or before the newest `keep_jobs`, oldest end first; none to be retained."""
    found = [number for (number,) in cursor.execute(_ENDED_BEFORE, (micros(older_than), max_count))]
    if keep_jobs is None or len(found) >= max_count:
        return found
    # Numbers have no gaps to speak of, and ends come in their order, about: nothing has to be counted.
    (newest,) = cursor.execute(_NEWEST).fetchone()
    oldest = cursor.execute(_OLDEST_ENDS, (max_count,)).fetchall()
    known = set(found)
    return found + [
        number for (number,) in oldest if number <= (newest or 0) - keep_jobs and number not in known
    ]


def forget_events(cursor: Cursor, older_than: datetime, max_count: int) -> int:
    """Forget what happened to printers and ports before a time, and nobody decided; return how much went.

    Jobs take theirs along.
    """
    return cursor.execute(_DELETE_OLD_EVENTS, (micros(older_than), max_count)).rowcount


def _with_end(job: Job, now: int) -> Job:
    """Return an ended job with a time of its end: without one it would never be purged."""
    return replace(job, ended_at=moment(now)) if job.ended and job.ended_at is None else job


def complete(cursor: Cursor, number: int, kept: Kept) -> Job:
    """Give an incoming job its whole document, and return it. Raises what is `missing`, UploadNotFound."""
    if kept.missing is not None:
        raise kept.missing
    if not cursor.execute(_END_UPLOAD, (kept.upload_id,)).rowcount:
        raise upload_missing(kept.upload_id)
    cursor.execute(_WHOLE, (kept.size_bytes, kept.digest, True, number))
    put_document(cursor, number, kept)
    return job(cursor, number)
