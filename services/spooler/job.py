"""A job: one document for one printer, and its attempts to reach paper. Frozen values, no behaviour but their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from spooler.daily_window import Window
from spooler.frozen import replacing
from spooler.job_state import TERMINAL, JobState
from spooler.ledger import NOTHING_PROVEN, Ledger, Outcome
from spooler.printer import PortName
from spooler.units.prefix import NO_PREFIX, Prefix

NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})

DEFAULT_PRIORITY = 50
STOPPING = "processing-to-stop-point"  # RFC 8011, 5.3.8: it outlives a restart, for it is a job-state-reason
MAX_PRIORITY = 99


class Document(NamedTuple):
    """What is to be printed, one copy of it; where its bytes lie is the store's affair."""

    name: str = ""  # as the sender gave it
    format: str = ""  # media type; empty when the sender did not say
    size_bytes: int = 0
    digest: bytes = b""  # SHA-256, 32 bytes


class Sender(NamedTuple):
    """Who sent a job, and with which idempotency key."""

    owner: str = ""  # as authenticated
    user: str = ""  # the person the sender named, unproven
    client: str = ""  # where it was sent from
    request_id: str = ""  # unique per owner


class JobError(NamedTuple):
    """The last thing that went wrong: a `FabricError` as it is remembered."""

    reason: str
    win32: int = 0
    message: str = ""
    verdict: str = ""
    at: datetime | None = None


class Segment(NamedTuple):
    """A stretch of a document that is to be printed, when not all of it is: payload bytes and what goes before them."""

    start: int  # included
    end: int  # not included
    prefix: Prefix = NO_PREFIX  # sent before byte `start`, not counted
    words: str = ""  # what the prefix is
    mark: str = ""  # a visible mark in it


@dataclass(frozen=True, slots=True)
class Job:
    """One job at one moment. Changed by `dataclasses.replace` and `Store.record`; `revision` rises with each change."""

    # What never changes.
    number: int  # what people type; rises in order of acceptance
    uid: bytes  # 16 bytes, never reused; the key of ledger and journals
    document: Document
    sender: Sender
    created_at: datetime  # when it became durable
    copies: int = 1
    attributes: Mapping[str, str] = field(
        default_factory=lambda: NO_ATTRIBUTES
    )  # the sender's own labels; never interpreted

    # What does. `revision` is counted by the store.
    printer: str = ""
    state: JobState = JobState.PENDING
    reasons: tuple[str, ...] = ()  # RFC 8011's words, and ours
    hold_reason: str = ""  # who holds it and why
    priority: int = DEFAULT_PRIORITY  # 1 (last) to 99 (first)
    not_before: datetime | None = None
    expires_at: datetime | None = None  # after this it is not begun any more
    window: Window | None = None
    retain: bool = False  # keep it after printing
    port: PortName | None = None  # of the present or last attempt
    attempts: int = 0  # attempts made; the number of the present one
    copies_printed: int = 0
    resume_offset: int = 0  # the payload byte its next attempt begins with
    rest: tuple[Segment, ...] = ()  # what is to be printed, in order, the present one first; empty: all of it
    ledger: Ledger = NOTHING_PROVEN  # over all attempts
    outcome: Outcome = Outcome.PENDING
    last_error: JobError | None = None
    started_at: datetime | None = None  # when its first byte went to a port
    ended_at: datetime | None = None
    redirected: bool = False  # it left a port after bytes had been accepted there: a duplicate is possible
    has_document: bool = True  # all its bytes are here; False once they were given back
    revision: int = 1

    @property
    def stopping(self) -> bool:
        """Somebody cancelled it, durably, and its device has not let go of it yet."""
        return STOPPING in self.reasons

    @property
    def incoming(self) -> bool:
        """Its document still comes in: nobody knows yet how long it is."""
        return not (self.has_document or self.document.digest or self.ended)

    @property
    def etag(self) -> str:
        """Changes with each change of the job."""
        return str(self.revision)

    @property
    def ended(self) -> bool:
        """Whether it is in a terminal state."""
        return self.state in TERMINAL


job_with: Callable[..., Job] = replacing(Job)  # `dataclasses.replace`, where it is done for each job


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to bring a job to paper; `(job_uid, number)` is its key on every wire and in every journal."""

    job_uid: bytes
    job_number: int
    number: int  # 1 for the first
    port: PortName
    fence: int  # the fence it was sent under
    copy: int = 1  # which copy, from 1
    resume_offset: int = 0  # the payload byte it began with
    resume_prefix: str = ""  # what was put before the payload, in words
    mark: str = ""  # a visible mark put on the paper
    started_at: datetime | None = None  # when its start became durable; set by the store if absent
    ended_at: datetime | None = None  # None while it runs
    ledger: Ledger = NOTHING_PROVEN
    outcome: Outcome = Outcome.PENDING
    error: JobError | None = None


class HistoryEvent(NamedTuple):
    """One line of what happened: to a job, or else to a printer or a port. For audit and Explain."""

    what: str  # "accepted", "held", "attempt-started", … a short word, constant
    who: str = ""  # a person or "spooler"
    detail: str = ""
    job_number: int = 0  # 0: no job's
    printer: str = ""
    at: datetime | None = None  # set by the store if absent
    attempt: int = 0  # the job's attempt it belongs to; 0: none
    port: PortName | None = None  # where it happened
    state: JobState | None = None  # the job's, after it

    @property
    def by_a_person(self) -> bool:
        """Somebody decided it, whoever it was: it stays when its job is forgotten."""
        return self.who not in ("", "spooler")


def changed(job: Job, **what: Any) -> Job:
    """Return `job` with other fields and the next revision, ready for `Store.record`."""
    return replace(job, revision=job.revision + 1, **what)


def event_of(after: Job, what: str, who: str, detail: str = "", *, at: Job | None = None) -> HistoryEvent:
    """Return a line about a job: as it is after it, and, when it was `at` a port, with that attempt and that port."""
    attempt, port = (at.attempts, at.port) if at is not None else (0, None)
    return HistoryEvent(
        what, who, detail, after.number, after.printer, attempt=attempt, port=port, state=after.state
    )


def make_uid(unix_ms: int, random_bytes: bytes) -> bytes:
    """Return a job's uid: a version 7 UUID (RFC 9562, 5.7) of a time in ms and 10 random bytes."""
    head = (unix_ms & 0xFFFF_FFFF_FFFF).to_bytes(6, "big")
    version = 0x70 | (random_bytes[0] & 0x0F)
    variant = 0x80 | (random_bytes[2] & 0x3F)
    return head + bytes((version, random_bytes[1], variant)) + random_bytes[3:10]


def uid_text(uid: bytes) -> str:
    """Return the text form of a uid: `0192f0c4-…`, 36 characters."""
    return str(UUID(bytes=uid))


def uid_of_text(text: str) -> bytes:
    """Return the uid of its text form. Raises ValueError for anything else."""
    return UUID(text).bytes


def order_key(job: Job) -> tuple[int, int]:
    """Sort key of the order in which a printer's jobs are sent: higher priority first, then as accepted."""
    return -job.priority, job.number
