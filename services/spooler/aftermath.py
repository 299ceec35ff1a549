"""What a job and its attempt are once the attempt has ended, and the words for it. No I/O; the clock is read for stamps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from chassis.errors import FabricError
from spooler.delivery import Conclusion
from spooler.dispatch_view import Landing
from spooler.evidence import proofs_of
from spooler.flight import Flight
from spooler.job import Attempt, HistoryEvent, Job, JobError, event_of, job_with
from spooler.job_state import JobEvent, JobState, step
from spooler.ledger import (
    Ledger,
    Offsets,
    Outcome,
    UnitKind,
    Units,
    UnitSpan,
    merge,
    next_copy,
    over_copies,
    with_evidence,
    with_fields,
)
from spooler.port import Progress
from spooler.printer import OnPortError, OnUncertain, Printer

# A job-state-reason of ours: what is proven unprinted goes to another port by itself.
REST_MOVES = "rest-moves"

# What ended an attempt, for people; an error of another reason says it itself.
_IN_WORDS: Mapping[str, str] = {
    "DEVICE_OFFLINE": "the printer did not answer",
    "DEVICE_NOT_CONNECTED": "the printer could not be reached",
    "CONNECTION_REFUSED": "the printer refused the connection",
    "OUT_OF_PAPER": "the printer was out of paper",
    "WRITE_TIMEOUT": "the printer took nothing for too long",
    "HOST_UNREACHABLE": "the host could not be reached",
    "WRONG_HOST": "another host answered in its place",
    "UNPROVEN_HOST": "who answered did not prove to be the host",
    "HOST_PROOF_UNAVAILABLE": "it could not be proven that the host answered",
    "PORT_BUSY": "somebody else had the port",
}


class Count(NamedTuple):
    """The units of a document, against one ledger."""

    units: Units
    uncertain: UnitSpan | None = None
    repeats: bool = False  # some unit comes out several times


@dataclass(frozen=True, slots=True)
class Judged:
    """A landing and what follows from it. `count` is None where units were not counted."""

    landing: Landing
    progress: Progress
    conclusion: Conclusion
    count: Count | None = None
    known: bool = False  # the port has refused the job for this reason before: no news for anybody

    @property
    def had_back(self) -> bool:
        """Its host gave it back because it was asked to: nothing is wrong with the port."""
        return self.conclusion.event is JobEvent.REQUEUE and self.landing.flight.withdrawn is not None

    @property
    def leaves_doubt(self) -> bool:
        """Something of the document is on paper, not all of it, and nothing goes on by itself: units are asked for."""
        halted = self.conclusion.event in (JobEvent.HOLD, JobEvent.CANCEL, JobEvent.ABORT)
        return halted and self.conclusion.outcome in (Outcome.UNKNOWN, Outcome.PARTIAL)


def ledger_of(known: Ledger, progress: Progress, flight: Flight, size_bytes: int) -> Ledger:
    """Return a job's ledger raised by news of an attempt.

    What the far end says of an attempt is what it got in it: of bytes before its first one it says nothing, unless the
    attempt goes on in the middle of what the same pipe took. A printer confirms what it got in this attempt alone.
    """
    began_at, offsets = flight.info.resume_offset, known.offsets
    acked = progress.acked if flight.pinned or began_at <= offsets.acked else 0
    confirmed = progress.confirmed if began_at <= offsets.confirmed else 0
    return with_fields(
        known, offsets=merge(offsets, Offsets(size_bytes, progress.accepted, acked, confirmed))
    )


def final_ledger(known: Ledger, judged: Judged, size_bytes: int) -> Ledger:
    """Return a job's ledger raised by the last news of an attempt, with its proofs, its doubt and its units."""
    return _concluded(ledger_of(known, judged.progress, judged.landing.flight, size_bytes), judged)


def attempt_ledger(judged: Judged) -> Ledger:
    """Return the ledger of an attempt that has ended: what it proves by itself."""
    progress, size_bytes = judged.progress, judged.landing.flight.size_bytes
    reached = Offsets(size_bytes, progress.accepted, progress.acked, progress.confirmed)
    return _concluded(Ledger(merge(Offsets(size_bytes), reached)), judged)


def _concluded(ledger: Ledger, judged: Judged) -> Ledger:
    proofs = proofs_of(judged.progress, judged.landing.flight.reached, datetime.now(UTC))
    if ledger.uncertain is not judged.conclusion.uncertain:
        ledger = with_fields(ledger, uncertain=judged.conclusion.uncertain)
    ledger = with_evidence(ledger, proofs)
    return with_units(ledger, judged.count) if judged.count is not None else ledger


def with_units(ledger: Ledger, count: Count) -> Ledger:
    """Return a ledger that speaks of units."""
    return replace(ledger, units=count.units, uncertain_units=count.uncertain)


def error_of(error: FabricError | None) -> JobError | None:
    """Return an error as it is remembered."""
    if error is None:
        return None
    return JobError(error.reason, error.win32, error.message, error.verdict.value, datetime.now(UTC))


def job_after(job: Job, judged: Judged) -> Job:
    """Return the job as it is after an attempt has ended."""
    conclusion, now = judged.conclusion, datetime.now(UTC)
    event, size = conclusion.event, job.document.size_bytes
    printed = conclusion.outcome is Outcome.PRINTED
    rest = job.rest[1:] if printed else job.rest
    copies = job.copies_printed + (printed and not rest)
    goes_on = event is JobEvent.COMPLETE and (bool(rest) or copies < job.copies)
    outcome = conclusion.outcome
    if outcome is Outcome.NOT_PRINTED and copies:  # nothing of this copy, but there are others
        outcome = Outcome.PARTIAL
    if goes_on and job.stopping:  # what was begun came out, the rest shall not
        event, goes_on, outcome = JobEvent.CANCEL, False, Outcome.PARTIAL
    elif goes_on:
        event = JobEvent.REQUEUE
    job = job_with(
        job,
        state=_stepped(job.state, event),
        copies_printed=copies,
        rest=rest,
        ledger=final_ledger(job.ledger, judged, size),
        outcome=outcome,
        last_error=job.last_error if judged.had_back else error_of(judged.progress.error) or job.last_error,
        reasons=(conclusion.reason,) if conclusion.reason else (),
        hold_reason="",
        resume_offset=rest[0].start if goes_on and rest else conclusion.resume_offset,
        revision=job.revision + 1,
    )
    repeats = judged.count is not None and judged.count.repeats
    if event is JobEvent.HOLD:
        job = replace(job, hold_reason=hold_reason(job, repeats) or _trouble(judged))
    if goes_on and not rest:  # the next copy starts its own ledger
        return replace(job, outcome=Outcome.PENDING, ledger=next_copy(job.ledger))
    if event is JobEvent.REQUEUE:
        return replace(job, outcome=Outcome.PENDING)
    if job.ended:
        ledger = over_copies(job.ledger) if event is JobEvent.COMPLETE else job.ledger
        return job_with(job, ledger=ledger, ended_at=now, reasons=(_last_word(job, event, conclusion),))
    return job


def rule_word(rule: OnUncertain) -> str:
    """Return the job-state-reason under which a printer's rule decides about a held job."""
    return f"on-uncertain-{rule.value.replace('_', '-')}"


def under_rule(job: Job, printer: Printer) -> Job:
    """Return a job that was just held, with the rule that decides about it, if one does."""
    doubtful = job.state is JobState.PENDING_HELD and job.outcome in (Outcome.UNKNOWN, Outcome.PARTIAL)
    if not doubtful or not job.has_document:
        return job
    moves = printer.on_port_error is not OnPortError.WAIT and len(printer.ports) > 1
    if job.outcome is Outcome.PARTIAL and moves:
        return replace(job, reasons=(*job.reasons, REST_MOVES))
    if printer.on_uncertain is OnUncertain.HOLD:
        return job
    return replace(job, reasons=(*job.reasons, rule_word(printer.on_uncertain)))


def _last_word(job: Job, event: JobEvent, conclusion: Conclusion) -> str:
    if event is JobEvent.CANCEL:
        return "job-canceled-by-user"
    if event is not JobEvent.COMPLETE:
        return conclusion.reason or "aborted-by-system"
    return "job-completed-with-warnings" if job.ledger.decided else "job-completed-successfully"


def _stepped(state: JobState, event: JobEvent) -> JobState:
    if event is JobEvent.STOP and state is JobState.PROCESSING_STOPPED:
        return state
    return step(state, event)


def _trouble(judged: Judged) -> str:
    return str(judged.progress.error or "held by the system")


def hold_reason(job: Job, repeats: bool = False) -> str:
    """Return what nobody knows of a job, in units where they are visible, else in bytes; empty: nothing."""
    if job.outcome not in (Outcome.UNKNOWN, Outcome.PARTIAL):
        return ""
    copy = f"copy {job.copies_printed + 1} of {job.copies}: " if job.copies > 1 else ""
    return copy + _unknown(job, repeats)


def _unknown(job: Job, repeats: bool) -> str:
    ledger, size = job.ledger, job.document.size_bytes
    units, unsure = ledger.units, ledger.uncertain_units
    once = " (one that is printed several times counts once)" if repeats else ""
    if units.kind is not UnitKind.DOCUMENT:
        if unsure is not None:
            return f"{unit_range(units.kind, unsure)} of {units.total} may have printed{once}"
        proven = units.acked if job.outcome is Outcome.UNKNOWN else units.accepted
        return f"it stopped after {units.kind} {proven} of {units.total}{once}"
    if ledger.uncertain is not None:
        start, end = ledger.uncertain
        return f"nobody can say whether bytes {start} to {end} of {size} were printed"
    return f"it stopped after byte {ledger.offsets.accepted} of {size}"


def unit_range(kind: UnitKind, units: UnitSpan) -> str:
    """Return some units in words: `labels 17 to 18`, `page 3`."""
    if units.first == units.last:
        return f"{kind} {units.first}"
    return f"{kind}s {units.first} to {units.last}"


def attempt_of(job: Job, landing: Landing, fence: int, judged: Judged | None) -> Attempt:
    """Return the attempt's record: as it stands, or ended when it was judged."""
    flight, ledger = landing.flight, job.ledger
    end: dict[str, Any] = {}
    if judged is not None:
        ledger = attempt_ledger(judged)
        end = {
            "ended_at": datetime.now(UTC),
            "outcome": judged.conclusion.outcome,
            "error": error_of(judged.progress.error),
        }
    elif landing.progress is not None:
        ledger = with_evidence(ledger, proofs_of(landing.progress, flight.reached, datetime.now(UTC)))
    return Attempt(
        job_uid=job.uid,
        job_number=job.number,
        number=flight.key.attempt,
        port=landing.port,
        fence=fence,
        copy=flight.info.copy,
        resume_offset=flight.info.resume_offset,
        resume_prefix=flight.prefix_words,
        mark=flight.mark,
        ledger=ledger,
        **end,
    )


def history_of(job: Job, judged: Judged) -> HistoryEvent:
    """Return the line of what happened."""
    words = {
        JobEvent.REQUEUE: "requeued",
        JobEvent.STOP: "broke-off",
        JobEvent.HOLD: "held",
        JobEvent.CANCEL: "canceled",
        JobEvent.ABORT: "aborted",
    }
    error = judged.progress.error
    port = judged.landing.port
    detail = f"attempt {judged.landing.flight.key.attempt} on {port}"
    if error is not None and judged.had_back:
        detail = f"{error.message} ({detail})"
    elif error is not None:
        own = error.message.removeprefix(f"port {port.port.rstrip(':')}: ")
        plain = _IN_WORDS.get(error.reason)
        detail = f"{plain or own} ({detail}, {error.reason}{f': {own}' if plain else ''})"
    if job.hold_reason:
        detail += f"; {job.hold_reason}"
    return event_of(job, words.get(judged.conclusion.event, "ended"), "spooler", detail)._replace(
        attempt=judged.landing.flight.key.attempt, port=judged.landing.port
    )
