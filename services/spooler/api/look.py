"""What is known of ports, printers and jobs at this moment, gathered from the rooms for answers and explanations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from chassis.errors import FabricError, PortNotFound, PrinterNotFound
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.types.v1 import port_pb2
from spooler import dispatch_view
from spooler.api.convert_port import holder_of, port_to_pb, reports_of, wire_of
from spooler.api.convert_printer import put_settings
from spooler.api.inside import Inside
from spooler.api.win32_status import printer_bits
from spooler.book import Queue
from spooler.explain.facts import Failure, Held, JobFacts, Lies, NotWritten, PortFacts, Trouble
from spooler.explain.facts import Verdict as Why
from spooler.explain.loss import is_undecided
from spooler.explain.ports import trouble_of
from spooler.flight import Flight
from spooler.job import Job
from spooler.managed import ManagedPorts
from spooler.port_info import PortInfo
from spooler.printer import Paused, PortName, Printer

# IANA's printer-state-reasons (and CUPS' "offline-report", which everybody knows), by PORT_INFO_3's dwStatus.
REASONS: Mapping[int, str] = {
    1: "offline-report",
    2: "media-jam",
    3: "media-empty",
    4: "output-area-full",
    5: "media-needed",
    6: "toner-empty",
    7: "door-open",
    8: "other",
    9: "interpreter-resource-unavailable",
    10: "toner-low",
    11: "connecting-to-device",
    12: "deactivated",
}
_GONE = frozenset({Why.HOST_SILENT, Why.DEVICE_MISSING, Why.DEVICE_REFUSED, Why.NO_CONNECTION})


class Look:
    """Looks; changes nothing."""

    def __init__(self, inside: Inside, managed: ManagedPorts) -> None:
        self.managed = managed
        self._dispatch = inside.dispatch
        self._hosts = inside.hosts
        self._fabric_id = inside.fabric_id
        self.patience = inside.patience

    def first_port(self, printer: str) -> PortName:
        """Return a printer's first port. Raises PrinterNotFound, PortNotFound."""
        queue = self._dispatch.book.queues.get(printer)
        if queue is None:
            raise PrinterNotFound(f"there is no printer {printer}", printer=printer)
        if not queue.printer.ports:
            raise PortNotFound(f"printer {printer} has no port", printer=printer)
        return queue.printer.ports[0]

    def port_facts(self, name: PortName) -> PortFacts:
        """Return what is known of a port, whether there is one or not."""
        host = self._hosts.get(name.host)
        info = self._hosts.port(name)
        lane = self._dispatch.lane_view(name)
        seen = host.last_seen if host is not None else None
        failure = None
        if lane is not None and lane.error is not None:
            failure = Failure(lane.error.reason, lane.error.win32, lane.error.message, lane.failed_at)
        wire = wire_of(info) if info is not None else port_pb2.Port()
        return PortFacts(
            name=info.name if info is not None else name,
            known=info is not None,
            host_state=host.state if host is not None else "",
            host_error=host.error if host is not None else "",
            host_seen=seen,
            host_since=host.since if host is not None else None,
            state=info.state if info is not None else "",
            device=info.device if info is not None else "",
            reports=reports_of(wire, seen or datetime.now(UTC)),
            holder=holder_of(wire, self._fabric_id),
            lane=str(lane.state) if lane is not None else "",
            error=failure,
            retry_at=lane.retry_at if lane is not None else None,
            paused=self._dispatch.paused_ports.get(name.key),
            flights=self._known(lane.flights) if lane is not None else (),
            moved=lane.moved if lane is not None else None,
        )

    def undecided_at(self, port: PortName) -> int:
        """Return how many jobs wait for a decision that were broken off at a port."""
        book = self._dispatch.book
        jobs = (
            job
            for queue in self._queues_of(port)
            for number in queue.doubtful
            if (job := book.jobs.get(number))
        )
        return sum(is_undecided(job) and job.port is not None and job.port.key == port.key for job in jobs)

    def waiting_for(self, port: PortName) -> int:
        """Return how many jobs wait for their turn on the printers that use a port."""
        return sum(queue.pending for queue in self._queues_of(port))

    def _queues_of(self, port: PortName) -> Iterator[Queue]:
        queues = self._dispatch.book.queues
        return (queues[printer] for printer in self.users_of(port) if printer in queues)

    def _known(self, numbers: Iterable[int]) -> tuple[Job, ...]:
        jobs = self._dispatch.book.jobs
        return tuple(jobs[number] for number in numbers if number in jobs)

    @property
    def paused_ports(self) -> Mapping[tuple[str, str], Paused]:
        """Ports that people paused, by key."""
        return self._dispatch.paused_ports

    def job_facts(self, job: Job, held: Held | None = None) -> JobFacts:
        """Return what is known about a job; who holds it is in its history."""
        queue = self._dispatch.book.queues.get(job.printer)
        printer = queue.printer if queue is not None else None
        names = list(printer.ports) if printer is not None else []
        if job.port is not None and job.port not in names:
            names.append(job.port)
        wait, ahead = self._dispatch.wait_of(job), self._dispatch.jobs_ahead(job)
        under_way = self._dispatch.flight_of(job.number)
        return JobFacts(
            now=datetime.now(UTC),
            job=job,
            printer=printer,
            ports=tuple(self.port_facts(name) for name in names),
            jobs_ahead=ahead,
            wait_s=wait.job_s * ahead,
            held=held,
            opens=wait.opens,
            leaves_in_s=wait.leaves_in_s,
            home=wait.home,
            kept_from=wait.kept_from,
            lies=_lies(under_way[1]) if under_way is not None else Lies.HERE,
            moved=under_way[1].moved_at if under_way is not None else None,
            patience=self.patience,
            unwritten=_not_written(self._dispatch.unwritten(job.number)),
        )

    def users_of(self, port: PortName) -> list[str]:
        """Return the printers that may use a port."""
        return list(self._dispatch.book.users.get(port.key, ()))

    def port_to_pb(self, port: PortInfo) -> port_pb2.Port:
        """Return a port for the wire."""
        facts, managed_by = self.port_facts(port.name), self.managed.last_known(port.name)
        return port_to_pb(port, facts, self.users_of(port.name), managed_by)

    def printer_to_pb(self, printer: Printer) -> printer_pb.Printer:
        """Return a printer for the wire, with what it is doing."""
        message = printer_pb.Printer()
        put_settings(message, printer)
        queue = self._dispatch.book.queues.get(printer.name)
        message.queued_jobs = len(queue.jobs) if queue is not None else 0
        now = datetime.now(UTC)
        facts = [self.port_facts(name) for name in printer.ports]
        troubles = [trouble_of(port, now) for port in facts]
        printing = self._is_printing(printer)
        self._put_state(message, printing, troubles)
        message.state_reasons.extend(_reasons(printer, facts, troubles))
        message.win32_status = printer_bits(
            paused=printer.paused is not None,
            going=printer.pending_deletion,
            printing=printing,
            server_offline=bool(facts)
            and all(port.host_state not in ("online", "draining") for port in facts),
            ports=[
                (trouble is not None, [1, *_conditions(port)] if _is_gone(trouble) else _conditions(port))
                for port, trouble in zip(facts, troubles, strict=True)
            ],
        )
        return message

    def _put_state(self, message: printer_pb.Printer, printing: bool, troubles: list[Trouble | None]) -> None:
        if printing:
            message.state = printer_pb.PRINTER_STATE_PROCESSING
        elif message.paused or (message.queued_jobs and all(trouble is not None for trouble in troubles)):
            message.state = printer_pb.PRINTER_STATE_STOPPED
        else:
            message.state = printer_pb.PRINTER_STATE_IDLE

    def _is_printing(self, printer: Printer) -> bool:
        for name in printer.ports:
            lane = self._dispatch.lane_view(name)
            if lane is not None and any(job.printer == printer.name for job in self._known(lane.flights)):
                return True
        return False


def _is_gone(trouble: Trouble | None) -> bool:
    return trouble is not None and trouble.verdict in _GONE


def _conditions(port: PortFacts) -> list[int]:
    return [report.condition for report in port.reports if report.condition]


def _lies(flight: Flight) -> Lies:
    if flight.waits:
        return Lies.MOVING
    return Lies.THERE if flight.staged and flight.begun else Lies.HERE


def _not_written(why: dispatch_view.NotWritten | None) -> NotWritten | None:
    if why is None:
        return None
    message = why.error.message if isinstance(why.error, FabricError) else repr(why.error)
    return NotWritten(message, why.since, why.retry_at)


def _reasons(printer: Printer, facts: list[PortFacts], troubles: list[Trouble | None]) -> list[str]:
    reasons = ["paused"] if printer.paused is not None else []
    for port, trouble in zip(facts, troubles, strict=True):
        reasons += [REASONS[number] for number in _conditions(port) if number in REASONS]
        if _is_gone(trouble):
            reasons.append("offline-report")
    if not printer.accepting or printer.pending_deletion:
        reasons.append("not-accepting-jobs")
    return list(dict.fromkeys(reasons)) or ["none"]
