"""Traces of jobs, told from what the store has of them, so that they outlive the process in which they began.

Nothing here is on a job's way: what has ended is noted, and read back by one task. What there is no room for is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from chassis import logs
from chassis.errors import FabricError
from chassis.tracing import tracing
from spooler.job import Attempt, HistoryEvent, Job
from spooler.job_state import JobState
from spooler.job_trace import MOST_EVENTS, attempt_span, is_traced, job_span

log = logs.get(__name__)

MOST_WAITING = 1000  # jobs of which something is to be told; more are left out


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
        self._since = datetime.now(UTC)  # what ended before was told by another run
        self._waiting: dict[int, Job] = {}
        self._told: dict[int, int] = {}  # of jobs that have not ended: the last attempt that was told
        self._wake = asyncio.Event()

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
        while self._waiting:
            number = next(iter(self._waiting))
            job = self._waiting.pop(number)
            try:
                await self._tell_one(job)
            except FabricError as error:
                log.info("a trace cannot be told", job=number, error=str(error))

    async def _tell_one(self, job: Job) -> None:
        told = self._told.get(job.number, 0)
        for attempt in await self._records.attempts(job.number):
            if (
                attempt.number > told
                and attempt.ended_at is not None
                and attempt.ended_at >= self._since
                and (span := attempt_span(job, attempt)) is not None
            ):
                tracing.tell(span)
                self._told[job.number] = attempt.number
        if job.ended:
            tracing.tell(job_span(job, await self._records.history(job.number, limit=MOST_EVENTS)))
            self._told.pop(job.number, None)
