"""What follows from the end of an attempt: a table of cases, pure. The only place where a job is judged.

It never guesses. Bytes that nothing proves either way are *uncertain*, and by default a person decides about them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from chassis.errors import FabricError, HostUnreachable, JobCanceled, Verdict
from spooler.job_state import JobEvent
from spooler.ledger import Outcome, Span
from spooler.new_job import UploadInterrupted
from spooler.port import Phase, Progress

OUTCOME_UNKNOWN = "outcome-unknown"  # a job-state-reason of ours: a person decides
PARTIALLY_PRINTED = "job-partially-printed"  # the place is known, the device will not go on by itself
INTERRUPTED = "submission-interrupted"  # RFC 8011, 5.3.8: its sender vanished, or sent another document
_HOST_RESTARTED = "HOST_RESTARTED"  # a port monitor that was killed says this of what it found in its journal


class PortAction(StrEnum):
    """What follows for the port."""

    GO_ON = "go_on"
    PAUSE = "pause"  # take no job for a while, then try again
    STOP = "stop"  # take no job until it is cleared


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The end of one attempt, and what is to be done."""

    outcome: Outcome  # of this attempt
    event: JobEvent  # for the job's machine
    port_action: PortAction = PortAction.GO_ON
    uncertain: Span | None = None
    resume_offset: int = 0  # where the next attempt begins, if there is one; at the same port after a STOP
    reason: str = ""  # a job-state-reason to show, or ""


def conclude(
    progress: Progress,
    size_bytes: int,
    resume_offset: int,
    *,
    confirmed: int = 0,
    cancelled: bool = False,
    pinned: bool = False,
    incoming: bool = False,
    withdrawn: bool = False,
) -> Conclusion:
    """Judge an attempt whose host has said its last word about it.

    Args:
        progress: that word; `progress.final` holds.
        size_bytes: the size of the document.
        resume_offset: the byte this attempt began with.
        confirmed: so many bytes the printer has confirmed already; a host that forgets does not take that back.
        cancelled: a person cancelled the job meanwhile.
        pinned: the document went on in its middle, and its rest belongs to this port.
        incoming: the document is longer than what has come of it.
        withdrawn: its host was asked to give it back if it had not begun.
    """
    error = progress.error
    if error is not None and error.reason == UploadInterrupted.reason:
        return _interrupted(progress, size_bytes, resume_offset)
    if progress.phase is Phase.UNKNOWN:
        return _forgotten(0 if incoming else confirmed, size_bytes, resume_offset, cancelled)
    if progress.phase is Phase.NEVER_SEEN:
        why = error or HostUnreachable("the host never saw it")
        return _nothing_left(why, resume_offset, cancelled, pinned, withdrawn)
    if error is None:
        least = size_bytes + incoming  # bytes that it has at the least
        if progress.accepted < least:  # a host that says "done" of less than all is not believed
            return _uncertain(Span(progress.accepted, least), cancelled)
        return Conclusion(Outcome.PRINTED, JobEvent.COMPLETE)
    accepted = max(progress.accepted, resume_offset)
    span = _span(progress, size_bytes)
    if accepted <= resume_offset and span is None:
        return _nothing_left(error, resume_offset, cancelled, pinned, withdrawn)
    if span is not None:
        return _uncertain(span, cancelled, error)
    return _known_place(progress, accepted, cancelled)


def _interrupted(progress: Progress, size_bytes: int, resume_offset: int) -> Conclusion:
    """The rest of the document will never come: the job ends with what came out, as one that was cancelled does."""
    taken_back = replace(progress, error=JobCanceled("the rest of its document did not come"))
    conclusion = conclude(taken_back, size_bytes, resume_offset, cancelled=True)
    return replace(conclusion, event=JobEvent.ABORT, reason=INTERRUPTED)


def _span(progress: Progress, size_bytes: int) -> Span | None:
    end = min(progress.uncertain_end, size_bytes)
    return Span(progress.uncertain_start, end) if progress.uncertain_start < end else None


def _untouched(resume_offset: int) -> Outcome:
    return Outcome.PARTIAL if resume_offset else Outcome.NOT_PRINTED


def _after_break(error: FabricError | None) -> PortAction:
    """A port where a document broke off rests, unless the reason was not the device's and is over."""
    restarted = error is not None and error.reason == _HOST_RESTARTED
    return PortAction.GO_ON if restarted else PortAction.PAUSE


def _port_action(verdict: Verdict) -> PortAction:
    if verdict is Verdict.STOP_PORT:
        return PortAction.STOP
    if verdict in (Verdict.RETRY, Verdict.REROUTE, Verdict.NONE):
        return PortAction.PAUSE
    return PortAction.GO_ON


def _nothing_left(
    error: FabricError, resume_offset: int, cancelled: bool, pinned: bool, withdrawn: bool
) -> Conclusion:
    """No byte of this attempt reached a device: the job may go anywhere, and keeps its place."""
    outcome = _untouched(resume_offset)
    if cancelled or error.verdict is Verdict.CANCEL:
        return Conclusion(outcome, JobEvent.CANCEL)
    if withdrawn:
        return Conclusion(outcome, JobEvent.REQUEUE, resume_offset=resume_offset)
    if error.verdict is Verdict.ABORT:
        return Conclusion(outcome, JobEvent.ABORT, reason="document-format-error")
    if error.verdict is Verdict.HOLD:
        return Conclusion(outcome, JobEvent.HOLD, reason="job-held-by-system", resume_offset=resume_offset)
    event = JobEvent.STOP if pinned else JobEvent.REQUEUE
    return Conclusion(
        outcome,
        event,
        port_action=_port_action(error.verdict),
        resume_offset=resume_offset,
        reason="resources-are-not-ready",
    )


def _uncertain(span: Span, cancelled: bool, error: FabricError | None = None) -> Conclusion:
    """Nobody can say what became of `span`: the job ends if it was cancelled, else a person decides."""
    event = JobEvent.CANCEL if cancelled else JobEvent.HOLD
    return Conclusion(
        Outcome.UNKNOWN, event, port_action=_after_break(error), uncertain=span, reason=OUTCOME_UNKNOWN
    )


def _forgotten(confirmed: int, size_bytes: int, resume_offset: int, cancelled: bool) -> Conclusion:
    """The host has lost its journal: of what was not confirmed before, nobody knows anything."""
    if confirmed >= size_bytes > 0:
        return Conclusion(Outcome.PRINTED, JobEvent.COMPLETE)
    return _uncertain(Span(min(max(resume_offset, confirmed), size_bytes), size_bytes), cancelled)


def _known_place(progress: Progress, accepted: int, cancelled: bool) -> Conclusion:
    """It is known to the byte what came out."""
    if cancelled:
        return Conclusion(Outcome.PARTIAL, JobEvent.CANCEL)
    if progress.resumable:
        return Conclusion(
            Outcome.PARTIAL,
            JobEvent.STOP,
            port_action=_after_break(progress.error),
            resume_offset=accepted,
            reason="printer-stopped",
        )
    # The place is known, but the device will not take the rest as one document: a person decides.
    return Conclusion(Outcome.PARTIAL, JobEvent.HOLD, port_action=PortAction.PAUSE, reason=PARTIALLY_PRINTED)
