"""Segments that many documents share: what has gathered is appended and synced at once."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from chassis import logs
from chassis.errors import DocumentLost, FabricError, SpoolFull, StoreUnavailable
from spooler.spool.record import (
    SEGMENT_HEADER_BYTES,
    SHARED,
    Extent,
    SegmentHeader,
    frame,
    framed_bytes,
    read_extent,
    read_extent_at_once,
    scan,
    segment_header,
    write_all,
)
from spooler.spool.space import LiveBytes, Reserve

log = logs.get(__name__)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class SegmentFiles:
    """The folder of segment files: names, numbers, creation. Numbers are never given twice in one folder."""

    def __init__(self, directory: Path, store_id: bytes, last_number: int) -> None:
        self.directory = directory
        self.store_id = store_id
        self._last = last_number
        self._scratch = bytearray()  # what is read at once goes through it

    def path(self, number: int) -> Path:
        """Return the file of a segment."""
        return self.directory / f"{number:012d}.spool"

    def create(self, document_id: bytes, *, durable: bool = True) -> tuple[int, int]:
        """Create the next segment and return its number and an open file; it is durable when the call returns.

        Unless not `durable`: then it is once its file is synced, and behind that `sync_names` was called.
        """
        self._last += 1
        number = self._last
        fd = os.open(self.path(number), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, [segment_header(SegmentHeader(number, self.store_id, document_id))], 0)
            if durable:
                os.fdatasync(fd)
                self.sync_names()
        except OSError:
            os.close(fd)
            self.remove(number)
            raise
        return number, fd

    def sync_names(self) -> None:
        """Make the names of all segments durable."""
        sync_directory(self.directory)

    def read(self, extent: Extent, offset: int, max_bytes: int) -> bytes:
        """Return at most `max_bytes` of a document from `offset`; empty at its end. Raises DocumentLost, OSError."""
        if offset >= extent.length or max_bytes <= 0:
            return b""
        try:
            fd = os.open(self.path(extent.segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise DocumentLost(f"spool segment {extent.segment} is gone", segment=extent.segment) from error
        try:
            return read_extent(fd, extent, offset, max_bytes)
        finally:
            os.close(fd)

    def read_at_once(self, extent: Extent, offset: int, max_bytes: int) -> bytes | None:
        """`read` of what the kernel has in memory; None: it has not, or the file cannot be opened. For one thread.

        Raises:
            DocumentLost: it is there, and is not the document.
        """
        try:
            fd = os.open(self.path(extent.segment), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return read_extent_at_once(fd, extent, offset, max_bytes, self._scratch)
        finally:
            os.close(fd)

    def remove(self, number: int) -> None:
        """Delete the file of a segment that nothing needs; one that cannot be deleted is left to the next start."""
        try:
            self.path(number).unlink(missing_ok=True)
        except OSError as error:  # it costs room, and no caller what it has
            log.warning("spool segment left behind", segment=number, error=str(error))


def sync_directory(directory: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def disk_error(error: OSError, reserve: Reserve, wanted_bytes: int = 0) -> FabricError:
    """Return what a caller is told about a failed write: SpoolFull, or StoreUnavailable with the system's words."""
    if error.errno in _FULL:
        return reserve.full(wanted_bytes)
    return StoreUnavailable(f"the spool cannot be written: {error.strerror}", errno=error.errno)


class SharedLog:
    """The append-only log of documents that came whole. `put` is for one thread; all else for any."""

    def __init__(self, files: SegmentFiles, live: LiveBytes, reserve: Reserve, segment_bytes: int) -> None:
        self._files = files
        self._live = live
        self._reserve = reserve
        self._segment_bytes = segment_bytes
        self._number = 0  # of the segment being appended to; 0: none yet
        self._fd = -1
        self._end = 0

    def go_on_with(self, number: int, end: int) -> None:
        """Append to a segment of the last run, behind its last live document. What lies there was never accepted."""
        fd = os.open(self._files.path(number), os.O_RDWR | os.O_CLOEXEC)
        size = os.fstat(fd).st_size
        if size > end:
            whole = end
            for record in scan(fd, end):
                whole = record.end
            log.info(
                "spool tail cut", segment=number, at=end, whole_bytes=whole - end, torn_bytes=size - whole
            )
            os.ftruncate(fd, end)
        self._number, self._fd, self._end = number, fd, end

    def put(self, documents: Sequence[bytes]) -> list[Extent | FabricError]:
        """Append documents, sync once, and return where each lies; or why not: SpoolFull, StoreUnavailable."""
        begin, extents = self._end, list[Extent]()
        try:
            refused = self._refused(documents)
            fitting = [data for data, error in zip(documents, refused, strict=True) if error is None]
            if fitting:
                begin = self._room()
                extents = self._write(fitting)
                os.fdatasync(self._fd)
        except OSError as error:
            self._give_up(begin)
            return [disk_error(error, self._reserve, len(data)) for data in documents]
        for extent in extents:
            self._live.add(extent.segment, framed_bytes(extent.length))
        found = iter(extents)
        return [next(found) if error is None else error for error in refused]

    def is_active(self, segment: int) -> bool:
        """Return whether documents are still appended to `segment`."""
        return segment == self._number

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _room(self) -> int:
        """Make sure that there is a segment to append to, and return where."""
        if self._number and self._end >= self._segment_bytes:
            full = self._number
            os.close(self._fd)
            self._number, self._fd, self._end = 0, -1, 0
            if not self._live.is_live(full):
                self._files.remove(full)
        if not self._number:
            self._number, self._fd = self._files.create(SHARED)
            self._end = SEGMENT_HEADER_BYTES
        return self._end

    def _refused(self, documents: Sequence[bytes]) -> list[SpoolFull | None]:
        """Return for each document why it has no room, if it has none."""
        free = self._reserve.free_bytes() - self._reserve.reserve_bytes
        refused = list[SpoolFull | None]()
        for data in documents:
            fits = framed_bytes(len(data)) <= free
            refused.append(None if fits else self._reserve.full(len(data)))
            free -= framed_bytes(len(data)) if fits else 0
        return refused

    def _write(self, documents: Sequence[bytes]) -> list[Extent]:
        buffers, extents = list[bytes | memoryview](), list[Extent]()
        position = self._end
        for data in documents:
            buffers += frame(SHARED, 0, memoryview(data))
            extents.append(Extent(self._number, position, len(data)))
            position = extents[-1].end
        self._end = write_all(self._fd, buffers, self._end)
        return extents

    def _give_up(self, begin: int) -> None:
        """Forget a batch that failed. After a failed sync the kernel may have lost pages: start a new segment."""
        if not self._number:
            return
        try:
            os.ftruncate(self._fd, begin)
        except OSError as error:
            log.warning("spool tail not cut", segment=self._number, error=str(error))
        failed, fd = self._number, self._fd
        self._number, self._fd, self._end = 0, -1, 0
        try:
            os.close(fd)
            if not self._live.is_live(failed):
                self._files.remove(failed)
        except OSError as error:
            log.warning("spool segment left behind", segment=failed, error=str(error))
