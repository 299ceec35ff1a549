"""PCL 5: pages, ended by a form feed, or by a reset when something stands on the page. Pure.

After HP's "PCL 5 Printer Language Technical Reference Manual" (bpl13210): escape sequences end with a capital letter; `W`
(but for `&k#W`), `&p#X` and `*b#V` are followed by binary data, as many bytes as their value says, in which a form feed is
no form feed; nor is it in the definition of a macro. Rows may be combined (`*b3v…3w…0M`), as DeskJets have it. Other ejections (a change of paper source or size on a page that is not empty) are not
seen: such a page ends later.
"""

from __future__ import annotations

import re

from spooler.units.pcl_commands import ACROSS, ATTRIBUTES, SETS, STORES
from spooler.units.pcl_kept import Command
from spooler.units.pcl_setup import RESET, PclEnvironment
from spooler.units.prefix import Stretch
from spooler.units.splitter import Setup

__all__ = ["RESET", "UEL", "PclPages"]
_STOPS = re.compile(rb"[\x0c\x1b]")
_INK = re.compile(rb"[!-~\xa0-\xff]")
# A family, commands that are combined with the last, its value and its letter.
_SEQUENCE = re.compile(rb"\x1b([!-/][`-~]?)((?:[-+]?[0-9.]*[`-~])*)([-+]?[0-9.]*)([@-^])")
# Rows of raster may be combined: the sequence goes on behind their data.
_ROWS = re.compile(rb"\x1b(\*b)((?:[-+]?[0-9.]*[`-ux-~])*)([-+]?[0-9.]*)([vw@-^])")
_MORE_ROWS = re.compile(rb"()((?:[-+]?[0-9.]*[`-ux-~])*)([-+]?[0-9.]*)([vw@-^])")
_BARE_ROWS = re.compile(rb"()()([0-9]+)([vw])")  # some drivers leave out ESC*b behind one that has ended
_PART = re.compile(rb"([-+]?[0-9.]*)([`-~])")
_COUNTS = (b"&f", b"&l", b"*b", b"*c", b"&p")  # families that pages cannot be counted without
_WHOLE_NUMBER = re.compile(rb"[0-9]+")
_LONGEST = 128  # bytes of an escape sequence; a longer one is text
_DRAWS = frozenset({(b"*b", b"W"), (b"*b", b"V"), (b"&p", b"X")})  # if there is anything; and see `_draws`
# They move nothing across, nor do they print.
_LEADS = (
    SETS.keys() | STORES.keys() | {(b"&a", b"R"), (b"&a", b"V"), (b"*p", b"Y"), (b"*r", b"B"), (b"*r", b"C")}
)
UEL = b"\x1b%-12345X"


class PclPages:
    """Reads PCL up to a UEL. What it says is about the piece given.

    Args:
        collect: remember also what `setup` needs.
    """

    def __init__(self, *, collect: bool = False) -> None:
        self.ink = False
        self.repeats = False
        self.ends: list[int] = []  # of pages, in the piece read last
        self._environment = PclEnvironment() if collect else None
        self._macro: int | None = None  # the byte at which its definition begins
        self._rows: re.Pattern[bytes] | None = None  # how the sequence of rows goes on

    def reset(self) -> None:
        """See that a payload begins, or ESC E."""
        self._macro = None
        if self._environment is not None:
            self._environment.reset()

    def read(self, buffer: bytes, start: int, base: int, *, final: bool) -> int:
        """Read on from `start`, which is byte `base` + `start` of the document.

        Return where a UEL stands, or how far it was read (more than there is: skip).
        """
        self.ends = []
        position, size = start, len(buffer)
        while position < size:
            if self._rows is not None:
                more = self._rows.match(buffer, position, position + _LONGEST)
                if (
                    more is None
                    and size - position < _LONGEST
                    and not final
                    and not _STOPS.match(buffer, position)
                ):
                    return position
                self._rows = None
                if more is not None:
                    position += self._sequence(more, base)
                continue
            found = _STOPS.search(buffer, position)
            stop = found.start() if found is not None else size
            self._text(buffer, position, stop)
            position = stop
            if found is None:
                break
            if buffer[stop] == 0x0C:
                position = stop + 1
                if self._macro is None:
                    self._form_feed(position)
                continue
            length = self._escape(buffer, stop, base, final=final)
            if length <= 0:
                return stop
            position = stop + length
        return position

    def setup(self, head: bytes) -> Setup:
        """Return what goes before a page that begins with these bytes, from a reset on."""
        if self._environment is None:
            return Setup()
        if self._macro is not None:
            return Setup(refusal="it stands in the definition of a macro")
        return self._environment.setup(_places_itself(head))

    def _text(self, buffer: bytes, start: int, stop: int) -> None:
        if start == stop or self._macro is not None:
            return
        self.ink = self.ink or _INK.search(buffer, start, stop) is not None
        if self._environment is not None:
            self._environment.text(buffer[start:stop])

    def _form_feed(self, end: int) -> None:
        self.ink = False
        self.ends.append(end)
        if self._environment is not None:
            self._environment.form_feed()

    def _escape(self, buffer: bytes, at: int, base: int, *, final: bool) -> int:
        """Take the escape sequence at `at`; return its length with its data, 0: not all here, -1: a UEL."""
        have = len(buffer) - at
        if have < 2:
            return 1 if final else 0
        if buffer[at + 1] == 0x45:  # ESC E
            if self.ink:
                self.ends.append(at + 2)
            self.ink = False
            self.reset()
            return 2
        if not 0x21 <= buffer[at + 1] <= 0x2F:
            if self._environment is not None and self._macro is None:
                self._environment.short(buffer[at + 1 : at + 2])
            return 2
        found = _match(buffer, at)
        if found is None:
            return 0 if have < _LONGEST and not final else 1
        if found[0] == UEL:
            return -1
        return self._sequence(found, base)

    def _sequence(self, found: re.Match[bytes], base: int) -> int:
        """Take a sequence, or what of it stands behind rows; return its length with its data."""
        family, letter, data = found[1] or b"*b", found[4].upper(), _data(found)
        if letter != found[4]:
            self._rows = _MORE_ROWS
        elif family == b"*b":
            self._rows = _BARE_ROWS
        if self._environment is not None or family in _COUNTS:
            start, end = base + found.start(), base + found.end()
            for value, lower in _PART.findall(found[2]) if found[2] else ():
                self._command(Command(family, value, lower.upper()), start, end)
            whole = None if found[2] else Stretch(start, end + data)
            behind = Stretch(end, end + data) if data else None
            self._command(Command(family, found[3], letter, whole, behind), start, end)
        return len(found[0]) + data

    def _command(self, one: Command, start: int, end: int) -> None:
        """Take one command of the sequence that stands from `start` to `end`."""
        key = (one.family, one.letter)
        if key == (b"&f", b"X") and one.value in (b"0", b""):
            self._macro = start
        elif key == (b"&f", b"X") and one.value == b"1" and self._macro is not None:
            if self._environment is not None:
                self._environment.macro(Stretch(self._macro, end))
            self._macro = None
        elif self._macro is None:
            if key == (b"&l", b"X") and _WHOLE_NUMBER.fullmatch(one.value):
                self.repeats = self.repeats or int(one.value[:9]) > 1
            self.ink = self.ink or _draws(one)
            if self._environment is not None:
                self._environment.command(one)


def _draws(one: Command) -> bool:
    """Tell whether something stands on the page now: a picture, a rectangle, what a macro has put there."""
    key = (one.family, one.letter)
    if key == (b"&f", b"X"):
        return one.value in (b"2", b"3")
    return key == (b"*c", b"P") or (key in _DRAWS and bool(one.value))


def _match(buffer: bytes, at: int) -> re.Match[bytes] | None:
    """Return the escape sequence that stands there, up to its data."""
    pattern = _ROWS if buffer.startswith(b"\x1b*b", at) else _SEQUENCE
    return pattern.match(buffer, at, at + _LONGEST)


def _data(found: re.Match[bytes]) -> int:
    """Return how many bytes of data follow a sequence."""
    family, letter = found[1] or b"*b", found[4].upper()
    if (letter != b"W" or family == b"&k") and (family, letter) not in _DRAWS:
        return 0
    return int(found[3].partition(b".")[0].strip(b"+-")[:10] or 0)


def _places_itself(head: bytes) -> bool:
    """Tell whether a page names its place across before it prints anything, or moves from where it was."""
    position = 0
    while position < len(head):
        if head[position] in b"\n\x0c\x00":
            position += 1
            continue
        if head[position] == 0x0D:
            return True
        found = _match(head, position)
        if found is None:
            return head.startswith(RESET, position)
        for value, letter in (*_PART.findall(found[2]), found.groups()[2:]):
            key = (found[1], letter.upper())
            if key in ACROSS and value[:1] not in (b"+", b"-", b""):
                return True
            font = found[1] in (b"(", b")") or (found[1] in (b"(s", b")s") and letter.upper() in ATTRIBUTES)
            if not font and key not in _LEADS:
                return False
        position = found.end() + _data(found)
    return False
