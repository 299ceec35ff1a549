"""Uploads: documents of any size that come in pieces and go on where they broke off.

An upload is named by its sender and request id. Its bytes live in the store; here is only which upload that is, whose
turn it is to append, and when it was last heard of.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from chassis.errors import DigestMismatch, FabricError, RequestIdReused, SpoolFull, WrongOffset
from printfabric.spooler.v1.print_service_pb2 import UploadBegin, UploadFinish, UploadJobRequest
from spooler.api.names import printer_of
from spooler.api.submission import Caller, Submission, invalid
from spooler.api.upload_pieces import NO_UPLOAD, Piece, Pieces, Repeat, Uploading, check_piece, digest_of
from spooler.job import HistoryEvent, Job
from spooler.new_job import Duplicate, NewJob, Upload, Uploaded, UploadInterrupted, UploadNotFound
from spooler.room import Room
from spooler.store import Changes, Store

KEEP_IDLE = timedelta(hours=24)
_SPEC = "spec"  # the upload's attribute with the digest of its JobSpec


@dataclass(slots=True)
class _Entry:
    """Which upload it is. `turn` guards appending: a sender that came back may overlap with its former stream."""

    id: bytes
    heard_at: datetime
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Uploads:
    """All uploads of this spooler. `known` are those that the last run left."""

    def __init__(self, store: Store, submission: Submission, known: Iterable[Upload] = ()) -> None:
        self._store = store
        self._room = Room(store)
        self._submission = submission
        self._begun = submission.while_spooling
        now = datetime.now(UTC)
        self._entries = {(upload.owner, upload.request_id): _Entry(upload.id, now) for upload in known}

    async def receive(self, requests: AsyncIterator[UploadJobRequest], caller: Caller) -> Uploading:
        """Take one stream of pieces. A stream that ends without `finish` leaves a resumable upload.

        Raises:
            WrongOffset: a gap; `expected` tells where to go on.
            RequestIdReused: the id began another upload, or made another job.
            UploadInterrupted: its job was begun and has ended; the upload is gone.
            DigestMismatch: the document is not the one announced; the upload is gone.
            SpoolFull: no room now; what came is kept.
        """
        first = await anext(requests, None)
        if first is None or not first.HasField("begin"):
            raise invalid("begin", "is required in the first message")
        begin = first.begin
        if not begin.request_id:
            raise invalid("begin.request_id", "is required: it names the upload")
        size = begin.size_bytes if begin.HasField("size_bytes") else None
        made, fits = await asyncio.gather(self._made(caller.owner, begin.request_id), self._fits(size))
        async with Pieces(first, requests) as pieces:
            if made is not None and not made.incoming:
                return await Repeat(self._submission, begin, caller, made).receive(pieces)
            new = None
            if made is None:
                document = Uploaded(NO_UPLOAD)
                new = self._submission.new_job(begin.spec, begin.request_id, caller, document, size)
            try:
                if not fits:
                    await self._make_room(size)
                upload = await self._open(begin, caller)
                return await self._take(upload, begin, caller, new, pieces)
            except (UploadNotFound, WrongOffset):
                # Another stream of this sender may have finished meanwhile. If this one is of a new upload, that has no
                # bytes, and is forgotten as others that nobody goes on with.
                made = await self._made(caller.owner, begin.request_id)
                if made is None or made.incoming:
                    raise
            return await Repeat(self._submission, begin, caller, made).receive(pieces)

    async def _take(
        self,
        upload: Upload,
        begin: UploadBegin,
        caller: Caller,
        new: NewJob | None,
        pieces: Pieces,
    ) -> Uploading:
        """Take the pieces of an upload. `new` is its job, if that is not begun yet."""
        entry, received = self._entry(upload), upload.size_bytes
        largest = self._submission.largest(printer_of(begin.spec.printer, "spec.printer"))
        while taken := await pieces.take():
            try:
                received = await self._append(entry, taken, received, largest, new)
            except FabricError:
                pieces.put_back(taken)
                raise
            if (finish := taken[-1].finish) is not None:
                return await self._finish(entry, begin, caller, finish)
        return Uploading(received)

    async def _made(self, owner: str, request_id: str) -> Job | None:
        """Return the job that an upload has made, whole or not. Raises UploadInterrupted: it ended before it was whole."""
        made = await self._store.get_by_request_id(owner, request_id)
        if made is not None and made.ended and not made.document.digest:
            why = made.last_error.message if made.last_error is not None else f"it is {made.state}"
            raise UploadInterrupted(
                f"job {made.number} has ended before all of its document came: {why}", job=made.number
            )
        return made

    async def look(self, request_id: str, caller: Caller) -> tuple[Uploading, datetime | None]:
        """Return how far an upload is, or its job, and when it will be forgotten."""
        made = await self._made(caller.owner, request_id)
        if made is not None and not made.incoming:
            return Uploading(made.document.size_bytes, made), None
        entry = self._entries.get((caller.owner, request_id))
        if entry is None:
            return Uploading(0), None
        try:
            upload = await self._store.get_upload(entry.id)
        except UploadNotFound:
            self._entries.pop((caller.owner, request_id), None)
            return Uploading(0), None
        return Uploading(upload.size_bytes), entry.heard_at + KEEP_IDLE

    async def forget(self, request_id: str, caller: Caller, history: Sequence[HistoryEvent] = ()) -> None:
        """Forget an upload that was not finished, with lines that say so; harmless if there is none."""
        entry = self._entries.pop((caller.owner, request_id), None)
        number = self._begun.number(entry.id) if entry is not None else None
        if number is not None:
            # First: its job ends in a commit of its own, also when this one is the last.
            await self._store.record(Changes(history=history))
            self._begun.interrupt(number, "its sender gave it up")
        elif entry is not None:
            await self._store.abandon_upload(entry.id, history)

    async def forget_idle(self) -> int:
        """Forget uploads that nobody went on with for a day. Return how many."""
        before = datetime.now(UTC) - KEEP_IDLE
        self._entries = {name: entry for name, entry in self._entries.items() if entry.heard_at >= before}
        return await self._store.abandon_idle_uploads(before)

    async def _open(self, begin: UploadBegin, caller: Caller) -> Upload:
        """Begin an upload, or find the one that was begun with the same words."""
        words = hashlib.sha256(begin.spec.SerializeToString(deterministic=True)).hexdigest()
        upload = await self._store.create_upload(
            caller.owner, request_id=begin.request_id, attributes={_SPEC: words}
        )
        if upload.attributes.get(_SPEC, words) != words:
            raise RequestIdReused(
                f"request id {begin.request_id!r} began an upload of another job", request_id=begin.request_id
            )
        return upload

    async def _fits(self, size: int | None) -> bool:
        if size is None:
            return True
        usage = await self._store.usage()
        return size <= usage.free_bytes - usage.reserve_bytes

    async def _make_room(self, size: int | None) -> None:
        await self._room.make(size or 0)
        if not await self._fits(size):
            raise SpoolFull(f"the spool has no room for {size} bytes now", size_bytes=size)

    def _entry(self, upload: Upload) -> _Entry:
        name = (upload.owner, upload.request_id)
        entry = self._entries.get(name)
        if entry is None or entry.id != upload.id:
            entry = self._entries[name] = _Entry(upload.id, datetime.now(UTC))
        return entry

    async def _append(
        self, entry: _Entry, pieces: Sequence[Piece], received: int, largest: int, new: NewJob | None
    ) -> int:
        """Take pieces, to the end also when their sender goes, and print them while the rest comes in where that is wanted."""
        wanted = [piece for piece in pieces if piece.data or piece.offset > received]
        for piece in wanted:
            check_piece(piece, largest)
        if not wanted:
            return received
        data = [piece.data for piece in wanted]
        return await self._begun.to_the_end("append", self._written(entry, wanted[0].offset, data, new))

    async def _written(self, entry: _Entry, offset: int, data: Sequence[bytes], new: NewJob | None) -> int:
        async with entry.turn:
            write = self._room.within(lambda: self._store.append_upload(entry.id, offset, *data))
            if new is not None and self._begun.may_begin(new, entry.id, offset + sum(map(len, data))):
                received = await self._begun.begin(new, entry.id, write)
            else:
                received = await write
        self._begun.came(entry.id)
        entry.heard_at = datetime.now(UTC)
        return received

    async def _finish(
        self, entry: _Entry, begin: UploadBegin, caller: Caller, finish: UploadFinish
    ) -> Uploading:
        digest = digest_of(begin.spec, finish)
        if (number := self._begun.number(entry.id)) is not None:
            job = await self._submission.complete(number, Uploaded(entry.id, finish.size_bytes), digest)
            self._entries.pop((caller.owner, begin.request_id), None)
            return Uploading(finish.size_bytes, job)
        new = self._submission.new_job(
            begin.spec, begin.request_id, caller, Uploaded(entry.id, finish.size_bytes), finish.size_bytes
        )
        (result,) = await self._submission.accept([replace(new, digest=digest)])
        if isinstance(result, FabricError):
            if isinstance(result, DigestMismatch):
                await self.forget(begin.request_id, caller)
            raise result
        self._entries.pop((caller.owner, begin.request_id), None)
        if isinstance(result, Duplicate):
            return Uploading(finish.size_bytes, result.job, duplicate=True)
        return Uploading(finish.size_bytes, result)
