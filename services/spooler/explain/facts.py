"""What an explanation rests on, and what it is. Frozen values, gathered by the API, judged by `jobs` and `ports`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from spooler.job import Job
from spooler.printer import Paused, PortName, Printer


class Verdict(StrEnum):
    """Which of the answers it is. First match wins, in this order but for UNKNOWN, which a person must see first."""

    HELD = "held"
    PRINTER_PAUSED = "printer_paused"
    NO_PORT = "no_port"
    JOBS_AHEAD = "jobs_ahead"
    UPLOAD_INCOMPLETE = "upload_incomplete"
    HOST_SILENT = "host_silent"
    PORT_HELD = "port_held"
    DEVICE_MISSING = "device_missing"
    DEVICE_REFUSED = "device_refused"
    NO_CONNECTION = "no_connection"
    LINE_ERRORS = "line_errors"
    PRINTER_SAYS = "printer_says"
    STALLED = "stalled"
    RETRY = "retry"
    AWAITING_PROOF = "awaiting_proof"
    UNKNOWN = "unknown"
    FINE = "fine"
    ENDED = "ended"


class Source(StrEnum):
    """Who says something."""

    HOST = "host"
    TRANSPORT = "transport"
    PRINTER = "printer"
    OPERATOR = "operator"
    SPOOLER = "spooler"  # of itself


class Fact(NamedTuple):
    """One thing the answer rests on: who says it, and when it was seen; of how far a document is, when it was heard of."""

    text: str
    source: Source
    at: datetime


class Action(NamedTuple):
    """Something that can be done about it: a title, the call, the command."""

    title: str
    method: str
    command: str


class Failure(NamedTuple):
    """An error, as it was met."""

    reason: str
    win32: int
    message: str
    at: datetime


class Report(NamedTuple):
    """What was said about a port (PORT_INFO_3): dwStatus, dwSeverity, words, who, when."""

    condition: int
    severity: int
    text: str
    source: Source
    at: datetime  # by its host's clock
    cause: str = ""  # an id of what is behind it: "line-errors"


class Holder(NamedTuple):
    """Who has a port open."""

    ours: bool
    who: str
    printer: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class PortFacts:
    """What is known of a port now."""

    name: PortName
    known: bool = True  # its host has told of it
    host_state: str = "online"  # "" when no such host is configured; connecting, online, silent, draining
    host_error: str = ""
    host_seen: datetime | None = None
    host_since: datetime | None = None  # when its state, or what is wrong with it, was learned
    state: str = ""  # the host's word for it: ready, printing, offline, …
    device: str = ""
    reports: tuple[Report, ...] = ()
    holder: Holder | None = None
    lane: str = ""  # closed, opening, open, waiting, stopped
    error: Failure | None = None  # why the lane waits or has stopped
    retry_at: datetime | None = None
    paused: Paused | None = None  # by a person
    flights: tuple[Job, ...] = ()  # documents on their way
    moved: datetime | None = None  # when something of them last got further


class Patience(NamedTuple):
    """How long nothing may move before that is said."""

    stall_s: float = 5.0  # a printer that takes nothing for longer asks to wait
    stale_s: float = 60.0  # news of a document that is all sent, and older than this, say nothing any more


PATIENT = Patience()


class Lies(StrEnum):
    """Where the bytes of a document that is on its way lie."""

    HERE = "here"  # in the spool; the host has some of them
    MOVING = "moving"  # they are being brought to the host, where all have to be before it is begun
    THERE = "there"  # at the host, all of them


class Held(NamedTuple):
    """Who holds a job."""

    by: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """What is known of a document that is still coming in."""

    request_id: str
    size_bytes: int  # that came
    heard: datetime  # when its sender was heard last
    now: datetime


class NotWritten(NamedTuple):
    """Why what became of a job is not written down."""

    message: str
    since: datetime
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What is known about a job now."""

    now: datetime
    job: Job
    printer: Printer | None  # None: it is gone
    ports: tuple[PortFacts, ...] = ()
    jobs_ahead: int = 0
    wait_s: float = 0.0  # about how long these take; 0: not known
    held: Held | None = None  # who holds it, by its history
    opens: datetime | None = None  # when its printer's daily window opens; None: it is open
    leaves_in_s: float = 0.0  # until its turn in catching up after an outage
    home: PortName | None = None  # the port it waits for, because its first part was printed there
    kept_from: frozenset[PortName] = frozenset()  # its printer's ports of other monitors
    lies: Lies = Lies.HERE
    moved: datetime | None = None  # when it last got further; None: it is not on its way
    patience: Patience = PATIENT
    unwritten: NotWritten | None = None  # its port is done with it


class Sentence(NamedTuple):
    """Why, in one sentence. An alert has its first part, which is the same as long as the answer is.

    says: names of printers, ports, hosts and devices, and what is set about them. No times, no counts, no jobs, no people,
        nothing that a person or a printer wrote. Without the full stop.
    more: the rest, with what separates it.
    """

    says: str
    more: str = ""

    def __str__(self) -> str:
        return f"{self.says}{self.more}."


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why, in one sentence; whether anything was lost; what to do, best first; what it rests on."""

    verdict: Verdict
    headline: Sentence
    loss: str
    actions: tuple[Action, ...] = ()
    facts: tuple[Fact, ...] = ()


class Trouble(NamedTuple):
    """What keeps a port from printing."""

    verdict: Verdict
    headline: Sentence
    facts: tuple[Fact, ...] = ()
    actions: tuple[Action, ...] = ()
