"""Accepting jobs in the SQL store: what runs once per job on the writer's thread. Kept lean on purpose."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import urandom
from sys import intern
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, select

from chassis.errors import (
    DigestMismatch,
    FabricError,
    PrinterDeleted,
    PrinterNotFound,
    RequestIdReused,
)
from spooler.job import Attempt, Document, Job, Sender, make_uid
from spooler.job_state import JobEvent, step
from spooler.new_job import INLINE_BYTES, Duplicate, NewJob, UploadNotFound
from spooler.spool.record import Extent
from spooler.sql import lines
from spooler.sql.cursor import Cursor
from spooler.sql.fingerprint import fingerprint_of, is_of
from spooler.sql.rows import (
    JOB_READ,
    attempt_row,
    changing_row,
    fixed_row,
    job_of_row,
    micros,
)
from spooler.sql.schema import (
    attempts,
    inline_documents,
    jobs,
    spooled_documents,
    sql,
    uploads,
)
from spooler.sql.uid_time import not_after

_BY_REQUEST = sql(
    select(jobs.c.fingerprint, *JOB_READ).where(
        jobs.c.owner == bindparam("o"), jobs.c.request_id == bindparam("r")
    )
)
_INSERT_JOB = sql(insert(jobs))
_INSERT_INLINE = sql(insert(inline_documents))
_INSERT_SPOOLED = sql(insert(spooled_documents))
_INSERT_ATTEMPT = sql(insert(attempts))
_DELETE_UPLOAD = sql(delete(uploads).where(uploads.c.id == bindparam("id")))


class Kept(NamedTuple):
    """Where a new job's document lies before its job is accepted: at hand, or in the spool, or nowhere."""

    data: bytes = b""
    extent: Extent | None = None
    size_bytes: int = 0
    digest: bytes = b""  # empty: not computed yet
    upload_id: bytes = b""
    own_file: bool = False  # `extent` is the upload's own file
    incoming: bool = False  # the rest of it comes later, and its digest
    missing: FabricError | None = None  # why there is no document; a duplicate needs none

    @property
    def to_spool(self) -> bool:
        """Whether it has yet to be put into the spool."""
        return self.extent is None and len(self.data) > INLINE_BYTES


@dataclass(slots=True)
class AcceptState:
    """What the writer knows between batches: the last number and uid, and each printer's pending deletion."""

    last_number: int
    printers: dict[str, bool]
    newest_ms: int = 0  # in the newest uid

    def uid_ms(self, now_ms: int) -> int:
        """Return the time for the uids of new jobs, by the clock of `uid_time`; `now_ms` is this machine's."""
        # Behind each one before, of which a host may have been told: what is as old might be older than what it lost.
        self.newest_ms = max(self.newest_ms + 1, now_ms)
        return self.newest_ms

    def next_number(self) -> int:
        """Return the number of a new job."""
        self.last_number += 1
        return self.last_number

    def earlier(self, cursor: Cursor, new: NewJob) -> Sequence[Any] | None:
        """Return the fingerprint and the job of the same request, if it made one."""
        row: Sequence[Any] | None = cursor.execute(_BY_REQUEST, (new.owner, new.request_id)).fetchone()
        return row


def accept(
    cursor: Cursor, state: AcceptState, new_jobs: Iterable[tuple[NewJob, Kept]]
) -> list[Job | Duplicate | FabricError]:
    """Insert what can be accepted and return each one's answer, in order."""
    now = datetime.now(UTC)
    unix_ms = state.uid_ms(micros(now) // 1000)
    return [_accept_one(cursor, state, new, kept, now, unix_ms) for new, kept in new_jobs]


def _accept_one(
    cursor: Cursor, state: AcceptState, new: NewJob, kept: Kept, now: datetime, unix_ms: int
) -> Job | Duplicate | FabricError:
    digest = b"" if kept.incoming else kept.digest or hashlib.sha256(kept.data).digest()
    fingerprint = None
    if new.request_id:
        fingerprint = fingerprint_of(new)
        row = state.earlier(cursor, new)
        if row is not None:
            twin = _twin(row[0], job_of_row(row[1:]), new, digest, missing=bool(kept.missing))
            if kept.upload_id and isinstance(twin, Duplicate):
                cursor.execute(_DELETE_UPLOAD, (kept.upload_id,))  # sent again for nothing
            return twin
    refusal = kept.missing or _refusal(state, new, new.digest if kept.incoming else digest)
    if refusal is not None:
        return refusal
    job = _new_job(new, kept, digest, state.next_number(), now, unix_ms)
    cursor.executemany(_INSERT_JOB, [fixed_row(job, fingerprint) + changing_row(job)])
    if not kept.incoming:
        put_document(cursor, job.number, kept)
    if kept.upload_id:
        cursor.execute(_DELETE_UPLOAD, (kept.upload_id,))
    if new.first_attempt is not None:
        port, fence = new.first_attempt
        attempt = Attempt(job.uid, job.number, 1, port, fence)
        cursor.executemany(_INSERT_ATTEMPT, [attempt_row(attempt, micros(now))])
    if new.line is not None:
        lines.write(cursor, [new.line(job)], micros(now))
    return job


def put_document(cursor: Cursor, number: int, kept: Kept) -> None:
    """Keep where a job's document lies, or the document itself."""
    if kept.extent is not None:
        cursor.executemany(_INSERT_SPOOLED, [(number, *kept.extent)])
    else:
        cursor.executemany(_INSERT_INLINE, [(number, kept.data)])


def _new_job(new: NewJob, kept: Kept, digest: bytes, number: int, now: datetime, unix_ms: int) -> Job:
    state = step(None, JobEvent.ACCEPT_HELD if new.held else JobEvent.ACCEPT)
    port = None
    if new.first_attempt is not None:
        state = step(state, JobEvent.START)
        port = new.first_attempt.port
    return Job(
        number,
        not_after(new.uid, unix_ms) if new.uid else make_uid(unix_ms, urandom(10)),
        Document(new.document_name, intern(new.format), kept.size_bytes, digest),
        Sender(intern(new.owner), intern(new.user), intern(new.client), new.request_id),
        now,
        new.copies,
        new.attributes,
        intern(new.printer),
        state,
        new.reasons,
        new.hold_reason,
        new.priority,
        new.not_before,
        new.expires_at,
        new.window,
        new.retain,
        port,
        1 if port else 0,
        has_document=not kept.incoming,
    )


def _refusal(state: AcceptState, new: NewJob, digest: bytes) -> FabricError | None:
    pending_deletion = state.printers.get(new.printer)
    if pending_deletion is None:
        return PrinterNotFound(f"no printer {new.printer!r}", printer=new.printer)
    if pending_deletion:
        return PrinterDeleted(f"printer {new.printer!r} is being deleted", printer=new.printer)
    if new.digest and new.digest != digest:
        return DigestMismatch("the document is not the one announced", announced=new.digest, received=digest)
    return None


def _twin(stored: bytes, job: Job, new: NewJob, digest: bytes, *, missing: bool) -> Duplicate | FabricError:
    """Return the earlier job of the same request; of an upload that has ended only the announced digest counts."""
    announced = new.digest if missing else digest
    if is_of(new, stored) and announced in (b"", job.document.digest):
        return Duplicate(job)
    return RequestIdReused(
        f"request id {new.request_id!r} made job {job.number}, which is another one",
        request_id=new.request_id,
        job=job.number,
    )


def upload_missing(upload_id: bytes) -> UploadNotFound:
    """Return the error for an upload that is not there."""
    return UploadNotFound(f"no upload {upload_id.hex()}", upload=upload_id)
