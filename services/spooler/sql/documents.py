"""Documents in the SQL store: in the row's transaction when they are small, in the spool when they are not."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from os import urandom

from sqlalchemy import bindparam, delete, insert, select

from chassis.errors import DigestMismatch, DocumentLost, FabricError, WrongOffset
from spooler.group_commit import GroupThread
from spooler.job import NO_ATTRIBUTES, HistoryEvent, Job
from spooler.new_job import (
    Duplicate,
    Incoming,
    Inline,
    NewJob,
    Upload,
    Uploaded,
    UploadNotFound,
    is_at_hand,
)
from spooler.spool.log import Spool
from spooler.spool.record import Extent
from spooler.sql import lines
from spooler.sql import read as sql_read
from spooler.sql.accept import Kept, upload_missing
from spooler.sql.batch import Operation
from spooler.sql.cursor import Cursor
from spooler.sql.questions import Asked, SqlQuestions
from spooler.sql.read import Reader
from spooler.sql.record import complete
from spooler.sql.rows import attributes_text, micros
from spooler.sql.schema import sql, uploads
from spooler.sql.writer import ROW_BYTES

_COLUMNS = (uploads.c.id, uploads.c.owner, uploads.c.request_id, uploads.c.attributes, uploads.c.created_at)
UPLOAD_BY_ID = sql(select(*_COLUMNS).where(uploads.c.id == bindparam("id")))
UPLOAD_BY_REQUEST = sql(
    select(*_COLUMNS).where(uploads.c.owner == bindparam("o"), uploads.c.request_id == bindparam("r"))
)
BEGIN_UPLOAD = sql(insert(uploads))
UPLOAD_DELETE = sql(delete(uploads).where(uploads.c.id == bindparam("id")))

_MOST_PLACES = 256


class Places:
    """Where the documents lie that were read last: a large one is looked up once, and not for each piece. From any thread.

    A document stays where it is, so what is said here is right for as long as it is anywhere.
    """

    def __init__(self) -> None:
        self._extents: dict[int, Extent] = {}

    def get(self, number: int) -> Extent | None:
        """Return where a job's document lies, if it is known."""
        return self._extents.get(number)

    def put(self, number: int, extent: Extent) -> None:
        """Note where a job's document lies."""
        if len(self._extents) >= _MOST_PLACES:
            self._extents.clear()
        self._extents[number] = extent

    def clear(self) -> None:
        """Forget all: one of them may be given back."""
        self._extents.clear()


class SqlDocuments(SqlQuestions):
    """The part of `SqlStore` that knows where bytes lie."""

    def __init__(self, thread: GroupThread[Operation], reader: Reader, spool: Spool) -> None:
        self._thread = thread
        self._reader = reader
        self._spool = spool
        self._places = Places()

    @property
    def _asked(self) -> Asked:
        return self._reader

    async def read(self, number: int, offset: int, max_bytes: int) -> bytes:
        """Return document bytes; the rules are `Documents.read`'s."""
        place = self._places.get(number)
        if place is not None:
            at_hand = self._spool.read_at_once(place, offset, max_bytes)
            if at_hand is not None:
                return at_hand

        def question(cursor: Cursor) -> bytes | Extent:
            found = sql_read.document(cursor, number)
            if found is None:
                sql_read.job(cursor, number)  # tells an unknown job from one without bytes
                raise DocumentLost(f"the document of job {number} is gone", job=number)
            return found

        def both() -> bytes:
            found = self._places.get(number) or self._reader.ask_here(question)
            if isinstance(found, Extent):
                self._places.put(number, found)
                return self._spool.read_here(found, offset, max_bytes)
            return found[offset : offset + max_bytes]

        # One thread for where it lies and what is there.
        return await self._spool.on_thread(both)

    async def read_small(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """Return the whole documents of those jobs whose bytes lie in the database."""
        return await self._reader.ask(lambda cursor: sql_read.small_documents(cursor, numbers))

    async def create_upload(
        self, owner: str, *, request_id: str = "", attributes: Mapping[str, str] = NO_ATTRIBUTES
    ) -> Upload:
        """Begin a document, or return the one that the same request began."""
        fresh = Upload(urandom(16), owner, datetime.now(UTC), 0, request_id, attributes)

        def run(cursor: Cursor) -> Upload:
            if request_id:
                row = cursor.execute(UPLOAD_BY_REQUEST, (owner, request_id)).fetchone()
                if row is not None:
                    return sql_read.upload_of_row(row)
            text = attributes_text(attributes)
            cursor.execute(
                BEGIN_UPLOAD, (fresh.id, owner, request_id or None, text, micros(fresh.created_at))
            )
            return fresh

        # Before the commit: whoever learns of the upload by its request id may append at once.
        self._spool.begin(fresh.id)
        try:
            upload: Upload = await self._thread.enqueue(Operation(run, takes_bytes=ROW_BYTES))
        except FabricError:
            self._spool.forget(fresh.id, keep_file=False)
            raise
        if upload.id != fresh.id:
            self._spool.forget(fresh.id, keep_file=False)
        return replace(upload, size_bytes=await self._spool.size(upload.id))

    async def get_upload(self, upload_id: bytes) -> Upload:
        """Return an upload with its present size. Raises UploadNotFound."""

        def question(cursor: Cursor) -> Upload:
            row = cursor.execute(UPLOAD_BY_ID, (upload_id,)).fetchone()
            if row is None:
                raise upload_missing(upload_id)
            return sql_read.upload_of_row(row)

        upload = await self._reader.ask(question)
        return replace(upload, size_bytes=await self._spool.size(upload_id))

    async def append_upload(self, upload_id: bytes, offset: int, *data: bytes) -> int:
        """Append document bytes; the rules are `Documents.append_upload`'s."""
        return await self._spool.append(upload_id, offset, *data)

    async def sync_upload(self, upload_id: bytes) -> int:
        """Make durable what has come of an upload; the rules are `Documents.sync_upload`'s."""
        return await self._spool.sync_upload(upload_id)

    async def complete_upload(self, number: int, upload: Uploaded, digest: bytes) -> Job:
        """Make an incoming document whole; the rules are `Documents.complete_upload`'s."""
        kept = [await self._keep_upload(upload, digest)]
        operation = Operation(
            lambda cursor: complete(cursor, number, kept[0]),
            settle=lambda job: self._settle(kept, None if job is None else [job]),
            kept=kept,
        )
        job: Job = await self._thread.enqueue(operation)
        return job

    async def read_upload(self, upload_id: bytes, offset: int, max_bytes: int) -> bytes:
        """Return bytes of a document that is still coming in. Raises UploadNotFound."""
        return await self._spool.read_upload(upload_id, offset, max_bytes)

    async def abandon_upload(self, upload_id: bytes, history: Sequence[HistoryEvent] = ()) -> None:
        """Forget an upload and give its space back."""

        def run(cursor: Cursor) -> None:
            cursor.execute(UPLOAD_DELETE, (upload_id,))
            lines.write(cursor, history, micros(datetime.now(UTC)))

        await self._write(run)
        self._spool.forget(upload_id, keep_file=False)

    async def abandon_idle_uploads(self, idle_since: datetime) -> int:
        """Abandon uploads that got no byte since then. Return how many."""
        idle = self._spool.idle_since(idle_since.timestamp())
        for upload_id in idle:
            await self.abandon_upload(upload_id)
        return len(idle)

    async def _keep_all(self, new_jobs: Sequence[NewJob]) -> list[Kept]:
        """Return what is to become of new jobs' documents. Raises SpoolFull, StoreUnavailable: an upload's end has no room."""
        kept = [_at_hand(new.document) for new in new_jobs]
        if None in kept:
            waiting = [self._keep(new, one) for new, one in zip(new_jobs, kept, strict=True)]
            return await asyncio.gather(*waiting)
        return [one for one in kept if one is not None]

    async def _keep(self, new: NewJob, at_hand: Kept | None) -> Kept:
        if at_hand is not None:
            return at_hand
        if isinstance(new.document, Uploaded):
            return await self._keep_upload(new.document, new.digest)
        if isinstance(new.document, Incoming):
            return Kept(size_bytes=new.document.size_bytes, incoming=True)
        return await self._keep_data(new.document.data)

    async def _keep_data(self, data: bytes) -> Kept:
        digest = (await asyncio.to_thread(hashlib.sha256, data)).digest()
        return Kept(data, None, len(data), digest)

    async def _keep_upload(self, upload: Uploaded, announced: bytes) -> Kept:
        try:
            size = await self._spool.size(upload.upload_id)
            if upload.size_bytes is not None and size < upload.size_bytes:
                return Kept(
                    missing=WrongOffset(f"the upload has {size} of {upload.size_bytes} bytes", expected=size)
                )
            if upload.size_bytes is not None and size > upload.size_bytes:
                return Kept(missing=DigestMismatch("the upload is longer than announced", size_bytes=size))
            if announced and await self._spool.digest(upload.upload_id) != announced:
                return Kept(
                    missing=DigestMismatch("the upload is not the document announced", announced=announced)
                )
            whole = await self._spool.seal(upload.upload_id)
        except UploadNotFound as error:
            return Kept(missing=error)
        own_file = whole.extent is not None
        return Kept(whole.data, whole.extent, whole.size_bytes, whole.digest, upload.upload_id, own_file)

    def _settle(self, kept: Sequence[Kept], answers: Sequence[Job | Duplicate | FabricError] | None) -> None:
        """Give back what no job took, after the commit, on any thread; `answers` None: nothing was accepted."""
        nothing: list[Job | Duplicate | FabricError | None] = [None] * len(kept)
        for one, answer in zip(kept, answers or nothing, strict=True):
            taken = isinstance(answer, Job)
            if one.extent is not None and not one.own_file and not taken:
                self._spool.release(one.extent)
            if one.upload_id and (taken or isinstance(answer, Duplicate)):
                forget = partial(self._spool.forget, one.upload_id, keep_file=taken and one.own_file)
                self._thread.on_loop(forget)

    def _release(self, freed: Sequence[Extent] | None) -> None:
        if freed:
            self._places.clear()
        for extent in freed or ():
            self._spool.release(extent)


def _at_hand(document: Inline | Uploaded | Incoming) -> Kept | None:
    """Return a document of which nothing has to be awaited before its row's transaction; None for any other."""
    if isinstance(document, Inline) and is_at_hand(document):
        return Kept(document.data, None, len(document.data))
    return None
