"""What a PJL printer says of itself, by paths of the bidi schema: INFO CONFIG, VARIABLES, FILESYS and PAGECOUNT. Pure.

After HP's "PJL Technical Reference Manual", chapters 6 (variables), 7 (status readback) and 9 (file system).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from portmon.bidi.parts import MOST_PARTS, PAGE_COUNT, InputTray, OutputBin, input_facts, output_facts
from portmon.facts import Fact, Kind

# `INTRAY1SIZE=A4 [2 ENUMERATED]`, `IN TRAYS [1 ENUMERATED]`; what may be chosen stands below, behind a tab.
_HEAD = re.compile(r'([A-Z][A-Z0-9 ]{0,40}?)(?:=("[^"]{0,80}"|[^\s\[]{1,80}))?[ \t]*(?:\[[^\]]{0,40}\])?\s*')
_TRAY = re.compile(r"INTRAY([0-9]{1,2})\b")
_VOLUME = re.compile(r"^\s*[0-9]{1,2}:\s+([0-9]{1,15})\s+([0-9]{1,15})[ \t]*([A-Z-]{0,20})", re.MULTILINE)
_MEMORY_VOLUMES = ("RAM", "ROM", "FLASH")
_MEGA = 1 << 20
_CONFIGURATION = r"\Printer.Configuration"


def config_facts(body: str) -> dict[str, Fact]:
    """Return what INFO CONFIG tells of trays, bins and the duplex unit."""
    found, listed = dict[str, Fact](), _listed(body)
    duplex = "DUPLEX" in listed
    found[rf"{_CONFIGURATION}.DuplexUnit:Installed"] = Fact(Kind.BOOL, duplex)
    for words in listed.get("IN TRAYS", ("", []))[1]:
        if tray := _TRAY.match(words):
            found |= input_facts(int(tray[1]), InputTray(f"Tray{int(tray[1])}"))
    for number, words in enumerate(listed.get("OUTPUT BINS", ("", []))[1], 1):
        found |= output_facts(number, OutputBin(words))
    return found


def variable_facts(body: str) -> dict[str, Fact]:
    """Return what INFO VARIABLES tells of orientation, resolution, and the media that trays are set to."""
    found: dict[str, Fact] = {}
    listed = _listed(body)
    for variable, meaning in (("ORIENTATION", str.capitalize), ("RESOLUTION", _squared)):
        value, choices = listed.get(variable, ("", []))
        told = {"CurrentValue": meaning(value), "Supported": " ".join(filter(None, map(meaning, choices)))}
        key = rf"\Printer.Layout.{variable.capitalize()}"
        found |= {f"{key}:{name}": Fact(Kind.STRING, text) for name, text in told.items() if text}
    for variable, (value, _) in listed.items():
        tray = re.fullmatch(r"INTRAY([0-9]{1,2})(SIZE|TYPE)", variable)
        if tray and value:
            name = "MediaSize" if tray[2] == "SIZE" else "MediaType"
            found[rf"\Printer.Layout.InputBins.Tray{int(tray[1])}:{name}"] = Fact(Kind.STRING, value)
    return found


def volume_facts(body: str) -> dict[str, Fact]:
    """Return what INFO FILESYS tells of hard disks; {} where there is no file system to ask about."""
    if "VOLUME" not in body.upper():
        return {}
    sizes = [
        (int(total), int(free)) for total, free, at in _VOLUME.findall(body) if at not in _MEMORY_VOLUMES
    ]
    disk = rf"{_CONFIGURATION}.HardDisk"
    found = {f"{disk}:Installed": Fact(Kind.BOOL, bool(sizes))}
    if sizes:
        total, free = map(sum, zip(*sizes, strict=True))
        found[f"{disk}:Capacity"] = Fact(Kind.INT, total // _MEGA)
        found[f"{disk}:FreeSpace"] = Fact(Kind.INT, free // _MEGA)
    return found


def page_facts(body: str) -> dict[str, Fact]:
    """Return the pages of the printer's life; INFO PAGECOUNT has them with a name or without."""
    count = body.strip().removeprefix("PAGECOUNT=")
    told = count.isascii() and count.isdigit() and len(count) <= 12
    return {PAGE_COUNT: Fact(Kind.INT, int(count))} if told else {}


def _listed(body: str) -> Mapping[str, tuple[str, list[str]]]:
    """Return each line's value and the lines below it that are its choices."""
    found: dict[str, tuple[str, list[str]]] = {}
    choices: list[str] = []
    for line in body.split("\n"):
        words = line.strip()
        if line.startswith(("\t", " ")):
            if words and len(choices) < MOST_PARTS:
                choices.append(words[:80])
        elif head := _HEAD.fullmatch(words.upper()):
            choices = []
            found[head[1].strip()] = ((head[2] or "").strip('"'), choices)
    return found


def _squared(dots: str) -> str:
    """Return `600` as `600x600`; both at once are written as they are."""
    return f"{dots}x{dots}" if dots.isascii() and dots.isdigit() else dots.lower()
