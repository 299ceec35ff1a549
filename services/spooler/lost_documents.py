"""Jobs whose documents the disk has lost: ended at the start of the spooler, not when their turn comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from chassis import logs
from chassis.errors import DocumentLost
from spooler.job import Job, JobError, event_of
from spooler.job_state import JobEvent, JobState, step
from spooler.ledger import Outcome
from spooler.store import Changes, Snapshot, Store

log = logs.get(__name__)

_NAMED = 50  # in one line of the log


async def end_lost(store: Store, snapshot: Snapshot) -> Mapping[int, Job]:
    """Abort the jobs that can never print for want of their bytes, durably; return them by number.

    Those that were on their way are left: all of it may have reached the host, which is asked first. So are those
    of which a person has to say what came out.

    Raises:
        StoreUnavailable: nothing was changed.
    """
    if not snapshot.lost_documents:
        return {}
    lost, sent = set(snapshot.lost_documents), {attempt.job_number for attempt in snapshot.open_attempts}
    ended = [_aborted(job) for job in snapshot.jobs if job.number in lost - sent and _waits(job)]
    log.error(
        "documents lost",
        jobs=sorted(lost)[:_NAMED],
        count=len(lost),
        aborted=len(ended),
        hint="segments of the spool are missing or cut short",
    )
    if ended:
        history = [event_of(job, "aborted", "spooler", _words(job.last_error)) for job in ended]
        await store.record(Changes(jobs=ended, history=history, drop_documents=[job.number for job in ended]))
    return {job.number: job for job in ended}


def _waits(job: Job) -> bool:
    undecided = job.state is JobState.PENDING_HELD and job.outcome in (Outcome.UNKNOWN, Outcome.PARTIAL)
    return job.state is not JobState.PROCESSING and not undecided


def _aborted(job: Job) -> Job:
    now = datetime.now(UTC)
    why = DocumentLost(f"the document of job {job.number} is gone from the spool", job=job.number)
    untouched = Outcome.PARTIAL if job.resume_offset or job.copies_printed else Outcome.NOT_PRINTED
    return replace(
        job,
        state=step(job.state, JobEvent.ABORT),
        reasons=("aborted-by-system",),
        hold_reason="",
        outcome=untouched if job.outcome is Outcome.PENDING else job.outcome,
        last_error=JobError(why.reason, why.win32, why.message, why.verdict.value, now),
        ended_at=now,
        has_document=False,
        revision=job.revision + 1,
    )


def _words(error: JobError | None) -> str:
    return f"{error.reason}: {error.message}" if error is not None else ""
