"""Parts of a printer by paths of the bidi schema: trays, bins, supplies. Pure.

The words are those of the Printer MIB (RFC 3805), which IPP took over (PWG 5100.13).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from portmon.facts import Fact, Kind

PAGE_COUNT = r"\Printer.Extension:PageCount"  # in the printer's life; the schema itself has no place for it
LOW_LEVEL = r"\Printer.Extension.LowLevel"  # per cent at which a supply or a tray is low
MOST_PARTS = 16  # of one kind
_NOT_A_NAME = re.compile(r"\W+", re.ASCII)
_MOST_NAME = 40


class Supply(NamedTuple):
    """A toner, a ribbon, a waste box; `level`, and `low`, at which it is low, in percent, -1: unknown."""

    label: str
    kind: str
    level: int
    color: str = ""
    low: int = -1


class InputTray(NamedTuple):
    """A tray or a roll. Edges in any one unit; 0 and below: unknown."""

    name: str
    media_size: str = ""
    media_type: str = ""
    media_color: str = ""
    feed_edge: int = 0  # in the direction of feeding
    cross_edge: int = 0
    capacity: int | None = None
    level: int | None = None


class OutputBin(NamedTuple):
    """Where paper comes out; `level` in percent, -1: unknown."""

    name: str
    capacity: int | None = None
    level: int = -1


def supply_facts(number: int, supply: Supply) -> dict[str, Fact]:
    """Return a supply's values."""
    label, kind, level, color, low = supply
    part = _name(label, f"Supply{number}")
    key = rf"\Printer.Consumables.{part}"
    found = {
        f"{key}:Type": Fact(Kind.ENUM, kind),
        f"{key}:Installed": Fact(Kind.BOOL, True),
        f"{key}:Level": Fact(Kind.INT, level),
    }
    if low >= 0:
        found[f"{LOW_LEVEL}.Consumables:{part}"] = Fact(Kind.INT, low)
    texts = {"Model": Fact(Kind.STRING, label), "Color": Fact(Kind.ENUM, color)}
    return found | {f"{key}:{name}": fact for name, fact in texts.items() if fact.value}


def input_facts(number: int, tray: InputTray) -> dict[str, Fact]:
    """Return an input tray's values."""
    key = rf"\Printer.Layout.InputBins.{_name(tray.name, f'Tray{number}')}"
    texts = {"MediaSize": tray.media_size, "MediaType": tray.media_type, "MediaColor": tray.media_color}
    found = {f"{key}:{name}": Fact(Kind.STRING, text) for name, text in texts.items() if text}
    if tray.feed_edge > 0 and tray.cross_edge > 0:
        first = "LongEdgeFirst" if tray.feed_edge < tray.cross_edge else "ShortEdgeFirst"
        found[f"{key}:FeedDirection"] = Fact(Kind.ENUM, first)
    found[f"{key}:Level"] = Fact(Kind.INT, percent(tray.level, tray.capacity))
    return found | _installed(key, tray.capacity)


def output_facts(number: int, output: OutputBin) -> dict[str, Fact]:
    """Return an output bin's values."""
    key = rf"\Printer.Finishing.OutputBins.{_name(output.name, f'Bin{number}')}"
    return {f"{key}:Level": Fact(Kind.INT, output.level), **_installed(key, output.capacity)}


def percent(level: int | None, capacity: int | None) -> int:
    """Return how full a part is; -1 when the printer does not know (its -1, -2 and -3 among the levels)."""
    if level is None or capacity is None or level < 0 or capacity <= 0:
        return -1
    return min(100, round(100 * level / capacity))


def _installed(key: str, capacity: int | None) -> dict[str, Fact]:
    found = {f"{key}:Installed": Fact(Kind.BOOL, True)}
    if capacity is not None and capacity > 0:
        found[f"{key}:Capacity"] = Fact(Kind.INT, capacity)
    return found


def _name(label: str, otherwise: str) -> str:
    return _NOT_A_NAME.sub("", label)[:_MOST_NAME] or otherwise
