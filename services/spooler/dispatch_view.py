"""The dispatcher seen from outside: what is live, what waits, what a port is doing. Reads only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from chassis.errors import FabricError
from spooler.book import Book
from spooler.flight import Flight
from spooler.job import Job
from spooler.job_state import JobState
from spooler.lane import Lane
from spooler.lane_condition import LaneState
from spooler.port import Phase, Progress
from spooler.printer import PortName, Printer
from spooler.pulse import Pulse


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """How documents are sent."""

    window: int = 32  # small documents on their way through one port (`LaneWindow`); 1 where ports are pooled
    cache_bytes: int = 64 * 1024 * 1024  # small documents kept in memory between acceptance and sending
    sender_patience_s: float = 120.0  # how long a printer waits for the rest of an incoming document
    stall_s: float = 5.0  # a port that takes nothing of a document for longer stands still
    drain_s: float = 3.0  # how long documents may take to end when the spooler stops


class LaneView(NamedTuple):
    """What is known of a port in use."""

    state: LaneState
    error: FabricError | None
    failed_at: datetime  # when that was met
    retry_at: datetime | None
    flights: tuple[int, ...]  # numbers of jobs on their way
    fence: int
    moved: datetime | None  # when something of these last got further


class JobWait(NamedTuple):
    """What a job waits for beside ports and the jobs before it."""

    opens: datetime | None = None  # when its printer's window opens; None: it is open
    leaves_in_s: float = 0.0  # until its turn in catching up
    home: PortName | None = None  # the port that printed its first part
    job_s: float = 0.0  # how long a job of its printer takes; 0: not known
    kept_from: frozenset[PortName] = frozenset()  # its printer's ports of other monitors


class NotWritten(NamedTuple):
    """What keeps the outcome of a job from being written down."""

    error: Exception
    since: datetime
    retry_at: datetime


class Landing(NamedTuple):
    """The end of a flight, as it is handed to the conclusions."""

    port: PortName
    flight: Flight
    progress: Progress | None  # None: it never left
    error: FabricError | None

    @property
    def began(self) -> bool:
        """Whether the port began it: what never began is no attempt."""
        return self.progress is not None and self.progress.phase is not Phase.NEVER_SEEN


class DispatchView:
    """Questions that the API and the steering ask."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.lanes: dict[tuple[str, str], Lane] = {}
        self.pulse = Pulse()  # beats when flights have been concluded
        # The conclusions': what keeps a job's outcome from being written down.
        self.unwritten: Callable[[int], NotWritten | None] = lambda _number: None

    @property
    def printers(self) -> Mapping[str, Printer]:
        """The printers by name."""
        return {name: queue.printer for name, queue in self.book.queues.items()}

    def live_job(self, number: int) -> Job | None:
        """Return an unfinished job with its newest progress."""
        return self.book.jobs.get(number)

    def jobs_ahead(self, job: Job) -> int:
        """Return how many jobs its printer will send before it if no more come."""
        queue = self.book.queues.get(job.printer)
        if queue is None or job.state is not JobState.PENDING:
            return 0
        return queue.waiting.ahead_of(job) + sum(1 for _ in self._on_their_way(queue.printer))

    def queued(self, printer: str) -> int:
        """Return how many unfinished jobs a printer has."""
        queue = self.book.queues.get(printer)
        return len(queue.jobs) if queue else 0

    def lane_view(self, port: PortName) -> LaneView | None:
        """Return what is known of a port in use; None when it is not."""
        lane = self.lanes.get(port.key)
        if lane is None:
            return None
        retry_at = None
        if lane.retry_at is not None:
            wait_s = lane.retry_at - asyncio.get_running_loop().time()
            retry_at = datetime.fromtimestamp(time.time() + wait_s, UTC)
        numbers = tuple(flight.number for flight in lane.flights.values())
        moved = max((flight.moved_at for flight in lane.flights.values()), default=None)
        return LaneView(lane.state, lane.error, lane.failed_at, retry_at, numbers, lane.fence, moved)

    def is_landing(self, number: int) -> bool:
        """Whether a port is done with a job's document, and what became of it is not written down yet."""
        job = self.book.jobs.get(number)
        return job is not None and job.state is JobState.PROCESSING and self.flight_of(number) is None

    def flight_of(self, number: int) -> tuple[Lane, Flight] | None:
        """Return the lane and the flight of a job that is on its way."""
        job = self.book.jobs.get(number)
        lane = self.lanes.get(job.port.key) if job is not None and job.port is not None else None
        if lane is not None:
            for flight in lane.flights.values():
                if flight.number == number:
                    return lane, flight
        return None

    def _on_their_way(self, printer: Printer) -> Iterator[Flight]:
        for port in printer.ports:
            lane = self.lanes.get(port.key)
            if lane is not None:
                yield from (flight for flight in lane.flights.values() if flight.info.printer == printer.name)
