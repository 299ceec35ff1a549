"""Segments that many documents share: appended by one thread, one fdatasync for all that have gathered."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from chassis import logs
from chassis.errors import DocumentLost, FabricError, StoreUnavailable
from spooler.group_commit import Entry, GroupThread
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
        """Delete a segment's file; harmless if there is none."""
        self.path(number).unlink(missing_ok=True)


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
    """The append-only log of small documents. `append` runs on its thread; all else on the loop."""

    def __init__(self, files: SegmentFiles, live: LiveBytes, reserve: Reserve, segment_bytes: int) -> None:
        self._files = files
        self._live = live
        self._reserve = reserve
        self._segment_bytes = segment_bytes
        self._number = 0  # of the segment being appended to; 0: none yet
        self._fd = -1
        self._end = 0
        self._thread: GroupThread[bytes] = GroupThread("spool", self._commit, max_batch=256)

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

    async def put(self, data: bytes) -> Extent:
        """Append a document and return where it lies, durably. Raises SpoolFull, StoreUnavailable."""
        extent: Extent = await self._thread.submit(data)
        return extent

    def is_active(self, segment: int) -> bool:
        """Return whether documents are still appended to `segment`."""
        return segment == self._number

    @property
    def dead(self) -> asyncio.Future[str]:
        """Why nothing can be appended any more, ever."""
        return self._thread.dead

    async def close(self) -> None:
        """Sync what is waiting and let go of the file."""
        await self._thread.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _commit(self, batch: Sequence[Entry[bytes]]) -> None:
        """Write a batch behind the end, then sync it: the thread's handler."""
        begin = self._end
        extents: list[tuple[Entry[bytes], Extent]] = []
        try:
            free = self._reserve.free_bytes() - self._reserve.reserve_bytes
            for entry in batch:
                free -= framed_bytes(len(entry.work))
                if free < 0:
                    entry.error = self._reserve.full(len(entry.work))
                    free += framed_bytes(len(entry.work))
            fitting = [entry for entry in batch if entry.error is None]
            if not fitting:
                return
            begin = self._room()
            extents = self._write(fitting)
            os.fdatasync(self._fd)
        except OSError as error:
            self._give_up(begin)
            for entry in batch:
                entry.error = entry.error or disk_error(error, self._reserve, len(entry.work))
            return
        for entry, extent in extents:
            self._live.add(extent.segment, framed_bytes(extent.length))
            entry.result = extent

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

    def _write(self, batch: list[Entry[bytes]]) -> list[tuple[Entry[bytes], Extent]]:
        buffers: list[bytes | memoryview] = []
        extents = []
        position = self._end
        for entry in batch:
            buffers += frame(SHARED, 0, memoryview(entry.work))
            extent = Extent(self._number, position, len(entry.work))
            extents.append((entry, extent))
            position = extent.end
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
        os.close(fd)
        if not self._live.is_live(failed):
            self._files.remove(failed)
