"""Questions that a printer answers without printing: who are you, how are you. Pure.

Each is asked in the printer's own language; the order is that in which a wrong guess does the least harm. DLE EOT is no
text in any language. A UEL wakes PJL and is thrown away by ZPL. `~HI` comes last: who has not answered by then and is no
ZPL printer could print it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_UEL = b"\x1b%-12345X"
_PJL_ID = re.compile(rb'@PJL INFO ID\r?\n"?([^"\r\n\x0c]{1,128})"?')
_ZPL_ID = re.compile(rb"\x02([^\x02\x03]{1,128})\x03")
_HS = re.compile(rb"\x02([0-9,]{5,64})\x03")
_ESCPOS_ID = re.compile(rb"_([\x20-\x7e]{1,80})\x00")
_MOST = 80


@dataclass(frozen=True, slots=True)
class Answered:
    """What a printer said of itself; `text` is for people."""

    language: str
    model: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question: `harmless` ones print nothing on any printer, `next` asks on in a language that has answered."""

    name: str
    title: str
    ask: bytes
    read: Callable[[bytes], Answered | None]
    harmless: bool = False
    follow: str = ""


def _words(data: bytes) -> str:
    return "".join(chr(one) if 32 <= one < 127 else " " for one in data).strip()[:_MOST]


def _escpos_status(data: bytes) -> Answered | None:
    # DLE EOT 1 is one byte: bits 1 and 4 on, 0 and 7 off; bit 3 says offline
    if len(data) != 1 or data[0] & 0x93 != 0x12:
        return None
    state = "offline" if data[0] & 0x08 else "online"
    return Answered("escpos", "", f"DLE EOT 1 answered: {state}")


def _escpos_id(data: bytes) -> Answered | None:
    match = _ESCPOS_ID.search(data)
    return Answered("escpos", _words(match[1]), f"GS I answered: {_words(match[1])}") if match else None


def _pjl_id(data: bytes) -> Answered | None:
    match = _PJL_ID.search(data)
    return Answered("pjl", _words(match[1]), f"INFO ID answered: {_words(match[1])}") if match else None


def _zpl_id(data: bytes) -> Answered | None:
    match = _ZPL_ID.search(data)
    if match is None or match[1].count(b",") < 2:
        return None
    model = _words(match[1].split(b",")[0])
    return Answered("zpl", model, f"~HI answered: {model}")


def _zpl_status(data: bytes) -> Answered | None:
    strings = _HS.findall(data)
    if not strings or strings[0].count(b",") < 8:
        return None
    fields = strings[0].split(b",")
    said = [word for word, field in (("paper out", fields[1]), ("paused", fields[2])) if field.lstrip(b"0")]
    told = f": {', '.join(said)}" if said else ""
    return Answered("zpl", "", f"~HS answered: {len(strings)} strings, {len(data)} bytes{told}")


QUESTIONS: Mapping[str, Question] = {
    one.name: one
    for one in (
        Question("escpos-dle-eot", "DLE EOT 1", b"\x10\x04\x01", _escpos_status, True, "escpos-gs-i"),
        Question("pjl-info-id", "PJL INFO ID", _UEL + b"@PJL INFO ID\r\n" + _UEL, _pjl_id),
        Question("zpl-hi", "~HI", b"~HI", _zpl_id, False, "zpl-hs"),
        Question("zpl-hs", "~HS", b"~HS", _zpl_status),
        Question("escpos-gs-i", "GS I C", b"\x1dIC", _escpos_id),
    )
}
# Which to ask when nobody says which: one for each language, see above.
ORDER = ("escpos-dle-eot", "pjl-info-id", "zpl-hi")
LANGUAGES: Mapping[str, str] = {"escpos": "escpos-dle-eot", "pjl": "pjl-info-id", "zpl": "zpl-hi"}


def seven_bits(data: bytes) -> tuple[bytes, str] | None:
    """Return what a line with 8 data bits heard from one with 7, and the parity that its eighth bits make; None: none."""
    if not data or all(one < 128 for one in data):
        return None
    ones = {one.bit_count() % 2 for one in data}
    if len(ones) != 1:
        return None
    return bytes(one & 0x7F for one in data), "even" if ones == {0} else "odd"
