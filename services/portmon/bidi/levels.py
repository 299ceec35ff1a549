r"""Supplies and paper that are nearly used up, by the levels that a printer tells. Pure.

Levels are per cent. At which one a part is low, a printer that knows it tells below \Printer.Extension.LowLevel; for the
others the port's own mark counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from portmon.bidi.parts import LOW_LEVEL
from portmon.facts import Fact, Kind
from portmon.reports import Condition, Report, Severity, Source

_MARGIN = 2  # so far above its mark it is low no more: some levels waver from page to page
_MOST_MARK = 50  # a printer that calls a fuller part low is not believed
_LEVEL = re.compile(r"\\Printer\.(?:Layout\.)?(Consumables|InputBins)\.(\w+):Level")
# What printers say of the same without saying which part it is: SNMP's bits, IPP's reasons.
_SAID_OF_ALL = frozenset({"paper is low", "toner is low", "media low", "toner low", "marker supply low"})


class _Part(NamedTuple):
    """A supply or a tray: its path without `:Level`, how full it is, and how people call it."""

    path: str
    level: int
    label: str
    is_tray: bool
    mark_path: str


class Levels:
    """What of one printer is low, from look to look. `mark`: per cent, where the printer knows none; 0: never."""

    def __init__(self, mark: int) -> None:
        self.mark = mark
        self._low_since: dict[str, float] = {}  # by path, seconds since the epoch

    def marks(self, facts: Mapping[str, Fact]) -> dict[str, Fact]:
        """Return the marks of those parts whose printer tells none."""
        own = Fact(Kind.INT, self.mark, Source.HOST)
        return {one.mark_path: own for one in _parts(facts) if self.mark and not _told(facts, one)}

    def reports(self, facts: Mapping[str, Fact], now: float) -> list[Report]:
        """Return a warning for each part that is low, the emptiest first; it is since it was seen low first."""
        low = [one for one in _parts(facts) if self._is_low(one, _told(facts, one) or self.mark)]
        self._low_since = {one.path: self._low_since.get(one.path, now) for one in low}
        return [_report(one, self._low_since[one.path]) for one in sorted(low, key=lambda one: one.level)]

    def _is_low(self, part: _Part, mark: int) -> bool:
        if part.path in self._low_since:
            return 0 <= part.level < mark + _MARGIN
        # A tray that was empty when it was seen first may be one that nobody fills; the printer says when it wants it.
        return int(part.is_tray) <= part.level <= mark and mark > 0


def without_repeats(said: Iterable[Report], low: Iterable[Report]) -> list[Report]:
    """Return what a printer says, but for that something is low where its levels say what."""
    known = {one.condition for one in low}
    return [one for one in said if one.condition not in known or one.text not in _SAID_OF_ALL]


def _parts(facts: Mapping[str, Fact]) -> Iterator[_Part]:
    for path, fact in facts.items():
        found = _LEVEL.fullmatch(path)
        if found is None or not isinstance(fact.value, int):
            continue
        kind, name = found.groups()
        parent = path.removesuffix(":Level")
        # Makers disagree whether the level of a waste box is what is in it or what still fits.
        if not _text(facts, f"{parent}:Type").startswith("Waste"):
            label = _text(facts, f"{parent}:Model") or name
            yield _Part(parent, fact.value, label, kind == "InputBins", f"{LOW_LEVEL}.{kind}:{name}")


def _told(facts: Mapping[str, Fact], part: _Part) -> int:
    """Return a printer's own mark; 0 when it tells none."""
    fact = facts.get(part.mark_path)
    if fact is None or fact.source is not Source.PRINTER or not isinstance(fact.value, int):
        return 0
    return fact.value if 0 < fact.value <= _MOST_MARK else 0


def _text(facts: Mapping[str, Fact], path: str) -> str:
    return str(facts[path].value) if path in facts else ""


def _report(part: _Part, since: float) -> Report:
    left = f"{part.level} % left"
    if part.is_tray:
        return Report(
            Condition.PAPER_PROBLEM, Severity.WARNING, f"Paper is low in {part.label}: {left}", at=since
        )
    return Report(Condition.TONER_LOW, Severity.WARNING, f"{part.label} is low: {left}", at=since)
