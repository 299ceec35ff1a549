"""What a printer is made of, by its MIBs: which tables to walk, and what they mean by paths of the bidi schema. Pure.

Printer MIB (RFC 3805), Finisher MIB (RFC 3806), Host Resources (RFC 2790), and the device id of PWG 5107.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from portmon.bidi.parts import (
    PAGE_COUNT,
    InputTray,
    OutputBin,
    Supply,
    input_facts,
    output_facts,
    percent,
    supply_facts,
)
from portmon.devices import ieee1284
from portmon.facts import Fact, Kind
from portmon.snmp.status import HR_DEVICE, MIB, PRINTER, Oid, State, Value, text_of

# prtMarkerSuppliesType in the schema's words.
_TYPES = {
    3: "Toner",
    4: "WasteToner",
    5: "Ink",
    6: "Ink",
    7: "Wax",
    8: "WasteInk",
    10: "Developer",
    11: "FuserOil",
}
# IANA-PRINTER-MIB's PrtInterpreterLangFamilyTC; of its 68 those that have a name people use.
_LANGUAGES = {
    3: "PCL",
    4: "HPGL",
    5: "PJL",
    6: "PS",
    7: "IPDS",
    10: "Epson",
    30: "Text",
    47: "PCLXL",
    54: "PDF",
}
_OTHER_LANGUAGE = 1
_ORIENTATIONS = {3: "Portrait", 4: "Landscape"}
_DUPLEX, _SIMPLEX = (3, 4), 5  # prtMediaPathType
_ON, _OFF, _NOT_PRESENT = 3, 4, 5  # PresentOnOff
_INCHES, _MICROMETERS = 3, 4  # prtMarkerAddressabilityUnit: dots in 10,000 of them
_STITCHER, _PUNCHER = 3, 8  # finDeviceType
_HARD_DISK = 3  # hrDiskStorageMedia
_DEVICE_ID: Oid = (1, 3, 6, 1, 4, 1, 2699, 1, 2, 1, 2, 1, 1, 3, 1)
_CONFIGURATION = r"\Printer.Configuration"


class Table(Enum):
    """A table by its entry and the columns to ask for. Every row has the last of them."""

    SUPPLIES = ((*PRINTER, 11, 1, 1), (5, 6, 8, 3, 9))
    COLORANTS = ((*PRINTER, 12, 1, 1), (4,))
    INPUTS = ((*PRINTER, 8, 2, 1), (13, 12, 21, 22, 4, 5, 9, 10))
    OUTPUTS = ((*PRINTER, 9, 2, 1), (7, 4, 23, 24, 5))
    MARKERS = ((*PRINTER, 10, 2, 1), (8, 10, 9, 4))
    PATHS = ((*PRINTER, 13, 4, 1), (9,))
    INTERPRETERS = ((*PRINTER, 15, 1, 1), (7, 2))
    FINISHERS = ((*PRINTER, 30, 1, 1), (3, 2))
    DISKS = ((*HR_DEVICE, 6, 1), (4, 2))  # of the host: its rows are devices of their own

    def oids(self, index: int) -> list[Oid]:
        """Return its columns, for the printer at an index (hrDeviceIndex)."""
        entry, columns = self.value
        below = () if self is Table.DISKS else (index,)
        return [(*entry, column, *below) for column in columns]


@dataclass(frozen=True, slots=True)
class Row:
    """A row's index, and the values of the columns that were asked for."""

    index: int
    values: Sequence[Value]

    def number(self, at: int) -> int | None:
        """Return a value that is a number."""
        found = self.values[at]
        return found if isinstance(found, int) else None

    def text(self, at: int) -> str:
        """Return a value that is a text; "" when it is none."""
        return _text(self.values[at])


Rows = Sequence[Row]


class Parts(NamedTuple):
    """The values of `description_oids`, and the tables' rows."""

    description: Sequence[Value] = ()
    tables: Mapping[Table, Rows] = {}


def description_oids(index: int) -> list[Oid]:
    """Return the objects beside the tables."""
    general = (*PRINTER, 5, 1, 1)
    return [
        (*general, 16, index), (*general, 17, index), (*MIB, 1, 5, 0), (*MIB, 1, 6, 0), (*MIB, 25, 2, 2, 0), _DEVICE_ID,
    ]  # fmt: skip


def facts_of(state: State, parts: Parts) -> dict[str, Fact]:
    """Return what the bidi schema has places for."""
    found = _description(state, parts.description)
    meanings = {
        Table.INPUTS: _inputs,
        Table.OUTPUTS: _outputs,
        Table.MARKERS: _markers,
        Table.PATHS: _paths,
        Table.INTERPRETERS: _interpreters,
        Table.FINISHERS: _finishers,
        Table.DISKS: _disks,
    }
    found |= _supplies(parts.tables.get(Table.SUPPLIES, ()), parts.tables.get(Table.COLORANTS, ()))
    for table, meaning in meanings.items():
        if rows := parts.tables.get(table, ()):
            found |= meaning(rows)
    return found


def _description(state: State, values: Sequence[Value]) -> dict[str, Fact]:
    name, serial, host, location, memory, device_id = [*values, *[None] * 6][:6]
    found = ieee1284.facts_of(device_id) if isinstance(device_id, bytes) else {}
    info = r"\Printer.DeviceInfo"
    texts = {
        f"{info}:ModelName": text_of(state.description),
        f"{info}:FriendlyName": _text(name),
        f"{info}:SerialNumber": _text(serial),
        f"{info}:Location": _text(location),
        f"{info}.NetworkingInfo:HostName": _text(host),
    }
    found |= {path: Fact(Kind.STRING, text) for path, text in texts.items() if text}
    if isinstance(memory, int) and memory > 0:
        found[rf"{_CONFIGURATION}.Memory:Size"] = Fact(Kind.INT, memory)
    return found


def _supplies(rows: Rows, colorants: Rows) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    colors = {row.index: row.text(0).capitalize() for row in colorants}
    for row in rows:
        level = percent(row.number(4), row.number(2))
        kind, color = _TYPES.get(row.number(0) or 0, "Other"), colors.get(row.number(3) or 0, "")
        found |= supply_facts(row.index, Supply(row.text(1), kind, level, color))
    return found


def _inputs(rows: Rows) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for row in rows:
        name, size, media, color = (row.text(at) for at in range(4))
        feed, cross = (row.number(at) or 0 for at in (4, 5))
        tray = InputTray(name, size, media, color, feed, cross, row.number(6), row.number(7))
        found |= input_facts(row.index, tray)
    return found


def _outputs(rows: Rows) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for row in rows:
        capacity, rest = row.number(1), row.number(4)
        left = percent(rest, capacity)
        found |= output_facts(row.index, OutputBin(row.text(0), capacity, 100 - left if left >= 0 else -1))
    for name, at in (("CollationSupported", 2), ("JogOffsetSupported", 3)):
        told = {row.number(at) for row in rows} & {_ON, _OFF, _NOT_PRESENT}
        if told:
            found[rf"\Printer.Finishing:{name}"] = Fact(Kind.BOOL, told != {_NOT_PRESENT})
    return found


def _markers(rows: Rows) -> dict[str, Fact]:
    inch = {_INCHES: 1.0, _MICROMETERS: 2.54}
    dots = [[inch.get(row.number(0) or 0, 0) * (row.number(at) or 0) for at in (1, 2)] for row in rows]
    texts = dict.fromkeys(f"{x:.0f}x{y:.0f}" for x, y in dots if x > 0 and y > 0)
    path = r"\Printer.Layout.Resolution:Supported"
    found = {path: Fact(Kind.STRING, " ".join(texts))} if texts else {}
    if (count := rows[0].number(3)) is not None:
        found[PAGE_COUNT] = Fact(Kind.INT, count)
    return found


def _paths(rows: Rows) -> dict[str, Fact]:
    kinds = {row.number(0) for row in rows}
    known = kinds & {*_DUPLEX, _SIMPLEX}
    duplex = bool(known & set(_DUPLEX))
    return {rf"{_CONFIGURATION}.DuplexUnit:Installed": Fact(Kind.BOOL, duplex)} if known else {}


def _interpreters(rows: Rows) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    families = [row.number(1) or _OTHER_LANGUAGE for row in rows]
    # A family without a name here ("automatic", "other") may stand for PJL: then the list does not tell.
    names = dict.fromkeys(_LANGUAGES[one] for one in families if one in _LANGUAGES)
    if "PJL" in names or all(one in _LANGUAGES for one in families):
        found[ieee1284.LANGUAGES] = Fact(Kind.STRING, " ".join(names))
    turned = _ORIENTATIONS.get(rows[0].number(0) or 0)
    if turned:
        found[r"\Printer.Layout.Orientation:CurrentValue"] = Fact(Kind.STRING, turned)
    return found


def _finishers(rows: Rows) -> dict[str, Fact]:
    there = {row.number(1) for row in rows if row.number(0) in (_ON, _OFF)}
    kinds = {"Staple": _STITCHER, "HolePunch": _PUNCHER}
    return {
        rf"\Printer.Finishing.{name}:Installed": Fact(Kind.BOOL, kind in there)
        for name, kind in kinds.items()
    }


def _disks(rows: Rows) -> dict[str, Fact]:
    disks = [row.number(0) or 0 for row in rows if row.number(1) == _HARD_DISK]
    found = {rf"{_CONFIGURATION}.HardDisk:Installed": Fact(Kind.BOOL, bool(disks))}
    if any(disks):
        found[rf"{_CONFIGURATION}.HardDisk:Capacity"] = Fact(Kind.INT, sum(disks) // 1024)
    return found


def _text(value: Value) -> str:
    return text_of(value) if isinstance(value, bytes) else ""
