"""ESC/POS: a unit is a receipt, which a cut ends (GS V, ESC i, ESC m); lengths and sources are `escpos_commands`'s.

A receipt prints as it comes. A cut with nothing on the paper before it ends none; what is printed after the last cut is
one more.
"""

from __future__ import annotations

import re

from spooler.ledger import UnitKind
from spooler.units.escpos_commands import CUTS, MORE, SETTINGS, downloads, draws, length_of
from spooler.units.prefix import Prefix
from spooler.units.splitter import Close, Setup, Splitter

_LEADS = re.compile(rb"[\x10\x1b\x1c\x1d]")
_INK = re.compile(rb"[!-\xff]")
_RESET = b"\x1b@"
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
        self._settings: dict[bytes, bytes] = {}
        self._downloaded = b""

    def _scan(self, buffer: bytes, *, final: bool) -> int:
        position, size = 0, len(buffer)
        while position < size:
            if self._parts:
                after = self._part(buffer, position)
            else:
                found = _LEADS.search(buffer, position)
                stop = found.start() if found is not None else size
                self._ink = self._ink or _INK.search(buffer, position, stop) is not None
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
        if self.collect:
            if lead in SETTINGS and after > len(buffer):
                return MORE
            self._remember(lead, buffer, at, after)
        return after

    def _remember(self, lead: bytes, buffer: bytes, at: int, after: int) -> None:
        if lead == _RESET:
            self._settings.clear()
            self._downloaded = b""
        elif lead in SETTINGS:
            self._settings.pop(lead, None)
            self._settings[lead] = buffer[at:after]
        elif downloads(lead, buffer, at):
            self._downloaded = lead

    def _definition(self, lead: bytes, buffer: bytes, at: int) -> int:
        """ESC & y c1 c2 [x d…]…: characters. FS q n [xL xH yL yH d…]…: images in lasting memory."""
        if lead == b"\x1cq":
            if len(buffer) - at < 3:
                return MORE
            self._parts, self._height = buffer[at + 2], 0
            return at + 3
        if len(buffer) - at < 5:
            return MORE
        self._height = buffer[at + 2]
        self._parts = max(0, buffer[at + 4] - buffer[at + 3] + 1) if self._height else 0
        self._downloaded = lead
        return at + 5

    def _part(self, buffer: bytes, at: int) -> int:
        if self._height:
            self._parts -= 1
            return at + 1 + buffer[at] * self._height
        if len(buffer) - at < 4:
            return MORE
        self._parts -= 1
        width, height = buffer[at] + 256 * buffer[at + 1], buffer[at + 2] + 256 * buffer[at + 3]
        return at + 4 + width * height * 8

    def _over(self) -> None:
        if self._ink:
            self._end(0)

    def setup(self, head: bytes) -> Setup:
        """See `Splitter.setup`: the printer is reset, then set as the receipts before have set it."""
        if self._downloaded:
            what = (
                self._downloaded.decode("latin-1")
                .replace("\x1b", "ESC ")
                .replace("\x1d", "GS ")
                .replace("\x1c", "FS ")
            )
            return Setup(refusal=f"characters, images or macros were downloaded before it ({what})")
        return Setup(Prefix(_RESET + b"".join(self._settings.values())))

    def close(self) -> Close | None:
        """See `Splitter.close`: what waits in the printer is dropped (ESC @), what is on the paper is cut off."""
        fill = self._skip
        if self._kept or self._parts:
            fill += _HEADER_BYTES * (
                1 + self._parts
            )  # zeros end every header, and make what it announces empty
        return Close(bytes(fill) + _RESET + (_FEED_AND_CUT if self._ink else b""), drops=not self._ink)

    def mark(self, text: str) -> bytes:
        """See `Splitter.mark`: a line of its own before the receipt."""
        return "".join(char for char in text if char.isprintable()).encode("ascii", "replace") + b"\n"
