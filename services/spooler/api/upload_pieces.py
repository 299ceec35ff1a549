"""What a stream of an upload brings, and a document that comes again although its job was made."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Self

from chassis.errors import FabricError, RequestIdReused, TooLarge, WrongOffset
from chassis.tasks import Tasks
from printfabric.spooler.v1.print_service_pb2 import JobSpec, UploadBegin, UploadFinish, UploadJobRequest
from spooler.api.submission import Caller, Submission, invalid
from spooler.job import Job
from spooler.new_job import Uploaded

MAX_PIECE_BYTES = 1 << 20
# So much may wait beside what is being written: a thread takes as long for one piece as for several.
GATHER_BYTES = 2 << 20
# And so much before and beside what is written first: a job may be begun by it, which has the cores to itself then.
FIRST_BYTES = 512 * 1024
_MOST_PIECES = 256  # they take memory beside their bytes
# An id that no upload has: the document came before, and its job is what is asked about.
NO_UPLOAD = bytes(16)


class Uploading(NamedTuple):
    """How a stream ended: bytes received, and the job if it was finished."""

    persisted_bytes: int
    job: Job | None = None
    duplicate: bool = False


class Piece(NamedTuple):
    """One message: bytes of a document, where in it they belong, and, if nothing follows, the sender's last word."""

    offset: int
    data: bytes
    finish: UploadFinish | None

    @classmethod
    def of(cls, message: UploadJobRequest) -> Self:
        """Return what a message says, without the message."""
        return cls(message.offset, message.data, message.finish if message.HasField("finish") else None)


class Pieces:
    """A stream's messages, read while others are written, but no more than GATHER_BYTES, and FIRST_BYTES until the first are.

    To be entered and left.
    """

    def __init__(self, first: UploadJobRequest, rest: AsyncIterator[UploadJobRequest]) -> None:
        self._rest = rest
        self._pieces = deque([Piece.of(first)])
        self._size = 0  # bytes of them
        self._most, self._has_taken = FIRST_BYTES, False  # bytes that may wait; whether some were taken
        self._tasks = Tasks("upload")
        self._came, self._taken = asyncio.Event(), asyncio.Event()
        self._ended = False
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        """Begin to read."""
        self._tasks.spawn("read", self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Read nothing more."""
        await self._tasks.close()

    async def take(self) -> Sequence[Piece]:
        """Return what has come by now and follows each other, at least one piece; at the end nothing.

        Raises what ended the stream, if it did not end well.
        """
        if self._has_taken:
            self._most = GATHER_BYTES
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return ()
            self._came.clear()
            await self._came.wait()
        taken = [self._pieces.popleft()]
        behind = taken[0].offset + len(taken[0].data)
        while self._pieces and (self._pieces[0].offset == behind or not self._pieces[0].data):
            taken.append(self._pieces.popleft())
            behind += len(taken[-1].data)
        size = sum(len(piece.data) for piece in taken)
        self._size, self._has_taken = self._size - size, self._has_taken or size > 0
        self._taken.set()
        return taken

    def put_back(self, taken: Sequence[Piece]) -> None:
        """They were not taken: they come again for whoever takes over."""
        self._pieces.extendleft(reversed(taken))
        self._size += sum(len(piece.data) for piece in taken)

    async def _read(self) -> None:
        try:
            async for message in self._rest:
                piece = Piece.of(message)
                while self._pieces and (
                    self._size + len(piece.data) > self._most or len(self._pieces) >= _MOST_PIECES
                ):
                    self._taken.clear()
                    await self._taken.wait()
                self._pieces.append(piece)
                self._size += len(piece.data)
                self._came.set()
        except Exception as error:  # noqa: BLE001 - the stream's, and so for who takes from it
            self._failure = error
        finally:
            self._ended = True
            self._came.set()


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
        while taken := await pieces.take():
            for piece in taken:
                self._look_at(piece)
            if (finish := taken[-1].finish) is not None:
                return await self._finish(finish)
        return Uploading(size, self._made, duplicate=True)

    def _look_at(self, piece: Piece) -> None:
        check_piece(piece, 0)
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


def check_piece(piece: Piece, largest: int) -> None:
    """Raise TooLarge if a piece is, or brings its document over what its printer takes (bytes; 0: any size)."""
    size = len(piece.data)
    if size > MAX_PIECE_BYTES:
        raise TooLarge(
            f"a piece has {size} bytes; at most {MAX_PIECE_BYTES}",
            size_bytes=size,
            limit_bytes=MAX_PIECE_BYTES,
        )
    if largest and piece.offset + size > largest:
        raise TooLarge(f"the printer takes documents up to {largest} bytes", limit_bytes=largest)


def digest_of(spec: JobSpec, finish: UploadFinish) -> bytes:
    """Return the digest that was announced, in either place."""
    if len(finish.digest) not in (0, 32):
        raise invalid("finish.digest", "must be the 32 bytes of a SHA-256")
    if finish.digest and spec.digest and finish.digest != spec.digest:
        raise invalid("finish.digest", "is not the one in begin.spec.digest")
    return finish.digest or spec.digest
