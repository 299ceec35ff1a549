"""What the console shows, as plain values: ports, printers, jobs, hosts. No wire, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class PortState(StrEnum):
    """The one word shown for a port; the order is the order of precedence, faults first."""

    ERROR = "error"
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    ATTENTION = "attention"
    PAUSED = "paused"
    PRINTING = "printing"
    READY = "ready"


FAULTS = (PortState.ERROR, PortState.OFFLINE, PortState.UNKNOWN, PortState.ATTENTION)


class JobState(StrEnum):
    """Where a job stands: IPP's job-state."""

    PENDING = "pending"
    HELD = "pending-held"
    PROCESSING = "processing"
    STOPPED = "processing-stopped"
    CANCELED = "canceled"
    ABORTED = "aborted"
    COMPLETED = "completed"


ACTIVE = (JobState.PENDING, JobState.HELD, JobState.PROCESSING, JobState.STOPPED)


class Outcome(StrEnum):
    """How a job ended on paper."""

    PENDING = "pending"
    PRINTED = "printed"
    NOT_PRINTED = "not printed"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Report:
    """One report about a port, and who made it when."""

    text: str
    severity: str  # error, warning, info
    source: str  # host, transport, printer, operator
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What one source alone says of a port: host, transport, printer, operator. No time: it says nothing."""

    source: str
    state: PortState
    text: str = ""
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counters:
    """What a port has done since its host's port monitor began."""

    busy_s: float = 0.0
    written: int = 0
    read: int = 0
    documents: int = 0
    broken: int = 0
    stalled_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Who has a port open."""

    spooler: str
    fence: int
    printer: str
    opened: datetime | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """A port as its host told of it."""

    host: str
    port: str
    monitor: str
    description: str
    state: PortState
    device: str = ""
    reports: tuple[Report, ...] = ()
    hold: Hold | None = None
    printers: tuple[str, ...] = ()
    revision: str = ""
    sources: tuple[Source, ...] = ()
    counters: Counters = Counters()

    @property
    def key(self) -> str:
        """`edge-7/COM1:`, what people type."""
        return f"{self.host}/{self.port}"

    @property
    def name(self) -> str:
        """The resource name."""
        return f"hosts/{self.host}/ports/{self.port}"

    @property
    def reason(self) -> str:
        """The first report, worst first, in its own words; empty when there is none."""
        ranked = sorted(
            self.reports,
            key=lambda one: (
                ("error", "warning").index(one.severity) if one.severity in ("error", "warning") else 2
            ),
        )
        return ranked[0].text if ranked else ""

    @property
    def since(self) -> datetime | None:
        """When the oldest report of now was made."""
        return min((one.time for one in self.reports if one.time), default=None)


@dataclass(frozen=True, slots=True)
class Printer:
    """A queue and its ports."""

    name: str
    ports: tuple[str, ...]  # "edge-7/COM1:", preferred first
    standby: frozenset[str] = frozenset()
    description: str = ""
    location: str = ""
    state: str = "idle"
    paused: bool = False
    pause_reason: str = ""
    queued: int = 0
    accepting: bool = True
    format: str = ""
    # The rules, in the words of portui.printer_rules.
    on_uncertain: str = "hold"
    pool_order: str = "first available"
    redirect: str = "wait"
    prefetch: str = "auto"
    on_host_restart: str = "finish"
    leaving: bool = False
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Units:
    """A document in labels, receipts or pages."""

    kind: str = ""  # label, receipt, page, document
    total: int = 0
    accepted: int = 0
    acked: int = 0
    confirmed: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """What is proven of a document, in bytes and units; `uncertain` is [start, end) in bytes, units both included."""

    spooled: int = 0
    accepted: int = 0
    acked: int = 0
    confirmed: int = 0
    units: Units = Units()
    uncertain: tuple[int, int] | None = None
    uncertain_units: tuple[int, int] | None = None
    level: str = ""
    timed_out: bool = False  # that it has ended was concluded because the printer did not say so in time
    answered: bool = False  # … its end the printer answered, and a restart before that could not be seen


@dataclass(frozen=True, slots=True)
class Job:
    """A document for a printer, and how far it is."""

    number: int
    printer: str
    title: str
    owner: str
    size: int
    state: JobState
    outcome: Outcome = Outcome.PENDING
    proof: Proof = Proof()
    user: str = ""
    client: str = ""
    format: str = ""
    digest: str = ""
    copies: int = 1
    priority: int = 50
    port: str = ""  # "edge-7/COM1:", of the present or last attempt
    attempts: int = 0
    error: str = ""
    hold_reason: str = ""
    created: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    reprint_of: int = 0  # the job whose units it prints again; 0: it is no reprint
    reprint_units: str = ""  # "17-18, 20"

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.state in ACTIVE

    @property
    def undecided(self) -> bool:
        """Whether a person has to say what came out."""
        return self.state is JobState.HELD and self.outcome is Outcome.UNKNOWN

    @property
    def waits_to_go_on(self) -> bool:
        """Whether it can go on at a place that a person names."""
        return self.state in (JobState.HELD, JobState.STOPPED) and self.size > 0

    @property
    def at_rest(self) -> bool:
        """Whether nothing of it leaves by itself now, so that parts of it can be printed again beside it."""
        return self.size > 0 and (self.waits_to_go_on or not self.active)

    @property
    def waits_at_host(self) -> bool:
        """Whether some of it is known not to be at the far end: it has not left, or the host still has it."""
        proof = self.proof
        return proof.accepted < self.size or 0 < proof.acked < self.size

    @property
    def share(self) -> float:
        """How much of it the far end has, 0 to 1: a host's kernel takes a document long before the printer does."""
        if self.state is JobState.COMPLETED:
            return 1.0
        return min(1.0, self.proof.acked / self.size) if self.size else 0.0


@dataclass(frozen=True, slots=True)
class Host:
    """A machine with a port monitor service."""

    name: str
    state: str  # online, connecting, silent, draining
    address: str = ""
    version: str = ""
    last_seen: datetime | None = None
    ports: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody has in hand what needs somebody."""

    by: str
    at: datetime | None
    until: datetime | None
    reason: str = ""


@dataclass(slots=True)
class Fleet:
    """Everything that is known now, by name; jobs are those that have not ended and the latest that have."""

    ports: dict[str, Port] = field(default_factory=dict)
    printers: dict[str, Printer] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
