"""Points in time on pages: in UTC, and said to be, until the page's script puts them into the zone of who looks. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

from portui.web import words

_TIME = Markup('<time datetime="{}" title="{}"{}>{}</time>')
_AGE = Markup(' data-age="{}"')
_STAMP = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def clock(moment: datetime | None) -> str:
    """Return `10:42:07 UTC`, with the day if it is not today's; empty for none."""
    if moment is None:
        return ""
    there = moment.astimezone(UTC)
    today = there.date() == datetime.now(UTC).date()
    return f"{there:%H:%M:%S} UTC" if today else f"{there:%Y-%m-%d %H:%M} UTC"


def stamp(moment: datetime | None) -> str:
    """Return a moment as sentences carry it, the spooler's and our own: `2026-11-21T10:42:07Z`; empty for none."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment is not None else ""


def when(moment: datetime | None) -> Markup:
    """Return a moment as an element, which says its zone where somebody points at it; empty for none."""
    return _element(moment, clock(moment))


def ago(moment: datetime | None, now: datetime | None = None) -> Markup:
    """Return how long ago a moment was, as an element that grows older: `4 min 12 s ago`; empty for none."""
    if moment is None:
        return Markup("")
    now = now or datetime.now(UTC)
    seconds = max(0, round((now - moment).total_seconds()))
    return _element(moment, f"{words.age(moment, now)} ago", _AGE.format(seconds))


def _element(moment: datetime | None, text: str, more: str = "") -> Markup:
    if moment is None:
        return Markup("")
    there = moment.astimezone(UTC)
    pointed_at = f"{there:%Y-%m-%d %H:%M:%S} UTC"
    return _TIME.format(there.isoformat(), pointed_at, more, text)


def told(sentence: str) -> Markup:
    """Return a sentence with the moments in it as elements."""
    found, at = Markup(""), 0
    for match in _STAMP.finditer(sentence):
        found += escape(sentence[at : match.start()]) + (when(_moment(match[0])) or match[0])
        at = match.end()
    return found + escape(sentence[at:])


def plainly(sentence: str) -> str:
    """Return a sentence for where no element can be: its moments in UTC, as it says."""
    return _STAMP.sub(lambda match: clock(_moment(match[0])) or match[0], sentence)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # somebody's own words
        return None
