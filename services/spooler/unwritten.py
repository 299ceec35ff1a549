"""Outcomes that the store does not take: of which jobs, since when, why, and when each is tried again.

A store that fails altogether is waited for: all outcomes wait behind each other, as long as it takes. What it refuses of
one outcome alone keeps no other waiting: that is set aside, and tried again by itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chassis import logs
from chassis.errors import SpoolFull, StoreUnavailable
from chassis.tasks import Backoff
from spooler.aftermath import Judged
from spooler.dispatch_view import NotWritten
from spooler.dispatcher import Dispatcher
from spooler.job_state import AT_A_PORT
from spooler.refusal import concerns_one
from spooler.store import Changes

log = logs.get(__name__)

UNWRITTEN = "outcome-unwritten"  # a job-state-reason of ours, in memory only
RETRY = Backoff(first_s=0.1, most_s=2.0)  # of a store that fails
AGAIN = Backoff(first_s=0.2, most_s=60.0)  # of one outcome that it refuses


class Unwritten:
    """See above. `due` is called when there is a `next` one."""

    def __init__(self, dispatcher: Dispatcher, due: Callable[[], object]) -> None:
        self._dispatcher, self._tell_due = dispatcher, due
        self._known: dict[int, NotWritten] = {}
        self._aside: dict[int, tuple[Judged, int]] = {}  # and how often it was refused
        self._due: deque[Judged] = deque()
        dispatcher.unwritten = self._known.get

    async def write(self, changes: Changes, within_s: float) -> None:
        """Write until it is written: an outcome is never given up because a disk is full.

        Raises:
            Exception: what is wrong with one of the outcomes, not with the store; none was written.
        """
        failures = 0
        while True:
            try:
                await self._dispatcher.store.record(changes, within_s=within_s)
            except (StoreUnavailable, SpoolFull) as error:
                if concerns_one(error):
                    raise
                failures += 1
                log.warning("outcomes cannot be written", jobs=len(changes.jobs), error=str(error))
                wait_s = RETRY.wait_s(failures)
                for job in changes.jobs:
                    self._note(job.number, error, wait_s)
                await asyncio.sleep(wait_s)
            else:
                return

    def set_aside(self, judged: Judged, error: Exception) -> bool:
        """The store refuses this outcome: it is `next` after a while, a longer one each time. Return whether that is new."""
        number = judged.landing.flight.number
        refused = self._aside[number][1] + 1 if number in self._aside else 1
        self._aside[number] = judged, refused
        wait_s = AGAIN.wait_s(refused)
        self._note(number, error, wait_s)
        asyncio.get_running_loop().call_later(wait_s, self._is_due, judged)
        if refused > 1:
            log.warning("an outcome is refused again", job=number, refused=refused, error=repr(error))
        job = self._dispatcher.book.jobs.get(number)
        if job is not None and UNWRITTEN not in job.reasons:
            job = self._dispatcher.book.jobs[number] = replace(job, reasons=(*job.reasons, UNWRITTEN))
            self._dispatcher.hub.job(job)
        return refused == 1

    def next(self) -> Judged | None:
        """Return one that is due; each is tried by itself, so that none takes another along."""
        judged = self._due.popleft() if self._due else None
        if self._due:
            self._tell_due()
        if judged is None or self._is_still_so(judged):
            return judged
        number = judged.landing.flight.number
        if number in self._aside and self._aside[number][0] is judged:
            self.forget([number])
        return None

    def forget(self, numbers: Iterable[int]) -> None:
        """The outcomes of these jobs are written down, or there are others in their place."""
        if self._known:
            for number in numbers:
                self._known.pop(number, None)
                self._aside.pop(number, None)

    def _is_still_so(self, judged: Judged) -> bool:
        """Tell whether it is still what is to be written of its job: nobody is asked anew, nothing else became of it."""
        flight, book = judged.landing.flight, self._dispatcher.book
        aside, _ = self._aside.get(flight.number, (None, 0))
        if aside is not judged or book.is_others(flight.info.printer):
            return False
        job = book.jobs.get(flight.number)
        if job is None:
            return True  # nothing is left to be written, and the host may forget it
        same = job.state in AT_A_PORT and job.attempts == flight.key.attempt
        return same and self._dispatcher.flight_of(flight.number) is None

    def _is_due(self, judged: Judged) -> None:
        self._due.append(judged)
        self._tell_due()

    def _note(self, number: int, error: Exception, wait_s: float) -> None:
        now = datetime.now(UTC)
        since = self._known[number].since if number in self._known else now
        self._known[number] = NotWritten(error, since, now + timedelta(seconds=wait_s))
