"""What an IPP printer's attributes mean by paths of the bidi schema (RFC 8011, PWG 5100.1, 5100.13). Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from portmon.bidi.parts import InputTray, OutputBin, Supply, input_facts, output_facts, percent, supply_facts
from portmon.devices import ieee1284
from portmon.facts import Fact, Kind
from portmon.ipp.message import IppMessage

_TEXTS: Mapping[str, str] = {
    "printer-info": "FriendlyName",
    "printer-make-and-model": "ModelName",
    "printer-location": "Location",
    "printer-firmware-string-version": "FirmwareVersion",
}
_MARKERS = ("marker-names", "marker-types", "marker-levels", "marker-colors", "marker-low-levels")
_LAYOUT = (
    "orientation-requested-default", "orientation-requested-supported", "printer-resolution-default",
    "printer-resolution-supported", "number-up-default", "presentation-direction-number-up-default",
)  # fmt: skip
_FINISHING = ("finishings-supported", "stitching-angle-supported", "multiple-document-handling-supported")
DESCRIPTION = (
    *_TEXTS, "printer-device-id", "sides-supported", "printer-input-tray", "printer-output-tray", *_MARKERS, *_LAYOUT,
    *_FINISHING,
)  # fmt: skip
# marker-types, in the schema's words.
_TYPES = {
    "toner": "Toner", "toner-cartridge": "Toner", "ink": "Ink", "ink-cartridge": "Ink", "waste-toner": "WasteToner",
    "waste-ink": "WasteInk", "waste-wax": "WasteWax", "wax": "Wax", "developer": "Developer", "fuser-oil": "FuserOil",
    "solid-wax": "Wax",
}  # fmt: skip
_COLORS = {
    "#000000": "Black", "#00FFFF": "Cyan", "#FF00FF": "Magenta", "#FFFF00": "Yellow", "#FF0000": "Red", "#00FF00": "Green",
    "#0000FF": "Blue", "#808080": "Gray", "#FFFFFF": "White",
}  # fmt: skip
_MOST = 32  # of one attribute's values
_ORIENTATIONS = {3: "Portrait", 4: "Landscape", 5: "ReverseLandscape", 6: "ReversePortrait"}
_DPI, _DPCM = 3, 4  # RFC 8010, 3.9
# finishings (PWG 5100.1): corners from 20 and 70, edges in fours behind them; the words are its keywords'.
_STAPLE, _PUNCH, _JOG_OFFSET = 4, 5, 14
_CORNERS = ("TopLeft", "BottomLeft", "TopRight", "BottomRight")
_EDGES = ("Left", "Top", "Right", "Bottom")
_STAPLES = {number: (place, "") for number, place in enumerate((*_CORNERS, *_EDGES * 3), 20)}
_PATTERNS = ("Dual", "Triple", "Quad", "Multiple")
_PUNCHES = {number: (place, "Single") for number, place in enumerate(_CORNERS, 70)} | {
    74 + 4 * row + at: (edge, pattern) for row, pattern in enumerate(_PATTERNS) for at, edge in enumerate(_EDGES)
}  # fmt: skip


def facts_of(answer: IppMessage) -> dict[str, Fact]:
    """Return what the bidi schema has places for."""
    return {
        **_identity(answer),
        **_layout(answer),
        **_trays(answer),
        **_finishing(answer),
        **_markers(answer),
    }


def _identity(answer: IppMessage) -> dict[str, Fact]:
    found = ieee1284.facts_of("".join(answer.texts("printer-device-id")[:1]).encode())
    for name, value in _TEXTS.items():
        if text := "".join(answer.texts(name)[:1]).strip():
            found[rf"\Printer.DeviceInfo:{value}"] = Fact(Kind.STRING, text)
    if sides := answer.texts("sides-supported"):
        duplex = any(one.startswith("two-sided") for one in sides)
        found[r"\Printer.Configuration.DuplexUnit:Installed"] = Fact(Kind.BOOL, duplex)
    return found


def _layout(answer: IppMessage) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for value, end in (("CurrentValue", "default"), ("Supported", "supported")):
        turns = [_ORIENTATIONS.get(one, "") for one in _numbers(answer, f"orientation-requested-{end}")]
        grids = [_grid(one) for one in answer.values(f"printer-resolution-{end}")[:_MOST]]
        for what, texts in (("Orientation", turns), ("Resolution", grids)):
            if text := " ".join(filter(None, dict.fromkeys(texts))):
                found[rf"\Printer.Layout.{what}:{value}"] = Fact(Kind.STRING, text)
    number_up = r"\Printer.Layout.NumberUp"
    if (pages := answer.number("number-up-default")) is not None:
        found[f"{number_up}:PagesPerSheet"] = Fact(Kind.INT, pages)
    # `toright-tobottom` is RightBottom in Windows' print schema.
    for way in answer.texts("presentation-direction-number-up-default")[:1]:
        words = [one.removeprefix("to").capitalize() for one in way.split("-")]
        found[f"{number_up}:Direction"] = Fact(Kind.ENUM, "".join(words))
    return found


def _grid(value: object) -> str:
    if not isinstance(value, bytes) or len(value) != 9:
        return ""
    across, feed, unit = struct.unpack(">iiB", value)
    inch = {_DPI: 1.0, _DPCM: 2.54}.get(unit, 0)
    return f"{across * inch:.0f}x{feed * inch:.0f}" if inch and across > 0 and feed > 0 else ""


def _trays(answer: IppMessage) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for number, told in enumerate(_described(answer, "printer-input-tray"), 1):
        size, media, color = (told.get(name, "") for name in ("medianame", "mediatype", "mediacolor"))
        feed, cross, most, level = (
            _whole(told.get(name, "")) for name in ("mediafeed", "mediaxfeed", "maxcapacity", "level")
        )
        tray = InputTray(told.get("name", ""), size, media, color, feed, cross, most, level)
        found |= input_facts(number, tray)
    for number, told in enumerate(_described(answer, "printer-output-tray"), 1):
        most = _whole(told.get("maxcapacity", ""))
        left = percent(_whole(told.get("remaining", "")), most)
        found |= output_facts(number, OutputBin(told.get("name", ""), most, 100 - left if left >= 0 else -1))
    return found


def _described(answer: IppMessage, name: str) -> list[dict[str, str]]:
    """Return the values of an attribute that is `key=value;key=value` (PWG 5100.13)."""
    texts = [one.decode("utf-8", "replace") for one in answer.values(name)[:_MOST] if isinstance(one, bytes)]
    pairs = [[part.partition("=") for part in text.split(";")[:_MOST]] for text in texts]
    return [{key.strip().lower(): value.strip() for key, _, value in one} for one in pairs]


def _whole(text: str) -> int:
    """Return a number; -2, which is "unknown", for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else -2


def _finishing(answer: IppMessage) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    finishings = _numbers(answer, "finishings-supported")
    if finishings:
        found[r"\Printer.Finishing:JogOffsetSupported"] = Fact(Kind.BOOL, _JOG_OFFSET in finishings)
        found |= _tool("Staple", finishings, _STAPLE, _STAPLES)
        found |= _tool("HolePunch", finishings, _PUNCH, _PUNCHES)
    if angles := _numbers(answer, "stitching-angle-supported"):
        found[r"\Printer.Finishing.Staple:Angle"] = Fact(Kind.STRING, " ".join(map(str, angles)))
    if handling := answer.texts("multiple-document-handling-supported"):
        collated = "separate-documents-collated-copies" in handling
        found[r"\Printer.Finishing:CollationSupported"] = Fact(Kind.BOOL, collated)
    return found


def _tool(
    name: str, finishings: list[int], plain: int, places: Mapping[int, tuple[str, str]]
) -> dict[str, Fact]:
    there = [places[one] for one in finishings if one in places]
    key = rf"\Printer.Finishing.{name}"
    found = {f"{key}:Installed": Fact(Kind.BOOL, bool(there) or plain in finishings)}
    for value, at in (("Location", 0), ("Pattern", 1)):
        if text := " ".join(filter(None, dict.fromkeys(one[at] for one in there))):
            found[f"{key}:{value}"] = Fact(Kind.STRING, text)
    return found


def _markers(answer: IppMessage) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    names, types, levels, colors, lows = (answer.values(name)[:_MOST] for name in _MARKERS)
    for number, label in enumerate(map(str, names), 1):
        kind = str(types[number - 1]) if number <= len(types) else ""
        color = str(colors[number - 1]).upper() if number <= len(colors) else ""
        full, low = (_percent(known, number) for known in (levels, lows))
        supply = Supply(label, _TYPES.get(kind, kind or "Other"), full, _COLORS.get(color, ""), low)
        found |= supply_facts(number, supply)
    return found


def _percent(known: Sequence[object], number: int) -> int:
    """Return the value of the supply of that number; -1: it is not told."""
    value = known[number - 1] if number <= len(known) else -1
    return value if isinstance(value, int) and 0 <= value <= 100 else -1


def _numbers(answer: IppMessage, name: str) -> list[int]:
    return [one for one in answer.values(name)[:_MOST] if isinstance(one, int)]
