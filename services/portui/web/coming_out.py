"""What comes out of a document when somebody decides so, said before it does: which units, which with a mark. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from portui.model import Job, Units
from portui.web import words

MARK = "*** DUPLICATE? ***"  # the spooler's words on the paper
SKIP, REPRINT, MARKED = "skip", "reprint", "reprint_marked"
CHOICES = {SKIP: "Came out", REPRINT: "Again", MARKED: "Again, marked"}
MOST_UNITS = 400  # more are not decided about one by one
_MOST_DIGITS = 15
_NOTHING = "Nothing more comes out: the job ends."

Run = tuple[int, int, str]  # first unit, last unit, choice: what the fabric takes as a decision


class Part(NamedTuple):
    """Units that come out, from `first` to `last`."""

    first: int
    last: int
    marked: bool = False


def uncertain_units(job: Job) -> list[int]:
    """Return the units a person decides about one by one; none when they are too many or not counted."""
    span = job.proof.uncertain_units
    if not job.undecided or span is None or not 1 <= span[1] - span[0] + 1 <= MOST_UNITS:
        return []
    return list(range(span[0], span[1] + 1))


def why_no_mark(kind: str) -> str:
    """Return why no mark can be put on a unit; empty when one can, or when nobody knows yet what the units are."""
    if kind in ("", "label", "receipt"):
        return ""
    what = (
        "Pages carry no mark" if kind == "page" else "A document without labels or receipts carries no mark"
    )
    return f"{what}: only labels (ZPL) and receipts (ESC/POS) have a place for one."


def runs(chosen: Mapping[int, str]) -> list[Run]:
    """Return one decision for each run of units that are alike."""
    found: list[Run] = []
    for unit, what in chosen.items():
        if found and found[-1][2] == what:
            found[-1] = (found[-1][0], unit, what)
        else:
            found.append((unit, unit, what))
    return found


def decided(job: Job, decisions: Sequence[Run]) -> list[Part]:
    """Return what comes out after a decision: what is printed again, then all behind it."""
    units, unsure = job.proof.units, job.proof.uncertain_units
    parts = [Part(first, last, what == MARKED) for first, last, what in decisions if what != SKIP]
    behind = unsure[1] + 1 if unsure is not None else units.total + 1
    return [*parts, Part(behind, units.total)] if behind <= units.total else parts


def all_decided(job: Job, what: str) -> str:
    """Return what comes out when all that is uncertain of a job is decided about alike."""
    units, unsure = job.proof.units, job.proof.uncertain_units
    if unsure is not None:
        return said(job.printer, units.kind, decided(job, [(*unsure, what)]))
    if units.kind == "document":
        return _NOTHING if what == SKIP else f"Printer {job.printer} prints the whole document again."
    again = "" if what == SKIP else "what is uncertain again, and "
    return f"Printer {job.printer} prints {again}what comes behind it."


def resumed(units: Units, unit: int, *, mark: bool) -> list[Part]:
    """Return what comes out when a job goes on at a unit; of an uncounted document no more than that unit is known."""
    if not mark:
        return [Part(unit, max(unit, units.total))]
    behind = [Part(unit + 1, units.total)] if unit < units.total else []
    return [Part(unit, unit, marked=True), *behind]


def said(printer: str, kind: str, parts: Iterable[Part]) -> str:
    """Return what comes out as a sentence."""
    found = [words.units(kind, one.first, one.last) + _mark(one) for one in _joined(parts)]
    if not found:
        return _NOTHING
    listed = " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
    return f"Printer {printer} prints {listed}."


def _mark(part: Part) -> str:
    if not part.marked:
        return ""
    return f" with “{MARK}” on it" if part.first == part.last else f" with “{MARK}” on each"


def _joined(parts: Iterable[Part]) -> list[Part]:
    found: list[Part] = []
    for one in parts:
        if found and found[-1].last + 1 == one.first and found[-1].marked == one.marked:
            found[-1] = found[-1]._replace(last=one.last)
        else:
            found.append(one)
    return found


def wrong(typed: Mapping[str, str], units: Units) -> dict[str, str]:
    """Return what is wrong with the numbers of units that were typed, by field; `last` may not be before `first`."""
    found = {}
    for name, text in typed.items():
        number = number_of(text)
        if not number:
            found[name] = "Write a number, counted from 1."
        elif units.total and number > units.total:
            count = words.many(units.total, words.unit(units.kind), words.unit(units.kind, 2))
            found[name] = f"The document has {count}."
    first, last = number_of(typed.get("first", "")), number_of(typed.get("last", ""))
    if not found and last < first:
        found["last"] = f"It is before the first, {first}."
    return found


def number_of(text: str) -> int:
    """Return the number of a unit that was typed; 0 for what is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 0
