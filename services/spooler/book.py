"""The unfinished jobs and the printers in memory: what waits where, and the bytes that are still at hand.

No I/O and no decisions: the dispatcher, the conclusions and the steering work on this one book. Its size goes by what
is unfinished; finished jobs are the store's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from types import MappingProxyType

from chassis.errors import PrinterNotFound
from spooler.job import Job
from spooler.job_state import JobState
from spooler.ledger import Outcome
from spooler.metrics import Tally
from spooler.new_job import INLINE_BYTES
from spooler.pace import Pace
from spooler.printer import PortName, Printer
from spooler.sorted_numbers import SortedNumbers
from spooler.timetable import is_late, may_begin
from spooler.turns import SLICE
from spooler.waiting import WaitingJobs

Numbers = Mapping[int, None]  # of jobs, in the order in which they came
_NONE: Numbers = MappingProxyType({})  # one for all printers that have none: most have none of most kinds
KEPT_OF_A_QUEUE = 256  # small documents at hand: some hundred milliseconds of the fastest port


@dataclass(slots=True)
class Queue:
    """A printer at work."""

    printer: Printer
    waiting: WaitingJobs = field(default_factory=WaitingJobs)
    jobs: SortedNumbers = field(default_factory=SortedNumbers)  # unfinished ones, whatever they wait for
    at_port: Numbers = field(default_factory=lambda: _NONE)  # those of them that are on their way
    held: Numbers = field(default_factory=lambda: _NONE)
    doubtful: Numbers = field(
        default_factory=lambda: _NONE
    )  # those held of which something may have come out
    later: Numbers = field(default_factory=lambda: _NONE)  # those whose time has not come
    turn: int = 0  # round robin: where to look first
    passed_over: int = 0  # documents that others sent through its ports while something waited here
    arriving: int = 0  # jobs that are being accepted without a place: later ones do not overtake them
    pace: Pace = field(default_factory=Pace)
    returning: int = 0  # jobs that come back to their old place in a moment: nobody may overtake them
    mine: bool = True  # this spooler, and no other, writes what becomes of its jobs
    sends: bool = True  # … and of all printers that share its ports

    @property
    def pending(self) -> int:
        """How many jobs wait for their turn, or for their time."""
        return len(self.jobs) - len(self.at_port) - len(self.held)

    def stands(self, job: Job) -> None:
        """Count one of its jobs as what it is now: who asks looks at no other job."""
        number, state = job.number, job.state
        self.leaves(number)
        if state is JobState.PENDING_HELD:
            self.held = _with(self.held, number)
            if job.outcome is Outcome.UNKNOWN or job.ledger.uncertain is not None:
                self.doubtful = _with(self.doubtful, number)
        elif state is not JobState.PENDING:
            self.at_port = _with(self.at_port, number)
        elif number not in self.waiting:
            self.later = _with(self.later, number)

    def leaves(self, number: int) -> None:
        """Count a job no more."""
        if self.at_port:
            self.at_port = _without(self.at_port, number)
        if self.held:
            self.held = _without(self.held, number)
        if self.doubtful:
            self.doubtful = _without(self.doubtful, number)
        if self.later:
            self.later = _without(self.later, number)


def _with(numbers: Numbers, number: int) -> Numbers:
    if isinstance(numbers, dict):
        numbers[number] = None
        return numbers
    return {number: None}


def _without(numbers: Numbers, number: int) -> Numbers:
    assert isinstance(numbers, dict)
    numbers.pop(number, None)
    return numbers or _NONE


class Book:
    """Unfinished jobs by number, and the queues they stand in."""

    def __init__(self, cache_bytes: int) -> None:
        self.jobs: dict[int, Job] = {}
        self.queues: dict[str, Queue] = {}
        self.users: dict[tuple[str, str], list[str]] = {}  # port -> printers that may use it
        self.used: dict[str, dict[str, str]] = {}  # host -> its ports that have users, key -> name
        self._names: list[str] | None = []  # of the printers, in order; None: to be put in order anew
        self._touched: set[tuple[str, str]] = set()  # ports whose users have changed
        self.mine_at_first = True  # printers need not be claimed: there is no other spooler
        self._cache_bytes = cache_bytes
        self._cached = 0
        self._documents: dict[int, bytes] = {}

    def queue(self, printer: str) -> Queue:
        """Return a printer's queue. Raises PrinterNotFound."""
        queue = self.queues.get(printer)
        if queue is None:
            raise PrinterNotFound(f"there is no printer {printer}", printer=printer)
        return queue

    def is_others(self, printer: str) -> bool:
        """Say whether another spooler writes what becomes of a printer's jobs."""
        queue = self.queues.get(printer)
        return queue is not None and not queue.mine

    def tallies(self) -> list[Tally]:
        """Return the tallies of this spooler's printers that have jobs. May be called in any thread."""
        found = (self._tally(queue) for queue in list(self.queues.values()) if queue.mine and queue.jobs)
        return [tally for tally in found if tally is not None]

    def _tally(self, queue: Queue) -> Tally | None:
        first = self.jobs.get(next(iter(queue.jobs), 0))
        if first is None:  # it has ended in between
            return None
        ledgers = [
            job.ledger for number in list(queue.doubtful) if (job := self.jobs.get(number)) is not None
        ]
        unsure = [ledger for ledger in ledgers if ledger.uncertain is not None]
        spans = [ledger.uncertain_units for ledger in unsure if ledger.uncertain_units is not None]
        units = sum(span.last - span.first + 1 for span in spans)
        return Tally(queue.printer.name, len(queue.jobs), first.created_at, len(unsure), units)

    # --- jobs

    def add(self, job: Job) -> None:
        """Take a job in. It waits if its state and its time say so."""
        self.jobs[job.number] = job
        queue = self.queues.get(job.printer)
        if queue is None:  # its printer went while it was on paper: it still has to end
            queue = self._put_queue(Printer(job.printer, pending_deletion=True))
        queue.jobs.add(job.number)
        if job.state is JobState.PENDING and may_begin(job):
            queue.waiting.add(job)
        queue.stands(job)

    def leave(self, job: Job) -> None:
        """A job that waited is on its way, and is so now."""
        self.jobs[job.number] = job
        self.queues[job.printer].stands(job)

    def change(self, job: Job) -> None:
        """A job is as it is now: it stands where it belongs, or is forgotten when it has ended."""
        known = self.jobs.get(job.number)
        if known is not None and known.printer != job.printer:
            self._leave(known)
        if job.ended:
            self.forget(job)
            return
        self.jobs[job.number] = job
        queue = self.queues[job.printer]
        queue.jobs.add(job.number)
        if job.state is JobState.PENDING and may_begin(job):
            queue.waiting.add(job)
        else:
            queue.waiting.remove(job.number)
        queue.stands(job)

    def forget(self, job: Job) -> None:
        """Drop a job from memory."""
        known = self.jobs.pop(job.number, None)
        self._leave(known or job)
        data = self._documents.pop(job.number, None)
        self._cached -= len(data) if data else 0

    def _leave(self, job: Job) -> None:
        queue = self.queues.get(job.printer)
        if queue is not None:
            queue.jobs.discard(job.number)
            queue.waiting.remove(job.number)
            queue.leaves(job.number)

    def next_job(self, queue: Queue, expired: Callable[[Job], object]) -> Job | None:
        """Return the job that is next; those that come too late go to `expired` instead, a few in one turn."""
        for _ in range(SLICE):
            number = queue.waiting.first()
            if number is None:
                return None
            job = self.jobs[number]
            if not is_late(job):
                return job
            queue.waiting.remove(number)
            expired(job)
        return None

    # --- documents at hand

    def remember(self, job: Job, data: bytes) -> None:
        """Keep a small document until it is sent, while there is room.

        Of a long queue only the first ones: those behind are read again many at a time, for some 10 us each, and would lie
        here for as long as they wait.
        """
        queue = self.queues.get(job.printer)
        if queue is not None and len(queue.waiting) >= KEPT_OF_A_QUEUE and len(data) <= INLINE_BYTES:
            return
        number = job.number
        if self._cached + len(data) <= self._cache_bytes:
            self._documents[number] = data
            self._cached += len(data)

    def document(self, number: int) -> bytes | None:
        """Return a document that is at hand."""
        return self._documents.get(number)

    # --- printers

    def put_printer(self, printer: Printer) -> None:
        """A printer is new or has changed."""
        queue = self.queues.get(printer.name)
        before = queue.printer.ports if queue is not None else ()
        if queue is None:
            self._put_queue(printer)
        else:
            queue.printer = printer
        self._use(printer.name, before, printer.ports)

    def drop_printer(self, name: str) -> None:
        """A printer is gone."""
        queue, self._names = self.queues.pop(name, None), None
        if queue is not None:
            self._use(name, queue.printer.ports, ())

    @property
    def names(self) -> Sequence[str]:
        """All printers' names, in order."""
        if self._names is None:
            self._names = sorted(self.queues)
        return self._names

    def touched_ports(self) -> set[tuple[str, str]]:
        """Return the ports of printers that came, went or changed since this was asked last."""
        touched, self._touched = self._touched, set()
        return touched

    def _put_queue(self, printer: Printer) -> Queue:
        self._names = None
        queue = self.queues[printer.name] = Queue(printer, mine=self.mine_at_first, sends=self.mine_at_first)
        return queue

    def _use(self, name: str, before: Iterable[PortName], after: Iterable[PortName]) -> None:
        """A printer uses other ports than before. Work goes by its ports, not by all printers."""
        for port in before:
            key = port.key
            users = self.users[key]
            users.remove(name)
            if not users:
                host, there = key
                del self.users[key], self.used[host][there]
            self._touched.add(key)
        for port in after:
            host, there = key = intern(port.key[0]), port.key[1]  # ports of a host share its name
            self.users.setdefault(key, []).append(name)
            self.used.setdefault(host, {})[there] = port.port
            self._touched.add(key)
