"""Waiting jobs and free ports, brought together. Event-driven: it works when something happens, and only on that.

`spooler.concluding` judges what lanes bring back; `spooler.steering` does what people ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from chassis import logs
from chassis.errors import HostUnreachable
from chassis.tasks import Tasks
from spooler.book import Queue
from spooler.choosing import MOST_IN_A_ROW
from spooler.dispatch_view import DispatchSettings
from spooler.flight import Flight
from spooler.handover import Handover
from spooler.hosts import Hosts
from spooler.hub import Hub
from spooler.job import Job, job_with
from spooler.job_state import JobEvent, JobState, step
from spooler.lane import Lane
from spooler.lane_condition import LaneState
from spooler.launch import flight_of
from spooler.ledger import sent_again
from spooler.lost_documents import end_lost
from spooler.port import DataQuestion
from spooler.printer import OnHostRestart, PortName, Printer
from spooler.store import Snapshot, Store
from spooler.timetable import Timetable
from spooler.turns import SLICE
from spooler.unused_lanes import UnusedLanes
from spooler.waiting import MOST_OVERTAKINGS
from spooler.while_spooling import WhileSpooling

log = logs.get(__name__)


class Dispatcher(Handover):
    """Who prints next, where. It is the `LaneOwner` of every lane."""

    def __init__(
        self, store: Store, hosts: Hosts, hub: Hub, tasks: Tasks, settings: DispatchSettings | None = None
    ) -> None:
        super().__init__(store, hub, tasks, settings or DispatchSettings())
        self.hosts = hosts
        self.unused_lanes = UnusedLanes(self, tasks)
        self.timetable = Timetable(self._time_came)
        self.while_spooling = WhileSpooling(self, self.settings.sender_patience_s)
        self.on_expired: Callable[[Job], object] = lambda _job: None  # the steering's
        self.on_empty: Callable[[str], object] = lambda _printer: None  # a printer's last job has ended
        self.on_ended: Callable[[Job], object] = lambda _job: None
        self.on_printers: Callable[[], object] = lambda: None  # printers came, went or got other ports
        self.unconcluded: Callable[[], int] = lambda: 0  # the conclusions': flights not judged yet
        hosts.on_up = self.host_up
        hosts.on_ready, hosts.on_stopped = self.port_ready, self.lane_changed
        self.is_stopped, self.routes.monitor_of = hosts.is_stopped, hosts.monitor_of

    # --- life

    async def start(self, snapshot: Snapshot, epoch: int) -> None:
        """Take up what was going on when the last spooler stopped, at the printers that are this spooler's."""
        self.begin_epoch(epoch)
        for printer in snapshot.printers:
            self.book.put_printer(printer)
        self._ports_changed()
        self.paused_ports.update({port.key: paused for port, paused in snapshot.paused_ports})
        ended = await end_lost(self.store, snapshot)
        for job in await self.while_spooling.take_up(snapshot.jobs, snapshot.uploads):
            self.book.add(job)
            if job.number in ended:
                self.ended(ended[job.number])
        if self.book.mine_at_first:
            await self.take_up(list(self.book.queues), snapshot)
            self.let_send(list(self.book.queues))
        self.while_spooling.end_lost()

    async def drain(self) -> None:
        """Stop: send nothing new, let what is on its way end within the limit, release the ports (S38)."""
        self.draining = True
        await self.pulse.until(self._quiet, self.settings.drain_s)
        await asyncio.gather(*(lane.close() for lane in self.lanes.values()))
        self.timetable.close()
        self.while_spooling.close()
        self.alarms.close()

    def _quiet(self) -> bool:
        flights = (flight for lane in self.lanes.values() for flight in lane.flights.values())
        return not self.unconcluded() and all(flight.incoming for flight in flights)

    def host_up(self, host: str) -> None:
        """A host answers again: whatever waits for its ports is tried at once."""
        key = host.casefold()
        used = [self.lanes.get((key, port)) for port in self.book.used.get(key, ())]
        for lane in (*used, *self.unused_lanes.of_host(key)):
            if lane is not None and lane.state is LaneState.WAITING:
                lane.clear()

    def port_ready(self, port: PortName) -> None:
        """A host says that a port is ready that was not: it is tried at once."""
        lane = self.lanes.get(port.key)
        if lane is not None:
            lane.suspect_until = 0.0
            lane.clear()
        self.lane_changed(port)

    # --- sending

    def kick(self, name: str) -> None:
        """Send what a printer has, as far as its ports take it."""
        queue = self.book.queues.get(name)
        if queue is None or self.draining or not queue.sends:
            return
        minds_outages = queue.printer.minds_outages
        if minds_outages or queue.pace.outage:
            self.look_for_outage(queue)
        if queue.returning or queue.printer.paused:
            return
        passed: list[Job] = []  # those that wait for another port than the free ones
        held = 0
        while (
            held < SLICE
            and self._may_send(queue)
            and (job := self.book.next_job(queue, self.on_expired)) is not None
        ):
            if self.held_for_outage(queue, job):
                held += 1
                continue
            port = self._choose(queue, job)
            if port is None and not self.routes.picky(job, queue.printer):
                break
            if port is None:
                queue.waiting.remove(job.number)
                passed.append(job)
            else:
                queue.waiting.leave(job.number)
                self._took(queue, port)
                self._overtake(queue, port)
                self._launch(job, self.lane(port), JobEvent.START)
        for job in passed:
            queue.waiting.add(job)
        if held == SLICE:  # and there may be more
            asyncio.get_running_loop().call_soon(self.kick, name)
        if minds_outages:
            self.look_again(queue)
        if queue.printer.window is not None:
            self.mind_window(queue, queue.printer.window)

    def _launch(self, job: Job, lane: Lane, event: JobEvent, *, pinned: bool = False) -> None:
        """Begin an attempt in memory; the lane makes it durable before a byte leaves."""
        backup = self.routes.backups.get(job.number)
        if backup is not None and lane.port.key != backup.failed:
            job = replace(job, rest=(backup.segment,), resume_offset=backup.segment.start)
        again = self.tries.goes_on(job.number, lane.port.key)  # what never began is no attempt
        job = job_with(
            job,
            state=step(job.state, event),
            reasons=("job-outgoing",),
            ledger=sent_again(job.ledger, job.resume_offset),
            port=lane.port,
            attempts=max(1, job.attempts + (not again)),
            started_at=job.started_at or datetime.now(UTC),
            revision=job.revision + 1,
        )
        self.book.leave(job)
        queue = self.book.queue(job.printer)
        queue.pace.left(queue.printer, job.number, asyncio.get_running_loop().time())
        flight = self._flight(job, job.resume_offset)
        flight.pinned, flight.again = pinned, again
        lane.take(flight)

    def pin(self, lane: Lane, job: Job) -> None:
        """A job broke off at a known byte of a byte pipe: its rest comes next there, before anything else."""
        lane.pinned = job.number
        self._send_pinned(lane)

    def unpin(self, job: Job) -> None:
        """A job that was to go on in its middle does not."""
        lane = self.lanes.get(job.port.key) if job.port is not None else None
        if lane is not None and lane.pinned == job.number:
            lane.unpin()
            self.lane_changed(lane.port)

    def _send_pinned(self, lane: Lane) -> None:
        job = self.book.jobs.get(lane.pinned or 0)
        if job is None or job.state not in (JobState.PROCESSING, JobState.PROCESSING_STOPPED):
            lane.unpin()
        elif (
            job.state is JobState.PROCESSING_STOPPED  # else its end is not written down yet
            and not lane.failed
            and not any(flight.begun for flight in lane.flights.values())
            and not self.draining
            and lane.port.key not in self.paused_ports
        ):
            lane.pinned = None
            self._launch(job, lane, JobEvent.RESUME, pinned=True)

    def _flight(self, job: Job, offset: int) -> Flight:
        flight = flight_of(job, offset, self.book.document(job.number))
        if job.number in self.incoming:
            flight.incoming, flight.info = True, replace(flight.info, open_ended=True)
        if (queue := self.book.queues.get(job.printer)) is not None:
            flight.way, flight.prefetch = queue.printer.way, queue.printer.prefetch
            flight.finishes = queue.printer.on_host_restart is OnHostRestart.FINISH
        return flight

    def lane(self, port: PortName) -> Lane:
        """Return the lane of a port; made when first asked for."""
        lane = self.lanes.get(port.key)
        if lane is None:
            lane = self.lanes[port.key] = Lane(port, self.hosts.link(port.host), self, self.tasks)
            lane.window.give(self._window(port))
            if port.key not in self.book.users:
                self.unused_lanes.note(port.key)
        return lane

    async def printer_data(self, printer: Printer, port: PortName, question: DataQuestion) -> bytes:
        """Ask what hangs on a port for data (GetPrinterDataFromPort), the way the printer's documents go."""
        if self.draining:
            raise HostUnreachable("this spooler stops")
        return await self.lane(port).printer_data(printer.name, printer.way, question)

    def lane_changed(self, port: PortName) -> None:
        """See `LaneOwner.lane_changed`. Printers that share the port are served by their priority."""
        lane = self.lanes.get(port.key)
        if lane is not None and lane.pinned is not None:
            self._send_pinned(lane)
        names = self.book.users.get(port.key, ())
        if len(names) > 1:
            names = sorted(names, key=lambda name: self._urgency(name, lane))
        for name in names:
            self.kick(name)

    def _overtake(self, queue: Queue, port: PortName) -> None:
        """A printer sends through a port: the others that share it and have something waiting were passed over."""
        queue.passed_over = 0
        for name in self.book.users.get(port.key, ()):
            other = self.book.queues[name]
            if other is not queue and other.waiting and other.printer.paused is None:
                other.passed_over += 1

    def _urgency(self, name: str, lane: Lane | None) -> tuple[bool, int, bool, int, int]:
        """Order printers of one port: by their priority; then those that need no other language monitor, for a while.

        None starves: one that was passed over too often goes before all.
        """
        queue = self.book.queues[name]
        patient = queue.passed_over < MOST_OVERTAKINGS
        key = queue.waiting.first_key() or (0, 0)
        same = lane is not None and (queue.printer.way == lane.turn_way) == (lane.turn < MOST_IN_A_ROW)
        return patient, -queue.printer.priority, not same, *key

    # --- what changes besides

    def ended(self, job: Job) -> None:
        """A job has ended, durably: nothing of it is kept in memory."""
        self.book.forget(job)
        self.timetable.drop(job.number)
        self.tries.forget(job.number)
        self.routes.forget(job.number)
        self.hub.job(job)
        self.on_ended(job)
        if job.number in self.incoming:
            self.on_interrupted(job)
        self.pulse.beat()
        queue = self.book.queues.get(job.printer)
        if queue is not None and queue.printer.pending_deletion and not queue.jobs:
            self.on_empty(job.printer)

    def printers_changed(self) -> None:
        """Printers came, went or got other ports: windows are set anew, ports without a printer closed (S37)."""
        self._ports_changed()
        self.on_printers()

    def _ports_changed(self) -> None:
        touched = self.book.touched_ports()
        for key in touched & self.lanes.keys():
            lane = self.lanes[key]
            lane.window.give(self._window(lane.port))
            for flight in list(lane.flights.values())[lane.window.size :]:  # they have a choice now
                lane.have_back(flight, "its printer has other ports")
            if key not in self.book.users:
                self.unused_lanes.note(key)
        self.unused_lanes.look()
        self.hosts.used_ports_changed({host: self.book.used.get(host, {}) for host, _port in touched})

    def _time_came(self, number: int) -> None:
        job = self.book.jobs.get(number)
        if job is None or not self.book.queue(job.printer).mine:
            return
        if job.expires_at is not None and job.expires_at <= datetime.now(UTC):
            self.on_expired(job)
        else:
            self.book.change(job)
            self.kick(job.printer)
