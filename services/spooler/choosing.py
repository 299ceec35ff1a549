"""Which port takes the next document of a printer, and whether it may leave now. It asks; the dispatcher sends."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from chassis.tasks import Tasks
from spooler.admitting import Admitting
from spooler.availability import Availability
from spooler.book import Book, Queue
from spooler.daily_window import Window
from spooler.dispatch_view import DispatchSettings, JobWait
from spooler.flight import Flight
from spooler.hub import Hub
from spooler.job import Job
from spooler.job_state import JobState
from spooler.lane import Lane
from spooler.outage import Over, is_overdue, may_hold
from spooler.pace import Alarms
from spooler.pool import choose_port
from spooler.printer import Paused, PortAvailability, PortName, Printer
from spooler.routes import Routes
from spooler.store import Store
from spooler.turns import in_slices

MOST_IN_A_ROW = 16  # documents through one language monitor while others wait for the port


class Choosing(Admitting):
    """What is known of ports and of the printers' own times."""

    def __init__(self, store: Store, hub: Hub, tasks: Tasks, settings: DispatchSettings) -> None:
        super().__init__(Book(settings.cache_bytes), store, hub, tasks)
        self.settings = settings
        self.paused_ports: dict[tuple[str, str], Paused] = {}
        self.routes = Routes(self._alive)
        self.is_stopped: Callable[[PortName], bool] = lambda _port: False  # the hosts': an ERROR is reported
        self.availability = Availability(
            self.lanes,
            self.paused_ports,
            self.landed_at,
            self._has_error,
            settings.stall_s,
        )
        self.alarms = Alarms(self.kick)
        self.draining = False
        # The steering's: it waited too long; for what, in words.
        self.on_overdue: Callable[[Job, str], object] = lambda _job, _words: None

    def _has_error(self, port: PortName) -> bool:
        return self.is_stopped(port)

    def is_idle(self, queue: Queue) -> bool:
        """Whether a document would leave at once, behind no other one."""
        before = queue.waiting or queue.returning or queue.arriving or queue.pace.outage
        return not before and self._choose(queue) is not None

    def _may_send(self, queue: Queue) -> bool:
        """Whether the printer's window, its catching up and its ports let something leave now."""
        printer, pace = queue.printer, queue.pace
        if not queue.waiting or not any(
            self.state_of(port) is PortAvailability.READY for port in printer.ports
        ):
            return False
        if printer.window is not None and not printer.window.is_open(now := datetime.now(UTC)):
            self.alarms.at(printer.name, printer.window.opens(now))
            return False
        if pace.outage and printer.minds_outages and self.availability.is_tried(printer, datetime.now(UTC)):
            return False  # one has to come out first
        wait_s = pace.wait_s(printer, queue.waiting.first(), asyncio.get_running_loop().time())
        if wait_s:
            self.alarms.after(printer.name, wait_s)
        return not wait_s

    def _choose(self, queue: Queue, job: Job | None = None) -> PortName | None:
        printer = queue.printer
        if self.draining or printer.paused is not None or not queue.sends:
            return None
        if printer.window is not None and not printer.window.is_open(datetime.now(UTC)):
            return None
        allowed = None
        if job is not None:
            now = asyncio.get_running_loop().time()
            allowed = self.routes.allowed(job, printer, now)
            until = self.routes.waits_for_home(job, printer, now)
            if until is not None and until != float("inf"):
                self.alarms.after(printer.name, until - now)
        states = partial(self._state_for, printer)
        return choose_port(printer, states, self._suspect, self._load, queue.turn, allowed)

    @staticmethod
    def _took(queue: Queue, port: PortName) -> None:
        """A port takes a document: the next one's turn begins behind it."""
        if port in queue.printer.ports:
            queue.turn = queue.printer.ports.index(port) + 1

    def state_of(self, port: PortName) -> PortAvailability:
        """Return what the dispatcher knows of a port at this moment."""
        if port.key in self.paused_ports or self.is_stopped(port):
            return PortAvailability.FAILED
        lane = self.lanes.get(port.key)
        if lane is None:
            return PortAvailability.READY
        if lane.failed:
            return PortAvailability.FAILED
        free = lane.has_room and lane.pinned is None
        return PortAvailability.READY if free else PortAvailability.PRINTING

    def _state_for(self, printer: Printer, port: PortName) -> PortAvailability:
        """Return the same for one printer: a port on which it is another language monitor's turn is busy for it.

        So is one that stands still, if its printer minds: what lies there could be neither held nor slowed down.
        """
        found, lane = self.state_of(port), self.lanes.get(port.key)
        if found is not PortAvailability.READY or lane is None:
            return found
        still = printer.minds_outages and self.availability.stands_still(port, datetime.now(UTC))
        return PortAvailability.PRINTING if still or not self._has_turn(printer, lane) else found

    def _has_turn(self, printer: Printer, lane: Lane) -> bool:
        """Say whether a document may join those of a port, since closing and opening it costs each of them.

        Documents of one way go together, at most so many in a row while somebody waits who needs another (S35).
        """
        if lane.going not in (None, printer.way):
            return False
        users = self.book.users.get(lane.port.key, ())
        if len(users) < 2 or printer.way != lane.turn_way or lane.turn < MOST_IN_A_ROW:
            return True
        queues = [self.book.queues[name] for name in users]
        others = [queue for queue in queues if queue.printer.way != printer.way]
        if not any(queue.waiting and queue.printer.paused is None for queue in others):
            return True
        if lane.going is None:  # they get their chance; when they do not take it the turn begins anew
            asyncio.get_running_loop().call_soon(self._next_turn, lane)
        return False

    @abstractmethod
    def lane_changed(self, port: PortName) -> None:
        """See `LaneOwner.lane_changed`."""

    def _next_turn(self, lane: Lane) -> None:
        self.lane_changed(lane.port)
        if lane.going is None and lane.turn >= MOST_IN_A_ROW:
            lane.turn = 0
            self.lane_changed(lane.port)

    def _suspect(self, port: PortName) -> bool:
        lane = self.lanes.get(port.key)
        return lane is not None and lane.suspect

    def _alive(self, port: PortName) -> bool:
        return self.state_of(port) is not PortAvailability.FAILED and not self._suspect(port)

    def has_other_port(self, job: Job) -> bool:
        """Whether another port of its printer works than the one a job stopped at, and that one does not."""
        queue = self.book.queues.get(job.printer)
        if queue is None or job.port is None or self._alive(job.port):
            return False
        others = self.routes.in_place_of(job.port, queue.printer)
        return any(self._alive(port) for port in others if port.key != job.port.key)

    def wait_of(self, job: Job) -> JobWait:
        """Return what a waiting job waits for beside ports and the jobs before it."""
        queue = self.book.queues.get(job.printer)
        if queue is None or job.state is not JobState.PENDING:
            return JobWait()
        printer, pace, now = queue.printer, queue.pace, datetime.now(UTC)
        opens = None
        if printer.window is not None and not printer.window.is_open(now):
            opens = printer.window.opens(now)
        loop_now = asyncio.get_running_loop().time()
        home = job.port if self.routes.waits_for_home(job, printer, loop_now) is not None else None
        leaves_in_s = pace.wait_s(printer, job.number, loop_now)
        kept_from = frozenset(self.routes.kept_from(job, printer))
        return JobWait(opens, leaves_in_s, home, pace.job_s, kept_from)

    def port_failed(self, port: PortName, job: Job | None) -> None:
        """A document did not go through a port: its job is tried elsewhere."""
        if job is not None:
            self.routes.failed(job.number, port, asyncio.get_running_loop().time())

    def look_for_outage(self, queue: Queue) -> None:
        """See whether a printer that minds can print nothing though jobs wait; or whether none waits any more until it can."""
        pace, printer, now = queue.pace, queue.printer, datetime.now(UTC)
        if not printer.minds_outages:
            pace.outage = None
        elif pace.outage is None:
            outage = self.availability.outage(printer, now)
            pace.outage = outage if outage is not None and self._has_work(queue) else None
        elif not self._has_work(queue):
            pace.outage = None
        if pace.outage is None or pace.outage.paused:
            return  # what lies at the host of something that is paused is had back by the pause
        if not self.availability.is_tried(printer, now):
            for lane, flight in self._lying_at(printer):
                lane.have_back(flight, "its printer can print nothing")

    def _lying_at(self, printer: Printer) -> list[tuple[Lane, Flight]]:
        lanes = [self.lanes[port.key] for port in printer.ports if port.key in self.lanes]
        pairs = ((lane, flight) for lane in lanes for flight in lane.flights.values())
        return [(lane, flight) for lane, flight in pairs if flight.info.printer == printer.name]

    def look_again(self, queue: Queue) -> None:
        """Look when a port of the printer may have come to a standstill, which nobody tells."""
        if queue.pace.outage is not None:
            return
        wait_s = self.availability.stalls_in_s(queue.printer, datetime.now(UTC))
        if wait_s is not None:
            self.alarms.after(queue.printer.name, wait_s)

    def _has_work(self, queue: Queue) -> bool:
        return bool(queue.waiting or queue.returning) or any(self._on_their_way(queue.printer))

    def mind_window(self, queue: Queue, window: Window) -> None:
        """See that nothing begins when the printer's window has shut, though it had left before."""
        now = datetime.now(UTC)
        if not any(self._on_their_way(queue.printer)):
            return
        if not window.is_open(now):
            for number in list(queue.at_port):
                if (found := self.flight_of(number)) is not None:
                    found[0].have_back(found[1], f"its printer prints {window}")
        elif (closes := window.closes(now)) is not None:
            self.alarms.at(queue.printer.name, closes)

    def held_for_outage(self, queue: Queue, job: Job) -> bool:
        """Have a job held that has waited too long through its printer's outage; return whether it has."""
        pace = queue.pace
        if pace.outage is None and not pace.over:
            return False
        outages = [*pace.over, Over(pace.outage, datetime.now(UTC))] if pace.outage is not None else pace.over
        for outage, until in outages:
            if is_overdue(job, queue.printer, outage, until):
                queue.waiting.remove(job.number)
                self.on_overdue(job, outage.words or f"for printer {job.printer} to come back")
                return True
        return False

    def port_works(self, printer: str) -> None:
        """A document has come out: unless nothing can follow it, an outage is over, and what waited too long is held."""
        queue = self.book.queues.get(printer)
        if queue is None:
            return
        loop_now = asyncio.get_running_loop().time()
        queue.pace.ended(loop_now, busy=self._has_work(queue))
        now = datetime.now(UTC)
        if not queue.pace.outage or self.availability.outage(queue.printer, now) is not None:
            return
        over, queue.pace.outage = Over(queue.pace.outage, now), None
        if queue.printer.catch_up_per_minute:
            queue.pace.backlog = queue.waiting.last or 0
            queue.pace.left(queue.printer, 0, loop_now)
        if may_hold(queue.printer, over):
            queue.pace.over += (over,)
            self.tasks.spawn(f"backlog of {printer}", self._look_at_backlog(queue, over, list(queue.waiting)))

    async def _look_at_backlog(self, queue: Queue, over: Over, numbers: Sequence[int]) -> None:
        """Have those held that had waited too long when an outage ended; none of them leaves before it was looked at."""
        backlog, newest = queue.pace.backlog, 0
        async for some in in_slices(numbers):
            for number in some if queue.mine else ():
                if number in queue.waiting and not self.held_for_outage(queue, self.book.jobs[number]):
                    newest = max(newest, number)
        queue.pace.over = tuple(one for one in queue.pace.over if one is not over)
        if queue.pace.backlog == backlog:
            queue.pace.backlog = newest

    def _load(self, port: PortName) -> tuple[float, int]:
        """Return the bytes that are on their way or wait for a port, those of a pool in equal shares; then those it had."""
        lane = self.lanes.get(port.key)
        coming = sum(flight.size_bytes - flight.sent for flight in lane.flights.values()) if lane else 0
        queues = [self.book.queues[name] for name in self.book.users.get(port.key, ())]
        shares = sum(queue.waiting.size_bytes / len(queue.printer.ports) for queue in queues)
        return coming + shares, self.bytes_done.get(port.key, 0)

    def _window(self, port: PortName) -> int:
        """Several documents on their way are only for printers without a choice (first available port, S10)."""
        users = self.book.users.get(port.key, ())
        pooled = any(len(self.book.queues[name].printer.ports) > 1 for name in users)
        return 1 if pooled else self.settings.window
