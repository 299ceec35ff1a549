"""A job that is to be accepted, its document on the way in, and the answer when it was before. Frozen values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from chassis.errors import FabricError, Verdict
from spooler.daily_window import Window
from spooler.frozen import replacing
from spooler.job import DEFAULT_PRIORITY, NO_ATTRIBUTES, HistoryEvent, Job
from spooler.printer import PortName

INLINE_BYTES = 16 * 1024  # up to this a document lies in the database (one fsync), above in the spool (two)
AT_HAND_BYTES = 128 * 1024  # a larger document is hashed first; a few at once wait for the writer


class Inline(NamedTuple):
    """A whole document at hand. Of any size; the store decides where it lies."""

    data: bytes


class Uploaded(NamedTuple):
    """A document that came by `append_upload`; accepting the job ends the upload in the same commit."""

    upload_id: bytes
    size_bytes: int | None = None  # what the sender announced; None: whatever came


class Incoming(NamedTuple):
    """A document of which the beginning is durable, and the rest still comes in by `append_upload`."""

    upload_id: bytes
    size_bytes: int  # durable so far


class FirstAttempt(NamedTuple):
    """The job starts at once: its attempt 1 becomes durable in the commit that accepts it."""

    port: PortName
    fence: int


class Sent(NamedTuple):
    """The sender's own words, where a printer has a default; empty, 0, False: it left that to the printer."""

    format: str
    priority: int
    retain: bool


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is to be accepted. `(owner, request_id)` makes it idempotent; without a request id it is not."""

    printer: str
    document: Inline | Uploaded | Incoming
    document_name: str = ""
    format: str = ""
    owner: str = ""
    user: str = ""
    client: str = ""
    request_id: str = ""
    copies: int = 1
    priority: int = DEFAULT_PRIORITY
    attributes: Mapping[str, str] = field(default_factory=lambda: NO_ATTRIBUTES)
    held: bool = False
    hold_reason: str = ""
    reasons: tuple[str, ...] = ()
    not_before: datetime | None = None
    expires_at: datetime | None = None
    # The sender's words, if it named a span: what its `expires_at` was worked out from.
    ttl: timedelta | None = None
    window: Window | None = None
    retain: bool = False
    sent: Sent | None = None  # None: these values are the sender's
    digest: bytes = b""  # SHA-256 that the sender announced; empty: not checked
    first_attempt: FirstAttempt | None = None
    uid: bytes = b""  # empty: the store makes one
    # What its acceptance leaves in the history of another one, in the same commit; a repeat leaves nothing.
    line: Callable[[Job], HistoryEvent] | None = None


new_job_with: Callable[..., NewJob] = replacing(NewJob)  # where it is done for each


class Duplicate(NamedTuple):
    """The same request came before: this is its job, as it is now."""

    job: Job


# For each new job in order: the job, its earlier twin, or why it was refused.
Answers = list[Job | Duplicate | FabricError]
Place = Callable[[NewJob], NewJob]
Told = Callable[[Answers | None], None]  # None: none was accepted


def is_at_hand(document: Inline | Uploaded | Incoming) -> bool:
    """Tell whether a document is here, and small enough to be hashed and written by the commit of its job."""
    return isinstance(document, Inline) and len(document.data) <= AT_HAND_BYTES


@dataclass(frozen=True, slots=True)
class Upload:
    """A document on its way in."""

    id: bytes  # 16 bytes
    owner: str
    created_at: datetime
    size_bytes: int = 0  # received so far: where the sender goes on
    request_id: str = ""
    attributes: Mapping[str, str] = field(
        default_factory=lambda: NO_ATTRIBUTES
    )  # what the API must remember about it


class UploadNotFound(FabricError):
    """No upload of that id: never begun, finished, or abandoned. Begin a new one."""

    reason, win32, code = "UPLOAD_NOT_FOUND", 2, "NOT_FOUND"


class UploadInterrupted(FabricError):
    """The job was begun while its document came in, and ended before all of it was there: send it as a new one."""

    reason, win32, code, verdict = "UPLOAD_INTERRUPTED", 3020, "FAILED_PRECONDITION", Verdict.ABORT
