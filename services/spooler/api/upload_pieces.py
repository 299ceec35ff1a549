"""What a stream of an upload brings, and a document that comes again although its job was made."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import NamedTuple

from chassis.errors import FabricError, RequestIdReused, TooLarge, WrongOffset
from printfabric.spooler.v1.print_service_pb2 import JobSpec, UploadBegin, UploadFinish, UploadJobRequest
from spooler.api.submission import Caller, Submission, invalid
from spooler.job import Job
from spooler.new_job import Uploaded

MAX_PIECE_BYTES = 1 << 20
# An id that no upload has: the document came before, and its job is what is asked about.
NO_UPLOAD = bytes(16)


class Uploading(NamedTuple):
    """How a stream ended: bytes received, and the job if it was finished."""

    persisted_bytes: int
    job: Job | None = None
    duplicate: bool = False


class Pieces:
    """A stream's messages. `last`: the one that is being looked at, for whoever takes over from here."""

    def __init__(self, first: UploadJobRequest, rest: AsyncIterator[UploadJobRequest]) -> None:
        self.last = first
        self._rest = rest

    async def __aiter__(self) -> AsyncIterator[UploadJobRequest]:
        """Yield the last one again, and then what follows."""
        yield self.last
        async for piece in self._rest:
            self.last = piece
            yield piece


class Repeat:
    """A document that comes again although its job was made: read, compared, and kept by nobody."""

    def __init__(self, submission: Submission, begin: UploadBegin, caller: Caller, made: Job) -> None:
        self._submission = submission
        self._begin = begin
        self._caller = caller
        self._made = made
        self._hash = hashlib.sha256()
        self._hashed = 0  # bytes from the start on

    async def receive(self, pieces: Pieces) -> Uploading:
        """Read to the end. Raises RequestIdReused: it is another document; WrongOffset: it is behind the end."""
        size = self._made.document.size_bytes
        async for piece in pieces:
            check_piece(piece, 0)
            self._look_at(piece)
            if piece.HasField("finish"):
                return await self._finish(piece.finish)
        return Uploading(size, self._made, duplicate=True)

    def _look_at(self, piece: UploadJobRequest) -> None:
        size = self._made.document.size_bytes
        if piece.offset > size:
            raise WrongOffset(f"the document has {size} bytes", expected=size)
        if piece.offset <= self._hashed:
            new = piece.data[self._hashed - piece.offset :]
            self._hash.update(new)
            self._hashed += len(new)

    async def _finish(self, finish: UploadFinish) -> Uploading:
        begin, made = self._begin, self._made
        digest = digest_of(begin.spec, finish)
        if self._hashed >= finish.size_bytes:
            # All of it came again: what came counts, not what is said of it.
            digest = self._hash.digest()
        if finish.size_bytes != made.document.size_bytes or digest not in (b"", made.document.digest):
            raise RequestIdReused(
                f"request id {begin.request_id!r} made job {made.number}, of another document",
                request_id=begin.request_id,
                job=made.number,
            )
        document = Uploaded(NO_UPLOAD, finish.size_bytes)
        try:
            job = self._submission.new_job(
                begin.spec, begin.request_id, self._caller, document, finish.size_bytes
            )
        except FabricError:  # what would refuse it now does not undo that it was accepted
            return Uploading(finish.size_bytes, made, duplicate=True)
        (result,) = await self._submission.accept([replace(job, digest=digest)])
        if isinstance(result, FabricError):
            raise result
        return Uploading(finish.size_bytes, made, duplicate=True)


def check_piece(piece: UploadJobRequest, largest: int) -> None:
    """Raise TooLarge if a piece is, or brings its document over what its printer takes (bytes; 0: any size)."""
    if len(piece.data) > MAX_PIECE_BYTES:
        raise TooLarge(
            f"a piece has {len(piece.data)} bytes; at most {MAX_PIECE_BYTES}",
            size_bytes=len(piece.data),
            limit_bytes=MAX_PIECE_BYTES,
        )
    if largest and piece.offset + len(piece.data) > largest:
        raise TooLarge(f"the printer takes documents up to {largest} bytes", limit_bytes=largest)


def digest_of(spec: JobSpec, finish: UploadFinish) -> bytes:
    """Return the digest that was announced, in either place."""
    if len(finish.digest) not in (0, 32):
        raise invalid("finish.digest", "must be the 32 bytes of a SHA-256")
    if finish.digest and spec.digest and finish.digest != spec.digest:
        raise invalid("finish.digest", "is not the one in begin.spec.digest")
    return finish.digest or spec.digest
