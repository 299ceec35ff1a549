"""Lists of events: what people and jobs did, as the spooler wrote it down, and what ports and hosts did, as this console saw it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from portui.chronicle import Happening
from portui.model import FAULTS, PortState
from portui.model_answers import Event
from portui.web import words
from portui.web.shown import path_of_key, port_path, quoted

MOST = 60
_AT_ONCE = timedelta(seconds=10)
_NAMED = 3  # of things that were done at once
_ADDED = " added"  # what is said of these, their kind, their own pages say, too
_NO_ANSWER = "failed to connect"  # so begins what the transport says of it


@dataclass(frozen=True, slots=True)
class Row:
    """A line: when, what (a state, or a word), to whom, what is to be said of it, by whom, of which job (0: none)."""

    time: datetime | None
    state: words.Shown | None
    what: str
    name: str
    path: str
    text: str
    by: str = ""
    job: int = 0
    more: tuple[tuple[str, str], ...] = ()  # what else it was done to at once: (name, page)
    left_out: int = 0  # so many are not named


def rows(seen: Iterable[Happening], events: Sequence[Event], most: int = MOST) -> list[Row]:
    """Return both as one list, newest first; what one person did to many things at once is one line."""
    floor = datetime.min.replace(tzinfo=UTC)
    found = [*map(_seen, seen), *map(_event, events)]
    found.sort(key=lambda one: one.time or floor, reverse=True)
    return _folded(found)[:most]


def _folded(found: Sequence[Row]) -> list[Row]:
    groups: list[list[Row]] = [[found[0]]] if found else []
    for before, one in pairwise(found):
        if _goes_with(before, one):
            groups[-1].append(one)
        else:
            groups.append([one])
    return [_one_line(group) for group in groups]


def _goes_with(before: Row, one: Row) -> bool:
    """Tell whether the same was done to two things at once: what it says of either must not be lost."""
    if not one.what or one.job or (before.what, before.by, before.job) != (one.what, one.by, 0):
        return False
    if one.name == before.name or (one.text != before.text and not one.what.endswith(_ADDED)):
        return False
    return bool(before.time and one.time and before.time - one.time <= _AT_ONCE)


def _one_line(group: Sequence[Row]) -> Row:
    first = group[0]
    others = group[1:] if len(group) <= _NAMED else group[1:_NAMED]
    text = first.text if len({one.text for one in group}) == 1 else ""
    return Row(
        first.time,
        first.state,
        first.what,
        first.name,
        first.path,
        text,
        first.by,
        first.job,
        tuple((one.name, one.path) for one in others),
        len(group) - 1 - len(others),
    )


def _seen(one: Happening) -> Row:
    ended = f"after {words.duration(one.lasted_s)}" if one.lasted_s is not None else ""
    if one.port:
        text = words.gone_first(one.text) if one.state in FAULTS else ended
        key = f"{one.host}/{one.port}"
        return Row(one.time, words.PORT_STATES[PortState(one.state)], "", key, path_of_key(key), text)
    said = "does not answer" if one.text.startswith(_NO_ANSWER) else one.text
    with_it = f"{words.many(one.folded, 'port')} with it" if one.folded else ""
    return Row(
        one.time,
        words.HOST_STATES.get(one.state, words.HOST_STATES["connecting"]),
        "",
        one.host,
        f"/hosts/{quoted(one.host)}",
        "; ".join(part for part in (said, ended, with_it) if part),
    )


def _event(one: Event) -> Row:
    name, path = subject(one)
    what = words.EVENTS.get(one.kind, one.kind.replace("-", " "))
    by = one.actor if one.actor != "spooler" else ""
    return Row(one.time, None, what, name, path, words.happened(one.kind, one.text), by, one.job)


def subject(event: Event) -> tuple[str, str]:
    """Return what an event was about, and its page; both empty for nothing in particular."""
    kind, _, name = event.subject.partition("/")
    host, is_port, port = name.partition("/ports/")
    if kind == "jobs":
        return f"job {name}", f"/jobs/{name}"
    if kind == "printers":
        return name, f"/printers/{quoted(name)}"
    return (f"{host}/{port}", port_path(host, port)) if is_port else (event.subject, "")
