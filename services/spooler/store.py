"""What must be remembered, and how it is asked for: the interface of the spooler's store.

`SqlStore` (SQLite, with a spool log beside it) is one implementation; `tests/contract/store_contract.py` says in
code what every one must do. All methods are for one event loop; none blocks it.

Durable means: on the disk, after a power cut too. What a method that changes something returns has happened durably
before it returns, except `record_soon`. A method that raises `SpoolFull` or `StoreUnavailable` changed nothing that
a later read could show, and the store goes on serving: the next call may succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from spooler.documents import Documents
from spooler.job import Attempt, HistoryEvent, Job
from spooler.job_state import JobState
from spooler.new_job import Answers, NewJob, Place, Told, Upload
from spooler.printer import Paused, PortName, Printer

# Returns the line of a change of a printer that is committed with it, given the printer before and after; None: there
# is none. It must not fail.
PrinterLine = Callable[[Printer | None, Printer | None], HistoryEvent]


@dataclass(frozen=True, slots=True)
class Changes:
    """What `record` writes in one commit, all of it or nothing."""

    jobs: Sequence[Job] = ()  # whole jobs, as they are now; an older one than stored is left out, silently
    attempts: Sequence[Attempt] = ()  # begun, gone on, or ended; told apart by the key
    history: Sequence[HistoryEvent] = ()
    pauses: Sequence[tuple[PortName, Paused | None]] = ()  # ports that people paused; None: resumed
    drop_documents: Sequence[int] = ()  # numbers of jobs whose bytes are no longer needed


class JobOrder(StrEnum):
    """How `list_jobs` sorts: by number, which is by acceptance."""

    OLDEST_FIRST = "oldest_first"
    NEWEST_FIRST = "newest_first"


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs: all conditions together; an empty one allows all."""

    printer: str = ""
    states: frozenset[JobState] = frozenset()
    user: str = ""
    owner: str = ""
    request_id: str = ""
    created_from: datetime | None = None  # included
    created_until: datetime | None = None  # not included
    spare: bool = False  # ended, not to be retained, and their documents are still here
    numbers: frozenset[int] | None = None  # only these, or one of `uids`; None: whatever they are
    uids: frozenset[bytes] = frozenset()


ALL_JOBS = JobFilter()


class JobPage(NamedTuple):
    """A page of jobs; `next_token` is empty on the last one."""

    jobs: list[Job]
    next_token: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a spooler needs to go on after a start."""

    fabric_id: str
    jobs: list[Job]  # unfinished, in order of number; without bytes
    open_attempts: list[Attempt]  # without an end
    printers: list[Printer]
    uploads: list[Upload]
    last_number: int  # of the newest job ever accepted
    lost_documents: list[int] = field(default_factory=list)  # unfinished jobs whose bytes are not all there
    paused_ports: list[tuple[PortName, Paused]] = field(default_factory=list)


class StoreUsage(NamedTuple):
    """How full it is, bytes. `reserve_bytes` is kept free; below it documents are refused."""

    database_bytes: int
    spool_bytes: int  # of the segment files
    live_bytes: int  # of these, needed by a document
    free_bytes: int  # on the spool's volume
    reserve_bytes: int


@dataclass(frozen=True, slots=True)
class KeptDecisions:
    """How much is remembered of what people decided. None: no limit of this kind."""

    since: datetime
    count: int | None = None  # the newest so many
    bytes: int | None = None  # of their lines together, about


class Jobs(Protocol):
    """The part of a store about jobs."""

    async def accept(
        self, new_jobs: Sequence[NewJob], place: Place | None = None, told: Told | None = None
    ) -> Answers:
        """Make jobs durable and return, for each in order, the job, its earlier twin, or why it was refused.

        Callers that come at the same time share one commit; one's refusal does not touch its neighbours. Numbers
        rise in order of acceptance, over all callers; a number once given is never given again. `place` is asked for
        what to accept once a job's turn is fixed: a first attempt given earlier could print before lower numbers.
        `told` hears the answers before the caller does, in the order of acceptance; None: none was accepted. A caller
        that is cancelled changes nothing of that, where all documents are `is_at_hand`.

        Refusals: PrinterNotFound, PrinterDeleted, RequestIdReused (same id, other job), DigestMismatch (digest or
        size is not the announced one), WrongOffset (the upload is shorter than announced), UploadNotFound.

        Raises:
            SpoolFull: there is no room; none of these jobs was accepted.
            StoreUnavailable: the disk does not answer; none was accepted (a power cut at this very moment may keep
                them all the same, which is why senders give request ids).
        """

    async def record(self, changes: Changes, *, within_s: float = 0.0) -> None:
        """Write changes, durably. Commits are shared with all that is being written.

        within_s: how long these may wait for a commit that is made anyway. Whatever is written later hurries them.
        """

    def record_soon(self, changes: Changes) -> None:
        """Write changes with the next commit, within 50 ms; after a crash they may be missing, never out of order.

        For progress. While the disk does not answer they are kept, up to a bound, then the oldest are lost.
        """

    async def begin_line(self, event: HistoryEvent) -> int:
        """Write a line, durably, of what is now done elsewhere, and return its number for `end_line`.

        If that never comes, the line stays as it is: it must say that what became of it is not known.
        """

    async def end_line(self, number: int, event: HistoryEvent | None) -> None:
        """Let a line say what was done, and at which port; who and when stay. None: nothing was done, and it goes."""

    async def flush(self) -> None:
        """Return when everything handed to `record_soon` is durable."""

    async def get_job(self, number: int) -> Job:
        """Return a job, finished or not. Raises JobNotFound."""

    async def get_job_by_uid(self, uid: bytes) -> Job:
        """Return a job by what journals know it by. Raises JobNotFound."""

    async def get_by_request_id(self, owner: str, request_id: str) -> Job | None:
        """Return the job that this request made, if it made one."""

    async def list_jobs(
        self,
        where: JobFilter = ALL_JOBS,
        *,
        order: JobOrder = JobOrder.OLDEST_FIRST,
        limit: int = 100,
        page_token: str = "",
    ) -> JobPage:
        """Return at most `limit` jobs (1 to 1,000) from where `page_token` left off.

        Pages go by number: jobs that come or go in between neither shift nor repeat others.

        Raises:
            InvalidArgument: the token is not one of ours.
        """

    async def attempts(self, number: int) -> list[Attempt]:
        """Return a job's attempts, oldest first."""

    async def history(
        self, number: int = 0, *, printer: str = "", port: PortName | None = None, limit: int = 1000
    ) -> list[HistoryEvent]:
        """Return what happened to a job, a printer, or at a port, oldest first; the newest `limit` of it.

        Of a job that is forgotten: what people decided about it.
        """

    async def history_by_people(self, limit: int = 1000) -> list[HistoryEvent]:
        """Return what people did, whatever they did it to, oldest first; the newest `limit` of it."""

    async def remove_jobs(self, numbers: Sequence[int]) -> int:
        """Forget ended jobs with all that belongs to them; others are left alone. Return how many went.

        What people decided about them stays in the history.
        """

    async def purge_finished(
        self, older_than: datetime, max_count: int = 1000, keep_jobs: int | None = None
    ) -> int:
        """Forget jobs that ended before `older_than` and are not to be retained, oldest end first.

        `keep_jobs`: besides, ended ones that are not among the newest so many, whatever their age. Return how many
        went; `max_count` bounds the work, so call again while it is reached.
        """

    async def purge_events(self, older_than: datetime, max_count: int = 1000) -> int:
        """Forget what happened to printers and ports before a time, and nobody decided. Return how much went."""

    async def purge_decisions(self, kept: KeptDecisions, max_count: int = 1000) -> int:
        """Forget what people decided and need not be kept, oldest first, whether its job is there or not.

        Return how much went; `max_count` bounds the work.
        """


class Printers(Protocol):
    """The part of a store about printers."""

    async def create_printer(
        self, printer: Printer, *, owner: str = "", request_id: str = "", line: PrinterLine | None = None
    ) -> Printer:
        """Store a new printer, with the line that says so, and return it with its revision.

        The same owner and request id (not empty) with the same printer get it again, without another line. One of
        the same name that is pending deletion is reconfigured and revived, as AddPrinter does.

        Raises:
            PrinterExists: there is one of that name.
            RequestIdReused: the request id made another printer.
        """

    async def update_printer(
        self, printer: Printer, *, etag: str = "", line: PrinterLine | None = None
    ) -> Printer:
        """Replace a printer by this one and return it with its new revision.

        Raises:
            PrinterNotFound: there is none of that name.
            EtagMismatch: `etag` is not empty and not the present one.
        """

    async def delete_printer(
        self, name: str, *, etag: str = "", line: PrinterLine | None = None
    ) -> Printer | None:
        """Delete a printer; with unfinished jobs, mark it pending deletion and return it so. Once marked, no line.

        `accept` refuses jobs for it from then on. Call again when its jobs are gone.

        Raises:
            PrinterNotFound, EtagMismatch: as `update_printer`.
        """

    async def get_printer(self, name: str) -> Printer:
        """Return a printer. Raises PrinterNotFound."""

    async def list_printers(self) -> list[Printer]:
        """Return all printers by name."""


class Notes(Protocol):
    """Small values that others keep here, as hosts their configuration."""

    async def get_note(self, key: str) -> str | None:
        """Return what is kept under a key; None when nothing is."""

    async def put_note(
        self, key: str, value: str, expected: str | None, history: Sequence[HistoryEvent] = ()
    ) -> None:
        """Keep a value under a key, durably, in place of `expected` (None: nothing), with lines that say so.

        Raises:
            EtagMismatch: something else is kept; nothing was changed.
        """


class Store(Jobs, Documents, Printers, Notes, Protocol):
    """All of it."""

    async def load(self) -> Snapshot:
        """Return what was going on when the last spooler stopped. Work goes by what is unfinished."""

    async def next_epoch(self) -> int:
        """Return a number greater than any returned before, durably: the base of this spooler's fences."""

    async def uid_time_ms(self) -> int:
        """Return the time by the clock that dates job ids, milliseconds since the epoch; before none of them.

        All spoolers on one store have one such clock. It may stand still, and never goes back.
        """

    async def usage(self) -> StoreUsage:
        """Return how full it is."""

    async def close(self) -> None:
        """Write what is waiting and let go of all files. Later calls raise StoreUnavailable."""
