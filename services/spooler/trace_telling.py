"""Traces of jobs, told from what the store has of them, so that they outlive the process in which they began.

Nothing here is on a job's way: what has ended is noted, and read back by one task. What there is no room for is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from chassis import logs
from chassis.errors import FabricError
from chassis.tracing import tracing
from spooler.job import Attempt, HistoryEvent, Job
from spooler.job_state import JobState
from spooler.job_trace import MOST_EVENTS, attempt_span, is_traced, job_span

log = logs.get(__name__)

MOST_WAITING = 1000  # jobs of which something is to be told; more are left out
MOST_REMEMBERED = 10_000  # jobs of which it is known what was told


class _Told(NamedTuple):
    """What was told of a job: up to which attempt, and its end, if it had ended."""

    attempt: int = 0
    ended_at: datetime | None = None


_NOTHING = _Told()


class Records(Protocol):
    """What a store has of jobs."""

    async def attempts(self, number: int) -> list[Attempt]:
        """Return a job's attempts, oldest first."""

    async def history(self, number: int = 0, *, limit: int = 1000) -> list[HistoryEvent]:
        """Return what happened to a job, oldest first."""


class TraceTelling:
    """Tells each attempt when it has ended, and the job itself when that has. `also` hears of every change first."""

    def __init__(self, records: Records, also: Callable[[Job], None]) -> None:
        self._records = records
        self._also = also
        self._since = datetime.now(UTC)
        self._waiting: dict[int, Job] = {}
        self._told: dict[int, _Told] = {}  # the newest last
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()  # guards what was told, while a job is read

    def job_changed(self, job: Job) -> None:
        """A job has changed, durably if it is not at a port. Cheap, and waits for nothing."""
        self._also(job)
        if job.state is JobState.PROCESSING or not (job.attempts or job.ended) or not is_traced(job):
            return
        if job.number in self._waiting or len(self._waiting) < MOST_WAITING:
            self._waiting[job.number] = job
            self._wake.set()

    async def run(self) -> None:
        """Tell what there is, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.tell()

    async def tell(self) -> None:
        """Tell all that waits."""
        async with self._turn:
            while self._waiting:
                number = next(iter(self._waiting))
                job = self._waiting.pop(number)
                try:
                    await self._tell_one(job)
                except FabricError as error:
                    log.info("a trace cannot be told", job=number, error=str(error))

    async def _tell_one(self, job: Job) -> None:
        told = self._told.pop(job.number, _NOTHING)
        last = told.attempt
        for attempt in await self._records.attempts(job.number):
            span = attempt_span(job, attempt) if attempt.number > last else None
            if span is not None and self._is_mine(attempt.ended_at):
                tracing.tell(span)
                last = attempt.number
        if job.ended and job.ended_at != told.ended_at and self._is_mine(job.ended_at):
            tracing.tell(job_span(job, await self._records.history(job.number, limit=MOST_EVENTS)))
        self._told[job.number] = _Told(last, job.ended_at)
        if len(self._told) > MOST_REMEMBERED:
            del self._told[next(iter(self._told))]

    def _is_mine(self, ended_at: datetime | None) -> bool:
        """Whether it ended in this run; what did before was told by the one that saw it."""
        return ended_at is not None and ended_at >= self._since
