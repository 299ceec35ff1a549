"""The part of the dispatcher that serves the lanes: starts written down, bytes fetched, ends passed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from chassis import logs
from chassis.errors import FabricError, StaleFence
from spooler.book import Book
from spooler.dispatch_view import DispatchView, Landing
from spooler.flight import Flight
from spooler.hub import Hub
from spooler.job import Job
from spooler.launch import starts
from spooler.new_job import UploadNotFound
from spooler.port import Closing, Progress
from spooler.printer import OnUncertain, PortName
from spooler.store import Store
from spooler.unfinished import Half, Unfinished

log = logs.get(__name__)

# A fence is the spooler's epoch, then a counter: rising over restarts without a write per opening.
FENCE_SHIFT = 24


class LaneDesk(DispatchView):
    """Most of a `LaneOwner`; the dispatcher adds `lane_changed`."""

    def __init__(self, book: Book, store: Store, hub: Hub) -> None:
        super().__init__(book)
        self.store = store
        self.hub = hub
        self.on_landed: Callable[[Landing], None] = lambda _landing: None  # the conclusions'
        self.on_uncounted: Callable[[Job], object] = lambda _job: None  # held, its units not known yet
        self.on_doubt: Callable[[Job], object] = lambda _job: None  # held: a rule may decide
        self.on_stopped: Callable[[Job], object] = lambda _job: None  # its port stopped in its middle
        self.on_news: Callable[[Landing], None] = lambda _landing: None
        self.bytes_done: dict[tuple[str, str], int] = {}  # by port, for LEAST_LOADED
        self.landed_at: dict[tuple[str, str], datetime] = {}  # by port, when a document ended there last
        self.incoming: dict[int, bytes] = {}  # the uploads of jobs whose documents still come in, by job
        self.on_interrupted: Callable[[Job], object] = lambda _job: None  # its document never came whole
        self._fence = 0
        self._unfinished = Unfinished(store, self._rule_of)

    def begin_epoch(self, epoch: int) -> None:
        """From now on fences are higher than those of all epochs before."""
        self._fence = epoch << FENCE_SHIFT

    def next_fence(self) -> int:
        """See `LaneOwner.next_fence`."""
        self._fence += 1
        return self._fence

    def refused(self, error: StaleFence) -> bool:
        """See `LaneOwner.refused`. Another fabric's fences may be higher, and one's own of before a store's older copy.

        Only while nobody holds the port: else a newer spooler is at work there, and this one leaves it alone.
        """
        seen = error.metadata.get("seen", "")
        if error.metadata.get("held") != "false" or not seen.isdecimal():
            return False
        if int(seen) > self._fence:
            log.info("fences go on behind those that a port has seen", seen=int(seen), ours=self._fence)
            self._fence = int(seen)
        return True

    async def record_starts(self, port: PortName, fence: int, flights: Sequence[Flight]) -> None:
        """See `LaneOwner.record_starts`."""
        jobs = [self.book.jobs[flight.number] for flight in flights]
        await self.store.record(starts(jobs, flights, port, fence))
        for job, flight in zip(jobs, flights, strict=True):
            if not flight.again:
                self.hub.job(self.book.jobs.get(job.number, job))

    async def document(self, number: int, offset: int, max_bytes: int) -> bytes:
        """See `LaneOwner.document`."""
        if (upload_id := self.incoming.get(number)) is not None:
            with suppress(UploadNotFound):  # it has become the job's document meanwhile
                return await self.store.read_upload(upload_id, offset, max_bytes)
        return await self.store.read(number, offset, max_bytes)

    async def small_documents(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """See `LaneOwner.small_documents`."""
        return await self.store.read_small(numbers)

    async def closing(self, port: PortName, error: FabricError, flight: Flight, *, left: bool) -> Closing:
        """See `LaneOwner.closing`."""
        half, job = Half.of(error), self.book.jobs[flight.number]
        return await self._unfinished.closing(port, half, job, flight, left=left)

    def _rule_of(self, job: Job) -> OnUncertain:
        queue = self.book.queues.get(job.printer)
        return queue.printer.on_uncertain if queue is not None else OnUncertain.HOLD

    def wants(self, port: PortName) -> bool:
        """See `LaneOwner.wants`."""
        queues = (self.book.queues[name] for name in self.book.users.get(port.key, ()))
        return any(queue.waiting and queue.printer.paused is None for queue in queues)

    def news(self, port: PortName, flight: Flight) -> None:
        """See `LaneOwner.news`."""
        self.on_news(Landing(port, flight, flight.progress, None))

    def landed(self, port: PortName, flight: Flight, progress: Progress) -> None:
        """See `LaneOwner.landed`."""
        given = max(0, progress.accepted - flight.info.resume_offset)
        self.bytes_done[port.key] = self.bytes_done.get(port.key, 0) + given
        self.landed_at[port.key] = datetime.now(UTC)
        self.on_landed(Landing(port, flight, progress, progress.error))

    def gave_back(self, port: PortName, flights: Sequence[Flight], error: FabricError) -> None:
        """See `LaneOwner.gave_back`."""
        for flight in flights:
            self.on_landed(Landing(port, flight, None, error))
