"""From decisions about units to what is printed: which units, in which order, with or without a mark. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from chassis.errors import InvalidArgument
from spooler.aftermath import unit_range
from spooler.job import Segment
from spooler.ledger import UnitKind, UnitSpan
from spooler.printer import PortName

# Stretches of one document: each is an attempt of its own, and its beginning is kept with the job.
MOST_PARTS = 256
DUPLICATE = "*** DUPLICATE? ***"  # the mark on what may have come out before


class What(StrEnum):
    """What happens to units of which nobody knows whether they came out."""

    SKIP = "skip"  # they came out, or nobody misses them
    REPRINT = "reprint"
    REPRINT_MARKED = "reprint_marked"  # with a visible mark


class Decision(NamedTuple):
    """What a person decided about some units; `units` None: all that are uncertain."""

    units: UnitSpan | None
    what: What


class Part(NamedTuple):
    """Units that are printed as one stretch, from `first` to `last`."""

    first: int
    last: int
    marked: bool = False


def decided(
    unsure: UnitSpan | None, decisions: Sequence[Decision], kind: UnitKind
) -> list[tuple[UnitSpan, What]]:
    """Return what happens to the uncertain units, in order, without a gap.

    Raises:
        InvalidArgument: a unit is named that is not uncertain, or twice, or one is left out.
    """
    if unsure is None:
        for one in decisions:
            if one.units is not None:
                raise _wrong(f"{_words(kind, one.units)}: no {kind} is what nobody knows about")
        return []
    chosen = sorted((one.units or unsure, one.what) for one in decisions)
    expected = unsure.first
    for units, _what in chosen:
        if units.first < unsure.first or units.last > unsure.last:
            raise _wrong(f"{_words(kind, units)}: {_words(kind, unsure)} is what nobody knows about")
        if units.first > expected:
            raise _undecided(kind, expected, units.first - 1)
        if units.first < expected:
            raise _wrong(f"{kind} {units.first} is decided about twice")
        expected = units.last + 1
    if expected <= unsure.last:
        raise _undecided(kind, expected, unsure.last)
    return chosen


def parts_of(chosen: Iterable[tuple[UnitSpan, What]], behind: int, total: int) -> list[Part]:
    """Return what is printed: the units to be printed again, then all from `behind` on. Marked ones stand alone.

    Raises:
        InvalidArgument: that would be more than `MOST_PARTS` stretches.
    """
    parts: list[Part] = []
    for units, what in chosen:
        if what is What.REPRINT_MARKED:
            for number in range(units.first, min(units.last, units.first + MOST_PARTS) + 1):
                _add(parts, Part(number, number, marked=True))
        elif what is What.REPRINT:
            _add(parts, Part(*units))
    if behind <= total:
        _add(parts, Part(behind, total))
    if len(parts) > MOST_PARTS:
        raise _wrong(f"that would be more than {MOST_PARTS} stretches of one document")
    return parts


def edges_of(parts: Iterable[Part]) -> set[int]:
    """Return the units whose ends have to be known to send these stretches."""
    return {edge for part in parts for edge in (part.first - 1, part.first, part.last) if edge >= 0}


def within(segments: Sequence[Segment], rest: Sequence[Segment], behind: int) -> list[Segment]:
    """Return what of `segments` was still to be printed before, which is `rest`: units that were skipped once stay so.

    From the byte `behind` on nothing is decided anew: there what is left of earlier decisions, marks too, goes on to hold.
    """
    kept = []
    for one in segments:
        for other in rest:
            start, end = max(one.start, other.start), min(one.end, other.end)
            if start < end:
                earlier = start == other.start and (start > one.start or start >= behind)
                kept.append((other if earlier else one)._replace(end=end))
    return kept


def words_of(kind: UnitKind, chosen: Sequence[tuple[UnitSpan, What]]) -> str:
    """Return decisions in words: `labels 17 to 18 skip, label 19 reprint`."""
    if kind is UnitKind.DOCUMENT:
        return str(chosen[0][1]) if chosen else ""
    return ", ".join(f"{unit_range(kind, span)} {what}" for span, what in chosen) or "go on"


def going_on(asked: Sequence[Segment], rest: Sequence[Segment], behind: int) -> list[Segment]:
    """Return what is printed when somebody names the place to go on at, and `rest` was still to be printed before.

    The place holds, also one that was left out before; behind it earlier decisions do: what was skipped stays skipped, and
    what was to be marked is marked. `behind`: the byte behind the unit with which the last of `asked` begins, for a mark
    may be inside of that.
    """
    *named, on = asked
    later = [one for one in rest if one.end > on.start]
    if not later:
        return list(asked)
    if later[0].start < on.start:
        later[0] = on._replace(end=later[0].end)
    elif later[0].start > on.start and (later[0].start >= behind or not later[0].mark):
        later.insert(0, on._replace(end=later[0].start))
    return [*named, *later]


def backup_words(port: PortName) -> str:
    """Return the mark on what another port prints in place of one that failed."""
    return f"*** BACKUP FROM {port} ***"


def _add(parts: list[Part], part: Part) -> None:
    last = parts[-1] if parts else None
    if last is not None and last.last + 1 == part.first and not (last.marked or part.marked):
        parts[-1] = Part(last.first, part.last)
    else:
        parts.append(part)


def _words(kind: UnitKind, units: UnitSpan) -> str:
    return f"{kind} {units.first}" if units.first == units.last else f"{kind}s {units.first} to {units.last}"


def _undecided(kind: UnitKind, first: int, last: int) -> InvalidArgument:
    return _wrong(f"{_words(kind, UnitSpan(first, last))} would be left undecided")


def _wrong(why: str) -> InvalidArgument:
    return InvalidArgument(why, fields=[("decisions", why)])
