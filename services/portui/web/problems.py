"""What needs somebody, one line for each cause, what holds up most jobs first. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from portui.live import Live
from portui.model import FAULTS, Acknowledged, Fleet, Host, Job, Port, PortState, Printer
from portui.pulse import STILL_S, standing_still
from portui.web import words
from portui.web.moments import stamp
from portui.web.shown import port_path, quoted

_SKEW = timedelta(minutes=1)  # hosts say since when, the spooler when somebody took it in hand


class Kind(StrEnum):
    """By which rule it is one (`rules`); those of ports are their states."""

    ERROR = "error"
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    ATTENTION = "attention"
    STILL = "still"
    SILENT = "silent"
    PAUSED = "paused"
    DECIDE = "decide"


@dataclass(frozen=True, slots=True)
class Problem:
    """One cause that needs somebody: a line on the overview."""

    kind: Kind
    state: words.Shown
    subject: str
    path: str
    sentence: str
    jobs: int
    since: datetime | None
    action: str = ""  # a second button's title
    action_path: str = ""
    name: str = ""  # what the spooler can explain: "hosts/edge-7/ports/COM1:", "printers/labels"
    alert: str = ""  # what it is acknowledged as: the same, "hosts/edge-7", "printers/labels/decisions"
    in_hand: Acknowledged | None = None  # who has it in hand


def problems(live: Live) -> list[Problem]:
    """Return what needs somebody, one line for each cause, what nobody has in hand and holds up most jobs first.

    A host that is silent is one line and its ports none; jobs that wait for a decision are one line for each printer.
    """
    fleet = live.fleet
    silent = {host.name for host in fleet.hosts.values() if host.state == "silent"}
    found = [_silent(live, fleet.hosts[name]) for name in silent]
    found += [
        _port_problem(
            live,
            port,
            Kind(port.state),
            words.gone_first(port.reason) or words.PORT_STATES[port.state].word,
            port.since,
        )
        for port in fleet.ports.values()
        if port.host not in silent and port.state in FAULTS
    ]
    found += _stopped(live, silent)
    found += _undecided(fleet)
    found += [_paused(one) for one in fleet.printers.values() if one.paused and one.queued]
    return sorted((_with_word(live, one) for one in found), key=_rank)


def _with_word(live: Live, problem: Problem) -> Problem:
    """Add who has a problem in hand; a word that was given before it began was about another one."""
    word = live.acknowledged.get(problem.alert.casefold())
    if word is None or (problem.since and word.at and problem.since > word.at + _SKEW):
        return problem
    return replace(problem, in_hand=word)


def _rank(one: Problem) -> tuple[bool, int, float, str]:
    since = one.since.timestamp() if one.since else 0.0
    return one.in_hand is not None, -one.jobs, since, one.subject


def _silent(live: Live, host: Host) -> Problem:
    ports = [port for port in live.fleet.ports.values() if port.host == host.name]
    waiting = {name for port in ports for name in port.printers}
    jobs = sum(live.fleet.printers[name].queued for name in waiting if name in live.fleet.printers)
    since = f" since {stamp(host.last_seen)}" if host.last_seen else ""
    action, action_path = _move(jobs, f"host={quoted(host.name)}") or ("", "")
    return Problem(
        Kind.SILENT,
        words.HOST_STATES["silent"],
        host.name,
        f"/hosts/{quote(host.name, safe='')}",
        f"does not report{since}: {words.many(len(ports), 'port')}.",
        jobs,
        host.last_seen,
        action,
        action_path,
        alert=f"hosts/{host.name}",
    )


def _stopped(live: Live, silent: set[str]) -> list[Problem]:
    """Return the ports that print, and where nothing has moved for so long that the spooler says that it has stopped."""
    found = []
    for key, marks in standing_still(live.pulses).items():
        port = live.fleet.ports.get(key)
        if port is None or port.state is not PortState.PRINTING or port.host in silent:
            continue
        job = live.now_on(port)
        if job is not None and (job.waits_at_host or marks == len(STILL_S)):
            reason = f"nothing of its document has moved for {words.duration(live.pulses[key].still_s)}"
            found.append(_port_problem(live, port, Kind.STILL, reason, None))
    return found


def _port_problem(live: Live, port: Port, kind: Kind, reason: str, since: datetime | None) -> Problem:
    path = port_path(port.host, port.port)
    state = PortState.ATTENTION if kind is Kind.STILL else PortState(kind)
    return Problem(
        kind,
        words.PORT_STATES[state],
        f"{port.port} on {port.host}",
        path,
        f"{reason.rstrip('.')}.",
        live.queued(port),
        since,
        *(
            _move(live.queued(port), f"host={quoted(port.host)}&port={quoted(port.port)}")
            or ("Configure", port_path(port.host, port.port, "configure"))
        ),
        name=port.name,
        alert=port.name,
    )


def _move(jobs: int, place: str) -> tuple[str, str] | tuple[()]:
    """Return the second button of a problem that holds up jobs."""
    return (f"Move {words.many(jobs, 'job')}", f"/move?{place}") if jobs else ()


def _undecided(fleet: Fleet) -> list[Problem]:
    by_printer: dict[str, list[Job]] = {}
    for job in fleet.jobs.values():
        if job.undecided:
            by_printer.setdefault(job.printer, []).append(job)
    return [
        Problem(
            Kind.DECIDE,
            words.Shown("Decide", "question", "attention"),
            f"job {jobs[0].number} on {printer}" if len(jobs) == 1 else f"{len(jobs)} jobs on {printer}",
            f"/jobs/{jobs[0].number}" if len(jobs) == 1 else f"/jobs?show=decide&printer={quote(printer)}",
            "Nobody knows what came out: look at the paper and decide.",
            len(jobs),
            min((job.created for job in jobs if job.created), default=None),
            alert=f"printers/{printer}/decisions",
        )
        for printer, jobs in by_printer.items()
    ]


def _paused(printer: Printer) -> Problem:
    reason = printer.pause_reason or "paused"
    return Problem(
        Kind.PAUSED,
        words.Shown("Paused", "pause", "paused"),
        printer.name,
        f"/printers/{quote(printer.name)}",
        f"{reason[:1].upper()}{reason[1:]}.",
        printer.queued,
        None,
        name=f"printers/{printer.name}",
        alert=f"printers/{printer.name}",
    )
