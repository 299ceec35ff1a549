"""A port's ladder of checks, a job's timeline: facts put in order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from portui.model import Host, Job, JobState, Outcome, Port, PortState
from portui.model_answers import Attempt, Event, Explanation
from portui.web import words
from portui.web.moments import stamp


@dataclass(frozen=True, slots=True)
class Rung:
    """One check: what, how it stands, and the fact behind it."""

    title: str
    icon: str
    tone: str
    fact: str


def _good(title: str, fact: str) -> Rung:
    return Rung(title, "check", "ready", fact)


def _open(title: str, fact: str) -> Rung:
    return Rung(title, "dashed", "off", fact)


def _bad(title: str, fact: str, *, mild: bool = False) -> Rung:
    return Rung(title, "triangle" if mild else "octagon", "attention" if mild else "error", fact)


# The check that a verdict says has failed, by how its title begins.
_FAILED = {
    **dict.fromkeys(
        ("no-port", "device-missing", "device-refused", "no-connection", "port-held"), "Port open"
    ),
    **dict.fromkeys(("line-errors", "printer-says", "stalled", "unknown"), "Printer ready"),
    "host-silent": "Host ",
}


def ladder(
    port: Port, host: Host | None, job: Job | None, now: datetime, explanation: Explanation | None = None
) -> list[Rung]:
    """Return the checks from the job to the paper, for a port and the job that is on it or was last.

    What the spooler says is wrong is not shown as well, whatever the port's host has said.
    """
    rungs = [*_job_rungs(job), _host_rung(port, host, now), _port_rung(port), *_paper_rungs(port, job)]
    failed = _FAILED.get(explanation.verdict) if explanation else None
    if explanation is None or failed is None:
        return rungs
    return [
        _bad(one.title, explanation.headline, mild=tone(explanation) == "wait")
        if one.title.startswith(failed) and one.tone == "ready"
        else one
        for one in rungs
    ]


def _job_rungs(job: Job | None) -> list[Rung]:
    if job is None:
        return [_open("Job accepted", "no job is on this port")]
    who = f" by {job.user or job.owner}" if job.user or job.owner else ""
    return [
        _good("Job accepted", f"{stamp(job.created)}{who}, {words.number(job.size)} bytes"),
        _good("Spooled", f"{words.number(job.proof.spooled or job.size)} bytes on disk, kept until printed"),
    ]


def _host_rung(port: Port, host: Host | None, now: datetime) -> Rung:
    title = f"Host {port.host}"
    if host is None:
        return _open(title, "the spooler does not know it")
    if host.state == "online":
        return _good(title, f"reports, version {host.version or 'unknown'}")
    ago = f", last heard {words.age(host.last_seen, now)} ago" if host.last_seen else ""
    return _bad(title, (host.error or host.state) + ago, mild=host.state == "draining")


def _port_rung(port: Port) -> Rung:
    if port.state is PortState.OFFLINE:
        return _bad("Port open", port.reason or "offline")
    if port.state is PortState.UNKNOWN:
        return _open("Port open", "its host has not been heard of")
    where = port.device or port.description or port.monitor
    if port.hold is not None:
        return _good("Port open", f"{where}, held for {port.hold.printer or 'the spooler'}")
    return _good("Port openable", f"{where}, nobody holds it")


def _paper_rungs(port: Port, job: Job | None) -> list[Rung]:
    if job is None:
        leaving = _open("Bytes sent", "nothing to send")
    elif job.proof.accepted:
        sent = f"{words.number(job.proof.accepted)} of {words.number(job.size)}"
        received = f"{words.number(job.proof.acked)} received by the printer's side"
        leaving = _good("Bytes sent", f"{sent}; {received}")
    else:
        leaving = _open("Bytes sent", "none yet")
    return [leaving, _ready_rung(port), _printed_rung(job)]


def _ready_rung(port: Port) -> Rung:
    if port.state is PortState.ERROR:
        return _bad("Printer ready", port.reason or "error")
    if port.state in (PortState.ATTENTION, PortState.PAUSED):
        return _bad("Printer ready", port.reason or words.PORT_STATES[port.state].word.lower(), mild=True)
    if port.state in (PortState.READY, PortState.PRINTING):
        return _good("Printer ready", "nothing else was reported")
    return _open("Printer ready", "nobody can say")


def _printed_rung(job: Job | None) -> Rung:
    if job is None:
        return _open("Printed", "nothing to print")
    if job.outcome is Outcome.PRINTED:
        return _good(words.came_out(job.proof), words.proven(job.proof, printed=True))
    if job.outcome in (Outcome.UNKNOWN, Outcome.PARTIAL):
        return _bad("Printed", uncertain(job) or job.outcome, mild=True)
    if job.proof.confirmed:
        return _open("Printed", f"the printer confirmed {words.number(job.proof.confirmed)} bytes")
    return _open("Printed", "not proven yet")


def uncertain(job: Job) -> str:
    """Return what nobody can say of a job: `labels 5 to 20`; empty when nothing is uncertain."""
    span = job.proof.uncertain_units
    if span is not None:
        return words.units(job.proof.units.kind, *span)
    if job.proof.uncertain is not None:
        start, end = job.proof.uncertain
        return f"bytes {words.number(start)} to {words.number(max(start, end - 1))}"
    return ""


def cause(job: Job) -> str:
    """Return what broke a job off that waits for a decision; empty when it waits for none."""
    return job.error.removeprefix(f"port {job.port.partition('/')[2].rstrip(':')}: ") if job.undecided else ""


def tone(explanation: Explanation) -> str:
    """Return how a verdict looks: fine, busy, something to wait for, or something to do."""
    if explanation.verdict in ("fine", "ended"):
        return "ready"
    if explanation.verdict in ("jobs-ahead", "awaiting-proof", "upload-incomplete"):
        return "busy"
    if explanation.verdict in ("held", "printer-paused", "retry", "stalled", "unknown"):
        return "wait"
    return "bad"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a job on its way."""

    title: str
    icon: str
    tone: str
    fact: str
    done: bool


def timeline(job: Job, attempts: Sequence[Attempt]) -> list[Step]:
    """Return a job's way: accepted, spooled, at a port, sent, received, printed."""
    last = attempts[-1] if attempts else None
    ended_badly = job.state in (JobState.CANCELED, JobState.ABORTED)
    sent, received = 0 < job.size <= job.proof.accepted, 0 < job.size <= job.proof.acked
    printed = job.outcome is Outcome.PRINTED
    return [
        _step("accepted", True, stamp(job.created)),
        _step("spooled", True, words.size(job.size)),
        _step("port opened", last is not None, f"{last.port} {stamp(last.started)}" if last else ""),
        _step(
            "sent", sent or printed, _of(job.proof.accepted, job.size), going=job.state is JobState.PROCESSING
        ),
        _step("received", received or printed, _of(job.proof.acked, job.size)),
        _last_step(job, printed=printed, ended_badly=ended_badly),
    ]


def _of(part: int, whole: int) -> str:
    return f"{words.size(part)} of {words.size(whole)}" if part or whole else ""


def _step(title: str, done: bool, fact: str, *, going: bool = False) -> Step:
    if done:
        return Step(title, "check", "ready", fact, done=True)
    return Step(title, "play" if going else "dashed", "printing" if going else "off", fact, done=False)


def _last_step(job: Job, *, printed: bool, ended_badly: bool) -> Step:
    if printed:
        title = words.came_out(job.proof).lower()
        return Step(title, "check", "ready", words.proven(job.proof, printed=True), done=True)
    if ended_badly:
        return Step(str(job.state), "octagon", "error", job.error or stamp(job.ended), done=False)
    if job.outcome in (Outcome.UNKNOWN, Outcome.PARTIAL):
        return Step("printed", "question", "attention", f"nobody knows: {uncertain(job)}", done=False)
    return Step("printed", "dashed", "off", "", done=False)


def ids(port: Port, host: Host | None, job: Job | None) -> list[str]:
    """Return what names a port's host, settings, hold and job beyond doubt, with versions."""
    found = [f"port {port.key}, settings {port.revision or 'unknown'}"]
    if host is not None:
        found.append(f"port monitor {host.version or 'unknown'} on {host.name}, {host.address}")
    if port.hold is not None:
        found.append(f"held by {port.hold.spooler}, fence {port.hold.fence}")
    if job is not None:
        found.append(f"job {job.number} of {job.printer}, attempt {job.attempts}")
    return found


def report(
    subject: str, explanation: Explanation, rungs: Sequence[Rung], version: str, known: Sequence[str] = ()
) -> str:
    """Return a verdict with its evidence as Markdown, for a ticket. known: versions and ids."""
    lines = [f"**{subject}**: {explanation.headline}", "", explanation.loss, ""]
    lines += [f"- {rung.title}: {rung.fact}" for rung in rungs]
    lines += [f"- {fact.text} ({fact.source}, {stamp(fact.time)})" for fact in explanation.facts]
    lines += [f"- {one}" for one in known]
    lines += ["", f"Print Fabric {version}, {stamp(datetime.now(UTC))}"]
    return "\n".join(lines)


def events_newest(events: Sequence[Event], most: int = 40) -> list[Event]:
    """Return the latest events, newest first."""
    floor = datetime.min.replace(tzinfo=UTC)
    return sorted(events, key=lambda one: one.time or floor, reverse=True)[:most]
