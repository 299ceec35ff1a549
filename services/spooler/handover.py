"""Printers become this spooler's, with what goes on there, or another's: at the start, and while spoolers come and go."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from chassis.tasks import Tasks
from spooler.book import Queue
from spooler.choosing import Choosing
from spooler.dispatch_view import DispatchSettings
from spooler.hub import Hub
from spooler.job import Attempt, Job
from spooler.job_state import AT_A_PORT, JobState
from spooler.lane import Lane
from spooler.ledger import Outcome
from spooler.outage import Outage, outage_before
from spooler.printer import PortName
from spooler.store import JobFilter, JobOrder, Store
from spooler.tries import Tries
from spooler.turns import in_slices
from spooler.unbegun import GoingOn, settle_unbegun

_LATEST = 16  # jobs that were accepted last, of which one came out last: the urgent ones need not be
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Handover(Choosing):
    """The part of the dispatcher that takes printers up and lets them go."""

    def __init__(self, store: Store, hub: Hub, tasks: Tasks, settings: DispatchSettings) -> None:
        super().__init__(store, hub, tasks, settings)
        self.tries = Tries()

    @abstractmethod
    def pin(self, lane: Lane, job: Job) -> None:
        """Have the rest of a job come next at a port."""

    @abstractmethod
    def ended(self, job: Job) -> None:
        """A job has ended, durably."""

    async def take_up(self, printers: Collection[str], going_on: GoingOn) -> None:
        """Printers are this spooler's from now on: so is what goes on there, which is in the book already.

        Raises:
            StoreUnavailable: nothing was sent; it may be tried again.
        """
        queues = [self.book.queue(name) for name in printers]
        for queue in queues:
            queue.mine = True
        for job in (await settle_unbegun(self.store, going_on)).values():
            if job.ended:
                self.ended(job)
            else:
                self.book.change(job)
        for queue in queues:
            queue.pace.outage = await self._outage_before(queue, going_on)
        attempts = {attempt.job_number: attempt for attempt in going_on.open_attempts}
        rests = await self._rests(going_on)

        def as_they_left(number: int) -> tuple[bool, datetime, int]:
            # What is to go on and has not left is last: it sees who is on the way, and goes before them.
            attempt = attempts.get(number)
            return attempt is None, (attempt and attempt.started_at) or _LONG_AGO, number

        at_ports = sorted((number for queue in queues for number in queue.at_port), key=as_they_left)
        waiting = [number for queue in queues for number in queue.jobs if number not in queue.at_port]
        for number in at_ports:
            job = self.book.jobs[number]
            self._note(job)
            if job.state in AT_A_PORT and job.port is not None:
                self._take_up(job, job.port, attempts.get(number), pinned=number in rests)
            if job.state is JobState.PROCESSING_STOPPED:
                self.on_stopped(job)
        async for some in in_slices(waiting):
            for one in map(self.book.jobs.get, some):
                if one is not None:
                    self._note(one)

    def _note(self, job: Job) -> None:
        """Know what is to be done with a job that was taken up."""
        self.timetable.note(job)
        self.on_doubt(job)

    async def _rests(self, going_on: GoingOn) -> set[int]:
        """Return the jobs of which a rest is on its way."""
        later = [attempt.job_number for attempt in going_on.open_attempts if attempt.resume_offset]
        return {number for number in later if is_rest(await self.store.attempts(number))}

    async def _outage_before(self, queue: Queue, going_on: GoingOn) -> Outage | None:
        """Return the outage in which a printer was left, or which its spooler's absence is."""
        printer, waiting = queue.printer, [self.book.jobs[number] for number in queue.waiting]
        if not printer.minds_outages or not waiting:
            return None
        now = datetime.now(UTC)
        if (outage := self.availability.outage(printer, now)) is not None:
            return outage
        moved = [
            at
            for attempt in going_on.open_attempts
            if attempt.port in printer.ports
            for at in _moved(attempt)
        ]
        for name in {name for port in printer.ports for name in self.book.users[port.key]}:
            printed = JobFilter(printer=name, states=frozenset({JobState.COMPLETED}))
            page = await self.store.list_jobs(printed, order=JobOrder.NEWEST_FIRST, limit=_LATEST)
            moved += [job.ended_at for job in page.jobs if job.ended_at is not None]
        return outage_before(waiting, printer, max(moved, default=None), now)

    def let_send(self, printers: Collection[str]) -> None:
        """Nobody else may use the ports of these printers: send what waits."""
        for name in printers:
            self.book.queue(name).sends = True
            self.kick(name)

    async def let_go(self, printers: Collection[str]) -> None:
        """Send nothing more for printers that another spooler shall have, and release their ports.

        What is on its way may end within the limit; what has not is gone on with by who has them next.
        """
        queues = [self.book.queue(name) for name in printers]
        for queue in queues:
            queue.sends = False
        await self.pulse.until(lambda: not self._any_at_a_port(queues), self.settings.drain_s)
        keys = {port.key for queue in queues for port in queue.printer.ports}
        keys |= {key for key, lane in self.lanes.items() if lane.printer in printers and lane.flights}
        lanes = [self.lanes.pop(key) for key in keys & self.lanes.keys()]
        for queue in queues:
            queue.mine = False
        async for numbers in in_slices([number for queue in queues for number in queue.jobs]):
            for number in numbers:
                self.timetable.drop(number)
                self.routes.forget(number)
                self.tries.forget(number)
        await asyncio.gather(*(lane.close() for lane in lanes))

    def _any_at_a_port(self, queues: Sequence[Queue]) -> bool:
        jobs = (self.book.jobs[number] for queue in queues for number in queue.at_port)
        return any(job.state is JobState.PROCESSING for job in jobs)

    def came_in(self, job: Job) -> None:
        """Another spooler accepted a job for a printer of this one, or gave it one of its own."""
        self.timetable.note(job)
        self.kick(job.printer)

    def _take_up(self, job: Job, port: PortName, attempt: Attempt | None, *, pinned: bool) -> None:
        lane = self.lane(port)
        if attempt is not None and attempt.number == job.attempts:
            flight = self._flight(job, attempt.resume_offset)
            flight.cancelled, flight.pinned = job.stopping, pinned
            lane.recover(flight)
        else:  # it broke off at a known byte, and goes on there
            self.pin(lane, job)


def _moved(attempt: Attempt) -> Iterator[datetime]:
    """Yield when a document began and got further, as far as that was written down."""
    yield from (proof.at for proof in attempt.ledger.evidence if proof.at is not None)
    if attempt.started_at is not None:
        yield attempt.started_at


def is_rest(attempts: Sequence[Attempt]) -> bool:
    """Tell whether a job's last attempt goes on at the byte and the port where an earlier one broke off."""
    if not attempts:
        return False
    *earlier, last = attempts
    for one in reversed(earlier):
        if (one.port, one.copy) != (last.port, last.copy):
            return False
        if one.resume_offset != last.resume_offset:  # else it was refused untouched
            return one.outcome is Outcome.PARTIAL and one.ledger.offsets.accepted == last.resume_offset
    return False
