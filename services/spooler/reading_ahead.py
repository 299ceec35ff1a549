"""One large document read ahead of the lane that sends it: by one piece and no more, whatever its size."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chassis.errors import FabricError
from chassis.tasks import Tasks

# Of a document, in one message: the fewer of them, the fewer changes of thread; two of them are in memory.
CHUNK_BYTES = 512 * 1024


class ReadAhead:
    """Reads the next piece of a document while the one before it is sent. For one document at a time."""

    def __init__(self, document: Callable[[int, int, int], Awaitable[bytes]], tasks: Tasks) -> None:
        """Take what reads: `LaneOwner.document`."""
        self._document, self._tasks = document, tasks
        self._number = self._offset = -1  # of the piece that is being read, or was
        self._reading: asyncio.Task[bytes | FabricError] | None = None

    async def read(self, number: int, offset: int, end: int) -> bytes:
        """Return bytes of a job's document from an offset on, as many as one piece has and at most to `end`.

        Raises what `LaneOwner.document` raises.
        """
        if self._reading is None or (number, offset) != (self._number, self._offset):
            self.go_on(number, offset, end)
        reading, self._reading = self._reading, None
        if reading is None:
            return b""
        try:
            found = await reading
        except asyncio.CancelledError:
            reading.cancel()
            raise
        if isinstance(found, FabricError):
            raise found
        return found

    def go_on(self, number: int, offset: int, end: int) -> None:
        """Begin to read what is asked for next; a failure is told to who asks for it."""
        self.drop()
        if offset < end:
            self._number, self._offset = number, offset
            self._reading = self._tasks.spawn(f"read {number}", self._read(number, offset, end))

    def drop(self, number: int | None = None) -> None:
        """Read nothing more, or nothing more of one document; what is at hand is forgotten."""
        if self._reading is not None and number in (None, self._number):
            self._reading.cancel()
            self._reading = None

    async def _read(self, number: int, offset: int, end: int) -> bytes | FabricError:
        try:
            return await self._document(number, offset, min(CHUNK_BYTES, end - offset))
        except FabricError as error:
            return error
