"""The part of a SQL store that is the same on every engine: statements, asked of a reader or handed to the writer."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from spooler.group_commit import GroupThread
from spooler.job import Attempt, HistoryEvent, Job
from spooler.membership import Membership
from spooler.printer import PortName, Printer
from spooler.sql import decisions as sql_decisions
from spooler.sql import lines
from spooler.sql import printers as sql_printers
from spooler.sql import read as sql_read
from spooler.sql import record as sql_record
from spooler.sql.batch import Operation
from spooler.sql.cursor import Cursor
from spooler.sql.notes import get_note, put_note
from spooler.sql.rows import micros
from spooler.sql.uid_time import newest_ms
from spooler.store import ALL_JOBS, Changes, JobFilter, JobOrder, JobPage, KeptDecisions, PrinterLine

Result = TypeVar("Result")


class Asked(Protocol):
    """Whoever answers questions: `sql.read.Reader`, or another engine's."""

    async def ask(self, question: Callable[[Cursor], Result]) -> Result:
        """Return what `question` finds."""

    async def list_jobs(self, where: JobFilter, order: JobOrder, limit: int, page_token: str) -> JobPage:
        """Return a page of jobs."""


class SqlQuestions(ABC):
    """Jobs, history and printers of a store, without their documents."""

    membership: Membership | None = None  # this spooler's part where several share the store
    _thread: GroupThread[Operation]

    @property
    @abstractmethod
    def _asked(self) -> Asked:
        """Who answers questions."""

    @abstractmethod
    def _recording(self, changes: Changes, *, waited: bool) -> Operation:
        """Return what writes changes."""

    @abstractmethod
    async def _forget(self, choose: Callable[[Cursor], list[int]]) -> int:
        """Forget the jobs that `choose` finds, with all that is theirs; return how many went."""

    def _clock_ms(self, cursor: Cursor) -> int:
        return time.time_ns() // 1_000_000

    async def uid_time_ms(self) -> int:
        """Return the time by the clock that dates job ids; before none of them."""
        return await self._asked.ask(lambda cursor: max(self._clock_ms(cursor), newest_ms(cursor)))

    async def _write(self, run: Callable[[Cursor], Any], *, printer: str = "") -> Any:
        return await self._thread.enqueue(Operation(run, printer=printer))

    async def get_note(self, key: str) -> str | None:
        """Return what is kept under a key; None when nothing is."""
        return await self._asked.ask(lambda cursor: get_note(cursor, key))

    async def put_note(
        self, key: str, value: str, expected: str | None, history: Sequence[HistoryEvent] = ()
    ) -> None:
        """Keep a value under a key, durably, in place of `expected`. Raises EtagMismatch."""
        await self._write(lambda cursor: put_note(cursor, key, value, expected, history))

    async def record(self, changes: Changes, *, within_s: float = 0.0) -> None:
        """Write changes, durably; the rules are `Jobs.record`'s."""
        await self._thread.enqueue(self._recording(changes, waited=True), within_s=within_s)

    def record_soon(self, changes: Changes) -> None:
        """Write changes with the next commit, within 50 ms."""
        self._thread.submit_soon(self._recording(changes, waited=False))

    async def begin_line(self, event: HistoryEvent) -> int:
        """Write a line of what is being done elsewhere; the rules are `Jobs.begin_line`'s."""
        now = micros(datetime.now(UTC))
        return int(await self._write(lambda cursor: lines.begin(cursor, event, now)))

    async def end_line(self, number: int, event: HistoryEvent | None) -> None:
        """Let a line say what was done; the rules are `Jobs.end_line`'s."""
        await self._write(lambda cursor: lines.end(cursor, number, event))

    async def flush(self) -> None:
        """Return when everything handed to `record_soon` is durable."""
        await self._write(lambda _: None)

    async def get_job(self, number: int) -> Job:
        """Return a job. Raises JobNotFound."""
        return await self._asked.ask(lambda cursor: sql_read.job(cursor, number))

    async def get_job_by_uid(self, uid: bytes) -> Job:
        """Return a job by its uid. Raises JobNotFound."""
        return await self._asked.ask(lambda cursor: sql_read.job_by_uid(cursor, uid))

    async def get_by_request_id(self, owner: str, request_id: str) -> Job | None:
        """Return the job that a request made, if it made one."""
        return await self._asked.ask(lambda cursor: sql_read.job_by_request(cursor, owner, request_id))

    async def list_jobs(
        self,
        where: JobFilter = ALL_JOBS,
        *,
        order: JobOrder = JobOrder.OLDEST_FIRST,
        limit: int = 100,
        page_token: str = "",
    ) -> JobPage:
        """Return a page of jobs; the rules are `Jobs.list_jobs`'s."""
        return await self._asked.list_jobs(where, order, limit, page_token)

    async def attempts(self, number: int) -> list[Attempt]:
        """Return a job's attempts, oldest first."""
        return await self._asked.ask(lambda cursor: sql_read.attempts_of(cursor, number))

    async def history(
        self, number: int = 0, *, printer: str = "", port: PortName | None = None, limit: int = 1000
    ) -> list[HistoryEvent]:
        """Return what happened to a job, a printer or at a port; the newest `limit` of it, oldest first."""
        what = (number, printer, port, limit)
        return await self._asked.ask(lambda cursor: sql_read.history_of(cursor, *what))

    async def history_by_people(self, limit: int = 1000) -> list[HistoryEvent]:
        """Return what people did, whatever they did it to; the newest `limit` of it, oldest first."""
        return await self._asked.ask(lambda cursor: sql_read.history_by_people(cursor, limit))

    async def remove_jobs(self, numbers: Sequence[int]) -> int:
        """Forget ended jobs. Return how many went."""
        return await self._forget(lambda _: list(numbers))

    async def purge_finished(
        self, older_than: datetime, max_count: int = 1000, keep_jobs: int | None = None
    ) -> int:
        """Forget jobs that ended long ago; the rules are `Jobs.purge_finished`'s."""
        limits = (older_than, max_count, keep_jobs)
        return await self._forget(lambda cursor: sql_record.ended_before(cursor, *limits))

    async def purge_events(self, older_than: datetime, max_count: int = 1000) -> int:
        """Forget what happened to printers and ports before a time, and nobody decided. Return how much went."""
        return int(await self._write(lambda cursor: sql_record.forget_events(cursor, older_than, max_count)))

    async def purge_decisions(self, kept: KeptDecisions, max_count: int = 1000) -> int:
        """Forget the oldest decisions of people; the rules are `Jobs.purge_decisions`'s."""
        return int(await self._write(lambda cursor: sql_decisions.forget(cursor, kept, max_count)))

    async def create_printer(
        self, printer: Printer, *, owner: str = "", request_id: str = "", line: PrinterLine | None = None
    ) -> Printer:
        """Store a new printer; the rules are `Printers.create_printer`'s."""
        stored: Printer = await self._write(
            lambda cursor: sql_printers.create(cursor, printer, owner, request_id, line), printer=printer.name
        )
        return stored

    async def update_printer(
        self, printer: Printer, *, etag: str = "", line: PrinterLine | None = None
    ) -> Printer:
        """Replace a printer; the rules are `Printers.update_printer`'s."""
        stored: Printer = await self._write(
            lambda cursor: sql_printers.change(cursor, printer, etag, line), printer=printer.name
        )
        return stored

    async def delete_printer(
        self, name: str, *, etag: str = "", line: PrinterLine | None = None
    ) -> Printer | None:
        """Delete a printer, or mark it; the rules are `Printers.delete_printer`'s."""
        left: Printer | None = await self._write(
            lambda cursor: sql_printers.remove(cursor, name, etag, line), printer=name
        )
        return left

    async def get_printer(self, name: str) -> Printer:
        """Return a printer. Raises PrinterNotFound."""
        return await self._asked.ask(lambda cursor: sql_printers.one_printer(cursor, name))

    async def list_printers(self) -> list[Printer]:
        """Return all printers by name."""
        return await self._asked.ask(sql_printers.all_printers)
