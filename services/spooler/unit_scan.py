"""Documents read for their units: in threads, one at a time, a piece at a time. Nothing of it touches a job that goes well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from copy import deepcopy
from typing import NamedTuple

from chassis.errors import NotSupported
from spooler.aftermath import Count
from spooler.documents import Documents
from spooler.job import Job, Segment
from spooler.ledger import Ledger, UnitKind
from spooler.units.choose import SNIFF_BYTES, choose
from spooler.units.prefix import NO_PREFIX, Prefix
from spooler.units.splitter import NOTHING_OPEN, SETUP_BYTES, Close, Setup, Splitter
from spooler.units.tally import Tally, counted, tally_of

PIECE_BYTES = 1024 * 1024  # read and looked at in one go
SMALL_BYTES = 64 * 1024  # what is looked at on the loop: a thread would take longer to start


class Ends(NamedTuple):
    """Where units end: by their numbers, from 1, those that were asked for; unit 0 ends at byte 0."""

    kind: UnitKind
    total: int
    at: Mapping[int, int]


class Standing(NamedTuple):
    """Where a printer stands in a document: amid which unit, and what gets it out of that; None: nobody knows."""

    kind: UnitKind
    unit: int
    close: Close | None

    @property
    def between(self) -> bool:
        """It stands between two units: nothing lies there unfinished."""
        return self.close is not None and not self.close.data


class Wanted(NamedTuple):
    """A stretch that begins at a unit's first byte; `mark` is put on that unit, which ends at `unit_end`."""

    start: int
    unit_end: int = 0  # needed for a mark
    mark: str = ""


class Beginning(NamedTuple):
    """What is sent before a stretch, and its first byte that follows; or why that cannot be had.

    Where the mark stands inside the unit, the unit's bytes before it are in the prefix, and `start` is behind them.
    """

    start: int
    prefix: Prefix = NO_PREFIX
    refusal: str = ""


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

    async def standing(self, job: Job, start: int, end: int) -> Standing:
        """Return where a printer stands that got a document up to some byte from `start` to `end`. Raises DocumentLost."""
        splitter, tally, position = await self._splitter(job), Tally(), start
        async with self._turn:
            async for piece in self._pieces(job, start):
                tally.add(await _feed(splitter, piece))
            closes, amid = [_close_at(splitter, tally, start)], 1
            async for piece in self._pieces(job, end, start):
                before, began = deepcopy(splitter), tally.last_end
                if ends := await _feed(splitter, piece):
                    # Both ends of the span may be ends of units, and the printer amid one of those between them.
                    middle = (max([began, *ends[-2:-1]]) + ends[-1]) // 2
                    await _feed(before, piece[: max(0, middle - position)])
                    closes.append(before.close())
                tally.add(ends)
                position += len(piece)
            if end > start:
                closes.append(_close_at(splitter, tally, end))
                amid = 0 if tally.last_end == end else 1
        known = [one for one in closes if one is not None]
        # The longest serves for all: zeros that no count waits for mean nothing.
        close = max(known, key=lambda one: len(one.data)) if len(known) == len(closes) else None
        return Standing(splitter.kind, tally.total + amid, close)

    async def beginnings(self, job: Job, wanted: Sequence[Wanted]) -> list[Beginning]:
        """Return how each stretch begins, in the order asked for; the document is read once if they rise.

        Raises:
            NotSupported: a mark is wanted and the language has none.
            DocumentLost: its bytes are gone.
        """
        found: list[Beginning] = []
        async with self._turn:
            splitter, position = await self._splitter(job, collect=True), 0
            if any(one.mark for one in wanted) and not splitter.has_mark:
                raise NotSupported(
                    f"the language of job {job.number} has no mark that can be put on a unit", job=job.number
                )
            for one in wanted:
                if one.start < position:
                    splitter, position = await self._splitter(job, collect=True), 0
                async for piece in self._pieces(job, one.start, position):
                    await _feed(splitter, piece)
                setup = Setup()
                if one.start:
                    head = await self._documents.read(job.number, one.start, SNIFF_BYTES)
                    setup = deepcopy(splitter).setup(head)  # asking ends what is being collected
                position = one.start
                if one.mark and not setup.refusal:
                    async for piece in self._pieces(job, one.unit_end, position):
                        await _feed(splitter, piece)
                    position = one.unit_end
                    found.append(await self._marked(job, one, setup, splitter))
                else:
                    found.append(Beginning(one.start, setup.prefix, setup.refusal))
        return found

    async def leaving(self, job: Job, end: int) -> bytes:
        """Return what ends a document of which nothing is sent behind the unit that ends here. Raises DocumentLost."""
        splitter = await self._splitter(job, collect=True)
        async with self._turn:
            async for piece in self._pieces(job, end):
                await _feed(splitter, piece)
        return splitter.leave()

    async def marked(self, job: Job, mark: str) -> Segment:
        """Return all of a document with a mark on its first unit. Raises NotSupported, DocumentLost."""
        ends = await self.ends(job, {1})
        [begin] = await self.beginnings(job, [Wanted(0, ends.at[1], mark)])
        if begin.refusal:
            raise NotSupported(f"job {job.number}: {begin.refusal}", job=job.number)
        words = f"{begin.prefix.size:,} bytes with a mark"
        return Segment(begin.start, job.document.size_bytes, begin.prefix, words, mark)

    async def _marked(self, job: Job, wanted: Wanted, setup: Setup, splitter: Splitter) -> Beginning:
        """Return a beginning with a mark on its first unit, which was just fed: what is before the mark is prefix."""
        place = splitter.mark_place(wanted.start)
        if not wanted.start <= place <= wanted.unit_end:
            place = wanted.start
        if place - wanted.start > SETUP_BYTES:
            why = f"the mark would stand behind more than {SETUP_BYTES} bytes of it"
            return Beginning(wanted.start, refusal=why)
        before = b""
        if place > wanted.start:
            before = await self._documents.read(job.number, wanted.start, place - wanted.start)
        return Beginning(place, setup.prefix.then(before + splitter.mark(wanted.mark)))

    async def _splitter(self, job: Job, *, collect: bool = False) -> Splitter:
        head = await self._documents.read(job.number, 0, SNIFF_BYTES)
        return choose(job.document.format, head, collect=collect)

    async def _read(self, job: Job, splitter: Splitter, tally: Tally) -> None:
        async with self._turn:
            async for piece in self._pieces(job, job.document.size_bytes):
                tally.add(await _feed(splitter, piece))
            tally.add(splitter.finish())

    async def _pieces(self, job: Job, size: int, offset: int = 0) -> AsyncIterator[bytes]:
        while offset < size:
            piece = await self._documents.read(job.number, offset, min(PIECE_BYTES, size - offset))
            if not piece:
                return
            yield piece
            offset += len(piece)


def _close_at(splitter: Splitter, tally: Tally, offset: int) -> Close | None:
    """Return what closes the unit that was begun before a byte, up to which the splitter was fed."""
    return NOTHING_OPEN if offset in (0, tally.last_end) else splitter.close()


async def _feed(splitter: Splitter, piece: bytes) -> list[int]:
    if len(piece) <= SMALL_BYTES:
        return splitter.feed(piece)
    return await asyncio.to_thread(splitter.feed, piece)
