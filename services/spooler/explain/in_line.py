"""Why a job that may print has not been sent. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from spooler.explain.facts import (
    Action,
    Explanation,
    Fact,
    JobFacts,
    PortFacts,
    Sentence,
    Source,
    Trouble,
    Verdict,
)
from spooler.explain.loss import loss_of
from spooler.explain.ports import trouble_of
from spooler.explain.saying import (
    JOBS,
    PRINTERS,
    accepted_fact,
    cancel_action,
    error_facts,
    last_proof,
    move_action,
    span_of,
)
from spooler.job import Job
from spooler.moments import stamp
from spooler.printer import Printer

_PLACES = ("", "second", "third", "fourth", "fifth")


def waiting(facts: JobFacts) -> Explanation:
    """Say what a job waits for: its printer's time, a port, or the jobs before it."""
    job, printer = facts.job, facts.printer
    if printer is None:
        actions = (move_action(job), cancel_action(job))
        text = Sentence(f"Printer {job.printer} is gone")
        gone = Fact(f"there is no printer {job.printer} here", Source.SPOOLER, facts.now)
        return Explanation(Verdict.NO_PORT, text, loss_of(job), actions, (gone, accepted_fact(job)))
    if printer.paused is not None:
        return paused(printer, loss_of(job))
    if facts.opens is not None:
        return _shut(facts, printer)
    if not printer.ports:
        return no_ports(printer, loss_of(job), facts.now)
    at_home = facts.home is not None
    may = [port for port in facts.ports if port.name not in facts.kept_from]
    ports = [port for port in may if facts.home is None or port.name.key == facts.home.key]
    troubles = [(port, trouble_of(port, facts.now)) for port in ports]
    found = [(port, trouble) for port, trouble in troubles if trouble is not None]
    if len(found) == len(troubles) and found:
        said = _no_port_can(job, found, at_home=at_home)
        return said if at_home or not facts.kept_from else _with_others(said, facts, printer)
    known = (
        accepted_fact(job),
        *error_facts(job),
        *(fact for _port, trouble in found for fact in trouble.facts),
    )
    return _its_turn(facts, printer, known)


def _with_others(said: Explanation, facts: JobFacts, printer: Printer) -> Explanation:
    """Say that the printer has other ports, which this job may not use by the printer's rules."""
    names = [str(port) for port in printer.ports if port in facts.kept_from]
    are = "is" if len(names) == 1 else "are"
    text = f"{', '.join(names)} {are} of another port monitor than the port that failed it"
    command = f"printfabric printers set {printer.name} --redirect-across-monitors"
    allow = Action("Let all ports take it", f"{PRINTERS}/UpdatePrinter", command)
    fact = Fact(text, Source.OPERATOR, facts.now)
    return replace(said, actions=(*said.actions, allow), facts=(*said.facts, fact))


def _its_turn(facts: JobFacts, printer: Printer, known: tuple[Fact, ...]) -> Explanation:
    job, loss = facts.job, loss_of(facts.job)
    if facts.jobs_ahead:
        return Explanation(
            Verdict.JOBS_AHEAD,
            _place(facts),
            loss,
            (_sooner(job), move_action(job), cancel_action(job)),
            known,
        )
    if facts.leaves_in_s:
        rate = f"{printer.catch_up_per_minute} jobs a minute after an outage"
        text = Sentence(
            f"Printer {printer.name} sends {rate}", f": it leaves in {span_of(facts.leaves_in_s + 1)}"
        )
        return Explanation(Verdict.RETRY, text, loss, facts=known)
    if facts.home is not None:
        text = Sentence(f"It waits for {facts.home}, where its first part was printed")
        return Explanation(Verdict.JOBS_AHEAD, text, loss, (move_action(job), cancel_action(job)), known)
    if job.last_error is not None:
        return Explanation(Verdict.RETRY, Sentence("It is tried again now"), loss, facts=known)
    return Explanation(Verdict.FINE, Sentence("It is next"), loss, facts=known)


def _place(facts: JobFacts) -> Sentence:
    ahead = facts.jobs_ahead
    place = _PLACES[ahead] if ahead < len(_PLACES) else f"number {ahead + 1}"
    jobs = "one job" if ahead == 1 else f"{ahead} jobs"
    about = f", about {span_of(facts.wait_s)}" if facts.wait_s else ""
    return Sentence("Others are ahead of it", f": it is {place} in line, behind {jobs}{about}")


def _sooner(job: Job) -> Action:
    return Action("Move up", f"{JOBS}/UpdateJob", f"printfabric change {job.number} --priority 99")


def _shut(facts: JobFacts, printer: Printer) -> Explanation:
    assert facts.opens is not None
    assert printer.window is not None
    text = Sentence(
        f"Printer {printer.name} begins jobs {printer.window}", f": prints at {stamp(facts.opens)}"
    )
    always = Action(
        "Open the window",
        f"{PRINTERS}/UpdatePrinter",
        f"printfabric printers set {printer.name} --window always",
    )
    job = facts.job
    return Explanation(Verdict.HELD, text, loss_of(job), (always, move_action(job)), (accepted_fact(job),))


def _no_port_can(job: Job, found: list[tuple[PortFacts, Trouble]], *, at_home: bool) -> Explanation:
    facts = (*(fact for _port, trouble in found for fact in trouble.facts), accepted_fact(job))
    move = move_action(job)
    if len(found) == 1:
        port, trouble = found[0]
        actions = (*trouble.actions, move)
        if at_home:
            facts = (
                Fact(
                    f"its first part was printed on {port.name}, its rest waits for it",
                    Source.SPOOLER,
                    last_proof(job),
                ),
                *facts,
            )
        return Explanation(trouble.verdict, trouble.headline, loss_of(job), actions, facts)
    words = "; ".join(
        f"{port.name.before} {str(trouble.headline).rstrip('.')}" for port, trouble in found[:3]
    )
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return Explanation(
        Verdict.NO_PORT,
        Sentence("No port can take it", f": {words}{more}"),
        loss_of(job),
        (move, cancel_action(job)),
        facts,
    )


def paused(printer: Printer, loss: str) -> Explanation:
    """Say who paused a printer."""
    assert printer.paused is not None
    who, when, why = printer.paused
    by = f"by {who} at {stamp(when)}" + (f": {why}" if why else "")
    resume = Action("Resume", f"{PRINTERS}/ResumePrinter", f"printfabric printers resume {printer.name}")
    return Explanation(
        Verdict.PRINTER_PAUSED,
        Sentence(f"Printer {printer.name} is paused", f" {by}"),
        loss,
        (resume,),
        (Fact(f"printer {printer.name} is paused {by}", Source.OPERATOR, when),),
    )


def no_ports(printer: Printer, loss: str, now: datetime) -> Explanation:
    """Say that a printer has nowhere to print."""
    name = printer.name
    add = Action("Add a port", f"{PRINTERS}/UpdatePrinter", f"printfabric printers set {name} --port <port>")
    text = Sentence(f"Printer {name} has no port")
    return Explanation(
        Verdict.NO_PORT, text, loss, (add,), (Fact(f"{name} has no port", Source.SPOOLER, now),)
    )
