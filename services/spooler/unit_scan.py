"""Documents read for their units: in threads, one at a time, a piece at a time. Nothing of it touches a job that goes well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import NamedTuple

from chassis.errors import NotSupported
from spooler.aftermath import Count
from spooler.job import Job
from spooler.ledger import Ledger, UnitKind
from spooler.store import Documents
from spooler.units.choose import SNIFF_BYTES, choose
from spooler.units.splitter import Setup, Splitter
from spooler.units.tally import Tally, counted, tally_of

PIECE_BYTES = 1024 * 1024  # read and looked at in one go
SMALL_BYTES = 64 * 1024  # what is looked at on the loop: a thread would take longer to start


class Ends(NamedTuple):
    """Where units end: by their numbers, from 1, those that were asked for; unit 0 ends at byte 0."""

    kind: UnitKind
    total: int
    at: Mapping[int, int]


class UnitScan:
    """Reads documents. Two at a time would only take turns."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._turn = asyncio.Lock()

    async def count(self, job: Job, ledger: Ledger) -> Count:
        """Return what a ledger says in units. Raises DocumentLost."""
        splitter, tally = await self._splitter(job), tally_of(ledger)
        await self._read(job, splitter, tally)
        units, uncertain = counted(tally, splitter)
        return Count(units, uncertain, splitter.repeats)

    async def ends(self, job: Job, numbers: Collection[int]) -> Ends:
        """Return where units end. Raises DocumentLost."""
        splitter, tally = await self._splitter(job), Tally(numbers=numbers)
        await self._read(job, splitter, tally)
        kind = splitter.kind if tally.total else UnitKind.DOCUMENT
        if kind is UnitKind.DOCUMENT:
            return Ends(kind, 1, {0: 0, 1: job.document.size_bytes})
        return Ends(kind, tally.total, tally.ends)

    async def setup(self, job: Job, start: int) -> Setup:
        """Return what has to be sent before the unit that begins at byte `start`. Raises DocumentLost."""
        if start == 0:
            return Setup()
        splitter = await self._splitter(job, collect=True)
        async with self._turn:
            async for piece in self._pieces(job, start):
                await _feed(splitter, piece)
            head = await self._documents.read(job.number, start, SNIFF_BYTES)
        return splitter.setup(head)

    async def marks(self, job: Job) -> bytes:
        """Return what prints a visible mark before a unit. Raises NotSupported where the language has none."""
        mark = (await self._splitter(job)).mark_prefix
        if mark is None:
            raise NotSupported(
                f"the language of job {job.number} has no mark that can be put before a unit", job=job.number
            )
        return mark

    async def _splitter(self, job: Job, *, collect: bool = False) -> Splitter:
        head = await self._documents.read(job.number, 0, SNIFF_BYTES)
        return choose(job.document.format, head, collect=collect)

    async def _read(self, job: Job, splitter: Splitter, tally: Tally) -> None:
        async with self._turn:
            async for piece in self._pieces(job, job.document.size_bytes):
                tally.add(await _feed(splitter, piece))
            tally.add(splitter.finish())

    async def _pieces(self, job: Job, size: int) -> AsyncIterator[bytes]:
        offset = 0
        while offset < size:
            piece = await self._documents.read(job.number, offset, min(PIECE_BYTES, size - offset))
            if not piece:
                return
            yield piece
            offset += len(piece)


async def _feed(splitter: Splitter, piece: bytes) -> list[int]:
    if len(piece) <= SMALL_BYTES:
        return splitter.feed(piece)
    return await asyncio.to_thread(splitter.feed, piece)
