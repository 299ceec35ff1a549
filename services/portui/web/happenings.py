"""The list of events: what people did, as the spooler wrote it down, and what ports and hosts did, as this console saw it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from portui.chronicle import Happening
from portui.model import FAULTS
from portui.model_answers import Event
from portui.web import words
from portui.web.pages_settings import subject
from portui.web.shown import path_of_key, quoted

MOST = 60


@dataclass(frozen=True, slots=True)
class Row:
    """A line: when, what (a state, or a word), to whom, what is to be said of it, by whom."""

    time: datetime | None
    state: words.Shown | None
    what: str
    name: str
    path: str
    text: str
    by: str = ""


def rows(seen: Sequence[Happening], acts: Sequence[Event]) -> list[Row]:
    """Return both as one list, newest first."""
    found = [*map(_seen, seen), *map(_act, acts)]
    floor = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda one: one.time or floor, reverse=True)[:MOST]


def _seen(one: Happening) -> Row:
    ended = f"after {words.duration(one.lasted_s)}" if one.lasted_s is not None else ""
    if one.port:
        state = words.PORT_STATES[one.state]  # type: ignore[index]
        text = words.gone_first(one.text) if one.state in FAULTS else ended
        key = f"{one.host}/{one.port}"
        return Row(one.time, state, "", key, path_of_key(key), text)
    with_it = f"{words.many(one.folded, 'port')} with it" if one.folded else ""
    text = "; ".join(part for part in (one.text, ended, with_it) if part)
    return Row(
        one.time,
        words.HOST_STATES.get(one.state, words.HOST_STATES["connecting"]),
        "",
        one.host,
        f"/hosts/{quoted(one.host)}",
        text,
    )


def _act(one: Event) -> Row:
    name, path = subject(one)
    what = words.EVENTS.get(one.kind, one.kind.replace("-", " "))
    return Row(one.time, None, what, name, path, words.happened(one.kind, one.text), one.actor)
