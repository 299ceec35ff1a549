"""The documents that a lane has still to send: in order, their starts durable and their bytes at hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from chassis.errors import DocumentLost, FabricError
from chassis.tasks import Tasks
from spooler.flight import Flight, LaneOwner, put_prefix
from spooler.port import Slice
from spooler.printer import PortName, Way
from spooler.reading_ahead import ReadAhead

BATCH_BYTES = 512 * 1024  # payload per message, so that progress and cancelling stay prompt


class Outgoing:
    """A line of flights. `spoil` is told of a flight whose bytes are gone."""

    def __init__(
        self, port: PortName, owner: LaneOwner, tasks: Tasks, spoil: Callable[[Flight, FabricError], None]
    ) -> None:
        self._port = port
        self._ahead = ReadAhead(owner.document, tasks)
        self._owner = owner
        self._spoil = spoil
        self._line: deque[Flight] = deque()

    def __len__(self) -> int:
        return len(self._line)

    def __iter__(self) -> Iterator[Flight]:
        return iter(self._line)

    def add(self, flight: Flight) -> None:
        """Send it after all others."""
        self._line.append(flight)

    def put_first(self, flight: Flight) -> None:
        """Send it, or the rest of it, before all others."""
        if flight not in self._line:
            self._line.appendleft(flight)

    def remove(self, flight: Flight) -> None:
        """Do not send it (any more)."""
        self._ahead.drop(flight.number)
        if flight in self._line:
            self._line.remove(flight)

    def clear(self) -> None:
        """Send nothing."""
        self._ahead.drop()
        self._line.clear()

    @property
    def waits(self) -> bool:
        """Whether the next document has to be brought to the host, or to come in, before anything is sent."""
        return bool(self._line) and (self._line[0].waits or self._line[0].starved)

    @property
    def unrecorded(self) -> bool:
        """Whether the last one's start is not durable yet."""
        return bool(self._line) and not self._line[-1].recorded

    @property
    def way(self) -> Way | None:
        """Return what the next document needs the port to be opened through; None: there is none."""
        return self._line[0].way if self._line else None

    def large(self, way: Way) -> Flight | None:
        """Return the large document that is next and goes this way, if one is."""
        first = self._line[0] if self._line else None
        if first is None or first.leaves_whole or self.waits or first.way != way:
            return None
        return first

    async def record(self, flights: Sequence[Flight], fence: int) -> None:
        """Make the starts of these attempts durable, those that are not."""
        new = [flight for flight in flights if not flight.recorded]
        if new:
            await self._owner.record_starts(self._port, fence, new)
            for flight in new:
                flight.recorded = True

    async def next_batch(self, fence: int, way: Way) -> list[Slice]:
        """Return slices of the small documents that are next and go this way, each whole."""
        small: list[Flight] = []
        size = 0
        for flight in self._line:
            size += flight.before.size + (0 if flight.staged else flight.size_bytes)
            if (small and size > BATCH_BYTES) or flight.way != way or not flight.leaves_whole:
                break
            small.append(flight)
        await self.record(small, fence)
        await self._fetch(small)
        batch = []
        for flight in small:
            if flight not in self._line:
                continue
            self._line.remove(
                flight
            )  # a cancelled one too: what stays in the line is asked for again at once
            if flight.cancelled:
                continue
            flight.begun = True
            batch.append(_whole(flight))
            flight.sent = flight.size_bytes
        return batch

    async def next_chunk(self, flight: Flight) -> Slice | None:
        """Return the next piece of a large document; None, and it is spoilt, when its bytes are gone."""
        if flight.sent >= flight.size_bytes:  # the host has them all and waits for the end
            flight.begun = True
            return Slice(flight.key, None, flight.sent, end_size=flight.size_bytes)
        try:
            await put_prefix(flight, self._owner)
            data = await self._ahead.read(flight.number, flight.sent, flight.size_bytes)
        except DocumentLost as error:
            self._spoil(flight, error)
            return None
        if flight.cancelled or flight not in self._line:  # while it was read
            return None
        if not data:
            self._spoil(flight, DocumentLost(f"job {flight.number}: the document ends early"))
            return None
        offset, flight.sent = flight.sent, flight.sent + len(data)
        self._ahead.go_on(flight.number, flight.sent, flight.size_bytes)
        size = flight.size_bytes if flight.sent >= flight.size_bytes and not flight.incoming else None
        flight.begun = True
        return Slice(flight.key, None, offset, data, end_size=size)

    async def _fetch(self, flights: Sequence[Flight]) -> None:
        bare = [one for one in flights if one.data is None and one.size_bytes and not one.staged]
        at_hand = await self._owner.small_documents([flight.number for flight in bare]) if bare else {}
        for flight in flights:
            try:
                await put_prefix(flight, self._owner)
                if flight in bare:
                    data = at_hand.get(flight.number)
                    flight.data = data or await self._owner.document(flight.number, 0, flight.size_bytes)
            except DocumentLost as error:
                self._spoil(flight, error)


def _whole(flight: Flight) -> Slice:
    """Return what is left of a document, or the word that the host shall print what lies there."""
    if flight.staged:
        start = flight.info
        return Slice(flight.key, start, start.resume_offset, end_size=flight.size_bytes, staged=True)
    rest = (flight.data or b"")[flight.sent : flight.size_bytes]
    return Slice(flight.key, flight.info, flight.sent, rest, end_size=flight.size_bytes)
