"""Document bytes on disk, until the device has them: an append-only log of segments. Holds what the database does not.

A document is either one of many in a shared segment (it came whole), or alone in a segment of its own (it came in
pieces and is larger than a record). What is accepted is named by the database alone: bytes that no row names are
left over from a run that ended, and are removed. A segment goes when no document in it is needed any more.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from chassis import logs
from chassis.errors import FabricError, StoreUnavailable
from spooler.new_job import UploadNotFound
from spooler.spool.record import (
    SEGMENT_HEADER_BYTES,
    SHARED,
    Extent,
    framed_bytes,
    parse_segment_header,
)
from spooler.spool.shared import SegmentFiles, SharedLog, disk_error, sync_directory
from spooler.spool.space import LiveBytes, Reserve
from spooler.spool.upload import UploadFile, recover

log = logs.get(__name__)

Result = TypeVar("Result")

SEGMENT_BYTES = 64 * 1024 * 1024


class SegmentUse(NamedTuple):
    """What the database says of a segment: framed bytes needed, and where the last document in it ends."""

    segment: int
    live_bytes: int
    end: int


class Sealed(NamedTuple):
    """A whole document: where it lies, or, if it was too small for a file, its bytes."""

    size_bytes: int
    digest: bytes
    extent: Extent | None
    data: bytes


@dataclass(slots=True)
class _Upload:
    """An upload of this run: its file, read back on first use if an earlier run wrote it."""

    file: UploadFile | None
    segment: int
    touched_at: float  # Unix time


class Spool:
    """The spool of one store. Made by `open`; its methods are for one event loop."""

    def __init__(
        self, directory: Path, store_id: bytes, reserve: Reserve, last_number: int, segment_bytes: int
    ) -> None:
        self.reserve = reserve
        self.live = LiveBytes()
        self.lost: dict[int, int] = {}  # segments that are shorter than the database knows, and their size
        self._files = SegmentFiles(directory, store_id, last_number)
        self._shared = SharedLog(self._files, self.live, reserve, segment_bytes)
        self._uploads: dict[bytes, _Upload] = {}
        self._recovering = asyncio.Lock()  # guards that an upload is read back once
        self._threads = ThreadPoolExecutor(4, "spool-io")
        # Whoever asks these waits for them; they wait for nobody.
        self._hashers = ThreadPoolExecutor(2, "spool-hash")

    @classmethod
    def open(
        cls,
        directory: Path,
        store_id: bytes,
        used: Iterable[SegmentUse],
        uploads: Mapping[bytes, float],
        *,
        reserve: Reserve,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> Spool:
        """Open the spool in `directory`, which is made if it is missing. Blocks: for the start, on the loop.

        Args:
            directory: holds nothing but segments.
            store_id: 16 bytes; segments that bear another id are left alone.
            used: the segments that the database's documents lie in.
            uploads: ids of unfinished uploads and when each was begun (Unix time).
            reserve: what is kept free.
            segment_bytes: a shared segment is closed when it is larger.

        Raises:
            StoreUnavailable: the folder cannot be read or written.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(directory.parent)
            sizes = {
                int(entry.name[:-6]): entry.stat().st_size
                for entry in os.scandir(directory)
                if _is_segment(entry)
            }
        except OSError as error:
            raise StoreUnavailable(
                f"cannot open the spool {directory}: {error.strerror}", path=directory
            ) from error
        known = {use.segment: use for use in used}
        spool = cls(directory, store_id, reserve, max([0, *sizes, *known]), segment_bytes)
        for use in known.values():
            spool.live.add(use.segment, use.live_bytes)
            if sizes.get(use.segment, -1) < use.end:
                spool.lost[use.segment] = sizes.get(use.segment, 0)
        spool._uploads = {upload_id: _Upload(None, 0, begun) for upload_id, begun in uploads.items()}
        spool._sort_out(sizes.keys() - known.keys())
        spool._choose_tail(known, sizes, segment_bytes)
        return spool

    def put(self, documents: Sequence[bytes]) -> list[Extent | FabricError]:
        """Keep whole documents, each durable on return, or refused: SpoolFull, StoreUnavailable. For one thread, any."""
        return self._shared.put(documents)

    async def read(self, extent: Extent, offset: int, max_bytes: int) -> bytes:
        """Return at most `max_bytes` of a document from `offset`; empty at its end. Raises DocumentLost."""
        return await self.on_thread(lambda: self._files.read(extent, offset, max_bytes))

    def read_at_once(self, extent: Extent, offset: int, max_bytes: int) -> bytes | None:
        """`read`, on the loop and without a wait; None where that cannot be, or fails: ask `read`."""
        return self._files.read_at_once(extent, offset, max_bytes)

    def read_here(self, extent: Extent, offset: int, max_bytes: int) -> bytes:
        """`read`, on the caller's own thread. Raises OSError, too."""
        return self._files.read(extent, offset, max_bytes)

    def release(self, extent: Extent) -> None:
        """Say that a document is no longer needed; its segment goes with its last one. From any thread."""
        dead = self.live.take(extent.segment, framed_bytes(extent.length))
        if dead and not self._shared.is_active(extent.segment):
            self._files.remove(extent.segment)

    def begin(self, upload_id: bytes) -> None:
        """Begin an upload. Nothing is on the disk until it outgrows a record."""
        self._uploads[upload_id] = _Upload(UploadFile(upload_id, self._hashers), 0, time.time())

    async def size(self, upload_id: bytes) -> int:
        """Return how much of an upload has come. Raises UploadNotFound."""
        return (await self._file(upload_id)).size_bytes

    async def append(self, upload_id: bytes, offset: int, *data: bytes) -> int:
        """Append at `offset` and return the new size; the rules are `Documents.append_upload`'s."""
        file = await self._file(upload_id)
        self._uploads[upload_id].touched_at = time.time()
        size = sum(map(len, data))
        if offset == file.size_bytes and not file.sealed and not file.needs_file(size):
            for part in data:
                file.tail += part
            return file.size_bytes
        return await self.on_thread(lambda: self._append(file, offset, data), size)

    async def read_upload(self, upload_id: bytes, offset: int, max_bytes: int) -> bytes:
        """Return bytes of an upload that have come. Raises UploadNotFound, DocumentLost."""
        file = await self._file(upload_id)
        if (extent := file.written_to(offset + max_bytes)) is not None:
            found = self.read_at_once(extent, offset, max_bytes)
            if found is not None:
                return found
        return await self.on_thread(lambda: file.read(self._files, offset, max_bytes))

    async def sync_upload(self, upload_id: bytes) -> int:
        """Make durable the whole records of an upload; return where they end. Raises UploadNotFound."""
        file = await self._file(upload_id)
        return await self.on_thread(lambda: file.sync(self._files))

    async def digest(self, upload_id: bytes) -> bytes:
        """Return the SHA-256 of what has come. Raises UploadNotFound."""
        return (await self._file(upload_id)).digest()

    async def seal(self, upload_id: bytes) -> Sealed:
        """Make an upload durable as a whole document; it takes no more bytes. Raises as `append`."""
        file = await self._file(upload_id)
        if not file.segment:
            return Sealed(file.size_bytes, file.digest(), None, bytes(file.tail))
        extent = await self.on_thread(lambda: file.seal(self._files, self.live, self.reserve))
        return Sealed(extent.length, file.sealed, extent, b"")

    def forget(self, upload_id: bytes, *, keep_file: bool) -> None:
        """End an upload: its file became a document's (`keep_file`), or goes."""
        upload = self._uploads.pop(upload_id, None)
        if upload is None:
            return
        segment = upload.file.segment if upload.file is not None else upload.segment
        if segment and not keep_file:
            self.live.forget(segment)
            self._files.remove(segment)

    def idle_since(self, unix_time: float) -> list[bytes]:
        """Return the uploads that got no byte since then."""
        return [upload_id for upload_id, upload in self._uploads.items() if upload.touched_at < unix_time]

    def disk_bytes(self) -> int:
        """Return the size of all segment files."""
        return sum(entry.stat().st_size for entry in os.scandir(self._files.directory) if _is_segment(entry))

    async def close(self) -> None:
        """Let go of all files."""
        self._shared.close()
        self._threads.shutdown()
        self._hashers.shutdown()

    def _sort_out(self, unnamed: Iterable[int]) -> None:
        """Give the segments that no document names to their uploads; remove the rest, later."""
        leftovers = []
        for number in sorted(unnamed):
            path = self._files.path(number)
            with path.open("rb") as file:
                header = parse_segment_header(file.read(SEGMENT_HEADER_BYTES))
                modified_at = os.fstat(file.fileno()).st_mtime
            if header is not None and header.store_id != self._files.store_id:
                log.warning("segment of another store left alone", path=str(path))
            elif header is not None and header.document_id != SHARED and header.document_id in self._uploads:
                self._uploads[header.document_id] = _Upload(None, number, modified_at)
                self.live.add(number, 0)
            else:
                leftovers.append(number)
        if leftovers:
            log.info("removing segments that nothing needs", segments=len(leftovers))
            self._threads.submit(self._remove, leftovers)
        for upload_id in [key for key, upload in self._uploads.items() if not upload.segment]:
            # What came of it was never written.
            self._uploads[upload_id].file = UploadFile(upload_id, self._hashers)

    def _choose_tail(
        self, known: Mapping[int, SegmentUse], sizes: Mapping[int, int], segment_bytes: int
    ) -> None:
        """Go on with the newest shared segment if it is whole and has room."""
        number = max(known, default=0)
        if not number or number in self.lost or known[number].end >= segment_bytes:
            return
        with self._files.path(number).open("rb") as file:
            header = parse_segment_header(file.read(SEGMENT_HEADER_BYTES))
        if header is not None and header.document_id == SHARED:
            self._shared.go_on_with(number, known[number].end)

    def _remove(self, segments: list[int]) -> None:
        for number in segments:
            self._files.remove(number)

    def _append(self, file: UploadFile, offset: int, data: Sequence[bytes]) -> int:
        fresh = [memoryview(part) for part in data]
        if offset != file.size_bytes:  # sent again, or too early
            fresh = [file.fresh_part(self._files, offset, b"".join(data))]
        file.append(self._files, self.live, self.reserve, *fresh)
        return file.size_bytes

    async def _file(self, upload_id: bytes) -> UploadFile:
        upload = self._uploads.get(upload_id)
        if upload is None:
            raise UploadNotFound(f"no upload {upload_id.hex()}", upload=upload_id)
        if upload.file is not None:
            return upload.file
        async with self._recovering:
            if upload.file is None:
                path = self._files.path(upload.segment)
                upload.file = await self.on_thread(
                    lambda: recover(upload_id, self._hashers, upload.segment, path, self.live)
                )
        return upload.file

    async def on_thread(self, work: Callable[[], Result], wanted_bytes: int = 0) -> Result:
        """Return what `work` on the disk returns. Raises SpoolFull, StoreUnavailable for its OSError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as error:
            raise disk_error(error, self.reserve, wanted_bytes) from error


def _is_segment(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(".spool") and entry.name[:-6].isdecimal()
