"""What the fabric answers when it is asked: explanations, attempts, events, moments on the wire, monitors. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portui.model import Outcome, Proof


@dataclass(frozen=True, slots=True)
class Fact:
    """Something an explanation rests on."""

    text: str
    source: str
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What can be done: a title, the call that does it, the command that does it."""

    title: str
    method: str  # "PrintService/ReleaseJob"
    command: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The spooler's answer to why; the same sentence for console, command and alert."""

    verdict: str
    headline: str
    loss: str
    actions: tuple[Suggestion, ...] = ()
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to bring a job to paper."""

    number: int
    copy: int
    port: str
    started: datetime | None
    ended: datetime | None
    outcome: Outcome
    proof: Proof
    error: str = ""
    resume_offset: int = 0
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job, a port or a printer."""

    time: datetime | None
    kind: str
    actor: str
    text: str
    job: int = 0
    subject: str = ""  # "jobs/4711", "printers/labels", "hosts/edge-7/ports/COM1:"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment on the wire: bytes out or in, or an event without any."""

    time: datetime | None
    direction: str  # out, in, event
    data: bytes
    notes: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Monitor:
    """A kind of port a host can have."""

    host: str
    name: str
    capabilities: tuple[str, ...] = ()
    version: str = ""
