"""What an IPP printer's attributes mean by paths of the bidi schema (RFC 8011, PWG 5100.13). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from portmon.facts import Fact, Kind
from portmon.ipp.message import IppMessage

_TEXTS: Mapping[str, str] = {
    "printer-info": "FriendlyName",
    "printer-make-and-model": "ModelName",
    "printer-location": "Location",
    "printer-firmware-string-version": "FirmwareVersion",
    "printer-device-id": "IEEE1284DeviceId",
}
_MARKERS = ("marker-names", "marker-types", "marker-levels")
DESCRIPTION = (*_TEXTS, "sides-supported", *_MARKERS)
# marker-types, in the schema's words.
_TYPES = {
    "toner": "Toner", "toner-cartridge": "Toner", "ink": "Ink", "ink-cartridge": "Ink", "waste-toner": "WasteToner",
    "waste-ink": "WasteInk", "waste-wax": "WasteWax", "wax": "Wax", "developer": "Developer", "fuser-oil": "FuserOil",
    "solid-wax": "Wax",
}  # fmt: skip
_MOST_MARKERS = 32
_NOT_A_NAME = re.compile(r"\W+", re.ASCII)


def facts_of(answer: IppMessage) -> dict[str, Fact]:
    """Return what the bidi schema has places for."""
    found: dict[str, Fact] = {}
    for name, value in _TEXTS.items():
        if text := "".join(answer.texts(name)[:1]).strip():
            found[rf"\Printer.DeviceInfo:{value}"] = Fact(Kind.STRING, text)
    sides = answer.texts("sides-supported")
    if sides:
        duplex = any(one.startswith("two-sided") for one in sides)
        found[r"\Printer.Configuration.DuplexUnit:Installed"] = Fact(Kind.BOOL, duplex)
    names, types, levels = (answer.values(name)[:_MOST_MARKERS] for name in _MARKERS)
    for number, label in enumerate(map(str, names)):
        key = rf"\Printer.Consumables.{_NOT_A_NAME.sub('', label)[:40] or f'Supply{number + 1}'}"
        kind = str(types[number]) if number < len(types) else ""
        level = levels[number] if number < len(levels) else -1
        found[f"{key}:Type"] = Fact(Kind.ENUM, _TYPES.get(kind, kind or "Other"))
        found[f"{key}:Installed"] = Fact(Kind.BOOL, True)
        found[f"{key}:Model"] = Fact(Kind.STRING, label)
        found[f"{key}:Level"] = Fact(Kind.INT, level if isinstance(level, int) and 0 <= level <= 100 else -1)
    return found
