"""IEEE 1284 device ids: `MFG:Zebra;MDL:ZD621;CMD:ZPL,EPL;SN:D4J2;`, with or without the two bytes of length. Pure.

What a device says about itself is anybody's: lengths that are wrong or the wrong way round, keys in any case and spelling,
bytes that are no text. It is read as far as it can be, and nothing in it is believed to be short.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from portmon.facts import Fact, Kind

DEVICE_ID = r"\Printer.DeviceInfo:IEEE1284DeviceId"
LANGUAGES = r"\Printer.Extension:Languages"  # blanks between them; where they are told without a device id
MOST_BYTES = 4094  # some printers fail when they are asked for more
_MOST_FIELDS = 64
_MOST_CHARS = 200
_LONG = {
    "MANUFACTURER": "MFG",
    "MODEL": "MDL",
    "COMMAND SET": "CMD",
    "COMMANDSET": "CMD",
    "DESCRIPTION": "DES",
    "SERIALNUMBER": "SN",
    "SERN": "SN",
    "CLASS": "CLS",
}


@dataclass(frozen=True, slots=True)
class DeviceId:
    """A device id: its fields by their short keys, in upper case."""

    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def manufacturer(self) -> str:
        """MFG."""
        return self.fields.get("MFG", "")

    @property
    def model(self) -> str:
        """MDL."""
        return self.fields.get("MDL", "")

    @property
    def serial_number(self) -> str:
        """SN."""
        return self.fields.get("SN", "")

    @property
    def command_sets(self) -> tuple[str, ...]:
        """CMD, the languages it speaks."""
        return tuple(one.strip() for one in self.fields.get("CMD", "").split(",") if one.strip())


def text_of(data: bytes) -> bytes:
    """Return the id without its two bytes of length, if they are there, and without what is behind its end."""
    if len(data) >= 2:
        orders: tuple[Literal["big", "little"], ...] = ("big", "little")
        for order in orders:
            length = int.from_bytes(data[:2], order)
            # it includes itself at most devices, and not at some; a text cannot begin like this
            if 2 <= length <= len(data) and not data[:2].isalnum():
                data = data[2:length]
                break
    return data.split(b"\0", 1)[0]


def parse(data: bytes) -> DeviceId:
    """Return what a device id says. Never fails."""
    found: dict[str, str] = {}
    text = text_of(data[:65536]).decode("utf-8", "replace")
    for part in text.split(";")[:_MOST_FIELDS]:
        key, colon, value = part.partition(":")
        key = _clean(key).upper()
        if colon and key:
            found.setdefault(_LONG.get(key, key), _clean(value))
    return DeviceId(found)


def plug_and_play_id(data: bytes) -> str:
    """Return the name by which Windows' plug and play knows such a device: maker and model, and a sum over all of them."""
    found = parse(data)
    whole = f"{found.manufacturer}{found.model}"
    return f"{whole[:20].replace(' ', '_')}{_crc16(whole.encode('latin-1', 'replace')):04X}" if whole else ""


def _crc16(data: bytes) -> int:
    """CRC-16/ARC."""
    found = 0
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = found >> 1 ^ (0xA001 if found & 1 else 0)
    return found


def facts_of(data: bytes) -> dict[str, Fact]:
    """Return what a device id says by paths of the bidi schema."""
    found = parse(data)
    texts = {
        "IEEE1284DeviceId": _clean(text_of(data).decode("utf-8", "replace")),
        "Manufacturer": found.manufacturer,
        "ModelName": found.model,
        "SerialNumber": found.serial_number,
    }
    return {f"\\Printer.DeviceInfo:{name}": Fact(Kind.STRING, text) for name, text in texts.items() if text}


def languages_of(facts: Mapping[str, Fact]) -> tuple[str, ...]:
    """Return the languages that a printer says it understands; (): it has not told."""
    told = facts.get(DEVICE_ID)
    named = parse(str(told.value).encode()).command_sets if told is not None else ()
    listed = facts.get(LANGUAGES)
    return named or (tuple(str(listed.value).split()) if listed is not None else ())


def _clean(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text).strip()[:_MOST_CHARS]
