"""Sheets that carry what is not theirs: half of another unit, of the same job or of another, before or in a unit.

A half unit that stays in a printer is finished by whatever comes next. Who sends the next document has to see to that,
or to say which unit it may have spoiled. What the printer or its line has torn by itself is told apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from printfabric_sim.record import Outcome
from tests.faults.campaign.excuses import Excuses
from tests.faults.campaign.printers import Sheet, Stand, ended_on, is_spoiled
from tests.faults.campaign.tale import Tale

_MARK = rb"\*\*\* DUPLICATE\? \*\*\*"
# What may stand on one sheet beside one whole unit, which is written as #.
_CLEAN = {
    "zpl": rb"\^XA(\^FO\d+,\d+\^A\w+,\d+,\d+\^FD" + _MARK + rb"\^FS)?(\^FO9,9\^XGR:LOGO\.GRF\^FS)?"
    rb"\^FO30,30\^FD#\^FS\^XZ",
    "escpos": rb"(\x1b@|\x1ba\x01|" + _MARK + rb"\n)*#\n\n\x1dV\x00",
    "pjl": rb"(\x1bE|\x1b&a0R|" + _MARK + rb"(\r\n)?)*#\r\n\x0c",
    "plain": rb"(" + _MARK + rb"\r?\n)?#\r\n\x0c",
}


class Soiled(NamedTuple):
    """One soiled sheet: the units whole on it and those of which a piece is on it, by serial."""

    sheet: Sheet
    whole: tuple[str, ...]
    pieces: tuple[str, ...]


def is_clean(personality: str, rest: bytes) -> bool:
    """Whether a sheet holds one whole unit and nothing else; `rest` is its content with a # for each whole unit."""
    return re.fullmatch(_CLEAN[personality], rest) is not None


def soiled_sheets(stand: Stand) -> tuple[list[Soiled], int]:
    """Return the soiled sheets of a printer that somebody else must account for, and how many it has spoiled itself."""
    found, own = [], 0
    for sheet in stand.sheets:
        if sheet.outcome is Outcome.TRUNCATED or is_clean(stand.plan.personality, sheet.rest):
            continue
        if _torn_by_printer(stand, sheet):
            own += 1
            continue
        torn = dict.fromkeys(name for name in (*sheet.begun, *ended_on(sheet)) if name not in sheet.whole)
        found.append(Soiled(sheet, sheet.whole, tuple(torn)))
    return found, own


def torn_behind_the_end(stand: Stand, sheet: Sheet, excuses: Excuses) -> bool:
    """Whether a sheet begins with what was read of a unit before its line went, with the rest of it unread in the line.

    Behind the end of its attempt nobody is told of that: the same is no excuse while one is under way.
    """
    went = {event["inlet"]: event for event in stand.sim.record.events if event["event"] == "disconnected"}
    for before, behind in pairwise(sheet.spans):
        end = went.get(before.inlet)
        if before.inlet == behind.inlet or end is None or end["received"] != before.end:
            continue
        if end["how"] == "hangup" and excuses.went_between_documents(stand.port, end["time"]):
            return True
    return False


def unnamed(soiled: Soiled, tales: Mapping[int, Tale]) -> list[str]:
    """Return the units of a soiled sheet that no job called uncertain; `tales` by the campaign's number of the job.

    A unit whole on it must have been. A piece must only not be called printed: it says that its unit broke off there.
    """
    bad = []
    for name in soiled.whole:
        job, unit = _split(name)
        if job not in tales or not tales[job].named(unit):
            bad.append(name)
    for name in soiled.pieces:
        job, unit = _split(name)
        if job not in tales or not tales[job].broke_off(unit):
            bad.append(name)
    return bad


def _split(name: str) -> tuple[int, int]:
    job, _, unit = name.partition("-")
    return int(job), int(unit)


def _torn_by_printer(stand: Stand, sheet: Sheet) -> bool:
    """Whether the printer or its line did it, and told nobody: it has destroyed what belongs to the sheet, or next to it.

    What it kept of a unit when it broke a connection itself is not such a case: the host knows, before the next document.
    """
    # A printer that is told where documents end, and still prints one behind half another, is to blame itself.
    if is_spoiled(sheet) or stand.plan.plug in ("lpr", "ipp"):
        return True
    holes = [hole for hole in stand.holes() if hole.start < hole.end]
    for number, span in enumerate(sheet.spans):
        if number == 0 and stand.plan.is_line and span.inlet > 1 and span.start == 0:
            return True  # the rest of what it had begun to take when its power went, or its line
        if any(
            hole.inlet == span.inlet and hole.start <= span.end and span.start <= hole.end for hole in holes
        ):
            return True
    return False
