"""What the pages are made of: rows, problems, tiles and the map, from what is known now. Pure but for the clock given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from portui.live import Live
from portui.model import FAULTS, Fleet, Job, Port, PortState
from portui.pulse import Pulse
from portui.web import words

# The order of the tiles: what is going on, then what needs somebody.
TILES = (
    PortState.PRINTING,
    PortState.READY,
    PortState.ATTENTION,
    PortState.ERROR,
    PortState.OFFLINE,
    PortState.PAUSED,
    PortState.UNKNOWN,
)
_RANK = {state: rank for rank, state in enumerate(PortState)}


def quoted(name: str) -> str:
    """Return a name as one part of an address."""
    return quote(name, safe="")


def port_path(host: str, port: str, what: str = "ports") -> str:
    """Return the page of a port; `what` may also be act, ask, configure, delete."""
    return f"/hosts/{quote(host, safe='')}/{what}/{quote(port, safe=':/')}"


def path_of_key(key: str) -> str:
    """Return the page of `edge-7/COM1:`; empty for no port."""
    host, _, port = key.partition("/")
    return port_path(host, port) if port else ""


def port_of(fleet: Fleet, address: Mapping[str, str]) -> Port | None:
    """Return the port that an address names by `host` and `port`, whatever case it is spelled in."""
    wanted = f"{address['host']}/{address['port']}"
    found = fleet.ports.get(wanted)
    if found is not None:
        return found
    return next((one for key, one in fleet.ports.items() if key.casefold() == wanted.casefold()), None)


def sources(port: Port) -> list[tuple[str, words.Shown, str, datetime | None]]:
    """Return the truths that a port's word is made of: who says it, the state by it alone, its words, and since when.

    What a printer said is not shown as live while its line has been dead since.
    """
    line = next((one for one in port.sources if one.source == "transport"), None)
    dead = line.time if line is not None and line.state is PortState.OFFLINE else None
    found: list[tuple[str, words.Shown, str, datetime | None]] = []
    for one in port.sources:
        if one.time is None:
            continue
        state, text = words.PORT_STATES[one.state], one.text
        if one.source == "transport" and one.state is PortState.PRINTING:
            state = words.CONNECTED  # whether it prints, the printer says
        if one.source == "printer" and dead is not None and one.time <= dead:
            before = state.word.lower()
            state = words.PORT_STATES[PortState.UNKNOWN]
            text = f"before that: {before}" + (f", {text}" if text else "")
        found.append((words.SOURCE_NAMES.get(one.source, one.source), state, text, one.time))
    return found


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that filters."""

    state: str
    count: int
    word: str
    icon: str
    tone: str
    selected: bool


def tiles(ports: Iterable[Port], selected: str = "", *, everything: bool = False) -> list[Tile]:
    """Return a tile for each state; with `everything` one for all ports first."""
    counts = dict.fromkeys(TILES, 0)
    for port in ports:
        counts[port.state] += 1
    found = [Tile("", sum(counts.values()), "All ports", "", "", not selected)] if everything else []
    for state in TILES:
        shown = words.PORT_STATES[state]
        found.append(Tile(state, counts[state], shown.word, shown.icon, shown.tone, selected == state))
    return found


@dataclass(frozen=True, slots=True)
class PortRow:
    """A port in a list."""

    port: Port
    path: str
    state: words.Shown
    printer: str
    job: Job | None
    spark: str
    busy: int
    rate: str
    queued: int


def worst_first(ports: Iterable[Port]) -> list[Port]:
    """Return ports, faults first, then by name."""
    return sorted(ports, key=lambda one: (_RANK[one.state], one.host, one.port))


def port_rows(live: Live, ports: Iterable[Port]) -> list[PortRow]:
    """Return ports as rows, faults first."""
    on_port = {job.port: job for job in live.printing()}
    return [_row(live, port, on_port.get(port.key)) for port in worst_first(ports)]


def _row(live: Live, port: Port, job: Job | None) -> PortRow:
    pulse = live.pulses.get(port.key) or Pulse()
    return PortRow(
        port=port,
        path=port_path(port.host, port.port),
        state=words.PORT_STATES[port.state],
        printer=", ".join(port.printers),
        job=job,
        spark=spark(pulse.busy),
        busy=pulse.busy[-1],
        rate=f"{words.size(pulse.rate)}/s",
        queued=live.queued(port),
    )


def spark(values: Sequence[int] | Iterable[int], width: int = 120, height: int = 24) -> str:
    """Return the points of a line through values of 0 to 100, the newest at the right."""
    found = list(values)
    step = width / max(1, len(found) - 1)
    return " ".join(
        f"{index * step:.1f},{height - 1 - value * (height - 3) / 100:.1f}"
        for index, value in enumerate(found)
    )


def matching(ports: Iterable[Port], state: str, text: str) -> list[Port]:
    """Return the ports of a state (empty: any; "faults": any that needs somebody) in which `text` occurs."""
    wanted = text.casefold().split()
    return [
        port
        for port in ports
        if (not state or port.state == state or (state == "faults" and port.state in FAULTS))
        and all(word in _haystack(port) for word in wanted)
    ]


def _haystack(port: Port) -> str:
    parts = (port.key, port.monitor, port.description, port.device, port.reason, port.state, *port.printers)
    return " ".join(parts).casefold()


def latest(fleet: Fleet, most: int) -> list[Job]:
    """Return the jobs that ended last, the last one first."""
    ended = [job for job in fleet.jobs.values() if not job.active and job.ended is not None]
    return sorted(ended, key=lambda job: (job.ended, job.number), reverse=True)[:most]


GROUPS = {"host": "by host", "place": "by place", "kind": "by kind"}


def grouped(fleet: Fleet, by: str) -> list[tuple[str, str, list[Port]]]:
    """Return the map: (what the group is called, its page or "", its ports by name); groups by name."""
    found: dict[str, list[Port]] = {}
    for port in sorted(fleet.ports.values(), key=lambda one: (one.host, one.port)):
        found.setdefault(_group(fleet, port, by), []).append(port)
    return [
        (name, "" if by in ("place", "kind") else f"/hosts/{quoted(name)}", ports)
        for name, ports in sorted(found.items())
    ]


def _group(fleet: Fleet, port: Port, by: str) -> str:
    if by == "kind":
        return port.description or port.monitor
    if by == "place":
        printers = (fleet.printers[name] for name in port.printers if name in fleet.printers)
        return next((one.location for one in printers if one.location), "no place told")
    return port.host


def found_by(fleet: Fleet, text: str, most: int = 30) -> list[tuple[str, str, str]]:
    """Return what a search finds: (what it is, its name, its page). A job's number alone leads to the job."""
    wanted = text.strip().casefold()
    if not wanted:
        return []
    hits: list[tuple[str, str, str]] = []
    if wanted.isdecimal():
        hits.append(("Job", wanted, f"/jobs/{wanted}"))
    hits += [
        ("Port", one.key, port_path(one.host, one.port)) for one in matching(fleet.ports.values(), "", text)
    ]
    hits += [
        ("Printer", name, f"/printers/{quote(name)}")
        for name, one in sorted(fleet.printers.items())
        if wanted in f"{name} {one.description} {one.location}".casefold()
    ]
    hits += [
        ("Host", name, f"/hosts/{quote(name, safe='')}")
        for name in sorted(fleet.hosts)
        if wanted in name.casefold()
    ]
    hits += [
        ("Job", f"{job.number} {job.title}".strip(), f"/jobs/{job.number}")
        for job in sorted(fleet.jobs.values(), key=lambda one: -one.number)
        if wanted in f"{job.title} {job.user} {job.owner}".casefold()
    ]
    return hits[:most]
