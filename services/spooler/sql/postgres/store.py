"""The store in PostgreSQL, shared by several spoolers: each accepts jobs, and writes what it owns.

Durable: every OK is a commit with synchronous_commit on. Each commit says which rows it changed, and was a member's that
nobody had deposed: decision 0032.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from os import urandom
from typing import Any, NoReturn

from chassis.errors import DocumentLost, StoreUnavailable
from spooler.group_commit import GroupThread
from spooler.job import NO_ATTRIBUTES, HistoryEvent, Job
from spooler.membership import Membership
from spooler.new_job import Answers, Inline, NewJob, Place, Told, Upload, Uploaded, UploadNotFound
from spooler.spool.record import Extent
from spooler.sql import lines
from spooler.sql import printers as sql_printers
from spooler.sql import read as sql_read
from spooler.sql import record as sql_record
from spooler.sql.accept import accept
from spooler.sql.batch import Operation, get_meta
from spooler.sql.cursor import Cursor
from spooler.sql.documents import BEGIN_UPLOAD, UPLOAD_BY_ID, UPLOAD_BY_REQUEST, UPLOAD_DELETE
from spooler.sql.postgres import chunks, members
from spooler.sql.postgres.clock import clock_ms
from spooler.sql.postgres.keeping import keep, keep_upload, settle
from spooler.sql.postgres.lease import Lease
from spooler.sql.postgres.membership import PostgresMembership
from spooler.sql.postgres.reader import PostgresReader
from spooler.sql.postgres.writer import PostgresWriter, open_writer
from spooler.sql.questions import Asked, SqlQuestions
from spooler.sql.rows import attributes_text, micros
from spooler.store import Changes, Snapshot, StoreUsage

# Who reads a printer and then writes it is alone with it.
_LOCK_PRINTER = "SELECT 1 FROM printers WHERE name = ? FOR UPDATE"


class PostgresStore(SqlQuestions):
    """`spooler.store.Store` in a PostgreSQL database of its own. Made by `open`."""

    def __init__(self, writer: PostgresWriter, reader: PostgresReader, lease: Lease) -> None:
        self._thread = GroupThread("store", writer.commit)
        self._writer = writer
        self._reader = reader
        self._lease = lease
        self.membership: Membership = PostgresMembership(self._thread, writer, reader, lease)
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        writer.on_lost = lambda why: self._thread.on_loop(lambda: self._lose(why))

    @classmethod
    async def open(
        cls,
        url: str,
        name: str = "spooler",
        wait_s: float = 5.0,
        lease_s: float = 10.0,
        most_bytes: int | None = None,
    ) -> PostgresStore:
        """Open the store in the database at `url`; its tables are made if there are none.

        Args:
            url: a connection URI or string of libpq.
            name: who connects, for those who look at the server, and for the other members.
            wait_s: how long to stand by while no server answers, or somebody has it alone, as who moves a store there.
            lease_s: how long this member may be silent before others take its printers.
            most_bytes: that documents may take; None: whatever the server has.

        Raises:
            StoreUnavailable: see `open_writer`.
        """
        writer = await open_writer(url, name, wait_s, lease_s, most_bytes)
        return cls(
            writer, PostgresReader(url, f"{name} reads"), Lease(url, f"{name} lives", writer.me, lease_s)
        )

    @property
    def _asked(self) -> Asked:
        return self._reader

    def _clock_ms(self, cursor: Cursor) -> int:
        return clock_ms(cursor)

    def _lose(self, why: str) -> None:
        if not self._lost.done():
            self._lost.set_result(why)

    async def died(self) -> NoReturn:
        """Wait until the writer's connection, or its thread, is gone: this process can write no more.

        Raises:
            StoreUnavailable: why.
        """
        await asyncio.wait((self._thread.dead, self._lost), return_when=asyncio.FIRST_COMPLETED)
        raise StoreUnavailable(next(one.result() for one in (self._lost, self._thread.dead) if one.done()))

    async def close(self) -> None:
        """Write what is waiting, then let another spooler have it."""
        await self._thread.close()
        self._reader.close()
        await self._lease.close()
        self._writer.close()

    async def load(self) -> Snapshot:
        """Return what was going on when the last spooler stopped."""
        return await self._reader.ask(
            lambda cursor: Snapshot(
                get_meta(cursor, "fabric_id"),
                sql_read.unfinished_jobs(cursor),
                sql_read.open_attempts(cursor),
                sql_printers.all_printers(cursor),
                sql_read.unfinished_uploads(cursor),
                int(cursor.execute("SELECT last_value FROM job_numbers").fetchone()[0]),
                [],
                sql_read.ports_paused(cursor),
            )
        )

    async def next_epoch(self) -> int:
        """Return a number greater than any before."""
        return int(await self._write(members.next_epoch))

    async def usage(self) -> StoreUsage:
        """Return how full it is, as far as the server tells."""
        return await self._reader.ask(self._writer.quota.usage)

    # --- accepting

    async def accept(
        self, new_jobs: Sequence[NewJob], place: Place | None = None, told: Told | None = None
    ) -> Answers:
        """Make jobs durable; the rules are `Jobs.accept`'s."""
        documents = [new.document for new in new_jobs]
        whole = [await self._digest(one) if isinstance(one, Uploaded) else (0, b"") for one in documents]
        # Nothing is awaited between here and the thread's queue: what is placed first is numbered first.
        placed = [place(new) for new in new_jobs] if place is not None else new_jobs

        def run(cursor: Cursor) -> Answers:
            kept = [keep(cursor, new, digest) for new, digest in zip(placed, whole, strict=True)]
            answers = accept(cursor, self._writer.accepting, list(zip(placed, kept, strict=True)))
            for one, answer in zip(kept, answers, strict=True):
                settle(cursor, one, answer)
            self._writer.telling.jobs.update(answer.number for answer in answers if isinstance(answer, Job))
            return answers

        inline = sum(len(document.data) for document in documents if isinstance(document, Inline))
        operation = Operation(run, takes_bytes=inline, accepts=placed)
        return list(await self._thread.submit(operation, told))

    async def _digest(self, upload: Uploaded) -> tuple[int, bytes]:
        """Return an upload's size and digest, read before the writer's turn."""
        try:
            return await self._reader.ask(lambda cursor: chunks.upload_digest(cursor, upload.upload_id))
        except UploadNotFound:
            return 0, b""

    def _recording(self, changes: Changes, *, waited: bool) -> Operation:
        def run(cursor: Cursor) -> None:
            freed = sql_record.record(cursor, changes, micros(datetime.now(UTC)))
            chunks.drop(cursor, [extent.segment for extent in freed])
            telling = self._writer.telling
            telling.jobs.update(job.number for job in changes.jobs)
            telling.jobs.update(attempt.job_number for attempt in changes.attempts)
            telling.pauses = telling.pauses or bool(changes.pauses)

        return Operation(run, waited=waited)

    async def _forget(self, choose: Callable[[Cursor], list[int]]) -> int:
        def run(cursor: Cursor) -> int:
            chosen = choose(cursor)
            count, freed = sql_record.remove(cursor, chosen)
            chunks.drop(cursor, [extent.segment for extent in freed])
            self._writer.telling.gone.update(chosen)
            return count

        return int(await self._write(run))

    async def _write(self, run: Callable[[Cursor], Any], *, printer: str = "") -> Any:
        def told(cursor: Cursor) -> Any:
            cursor.execute(_LOCK_PRINTER, (printer,))
            self._writer.telling.printers = True
            return run(cursor)

        return await super()._write(told if printer else run, printer=printer)

    # --- documents

    async def read(self, number: int, offset: int, max_bytes: int) -> bytes:
        """Return document bytes; the rules are `Documents.read`'s."""

        def question(cursor: Cursor) -> bytes:
            found = sql_read.document(cursor, number)
            if isinstance(found, Extent):
                return chunks.read(cursor, found, offset, max_bytes)
            if found is None:
                sql_read.job(cursor, number)  # tells an unknown job from one without bytes
                raise DocumentLost(f"the document of job {number} is gone", job=number)
            return found[offset : offset + max_bytes]

        return await self._reader.ask(question)

    async def read_small(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """Return the whole documents of those jobs whose bytes lie in a row."""
        sql = "SELECT job_number, data FROM inline_documents WHERE job_number = ANY(?)"
        return await self._reader.ask(
            lambda cursor: {number: bytes(data) for number, data in cursor.execute(sql, (list(numbers),))}
        )

    async def create_upload(
        self, owner: str, *, request_id: str = "", attributes: Mapping[str, str] = NO_ATTRIBUTES
    ) -> Upload:
        """Begin a document, or return the one that the same request began."""
        fresh = Upload(urandom(16), owner, datetime.now(UTC), 0, request_id, attributes)

        def run(cursor: Cursor) -> Upload:
            if request_id:
                row = cursor.execute(UPLOAD_BY_REQUEST, (owner, request_id)).fetchone()
                if row is not None:
                    return _with_size(cursor, sql_read.upload_of_row(row))
            text = attributes_text(attributes)
            cursor.execute(
                BEGIN_UPLOAD, (fresh.id, owner, request_id or None, text, micros(fresh.created_at))
            )
            chunks.begin_upload(cursor, fresh.id)
            return fresh

        upload: Upload = await self._write(run)
        return upload

    async def get_upload(self, upload_id: bytes) -> Upload:
        """Return an upload with its present size. Raises UploadNotFound."""

        def question(cursor: Cursor) -> Upload:
            size = chunks.upload_size(cursor, upload_id).size_bytes
            row = cursor.execute(UPLOAD_BY_ID, (upload_id,)).fetchone()
            return replace(sql_read.upload_of_row(row), size_bytes=size)

        return await self._reader.ask(question)

    async def append_upload(self, upload_id: bytes, offset: int, *data: bytes) -> int:
        """Append document bytes; the rules are `Documents.append_upload`'s."""
        whole = b"".join(data)
        write = Operation(
            lambda cursor: chunks.append(cursor, upload_id, offset, whole), takes_bytes=len(whole)
        )
        return int(await self._thread.enqueue(write))

    async def sync_upload(self, upload_id: bytes) -> int:
        """Return how much of an upload has come: each piece was committed."""
        return await self._reader.ask(lambda cursor: chunks.upload_size(cursor, upload_id).size_bytes)

    async def complete_upload(self, number: int, upload: Uploaded, digest: bytes) -> Job:
        """Make an incoming document whole; the rules are `Documents.complete_upload`'s."""
        whole = await self._digest(upload)

        def run(cursor: Cursor) -> Job:
            kept = keep_upload(cursor, upload, digest, whole)
            job = sql_record.complete(cursor, number, kept)
            settle(cursor, kept, job)
            self._writer.telling.jobs.add(number)
            return job

        job: Job = await self._write(run)
        return job

    async def read_upload(self, upload_id: bytes, offset: int, max_bytes: int) -> bytes:
        """Return bytes of a document that is still coming in. Raises UploadNotFound."""

        def question(cursor: Cursor) -> bytes:
            document, size = chunks.upload_size(cursor, upload_id)
            return chunks.read(cursor, Extent(document, 0, size), offset, max_bytes)

        return await self._reader.ask(question)

    async def abandon_upload(self, upload_id: bytes, history: Sequence[HistoryEvent] = ()) -> None:
        """Forget an upload and give its space back."""

        def run(cursor: Cursor) -> None:
            cursor.execute(UPLOAD_DELETE, (upload_id,))
            chunks.end_upload(cursor, upload_id, keep_document=False)
            lines.write(cursor, history, micros(datetime.now(UTC)))

        await self._write(run)

    async def abandon_idle_uploads(self, idle_since: datetime) -> int:
        """Abandon uploads that got no byte since then. Return how many."""
        idle = await self._reader.ask(lambda cursor: list(chunks.idle_uploads(cursor, idle_since)))
        for upload_id in idle:
            await self.abandon_upload(upload_id)
        return len(idle)


def _with_size(cursor: Cursor, upload: Upload) -> Upload:
    return replace(upload, size_bytes=chunks.upload_size(cursor, upload.id).size_bytes)
