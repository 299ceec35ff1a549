"""Jobs that shall leave a place, and where each can go: the preview of a move. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from portui.model import FAULTS, Fleet, Job, JobState, Port, PortState, Printer
from portui.web import words

# The media types that mean the same language.
_ANY = ("", "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Target:
    """A printer that jobs may go to. `why` says why it should not be; a target without it is fit."""

    name: str
    why: str = ""
    queued: int = 0


@dataclass(frozen=True, slots=True)
class Mover:
    """A job that may go, or cannot: `why_not` says what stands against it."""

    job: Job
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a move would do: `going` will leave, `staying` will not; `targets` are the fit printers first."""

    place: str
    path: str
    going: tuple[Mover, ...]
    staying: tuple[Mover, ...]
    targets: tuple[Target, ...]
    ports: tuple[Port, ...] = ()  # those a drain pauses

    @property
    def best(self) -> str:
        """The printer that is proposed; empty when none is fit."""
        return next((one.name for one in self.targets if not one.why), "")


def preview(fleet: Fleet, asked: Mapping[str, str], paths: Mapping[str, str]) -> Preview | None:
    """Return what leaving a place means. `asked` names it: host, or host and port, or printer; None: there is no such place.

    `paths` are the pages of host, port and printer, to go back to.
    """
    found = _place(fleet, asked)
    if found is None:
        return None
    kind, place, ports, printers = found
    jobs = sorted(
        (
            job
            for job in fleet.jobs.values()
            if job.active and (job.printer in printers or job.port in {port.key for port in ports})
        ),
        key=lambda job: job.number,
    )
    movers = [Mover(job, _why_not(job)) for job in jobs]
    going = tuple(one for one in movers if not one.why_not)
    return Preview(
        place,
        paths[kind],
        going,
        tuple(one for one in movers if one.why_not),
        targets(
            fleet, {one.job.format for one in going}, {one.job.printer for one in going} | printers, ports
        ),
        tuple(ports),
    )


def _place(fleet: Fleet, asked: Mapping[str, str]) -> tuple[str, str, list[Port], set[str]] | None:
    """Return (kind, its name, its ports, the printers that have no other port)."""
    host, port, printer = (asked.get(name, "") for name in ("host", "port", "printer"))
    if printer:
        return ("printer", printer, [], {printer}) if printer in fleet.printers else None
    mine = [one for one in fleet.ports.values() if one.host == host and port in ("", one.port)]
    if not mine and host not in fleet.hosts:
        return None
    keys = {one.key for one in mine}
    alone = {one.name for one in fleet.printers.values() if one.ports and set(one.ports) <= keys}
    return ("port", f"{host}/{port}", mine, alone) if port else ("host", host, mine, alone)


def _why_not(job: Job) -> str:
    if job.undecided:
        return "nobody knows what came out: decide first"
    if job.state is JobState.PROCESSING and job.proof.accepted:
        return f"{words.size(job.proof.accepted)} are at the printer already"
    return ""


def targets(
    fleet: Fleet, formats: Iterable[str], leaving: Iterable[str], ports: Iterable[Port]
) -> tuple[Target, ...]:
    """Return the printers that jobs of these media types may go to: fit ones first, the shortest queue first."""
    gone, languages = {port.key for port in ports}, {one for one in formats if one not in _ANY}
    found = [
        Target(one.name, _unfit(fleet, one, languages, gone), one.queued)
        for one in fleet.printers.values()
        if one.name not in set(leaving)
    ]
    return tuple(sorted(found, key=lambda one: (bool(one.why), one.queued, one.name)))


def _unfit(fleet: Fleet, one: Printer, languages: set[str], gone: set[str]) -> str:
    other = languages - {one.format}
    if other and one.format not in _ANY:
        return f"prints {words.language(one.format)}, not {words.language(min(other))}"
    if one.paused:
        return "is paused"
    if one.leaving or not one.accepting:
        return "takes no jobs"
    states = [fleet.ports[key].state for key in one.ports if key in fleet.ports and key not in gone]
    if not any(state not in (*FAULTS, PortState.PAUSED) or state is PortState.ATTENTION for state in states):
        return "has no port that works"
    return ""
