"""PCL 5: pages, ended by a form feed, or by a reset when something stands on the page. Pure.

After HP's "PCL 5 Printer Language Technical Reference Manual" (bpl13210): escape sequences end with a capital letter; those
of the families below have binary data, as many bytes as their value says, in which a form feed is no form feed. Other
ejections (a change of paper source or size on a page that is not empty) are not seen: such a page ends later.
"""

from __future__ import annotations

import re

_STOPS = re.compile(rb"[\x0c\x1b]")
_INK = re.compile(rb"[!-~\xa0-\xff]")
_SEQUENCE = re.compile(rb"\x1b[!-/][`-~]?(?:[-+]?[0-9.]*[`-~])*[-+]?[0-9.]*[@-^]")
_VALUE = re.compile(rb"([-+]?[0-9]*)\.?[0-9]*([@-^])$")
# Transfers of raster rows, palettes, fonts, characters, patterns, macros, transparent data, user patterns.
_BINARY = (b"*b", b"*v", b"*c", b"(s", b")s", b"&p", b"&n", b"*m", b"*l", b"*i", b"*o", b"(f", b"&b")
_COPIES = re.compile(rb"^\x1b&l(?:[^A-Z]*[a-z])?0*([0-9]+)X$")
_LONGEST = 128  # bytes of an escape sequence; a longer one is text
UEL = b"\x1b%-12345X"
RESET = b"\x1bE"


class PclPages:
    """Reads PCL up to a UEL. What it says is about the piece given."""

    def __init__(self) -> None:
        self.ink = False
        self.fresh = True  # the printer was reset since anything was printed or set
        self.repeats = False
        self.ends: list[int] = []  # of pages, in the piece read last

    def read(self, buffer: bytes, start: int, *, final: bool) -> int:
        """Read on from `start`; return where a UEL stands, or how far it was read (more than there is: skip)."""
        self.ends = []
        position, size = start, len(buffer)
        while position < size:
            found = _STOPS.search(buffer, position)
            stop = found.start() if found is not None else size
            if _INK.search(buffer, position, stop) is not None:
                self.ink, self.fresh = True, False
            position = stop
            if found is None:
                break
            if buffer[stop] == 0x0C:
                position = stop + 1
                self.ink = False
                self.ends.append(position)
                continue
            length = self._escape(buffer, stop, final=final)
            if length <= 0:
                return stop
            position = stop + length
        return position

    def _escape(self, buffer: bytes, at: int, *, final: bool) -> int:
        """Take the escape sequence at `at`; return its length with its data, 0: not all here, -1: a UEL."""
        have = len(buffer) - at
        if have < 2:
            return 1 if final else 0
        if buffer[at + 1] == 0x45:  # ESC E
            if self.ink:
                self.ends.append(at + 2)
            self.ink, self.fresh = False, True
            return 2
        if not 0x21 <= buffer[at + 1] <= 0x2F:
            self.fresh = False
            return 2
        found = _SEQUENCE.match(buffer, at, at + _LONGEST)
        if found is None:
            return 0 if have < _LONGEST and not final else 1
        if found[0] == UEL:
            return -1
        self.fresh = False
        return len(found[0]) + self._data(found[0])

    def _data(self, sequence: bytes) -> int:
        family, (value, letter) = sequence[1:3], _ends_with(sequence)
        if copies := _COPIES.match(sequence):
            self.repeats = self.repeats or int(copies[1][:9]) > 1
        if family == b"*c" and letter == b"P":  # a filled rectangle
            self.ink = True
        if letter in b"WXV" and family in _BINARY and value.strip(b"+-"):
            self.ink = self.ink or family == b"*b" or (family == b"&p" and letter == b"X")
            return abs(int(value[:10]))
        return 0


def _ends_with(sequence: bytes) -> tuple[bytes, bytes]:
    found = _VALUE.search(sequence)
    assert found is not None
    return found[1], found[2]
