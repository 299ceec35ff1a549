"""Plain text: pages end at form feeds (ECMA-48, 8.3.51 FF).

Text with escape sequences is some printer's language, in which a form feed may be data: from the first ESC on the rest
is one page.
"""

from __future__ import annotations

import re

from spooler.ledger import UnitKind
from spooler.units.prefix import Prefix
from spooler.units.splitter import Close, Setup, Splitter

_STOPS = re.compile(rb"[\x0c\x1b]")
_SO, _DC2 = b"\x0e", b"\x12"
_SHIFTS = re.compile(
    rb"[\x0e\x0f\x12]"
)  # SI and DC2: condensed and not; SO: another font, or a line of wide letters
_INK = re.compile(rb"[^\x00-\x20\x7f]")


class TextSplitter(Splitter):
    """Form feeds. A text without any is one document, not one page."""

    kind = UnitKind.PAGE

    def __init__(self, *, collect: bool = False) -> None:
        super().__init__(collect=collect)
        self.kind = UnitKind.DOCUMENT
        self._ink = False
        self._blind = False
        self._shifts: dict[bytes, None] = {}  # SO, SI, DC2: each once, where it came last

    def _scan(self, buffer: bytes, *, final: bool) -> int:
        position = 0
        while not self._blind:
            found = _STOPS.search(buffer, position)
            stop = found.start() if found is not None else len(buffer)
            self._ink = self._ink or _INK.search(buffer, position, stop) is not None
            if self.collect:
                self._remember(buffer[position:stop])
            if found is None:
                break
            if buffer[stop] == 0x1B:
                self._blind = self._ink = True
                break
            self.kind = UnitKind.PAGE
            self._ink = False
            position = stop + 1
            self._end(position)
        return len(buffer)

    def _over(self) -> None:
        if self._ink:
            self._end(0)

    def close(self) -> Close | None:
        """See `Splitter.close`: the page comes out as far as it got."""
        return None if self._blind else Close(b"\x0c")

    def setup(self, head: bytes) -> Setup:
        """See `Splitter.setup`: a page of plain text needs what was shifted before it (condensed letters) and no more."""
        if self._blind:
            return Setup(refusal="escape sequences stand before it")
        if next(reversed([one for one in self._shifts if one != _DC2]), b"") == _SO:
            return Setup(refusal="a shift (SO) stands before it, which printers understand differently")
        return Setup(Prefix(b"".join(one for one in self._shifts if one != _SO)))

    def _remember(self, text: bytes) -> None:
        for shift in _SHIFTS.findall(text):
            self._shifts.pop(shift, None)
            self._shifts[shift] = None
