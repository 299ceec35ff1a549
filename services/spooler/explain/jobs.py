"""Why a job does not print, whether anything was lost, and what to do: one decision on facts. Pure.

The order is that of the verdicts: what a person did comes first, then the printer, then its ports. Only a job of which
nobody knows what came out goes before all, for it waits for a decision and for nothing else.
"""

from __future__ import annotations

from spooler.aftermath import unit_range
from spooler.delivery import OUTCOME_UNKNOWN, PARTIALLY_PRINTED
from spooler.explain.facts import Action, Explanation, Fact, JobFacts, PortFacts, Source, Trouble, Verdict
from spooler.explain.ports import trouble_of
from spooler.job import Job
from spooler.job_state import JobState
from spooler.ledger import EvidenceLevel, Outcome, UnitKind
from spooler.printer import Printer

_JOBS = "printfabric.spooler.v1.PrintService"
_PRINTERS = "printfabric.spooler.v1.PrinterService"


def explain_job(facts: JobFacts) -> Explanation:
    """Say why a job has not printed, or that nothing is wrong."""
    job = facts.job
    if job.ended:
        return _ended(job)
    if job.state in (JobState.PROCESSING, JobState.PROCESSING_STOPPED):
        return _on_its_way(facts)
    if OUTCOME_UNKNOWN in job.reasons or job.outcome is Outcome.UNKNOWN:
        return _undecided(job)
    if PARTIALLY_PRINTED in job.reasons or job.outcome is Outcome.PARTIAL:
        return _half_printed(job)
    if job.state is JobState.PENDING_HELD:
        return _held(job)
    if job.not_before is not None and job.not_before > facts.now:
        text = f"Prints at {job.not_before:%Y-%m-%d %H:%M} UTC, as its sender asked."
        return Explanation(Verdict.HELD, text, actions=(_release(job),), facts=(_accepted(job),))
    return _waiting(facts)


def explain_printer(
    printer: Printer, ports: tuple[PortFacts, ...], queued: int, uncertain: int, facts_at: JobFacts | None
) -> Explanation:
    """Say why a printer does not print. `facts_at` is about the job that is next, if one waits."""
    if uncertain:
        return Explanation(
            Verdict.UNKNOWN,
            f"{uncertain} of its jobs wait for a decision about what came out.",
            loss="Some of it may be missing, or come twice: look at the paper.",
            actions=(Action("Show them", f"{_JOBS}/ListJobs", f"printfabric jobs --printer {printer.name}"),),
        )
    if printer.paused is not None:
        return _paused(printer)
    if not printer.ports:
        return _no_ports(printer)
    if facts_at is not None:
        return explain_job(facts_at)
    now_silent = [port for port in ports if port.host_state not in ("online", "draining")]
    if now_silent and len(now_silent) == len(ports):
        host = ports[0].name.host
        return Explanation(Verdict.HOST_SILENT, f"Host {host} does not answer; nothing waits for it.")
    return Explanation(Verdict.FINE, f"Nothing is wrong: {queued} jobs wait." if queued else "Nothing waits.")


def loss_of(job: Job) -> str:
    """Return the sentence about paper: nothing is lost, or what may be doubled or missing."""
    size = job.document.size_bytes
    units, span, unsure = job.ledger.units, job.ledger.uncertain, job.ledger.uncertain_units
    if unsure is not None:
        text = unit_range(units.kind, unsure)
        return f"{text[0].upper()}{text[1:]} may or may not have come out."
    if span is not None:
        if span.start == 0 and span.end >= size:
            return f"All of its {size} bytes may or may not have come out."
        return f"Bytes {span.start} to {span.end} of {size} may or may not have come out."
    if job.redirected:
        return "It was sent to another port after bytes had been taken: some of it may come twice."
    accepted = job.ledger.offsets.accepted
    if job.outcome is Outcome.PARTIAL:
        return f"{accepted} of {size} bytes came out; the rest is kept here."
    if job.state in (JobState.CANCELED, JobState.ABORTED):
        if not accepted:
            return "Nothing of it was printed."
        return f"The device had taken {accepted} of {size} bytes by then."
    return "Nothing is lost."


# --- the single answers

# A headline says no more than is proven: what is on paper only the printer knows.
_PROVEN = {
    EvidenceLevel.ACKED: "The far end has all of it (the printer itself was not asked)",
    EvidenceLevel.CONFIRMED: "The printer confirmed all of it",
}


def _ended(job: Job) -> Explanation:
    when = f" at {job.ended_at:%H:%M:%S} UTC" if job.ended_at is not None else ""
    facts = (_accepted(job), *_last_error(job))
    if job.state is JobState.COMPLETED:
        level = job.ledger.level
        proof = Fact(f"the proof reaches the level {level}", Source.TRANSPORT, job.ended_at)
        text = f"{_PROVEN.get(level, 'The device took all of it')}{when}."
        if job.outcome is not Outcome.PRINTED:
            text = f"It was closed by a person{when}; what came out is not proven."
        return Explanation(Verdict.FINE, text, loss_of(job), facts=(proof, *facts))
    word = "Cancelled" if job.state is JobState.CANCELED else "Ended by the system"
    why = {"job-expired": ": its time had passed"}.get(job.reasons[0], "") if job.reasons else ""
    if job.state is JobState.ABORTED and not why and job.last_error is not None:
        why = f": {job.last_error.message}"
    restart = Action("Print it again", f"{_JOBS}/RestartJob", f"printfabric restart {job.number}")
    return Explanation(Verdict.ENDED, f"{word}{when}{why}.", loss_of(job), (restart,), facts)


def _on_its_way(facts: JobFacts) -> Explanation:
    job = facts.job
    port = next((one for one in facts.ports if job.port is not None and one.name.key == job.port.key), None)
    trouble = trouble_of(port, facts.now) if port is not None else None
    known = (_accepted(job), *_progress(job))
    if trouble is not None:
        return Explanation(
            trouble.verdict, trouble.headline, loss_of(job), trouble.actions, (*trouble.facts, *known)
        )
    if "processing-to-stop-point" in job.reasons:
        return Explanation(
            Verdict.FINE, "It is being cancelled: the device still has to let go.", loss_of(job), facts=known
        )
    if job.state is JobState.PROCESSING_STOPPED:
        return Explanation(
            Verdict.RETRY, f"Its port broke off and goes on soon: {job.port}.", loss_of(job), facts=known
        )
    size, offsets = job.document.size_bytes, job.ledger.offsets
    if offsets.accepted >= size > 0:
        return Explanation(
            Verdict.AWAITING_PROOF, "All of it is sent; the proof is awaited.", loss_of(job), facts=known
        )
    where = f" on {job.port}" if job.port is not None else ""
    done = f": {offsets.accepted} of {size} bytes" if offsets.accepted else ""
    return Explanation(Verdict.FINE, f"It is printing{where}{done}.", loss_of(job), facts=known)


def _undecided(job: Job) -> Explanation:
    resolve = f"{_JOBS}/ResolveJob"
    actions: tuple[Action, ...] = (
        Action("It came out: go on behind it", resolve, f"printfabric resolve {job.number} skip"),
        Action("Print it again", resolve, f"printfabric resolve {job.number} reprint"),
        _cancel(job),
    )
    unsure = job.ledger.uncertain_units
    if unsure is not None and unsure.first < unsure.last:
        each = f"skip={unsure.first} reprint={unsure.first + 1}-{unsure.last}"
        one_by_one = f"Decide {job.ledger.units.kind} by {job.ledger.units.kind}"
        actions = (*actions, Action(one_by_one, resolve, f"printfabric resolve {job.number} {each}"))
    text = "Nobody knows what came out"
    if unsure is not None:
        text = f"Nobody knows whether {unit_range(job.ledger.units.kind, unsure)} came out"
    return Explanation(
        Verdict.UNKNOWN,
        f"{text}: look at the paper and decide.",
        loss_of(job),
        actions,
        (*_last_error(job), *_progress(job), _accepted(job)),
    )


def _half_printed(job: Job) -> Explanation:
    offset, units = job.ledger.offsets.accepted, job.ledger.units
    where, text = f"--at-byte {offset}", f"after byte {offset} of {job.document.size_bytes}"
    if units.kind is not UnitKind.DOCUMENT:
        where, text = f"--at {units.accepted + 1}", f"after {units.kind} {units.accepted} of {units.total}"
    actions = (
        Action("Go on there", f"{_JOBS}/ResumeJob", f"printfabric resume {job.number} {where}"),
        Action("Print it again", f"{_JOBS}/RestartJob", f"printfabric restart {job.number}"),
        _cancel(job),
    )
    text = f"It stopped {text}: decide how it goes on."
    facts = (*_last_error(job), *_progress(job), _accepted(job))
    return Explanation(Verdict.HELD, text, loss_of(job), actions, facts)


def _held(job: Job) -> Explanation:
    reason = job.hold_reason or "held"
    text = f"{reason[0].upper()}{reason[1:]}."
    return Explanation(
        Verdict.HELD,
        text,
        loss_of(job),
        (_release(job), _cancel(job)),
        (Fact(reason, Source.OPERATOR), *_last_error(job), _accepted(job)),
    )


def _waiting(facts: JobFacts) -> Explanation:
    job, printer = facts.job, facts.printer
    if printer is None:
        move = Action("Move it", f"{_JOBS}/MoveJob", f"printfabric move {job.number} <printer>")
        return Explanation(
            Verdict.NO_PORT, f"Printer {job.printer} is gone.", loss_of(job), (move, _cancel(job))
        )
    if printer.paused is not None:
        return _paused(printer, loss_of(job))
    if not printer.ports:
        return _no_ports(printer, loss_of(job))
    troubles = [(port, trouble_of(port, facts.now)) for port in facts.ports]
    found = [(port, trouble) for port, trouble in troubles if trouble is not None]
    if len(found) == len(troubles) and found:
        return _no_port_can(job, found)
    known = (_accepted(job), *_last_error(job), *(fact for _port, trouble in found for fact in trouble.facts))
    if facts.jobs_ahead:
        jobs = "job is" if facts.jobs_ahead == 1 else "jobs are"
        return Explanation(
            Verdict.JOBS_AHEAD,
            f"{facts.jobs_ahead} {jobs} ahead of it.",
            loss_of(job),
            (_cancel(job),),
            known,
        )
    if job.last_error is not None:
        return Explanation(Verdict.RETRY, "It is tried again now.", loss_of(job), facts=known)
    return Explanation(Verdict.FINE, "It is next.", loss_of(job), facts=known)


def _no_port_can(job: Job, found: list[tuple[PortFacts, Trouble]]) -> Explanation:
    facts = (*(fact for _port, trouble in found for fact in trouble.facts), _accepted(job))
    move = Action("Move it", f"{_JOBS}/MoveJob", f"printfabric move {job.number} <printer>")
    if len(found) == 1:
        trouble = found[0][1]
        actions = (*trouble.actions, move)
        return Explanation(trouble.verdict, trouble.headline, loss_of(job), actions, facts)
    words = "; ".join(f"{port.name}: {trouble.headline.rstrip('.')}" for port, trouble in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return Explanation(
        Verdict.NO_PORT, f"No port can take it. {words}{more}.", loss_of(job), (move, _cancel(job)), facts
    )


def _paused(printer: Printer, loss: str = "Nothing is lost.") -> Explanation:
    assert printer.paused is not None
    who, when, why = printer.paused
    text = f"Paused by {who} at {when:%H:%M} UTC" + (f": {why}" if why else "")
    resume = Action("Resume", f"{_PRINTERS}/ResumePrinter", f"printfabric printers resume {printer.name}")
    return Explanation(
        Verdict.PRINTER_PAUSED,
        f"{text}.",
        loss,
        (resume,),
        (Fact(f"printer {printer.name}: {text[0].lower()}{text[1:]}", Source.OPERATOR, when),),
    )


def _no_ports(printer: Printer, loss: str = "Nothing is lost.") -> Explanation:
    name = printer.name
    add = Action("Add a port", f"{_PRINTERS}/UpdatePrinter", f"printfabric printers set {name} --port <port>")
    return Explanation(Verdict.NO_PORT, f"Printer {name} has no port.", loss, (add,))


# --- facts and actions that many answers share


def _accepted(job: Job) -> Fact:
    return Fact(f"job {job.number} is durable in the spool", Source.HOST, job.created_at)


def _last_error(job: Job) -> tuple[Fact, ...]:
    error = job.last_error
    return (Fact(error.message, Source.TRANSPORT, error.at),) if error is not None else ()


def _progress(job: Job) -> tuple[Fact, ...]:
    size, offsets = job.document.size_bytes, job.ledger.offsets
    if not offsets.accepted:
        return ()
    text = f"of {size} bytes the host took {offsets.accepted}, the far end {offsets.acked}"
    if offsets.confirmed:
        text += f", the printer confirmed {offsets.confirmed}"
    return (Fact(text, Source.TRANSPORT),)


def _release(job: Job) -> Action:
    return Action("Release", f"{_JOBS}/ReleaseJob", f"printfabric release {job.number}")


def _cancel(job: Job) -> Action:
    return Action("Cancel", f"{_JOBS}/CancelJob", f"printfabric cancel {job.number}")
