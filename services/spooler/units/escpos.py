"""ESC/POS: a unit is a receipt, which a cut ends (GS V, ESC i, ESC m); lengths and sources are `escpos_commands`'s.

A receipt prints as it comes. A cut with nothing on the paper before it ends none; what is printed after the last cut is
one more.
"""

from __future__ import annotations

import re

from spooler.ledger import UnitKind
from spooler.units.escpos_commands import CUTS, MORE, draws, length_of
from spooler.units.escpos_setup import RESET, SHORT_BYTES, EscPosEnvironment
from spooler.units.prefix import Stretch
from spooler.units.splitter import Close, Setup, Splitter

_LEADS = re.compile(rb"[\x10\x1b\x1c\x1d]")
_INK = re.compile(rb"[!-\xff]")
_FEED_AND_CUT = b"\x1dVB\x00"  # GS V 66 0: feeds what was printed past the blade first
_HEADER_BYTES = 16  # no command's parameters are longer, but for what they announce


class EscPosSplitter(Splitter):
    """Receipts."""

    kind = UnitKind.RECEIPT
    has_mark = True

    def __init__(self, *, collect: bool = False) -> None:
        super().__init__(collect=collect)
        self._ink = False
        self._parts = 0  # characters or images of a definition that still come, each with a length of its own
        self._height = 0  # bytes a column has in them; 0: images with two measures (FS q)
        self._defined_at = 0  # where the definition stands
        self._environment = EscPosEnvironment() if collect else None

    def _scan(self, buffer: bytes, *, final: bool) -> int:
        position, size = 0, len(buffer)
        while position < size:
            if self._parts:
                after = self._part(buffer, position)
            else:
                found = _LEADS.search(buffer, position)
                stop = found.start() if found is not None else size
                self._ink = self._ink or _INK.search(buffer, position, stop) is not None
                if self._environment is not None and stop > position:
                    self._environment.text(buffer[position:stop])
                position = stop
                if found is None:
                    break
                after = self._command(buffer, position)
            if after == MORE:
                return size if final else position
            position = after
        return position

    def _command(self, buffer: bytes, at: int) -> int:
        """Take the command at `at`; return where the next thing stands, or MORE."""
        lead = buffer[at : at + 2]
        if lead in (b"\x1b&", b"\x1cq"):
            return self._definition(lead, buffer, at)
        length = length_of(buffer, at)
        if length == MORE:
            return MORE
        after = at + length
        if lead in CUTS:
            if after > len(buffer):
                return MORE
            if self._ink:
                self._end(after)
            self._ink = False
        elif draws(lead, buffer, at):
            self._ink = True
        if self._environment is not None:
            if after > len(buffer) and length <= SHORT_BYTES:
                return MORE
            place = Stretch(self._at + at, self._at + after)
            self._environment.command(buffer[at : min(after, at + SHORT_BYTES)], place)
        return after

    def _definition(self, lead: bytes, buffer: bytes, at: int) -> int:
        """ESC & y c1 c2 [x d…]…: characters. FS q n [xL xH yL yH d…]…: images in lasting memory."""
        if lead == b"\x1cq":
            if len(buffer) - at < 3:
                return MORE
            self._parts, self._height = buffer[at + 2], 0
            if self._environment is not None:
                self._environment.command(lead, Stretch(self._at + at, self._at + at + 3))
            return at + 3
        if len(buffer) - at < 5:
            return MORE
        self._defined_at, self._height = self._at + at, buffer[at + 2]
        self._parts = max(0, buffer[at + 4] - buffer[at + 3] + 1) if self._height else 0
        return self._defined(at + 5)

    def _part(self, buffer: bytes, at: int) -> int:
        if self._height:
            self._parts -= 1
            return self._defined(at + 1 + buffer[at] * self._height)
        if len(buffer) - at < 4:
            return MORE
        self._parts -= 1
        width, height = buffer[at] + 256 * buffer[at + 1], buffer[at + 2] + 256 * buffer[at + 3]
        return at + 4 + width * height * 8

    def _defined(self, after: int) -> int:
        """See that a part of a definition ends here."""
        if self._environment is not None and not self._parts:
            self._environment.store(Stretch(self._defined_at, self._at + after))
        return after

    def _over(self) -> None:
        if self._ink:
            self._end(0)

    def setup(self, head: bytes) -> Setup:
        """See `Splitter.setup`: the printer is reset, then set as the receipts before have set it."""
        assert self._environment is not None
        return self._environment.setup()

    def close(self) -> Close | None:
        """See `Splitter.close`: what waits in the printer is dropped (ESC @), what is on the paper is cut off."""
        fill = self._skip
        if self._kept or self._parts:
            fill += _HEADER_BYTES * (
                1 + self._parts
            )  # zeros end every header, and make what it announces empty
        return Close(bytes(fill) + RESET + (_FEED_AND_CUT if self._ink else b""), drops=not self._ink)

    def mark(self, text: str) -> bytes:
        """See `Splitter.mark`: a line of its own before the receipt."""
        return "".join(char for char in text if char.isprintable()).encode("ascii", "replace") + b"\n"
