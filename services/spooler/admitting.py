"""New jobs: accepted durably, taken into memory, and begun in the same commit when their port is free at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress

from chassis.errors import FabricError, SpoolFull
from chassis.tasks import Tasks
from spooler.book import Book, Queue
from spooler.flight import Flight
from spooler.hub import Hub
from spooler.job import Job
from spooler.job_state import JobState
from spooler.lane import Lane
from spooler.lane_desk import LaneDesk
from spooler.new_job import Answers, FirstAttempt, Incoming, Inline, NewJob, is_at_hand, new_job_with
from spooler.printer import PortName
from spooler.room import Room
from spooler.store import Store
from spooler.timetable import Timetable


class Admitting(LaneDesk):
    """The part of the dispatcher that jobs come in by."""

    timetable: Timetable

    def __init__(self, book: Book, store: Store, hub: Hub, tasks: Tasks) -> None:
        super().__init__(book, store, hub)
        self.tasks = tasks
        self.on_elsewhere: Callable[[int], object] = lambda _job: (
            None
        )  # accepted for another spooler's printer
        self.room = Room(store)

    @abstractmethod
    def lane(self, port: PortName) -> Lane:
        """Return the lane of a port."""

    @abstractmethod
    def kick(self, name: str) -> None:
        """Send what a printer has."""

    @abstractmethod
    def _choose(self, queue: Queue) -> PortName | None:
        """Return the port for a printer's next document."""

    @staticmethod
    @abstractmethod
    def _took(queue: Queue, port: PortName) -> None:
        """A port takes a printer's document."""

    @abstractmethod
    def _flight(self, job: Job, offset: int) -> Flight:
        """Return the flight of a job's present attempt."""

    async def submit(self, new_jobs: Sequence[NewJob]) -> Answers:
        """Accept jobs, durably; those that can start at once do, in the same commit.

        A caller that gives up meanwhile changes nothing: what became durable is taken into memory. Small documents need
        no task for that: the commit itself tells of them.

        Raises:
            SpoolFull, StoreUnavailable: none was accepted.
        """
        if all(is_at_hand(new.document) for new in new_jobs):
            with suppress(SpoolFull):
                return await self._accept(new_jobs)
        return await self.tasks.finish("submit", self.room.within(lambda: self._accept(new_jobs)))

    async def _accept(self, new_jobs: Sequence[NewJob]) -> Answers:
        promised: list[Lane | Queue] = []
        try:
            return await self.store.accept(
                new_jobs,
                lambda new: self._reserve(new, promised),
                lambda results: self._accepted(new_jobs, results, promised),
            )
        except FabricError:
            _release(promised)
            raise

    def _accepted(
        self, new_jobs: Sequence[NewJob], results: Answers | None, promised: list[Lane | Queue]
    ) -> None:
        """Take in what is durable now; None: nothing is."""
        _release(promised)
        if results is None or self.tasks.closed:  # then it is the next run's
            return
        for new, result in zip(new_jobs, results, strict=True):
            if isinstance(result, Job):
                self._admit(new, result)
        for name in {new.printer for new in new_jobs}:
            self.kick(name)

    def _reserve(self, new: NewJob, promised: list[Lane | Queue]) -> NewJob:
        """Give a new job a place at once when a port is free and open and nothing is before it, also after a crash.

        What was promised, the lane's place or the queue's turn, is noted for the time until the job is taken in.
        """
        queue = self.book.queues.get(new.printer)
        if queue is None:
            return new
        before = queue.waiting or queue.returning or queue.arriving > 0
        fit = not (new.held or new.not_before) and isinstance(new.document, Inline | Incoming)
        port = self._choose(queue) if fit and not before else None
        lane = self.lanes.get(port.key) if port is not None else None
        if port is None or lane is None or not (lane.is_open and lane.may_begin):
            queue.arriving += 1
            promised.append(queue)
            return new
        self._took(queue, port)
        lane.reserved += 1
        promised.append(lane)
        return new_job_with(new, first_attempt=FirstAttempt(port, lane.fence))

    def _admit(self, new: NewJob, job: Job) -> None:
        if self.book.is_others(job.printer):
            self.on_elsewhere(job.number)
            return
        if isinstance(new.document, Inline):
            self.book.remember(job, new.document.data)
        elif isinstance(new.document, Incoming):
            self.incoming[job.number] = new.document.upload_id
        self.book.add(job)
        self.timetable.note(job)
        if job.state is JobState.PROCESSING and job.port is not None:
            flight = self._flight(job, 0)
            flight.recorded = True
            self.lane(job.port).take(flight)
        self.hub.job(job)


def _release(promised: list[Lane | Queue]) -> None:
    while promised:
        one = promised.pop()
        if isinstance(one, Queue):  # a lane is an abstract class, which Python asks at length
            one.arriving -= 1
        else:
            one.reserved -= 1
