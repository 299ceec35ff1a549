"""Why a job does not print, whether anything was lost, and what to do: one decision on facts. Pure.

The order is that of the verdicts: what a person did comes first, then the printer, then its ports. Only a job of which
nobody knows what came out goes before all, for it waits for a decision and for nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from spooler.aftermath import unit_range
from spooler.delivery import OUTCOME_UNKNOWN, PARTIALLY_PRINTED
from spooler.explain.facts import (
    Action,
    Explanation,
    Fact,
    JobFacts,
    PortFacts,
    Sentence,
    Source,
    UploadFacts,
    Verdict,
)
from spooler.explain.in_line import no_ports, paused, waiting
from spooler.explain.loss import loss_of, loss_over
from spooler.explain.ports import trouble_of
from spooler.explain.proving import proof_facts, proven
from spooler.explain.reported import soon
from spooler.explain.saying import (
    JOBS,
    accepted_fact,
    cancel_action,
    error_facts,
    last_proof,
    progress_facts,
    release_action,
    span_of,
)
from spooler.explain.under_way import on_its_way
from spooler.job import Job
from spooler.job_state import JobState
from spooler.ledger import Outcome, UnitKind
from spooler.moments import stamp
from spooler.printer import Printer

_MOST_NAMED = 5  # jobs that a printer's answer names


def explain_job(facts: JobFacts) -> Explanation:
    """Say why a job has not printed, or that nothing is wrong."""
    job = facts.job
    if job.ended:
        return _ended(job)
    if job.state in (JobState.PROCESSING, JobState.PROCESSING_STOPPED):
        return on_its_way(facts)
    if OUTCOME_UNKNOWN in job.reasons or job.outcome is Outcome.UNKNOWN:
        return _undecided(facts)
    if PARTIALLY_PRINTED in job.reasons or job.outcome is Outcome.PARTIAL:
        return _half_printed(job)
    if job.state is JobState.PENDING_HELD:
        return _held(facts)
    if job.not_before is not None and job.not_before > facts.now:
        text = Sentence("Prints later, as its sender asked", f": at {stamp(job.not_before)}")
        return Explanation(Verdict.HELD, text, loss_of(job), (release_action(job),), (accepted_fact(job),))
    return waiting(facts)


def explain_printer(
    printer: Printer,
    ports: tuple[PortFacts, ...],
    queued: int,
    undecided: Sequence[Job],
    facts_at: JobFacts | None,
    now: datetime,
) -> Explanation:
    """Say why a printer does not print. `facts_at` is about the job that is next, if one waits.

    undecided: its jobs that wait for a decision about what came out.
    """
    on_its_way = [job for port in ports for job in port.flights if job.printer == printer.name]
    loss = loss_over(on_its_way, len(undecided), queued)
    if undecided:
        return Explanation(
            Verdict.UNKNOWN,
            Sentence("Some of its jobs wait for a decision about what came out", f" ({len(undecided)})"),
            loss,
            (Action("Show them", f"{JOBS}/ListJobs", f"printfabric jobs --printer {printer.name}"),),
            tuple(_undecided_fact(job) for job in undecided[:_MOST_NAMED]),
        )
    if printer.paused is not None:
        return paused(printer, loss)
    if not printer.ports:
        return no_ports(printer, loss, now)
    if facts_at is not None:
        said = explain_job(facts_at)
        return replace(said, loss=loss) if len(on_its_way) > 1 else said
    now_silent = [port for port in ports if port.host_state not in ("online", "draining")]
    if now_silent and len(now_silent) == len(ports):
        host = ports[0].name.host
        trouble = trouble_of(ports[0], now)
        text = Sentence(f"Host {host} does not answer", "; nothing waits for it")
        return Explanation(
            Verdict.HOST_SILENT, text, loss, facts=trouble.facts if trouble is not None else ()
        )
    text = Sentence("Nothing is wrong", f": {queued} jobs wait") if queued else Sentence("Nothing waits")
    return Explanation(Verdict.FINE, text, loss, facts=tuple(fact for port in ports for fact in soon(port)))


# --- the single answers


def _ended(job: Job) -> Explanation:
    when = f" at {stamp(job.ended_at)}" if job.ended_at is not None else ""
    facts: tuple[Fact, ...] = (accepted_fact(job),)
    if job.state is JobState.COMPLETED:
        facts = (*proof_facts(job), *facts)
        if job.ledger.decided:
            text = Sentence("It ended as was decided", f"{when} ({job.ledger.decided[-1].detail})")
            return Explanation(Verdict.FINE, text, loss_of(job), facts=facts)
        text = Sentence(proven(job), when)
        if job.outcome is not Outcome.PRINTED:
            text = Sentence("It was closed by a decision", f"{when}; what came out is not proven")
        return Explanation(Verdict.FINE, text, loss_of(job), facts=facts)
    facts = (*facts, *error_facts(job))
    word = "Cancelled" if job.state is JobState.CANCELED else "Ended by the system"
    why = {"job-expired": ": its time had passed"}.get(job.reasons[0], "") if job.reasons else ""
    if job.state is JobState.ABORTED and not why and job.last_error is not None:
        why = f": {job.last_error.message}"
    restart = Action("Print it again", f"{JOBS}/RestartJob", f"printfabric restart {job.number}")
    return Explanation(Verdict.ENDED, Sentence(word, f"{when}{why}"), loss_of(job), (restart,), facts)


def _undecided_fact(job: Job) -> Fact:
    return Fact(
        f"job {job.number}: {job.hold_reason or 'it waits for a decision'}", Source.SPOOLER, last_proof(job)
    )


def _undecided(facts: JobFacts) -> Explanation:
    job = facts.job
    resolve = f"{JOBS}/ResolveJob"
    actions: tuple[Action, ...] = (
        Action("It came out: go on behind it", resolve, f"printfabric resolve {job.number} skip"),
        Action("Print it again", resolve, f"printfabric resolve {job.number} reprint"),
        cancel_action(job),
    )
    unsure = job.ledger.uncertain_units
    if unsure is not None and unsure.first < unsure.last:
        each = f"skip={unsure.first} reprint={unsure.first + 1}-{unsure.last}"
        one_by_one = f"Decide {job.ledger.units.kind} by {job.ledger.units.kind}"
        actions = (*actions, Action(one_by_one, resolve, f"printfabric resolve {job.number} {each}"))
    about = f" about {unit_range(job.ledger.units.kind, unsure)}" if unsure is not None else ""
    return Explanation(
        Verdict.UNKNOWN,
        Sentence("Nobody knows what came out", f": look at the paper and decide{about}"),
        loss_of(job),
        actions,
        (*error_facts(job), *progress_facts(job), *_its_port_now(facts), accepted_fact(job)),
    )


def _its_port_now(facts: JobFacts) -> tuple[Fact, ...]:
    """Return whether the port that a job was broken off at works again."""
    at = facts.job.port
    port = next((one for one in facts.ports if at is not None and one.name.key == at.key), None)
    if port is None:
        return ()
    trouble = trouble_of(port, facts.now)
    how = str(trouble.headline).rstrip(".") if trouble is not None else port.state or "ready"
    return (Fact(f"now {port.name.before} {how}", Source.HOST, port.host_seen or facts.now),)


def _half_printed(job: Job) -> Explanation:
    offset, units = job.ledger.offsets.accepted, job.ledger.units
    where, place = f"--at-byte {offset}", f"after byte {offset} of {job.document.size_bytes}"
    if units.kind is not UnitKind.DOCUMENT:
        where, place = f"--at {units.accepted + 1}", f"after {units.kind} {units.accepted} of {units.total}"
    actions = (
        Action("Go on there", f"{JOBS}/ResumeJob", f"printfabric resume {job.number} {where}"),
        Action("Print it again", f"{JOBS}/RestartJob", f"printfabric restart {job.number}"),
        cancel_action(job),
    )
    text = Sentence("It stopped in its middle", f", {place}: decide how it goes on")
    facts = (*error_facts(job), *progress_facts(job), accepted_fact(job))
    return Explanation(Verdict.HELD, text, loss_of(job), actions, facts)


def _held(facts: JobFacts) -> Explanation:
    job = facts.job
    reason = job.hold_reason or (f"held by {facts.held.by}" if facts.held is not None else "held")
    since = facts.held.at if facts.held is not None else job.created_at
    how = reason.removeprefix("held") if reason.startswith("held") else f": {reason}"
    by = Fact(reason, Source.OPERATOR, since or job.created_at)
    return Explanation(
        Verdict.HELD,
        Sentence("Held", how + (f", since {stamp(since)}" if since else "")),
        loss_of(job),
        (release_action(job), cancel_action(job)),
        (by, *error_facts(job), accepted_fact(job)),
    )


def explain_upload(facts: UploadFacts) -> Explanation:
    """Say how a document stands whose sender has not finished."""
    still_s = (facts.now - facts.heard).total_seconds()
    again = f"printfabric print --request-id {facts.request_id} <file>"
    return Explanation(
        Verdict.UPLOAD_INCOMPLETE,
        Sentence(
            "Its sender has not finished",
            f": {facts.size_bytes} bytes came, the last {span_of(still_s)} ago",
        ),
        "Nothing is lost: it is no job before all of it is here.",
        (
            Action("Send the rest", f"{JOBS}/UploadJob", again),
            Action("Forget it", f"{JOBS}/DeleteUpload", ""),
        ),
        (
            Fact(
                f"{facts.size_bytes} bytes of upload {facts.request_id} are here", Source.SPOOLER, facts.heard
            ),
        ),
    )
