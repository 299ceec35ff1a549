"""One member's part in the database that several spoolers share: `spooler.membership.Membership`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from chassis import logs
from chassis.errors import FabricError, StoreUnavailable
from spooler.group_commit import GroupThread
from spooler.job import Job
from spooler.membership import Answer, Ask, News, Standing, UnfinishedJobs
from spooler.printer import Paused, PortName
from spooler.sql import read as sql_read
from spooler.sql.batch import Operation
from spooler.sql.cursor import Cursor
from spooler.sql.postgres import asks, members
from spooler.sql.postgres.lease import Lease
from spooler.sql.postgres.reader import PostgresReader
from spooler.sql.postgres.telling import CHANNEL, heard
from spooler.sql.postgres.writer import PostgresWriter
from spooler.sql.rows import JOB_READ, attempt_of_row, job_of_row
from spooler.sql.schema import attempts, sql

log = logs.get(__name__)

_JOBS = sql(select(*JOB_READ)) + " WHERE number = ANY(?) ORDER BY number"
_BEGUN = sql(select(attempts)) + " WHERE job_number = ANY(?) AND ended_at IS NULL"
_REVISIONS = "SELECT number, revision FROM jobs WHERE state < 7"
# One row, however much is stored: each sum is of hashes of a row's name and all that changes with its revision.
_FINGERPRINT = """
    SELECT (SELECT concat_ws(' ', count(*), sum(hashint8extended(number, revision))) FROM jobs WHERE state < 7),
        (SELECT concat_ws(' ', count(*), sum(hashtextextended(name, revision))) FROM printers),
        (SELECT concat_ws(' ', count(*), sum(hashtextextended(paused_ports::text, 0))) FROM paused_ports),
        (SELECT concat_ws(' ', count(*), sum(hashtextextended(printer, epoch))) FROM owners)
"""
# In beats: how seldom the writer's connection is tried while the lease finds it where it should be.
_PROVE_EVERY = 15


class PostgresMembership:
    """What changes something is done by the writer: it proves that this is a member still."""

    def __init__(
        self, thread: GroupThread[Operation], writer: PostgresWriter, reader: PostgresReader, lease: Lease
    ) -> None:
        self._thread = thread
        self._writer = writer
        self._telling = writer.telling
        self._reader = reader
        self._lease = lease
        self._beats = 0
        self.on_members: Callable[[], None] = lambda: None
        lease.on_over = self._over
        lease.on_missed = lambda: thread.on_loop(self._missed)
        lease.on_members = lambda: thread.on_loop(self.on_members)
        self.me = writer.me

    async def _write(self, run: Callable[[Cursor], Any]) -> Any:
        return await self._thread.enqueue(Operation(run))

    async def look(self) -> Standing:
        """See `Membership`."""
        return await self._reader.ask(members.look)

    async def is_member(self) -> bool:
        """See `Membership`."""
        try:
            return any(one.epoch == self.me for one in (await self.look()).members)
        except FabricError:
            return False

    async def beat(self) -> None:
        """See `Membership`. Not behind the writer's work, which may be much, nor behind questions."""
        self._beats += 1
        if self._beats % _PROVE_EVERY == 0:
            self._prove()
        await self._lease.beat()

    def _prove(self) -> None:
        """Have the writer find out whether it still writes for a member, if nobody else has it write."""
        with suppress(StoreUnavailable):  # it is closed
            self._thread.submit_soon(Operation(lambda _: None, waited=False))

    def _missed(self) -> None:
        """No server answered for the lease: the writer's connection may be gone, and members with it."""
        self._prove()
        self.on_members()

    def _over(self) -> None:
        """Where the database is now there is no such member, or its writer is not connected there; from any thread.

        The writer learns that by itself, unless it waits for a server that stands still while its standby has taken over.
        """
        log.error("not connected where the database is now", database=self._writer.where, epoch=self.me)
        self._writer.cut()
        self._reader.cut()
        self._thread.on_loop(self._prove)

    async def leave(self) -> None:
        """See `Membership`."""

        def run(cursor: Cursor) -> None:
            members.leave(cursor, self.me)
            self._telling.owners = True

        await self._write(run)

    async def depose(self, epoch: int) -> bool:
        """See `Membership`."""
        if not await self._write(lambda cursor: members.end_backend(cursor, epoch)):
            return False

        def run(cursor: Cursor) -> bool:
            self._telling.owners = True
            asks.forget_of(cursor, epoch)
            return members.remove(cursor, epoch)

        return bool(await self._write(run))

    async def claim(self, printers: Collection[str]) -> int | None:
        """See `Membership`."""

        def run(cursor: Cursor) -> int | None:
            self._telling.owners = True
            return members.claim(cursor, self.me, printers)

        epoch: int | None = await self._write(run)
        return epoch

    async def release(self, printers: Collection[str]) -> None:
        """See `Membership`."""

        def run(cursor: Cursor) -> None:
            self._telling.owners = True
            members.release(cursor, self.me, printers)

        await self._write(run)

    async def going_on(self, printers: Collection[str]) -> UnfinishedJobs:
        """See `Membership`."""

        def question(cursor: Cursor) -> UnfinishedJobs:
            jobs = [job for job in sql_read.unfinished_jobs(cursor) if job.printer in printers]
            numbers = {job.number for job in jobs}
            attempts = sql_read.open_attempts(cursor)
            return UnfinishedJobs(jobs, [one for one in attempts if one.job_number in numbers])

        return await self._reader.ask(question)

    async def jobs(self, numbers: Collection[int]) -> list[Job]:
        """See `Membership`."""

        def question(cursor: Cursor) -> list[Job]:
            which = (list(numbers),)
            begun = [attempt_of_row(row) for row in cursor.execute(_BEGUN, which)]
            ledgers = {attempt.job_number: attempt.ledger for attempt in begun}
            jobs = [job_of_row(row) for row in cursor.execute(_JOBS, which)]
            return [replace(job, ledger=ledgers.get(job.number, job.ledger)) for job in jobs]

        return await self._reader.ask(question)

    async def revisions(self) -> dict[int, int]:
        """See `Membership`."""
        return await self._reader.ask(lambda cursor: dict(cursor.execute(_REVISIONS).fetchall()))

    async def fingerprint(self) -> object:
        """See `Membership`."""
        found: tuple[str, ...] = await self._reader.ask(
            lambda cursor: cursor.execute(_FINGERPRINT).fetchone()
        )
        return found

    async def paused_ports(self) -> list[tuple[PortName, Paused]]:
        """See `Membership`."""
        return await self._reader.ask(sql_read.ports_paused)

    async def ask(self, of: int, what: Ask) -> int:
        """See `Membership`."""

        def run(cursor: Cursor) -> int:
            number = asks.put(cursor, self.me, of, what)
            self._telling.asks[number] = of
            return number

        return int(await self._write(run))

    async def open_asks(self) -> list[int]:
        """See `Membership`."""
        return await self._reader.ask(lambda cursor: asks.open_for(cursor, self.me))

    async def take_ask(self, number: int) -> Ask | None:
        """See `Membership`."""
        ask: Ask | None = await self._write(lambda cursor: asks.take(cursor, self.me, number))
        return ask

    async def answer(self, number: int, answer: Answer) -> None:
        """See `Membership`."""

        def run(cursor: Cursor) -> None:
            self._telling.answers[number] = asks.answer(cursor, number, answer)

        await self._write(run)

    async def take_answer(self, number: int) -> Answer | None:
        """See `Membership`."""
        answer: Answer | None = await self._write(lambda cursor: asks.take_answer(cursor, number))
        return answer

    async def withdraw(self, number: int) -> bool:
        """See `Membership`."""
        return bool(await self._write(lambda cursor: asks.withdraw(cursor, number)))

    async def news(self) -> AsyncIterator[News]:
        """See `Membership`."""
        async with aclosing(self._reader.notifications(CHANNEL)) as texts:
            async for text in texts:
                news = heard(text, self.me) if text else News(lost=True)
                if news is not None:
                    yield news
