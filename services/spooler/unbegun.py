"""Jobs that were about to be begun when their spooler stopped: their start was never written down, so nothing was sent.

Such a job says that it prints if something else about it was written meanwhile: that it shall be cancelled, or changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from spooler.job import Attempt, Job, event_of
from spooler.job_state import JobEvent, JobState, step
from spooler.ledger import Outcome
from spooler.store import Changes, Store


class GoingOn(Protocol):
    """What goes on at some printers."""

    @property
    def jobs(self) -> Sequence[Job]:
        """Their unfinished jobs."""

    @property
    def open_attempts(self) -> Sequence[Attempt]:
        """Their attempts without an end."""


async def settle_unbegun(store: Store, going_on: GoingOn) -> Mapping[int, Job]:
    """Put such jobs where they were before, or end those that were to be cancelled, durably; return them by number.

    Raises:
        StoreUnavailable: nothing was changed.
    """
    begun = {(attempt.job_number, attempt.number) for attempt in going_on.open_attempts}
    after = [
        _canceled(job) if job.stopping else _as_before(job)
        for job in going_on.jobs
        if job.state is JobState.PROCESSING and (job.number, job.attempts) not in begun
    ]
    if after:
        history = [event_of(job, "canceled", "spooler", "it had not begun") for job in after if job.ended]
        await store.record(Changes(jobs=after, history=history))
    return {job.number: job for job in after}


def _as_before(job: Job) -> Job:
    at_its_place = job.rest[0].start if job.rest else 0
    # One that broke off in the middle of a unit goes on at its port; any other waits for the first that is free.
    event = JobEvent.REQUEUE if job.resume_offset == at_its_place else JobEvent.STOP
    return replace(job, state=step(job.state, event), reasons=(), revision=job.revision + 1)


def _canceled(job: Job) -> Job:
    untouched = Outcome.PARTIAL if job.copies_printed or job.resume_offset else Outcome.NOT_PRINTED
    return replace(
        job,
        state=step(job.state, JobEvent.CANCEL),
        reasons=("job-canceled-by-user",),
        outcome=untouched if job.outcome is Outcome.PENDING else job.outcome,
        ended_at=datetime.now(UTC),
        revision=job.revision + 1,
    )
