"""Jobs that wait for a time, and jobs whose time runs out: one timer for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from heapq import heappop, heappush

from spooler.job import Job
from spooler.ledger import Outcome
from spooler.turns import SLICE


class Timetable:
    """Calls back when a job's time has come: to begin, or to expire. A job may be noted again with other times."""

    def __init__(self, came: Callable[[int], None]) -> None:
        self._came = came
        self._due: list[tuple[datetime, int]] = []
        self._numbers: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: datetime | None = None

    def note(self, job: Job) -> None:
        """Remember the times of a job; without any it costs nothing."""
        now = datetime.now(UTC)
        for moment in (job.not_before, job.expires_at):
            if moment is not None and (moment > now or moment is job.expires_at):
                self._numbers.add(job.number)
                heappush(self._due, (moment, job.number))
        self._arm()

    def drop(self, number: int) -> None:
        """Forget a job."""
        self._numbers.discard(number)

    def close(self) -> None:
        """Call back no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due.clear()

    def _arm(self) -> None:
        while self._due and self._due[0][1] not in self._numbers:
            heappop(self._due)
        if not self._due or (self._timer_at is not None and self._timer_at <= self._due[0][0]):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._due[0][0]
        wait_s = max(0.0, (self._timer_at - datetime.now(UTC)).total_seconds())
        # The event loop's clock and the wall clock drift apart; an hour bounds by how much.
        self._timer = asyncio.get_running_loop().call_later(min(wait_s, 3600.0), self._ring)

    def _ring(self) -> None:
        self._timer = self._timer_at = None
        now, came = datetime.now(UTC), 0
        while came < SLICE and self._due and self._due[0][0] <= now:
            _, number = heappop(self._due)
            if number in self._numbers:
                self._came(number)
                came += 1
        self._arm()  # for what is due already: at once, behind what others have to do


def is_late(job: Job) -> bool:
    """Whether a job's time to begin has passed, and nothing of it is on paper."""
    if job.expires_at is None or job.expires_at > datetime.now(UTC):
        return False
    return job.outcome is Outcome.PENDING and not job.resume_offset and not job.copies_printed


def may_begin(job: Job) -> bool:
    """Whether a job's own time to begin has come."""
    return job.not_before is None or job.not_before <= datetime.now(UTC)
