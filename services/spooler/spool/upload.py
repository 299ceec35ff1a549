"""One document on its way in, in a segment file of its own once it is larger than a record."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path

from chassis import logs
from chassis.errors import DigestMismatch, WrongOffset, WrongState
from spooler.spool.record import (
    SEGMENT_HEADER_BYTES,
    STRIDE,
    Extent,
    frame,
    framed_bytes,
    read_extent,
    scan,
    write_all,
)
from spooler.spool.shared import SegmentFiles
from spooler.spool.space import LiveBytes, Reserve

log = logs.get(__name__)

_SYNC_BYTES = 32 * 1024 * 1024  # so much may wait in the page cache: bounds what the last sync has to do


@dataclass(slots=True)
class UploadFile:
    """The bytes of one upload: whole records on the disk, the rest in `tail`. Calls never overlap, but `sync` and `read`.

    Only whole records are written before the end, so that the offset of each is known by arithmetic. The running
    SHA-256 covers what is written; hashlib cannot save its state, so `recover` makes it anew from the file.
    """

    id: bytes
    hashers: Executor
    segment: int = 0  # 0: nothing written yet
    written: int = 0  # payload bytes in the file, a multiple of STRIDE until sealed
    tail: bytearray = field(default_factory=bytearray)
    sealed: bytes = b""  # the document's digest, once it is complete and synced
    hash: hashlib._Hash = field(default_factory=hashlib.sha256)
    unsynced: int = 0
    named: bool = False  # the file's name is durable, too

    @property
    def size_bytes(self) -> int:
        """Bytes received: where the sender goes on."""
        return self.written + len(self.tail)

    def digest(self) -> bytes:
        """Return the SHA-256 of all that was received."""
        if self.sealed:
            return self.sealed
        whole = self.hash.copy()
        whole.update(self.tail)
        return whole.digest()

    def fresh_part(self, files: SegmentFiles, offset: int, data: bytes) -> memoryview:
        """Return the part of `data` at `offset` that is new; what was there before must be the same.

        Raises:
            WrongOffset: `offset` lies behind what was received.
            DigestMismatch: the bytes were sent before, and were others.
        """
        size = self.size_bytes
        if offset > size:
            raise WrongOffset(f"upload has {size} bytes, not {offset}", expected=size, offset=offset)
        overlap = min(size - offset, len(data))
        if overlap and self.read(files, offset, overlap) != data[:overlap]:
            raise DigestMismatch("other bytes were sent before at this offset", offset=offset)
        return memoryview(data)[overlap:]

    def needs_file(self, size: int) -> bool:
        """Return whether `append` of so many bytes would write, and not only gather."""
        return len(self.tail) + size >= STRIDE

    def append(self, files: SegmentFiles, live: LiveBytes, reserve: Reserve, *data: memoryview) -> None:
        """Take `data`; whole records go to the file. Raises SpoolFull, OSError: then nothing of `data` was taken."""
        size = sum(map(len, data))
        if self.sealed and size:
            raise WrongState("the upload is complete; accept its job or abandon it")
        if not self.needs_file(size):
            for part in data:
                self.tail += part
            return
        reserve.check(size + len(self.tail))
        # Joined on the way to the disk, and not before: a piece is copied only where it ends amid a record.
        body, rest = _parted(
            [memoryview(bytes(self.tail)), *data], (len(self.tail) + size) // STRIDE * STRIDE
        )
        self._write(files, live, body)
        self.tail = bytearray().join(rest)

    def seal(self, files: SegmentFiles, live: LiveBytes, reserve: Reserve) -> Extent:
        """Write the last record, sync, and return where the document lies. May be called again after an error."""
        if not self.sealed:
            digest = self.digest()
            if self.tail:
                reserve.check(len(self.tail))
                self._write(files, live, [memoryview(bytes(self.tail))])
            self.tail = bytearray()
            self._sync(files)
            self.sealed = digest
        return Extent(self.segment, SEGMENT_HEADER_BYTES, self.written)

    def sync(self, files: SegmentFiles) -> int:
        """Sync the whole records that are written and return where they end; bytes may be appended meanwhile."""
        written = self.written
        if self.segment and not self.sealed:
            naming = self._naming(files)
            fd = os.open(files.path(self.segment), os.O_RDWR | os.O_CLOEXEC)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)
            self._named(naming)
        return written

    def read(self, files: SegmentFiles, offset: int, max_bytes: int) -> bytes:
        """Return bytes received so far, from the file or the tail."""
        if offset >= self.written:
            return bytes(self.tail[offset - self.written : offset - self.written + max_bytes])
        extent = Extent(self.segment, SEGMENT_HEADER_BYTES, self.written)
        fd = os.open(files.path(self.segment), os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = read_extent(fd, extent, offset, max_bytes)
        finally:
            os.close(fd)
        return found + bytes(self.tail[: max_bytes - len(found)])

    def written_to(self, end: int) -> Extent | None:
        """Return where its bytes lie if those before `end` are in the file."""
        return Extent(self.segment, SEGMENT_HEADER_BYTES, self.written) if end <= self.written else None

    def _write(self, files: SegmentFiles, live: LiveBytes, parts: list[memoryview]) -> None:
        if not self.segment:
            self.segment, fd = files.create(self.id, durable=False)  # it is when a sync needs it
            live.add(self.segment, 0)
        else:
            fd = os.open(files.path(self.segment), os.O_RDWR | os.O_CLOEXEC)
        # Beside the writing, which takes as long; of what is not written in the end nothing was hashed.
        hashing = self.hashers.submit(_hashed, self.hash, parts)
        try:
            position = SEGMENT_HEADER_BYTES + framed_bytes(self.written)
            write_all(fd, frame(self.id, self.written, *parts), position)
            offset = self.written + sum(map(len, parts))
            if self.unsynced + offset - self.written >= _SYNC_BYTES:
                os.fdatasync(fd)
                self.unsynced = 0
        finally:
            os.close(fd)
        self.hash = hashing.result()
        live.add(self.segment, framed_bytes(offset) - framed_bytes(self.written))
        self.unsynced += offset - self.written
        self.written = offset

    def _sync(self, files: SegmentFiles) -> None:
        naming = self._naming(files)
        fd = os.open(files.path(self.segment), os.O_RDWR | os.O_CLOEXEC)
        try:
            # Longer than the document only if a write failed half way and the rest was never sent.
            os.ftruncate(fd, SEGMENT_HEADER_BYTES + framed_bytes(self.written))
            os.fdatasync(fd)
        finally:
            os.close(fd)
        self._named(naming)
        self.unsynced = 0

    def _naming(self, files: SegmentFiles) -> Future[None] | None:
        """Begin to make its name durable, beside its bytes: file systems with a journal write both at once."""
        return None if self.named else self.hashers.submit(files.sync_names)

    def _named(self, naming: Future[None] | None) -> None:
        if naming is not None:
            naming.result()
            self.named = True


def _hashed(before: hashlib._Hash, parts: Sequence[memoryview]) -> hashlib._Hash:
    """Return a hash of what `before` covers, and these bytes behind it."""
    found = before.copy()
    for part in parts:
        found.update(part)
    return found


def _parted(parts: Sequence[memoryview], size: int) -> tuple[list[memoryview], list[memoryview]]:
    """Return the first `size` bytes, and those behind them."""
    before: list[memoryview] = []
    behind: list[memoryview] = []
    for part in parts:
        before.append(part[:size])
        behind.append(part[size:])
        size -= len(before[-1])
    return [part for part in before if part], [part for part in behind if part]


def recover(upload_id: bytes, hashers: Executor, segment: int, path: Path, live: LiveBytes) -> UploadFile:
    """Return an upload as the last run left it: the whole records of its file, hashed anew; a torn tail is cut.

    Reads the file once, at about 1 GB/s. A last short record (the run ended between sealing and the commit) is
    taken back into the tail, so that the sender may still go on. Raises OSError.
    """
    upload = UploadFile(upload_id, hashers, segment)
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        for record in scan(fd, SEGMENT_HEADER_BYTES):
            if record.document_id != upload_id or record.offset != upload.written:
                break
            if len(record.payload) < STRIDE:
                upload.tail = bytearray(record.payload)
                break
            upload.hash.update(record.payload)
            upload.written += len(record.payload)
        end = SEGMENT_HEADER_BYTES + framed_bytes(upload.written)
        size = os.fstat(fd).st_size
        if size > end:
            log.info(
                "upload tail cut", segment=segment, at=end, cut_bytes=size - end, kept_bytes=len(upload.tail)
            )
            os.ftruncate(fd, end)
    finally:
        os.close(fd)
    live.add(segment, framed_bytes(upload.written))
    return upload
