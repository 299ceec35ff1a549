"""Jobs that shall leave a place, or were named, and where each can go: the preview of a move. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from portui.model import FAULTS, Fleet, Job, JobState, Outcome, Port, PortState, Printer
from portui.web import words

# The media types that mean the same language.
_ANY = ("", "application/octet-stream")
_MOST_NAMED = 200


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


@dataclass(frozen=True, slots=True)
class _Place:
    """What shall be left: its ports, and the printers whose jobs have nowhere else to print."""

    kind: str  # host, port, printer, or jobs: those that were named
    name: str
    jobs: Iterable[Job]
    ports: tuple[Port, ...] = ()
    printers: frozenset[str] = frozenset()


def preview(fleet: Fleet, asked: Mapping[str, str], paths: Mapping[str, str]) -> Preview | None:
    """Return what leaving a place means; None: there is no such place.

    `asked` names it: host, or host and port, or printer, or jobs: "4711,4712". `paths` are their pages, to go back to.
    """
    found = _named(fleet, asked["jobs"]) if asked.get("jobs") else _place(fleet, asked)
    if found is None:
        return None
    jobs = sorted((job for job in found.jobs if job.active), key=lambda job: job.number)
    movers = _of_one_language([Mover(job, _why_not(job)) for job in jobs])
    going = tuple(one for one in movers if not one.why_not)
    return Preview(
        found.name,
        paths[found.kind],
        going,
        tuple(one for one in movers if one.why_not),
        targets(
            fleet,
            {one.job.format for one in going},
            {one.job.printer for one in going} | found.printers,
            found.ports,
        ),
        found.ports,
    )


def _named(fleet: Fleet, text: str) -> _Place:
    """Return the jobs that were named, as far as anything is known of them."""
    numbers = {int(one) for one in text.split(",")[:_MOST_NAMED] if one.isdecimal() and len(one) < 20}
    name = f"job {min(numbers)}" if len(numbers) == 1 else words.many(len(numbers), "job")
    return _Place("jobs", name, [fleet.jobs[number] for number in numbers & fleet.jobs.keys()])


def _place(fleet: Fleet, asked: Mapping[str, str]) -> _Place | None:
    """Return a host, a port or a printer, with the jobs that are there or have no other way."""
    host, port, printer = (asked.get(name, "") for name in ("host", "port", "printer"))
    if printer and printer not in fleet.printers:
        return None
    if printer:
        jobs = [job for job in fleet.jobs.values() if job.printer == printer]
        return _Place("printer", printer, jobs, printers=frozenset({printer}))
    mine = tuple(one for one in fleet.ports.values() if one.host == host and port in ("", one.port))
    if not mine and host not in fleet.hosts:
        return None
    keys = {one.key for one in mine}
    alone = frozenset(one.name for one in fleet.printers.values() if one.ports and set(one.ports) <= keys)
    jobs = [job for job in fleet.jobs.values() if job.printer in alone or job.port in keys]
    kind, name = ("port", f"{host}/{port}") if port else ("host", host)
    return _Place(kind, name, jobs, mine, alone)


def can_go(job: Job) -> bool:
    """Say whether a job can be moved to another printer now."""
    return job.active and not _why_not(job)


def _why_not(job: Job) -> str:
    if job.undecided:
        return "nobody knows what came out: decide first"
    if job.outcome is Outcome.PARTIAL:
        return "it is on paper in part"
    if job.state is JobState.PROCESSING and job.proof.accepted:
        return f"{words.size(job.proof.accepted)} are at the printer already"
    return ""


def _of_one_language(movers: Sequence[Mover]) -> list[Mover]:
    """Let those go that one printer understands: the language that most have; the others can go when these have gone."""
    count = Counter(one.job.format for one in movers if not one.why_not and one.job.format not in _ANY)
    most = min(count, key=lambda language: (-count[language], language), default="")
    return [
        one
        if one.why_not or one.job.format in (*_ANY, most)
        else replace(one, why_not=f"of another language, {words.language(one.job.format)}: it can go next")
        for one in movers
    ]


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
