"""Whether anything is lost: sentences that say no more than is proven. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from spooler.aftermath import unit_range
from spooler.explain.proving import answered, timed_out
from spooler.job import Job
from spooler.job_state import JobState
from spooler.ledger import EvidenceLevel, Outcome

NOTHING_LOST = "Nothing is lost."  # only where nothing has left the spool, or the printer confirmed all of it
_NOT_KNOWN = "What of it came out is not known: only the paper tells."
_DECIDED = "What was decided about without a proof may be missing, or be there: only the paper tells."
_SOME_UNDECIDED = "Some of it may be missing, or come twice: look at the paper."
_UNDER_WAY = (JobState.PROCESSING, JobState.PROCESSING_STOPPED)


def loss_of(job: Job) -> str:
    """Return the sentence about a job's paper: nothing is lost, or what may be doubled or missing, or is not known."""
    accepted = job.ledger.offsets.accepted
    if job.state is JobState.COMPLETED and job.ledger.decided:
        return _DECIDED
    if unsure := _unsure(job):
        return unsure
    if job.redirected:
        return "It was sent to another port after bytes had been taken: some of it may come twice."
    if job.outcome is Outcome.PARTIAL:
        return f"The device took {accepted} of {_size(job)} bytes; the rest is kept here."
    if job.state in (JobState.CANCELED, JobState.ABORTED):
        return _by_then(job)
    if job.state is JobState.COMPLETED:
        return _of_completed(job)
    if job.state in _UNDER_WAY or accepted or job.ledger.copies is not None:
        return _so_far(job)
    return NOTHING_LOST


def loss_over(jobs: Sequence[Job], undecided: int = 0, waiting: int = 0) -> str:
    """Return the sentence about documents that are on their way.

    undecided: jobs that wait for a decision. waiting: those that wait for their turn.
    """
    if undecided:
        return _SOME_UNDECIDED
    if not jobs:
        waits = f"; {waiting:,} {'job waits' if waiting == 1 else 'jobs wait'}" if waiting else ""
        return f"Nothing is lost: nothing is being sent now{waits}."
    if len(jobs) == 1:
        return loss_of(jobs[0])
    acked, size = sum(job.ledger.offsets.acked for job in jobs), sum(map(_size, jobs))
    if acked >= size:
        return f"Nothing is lost so far: all of {len(jobs)} documents reached the printer's side."
    return f"Nothing is lost so far: {len(jobs)} documents are kept here until their jobs have ended."


def is_undecided(job: Job) -> bool:
    """Tell whether a job waits for a decision about what came out."""
    return job.outcome is Outcome.UNKNOWN and job.state is JobState.PENDING_HELD


def _size(job: Job) -> int:
    return max(job.document.size_bytes, job.ledger.offsets.spooled)


def _unsure(job: Job) -> str:
    """Return what an attempt that was broken off left uncertain; nothing for none."""
    size, span, units = _size(job), job.ledger.uncertain, job.ledger.uncertain_units
    if units is not None:
        text = unit_range(job.ledger.units.kind, units)
        return f"{text[0].upper()}{text[1:]} may or may not have come out."
    if span is None:
        return _NOT_KNOWN if job.outcome is Outcome.UNKNOWN else ""
    if span.start == 0 and span.end >= size:
        return f"All of its {size} bytes may or may not have come out."
    return f"Bytes {span.start} to {span.end} of {size} may or may not have come out."


def _by_then(job: Job) -> str:
    """Return what had left of a job that was cancelled, or that the system ended."""
    accepted, copies = job.ledger.offsets.accepted, job.copies_printed
    if not accepted and not copies:
        return "Nothing of it was printed."
    taken = f"{accepted} of {_size(job)} bytes"
    if copies:
        taken = f"{copies} of {job.copies} copies, and {taken} of the next,"
    return f"The device had taken {taken} by then."


def _of_completed(job: Job) -> str:
    """Return what its proof leaves open."""
    size = _size(job)
    level = job.ledger.level_for(size)
    if level is EvidenceLevel.CONFIRMED or not size:
        return NOTHING_LOST
    if level not in (EvidenceLevel.ACKED, EvidenceLevel.ACCEPTED):
        return _NOT_KNOWN
    if answered(job):
        return "All of it reached the printer, which answered; a restart before that would not show."
    at_printer, at_device = "All of it reached the printer's side", "The device took all of it"
    reached = at_printer if level is EvidenceLevel.ACKED else at_device
    if timed_out(job):
        return f"{reached}; the printer did not answer in time, and what it made of it is not known."
    if level is EvidenceLevel.ACKED:
        return f"{reached}; the printer has not said that it printed it."
    return f"{reached}; what the printer made of it is not known."


def _so_far(job: Job) -> str:
    """Return what is proven of a job on its way: all of it, or that it is kept until then."""
    size, offsets = _size(job), job.ledger.offsets
    if not size:
        return NOTHING_LOST
    of_what = f"{size:,} bytes of this copy" if job.ledger.copies is not None else f"{size:,} bytes"
    if offsets.confirmed >= size:
        return f"Nothing is lost so far: the printer confirmed all {of_what}."
    if offsets.acked >= size:
        return f"Nothing is lost so far: all {of_what} reached the printer's side; the printer has not said that it printed them."
    return "Nothing is lost so far: the document is kept here until its job has ended."
