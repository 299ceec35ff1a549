"""PostScript: pages where the document's structure shows them, and the prolog that each of them needs. Pure.

After Adobe's "PostScript Language Document Structuring Conventions 3.0" (TN 5001): a page begins at `%%Page:` and ends where
the next one, or the `%%Trailer`, begins. Documents in documents (%%BeginDocument) and counted data (%%BeginBinary,
%%BeginData) hide theirs. Without `%!PS-Adobe-` in front nothing is visible: what `showpage` does, only an interpreter knows.

What stands before the first `%%Page:` (header, prolog, set-up) is all that a page needs, unless `%%PageOrder: Special` says
that its pages are not independent of each other.
"""

from __future__ import annotations

import re

from spooler.units.prefix import Prefix, Stretch
from spooler.units.splitter import Setup

CONFORMS = b"%!PS-Adobe-"
_COMMENT = re.compile(
    rb"[\r\n\x04]%(?:%(Page:|Trailer|BeginDocument|EndDocument|BeginBinary:|BeginData:|PageOrder:|BeginExitServer)"
    rb"|!PS-Adobe-)"
)
_LONGEST = 18  # bytes of a comment's name with what stands before it
_LONGEST_LINE = 255
_LINE = re.compile(rb"[^\r\n]{0,255}")
_COUNT = re.compile(rb" *(\d{1,10})([^\r\n]*)")
_WITH_WORDS = (b"BeginBinary:", b"BeginData:", b"PageOrder:", CONFORMS)


class DscPages:
    """Reads what conforms, from `begin` on, the document's byte where `%!PS-Adobe-` stands."""

    def __init__(self, begin: int = 0) -> None:
        self.begun = False  # a page is open
        self.ends: list[int] = []
        self._depth = 0
        self._begin, self._first_page = begin, -1
        self._header = False  # its first line was read
        self._over = False  # its trailer was seen, and no page behind it
        self._why = ""

    def read(self, buffer: bytes, start: int, stop: int, base: int, *, final: bool) -> int:
        """Read from `start`, which is the document's byte `base` + `start`, to `stop`.

        Return how far it was read (more than there is: skip).
        """
        self.ends = []
        position = start
        if not self._header:
            line = _LINE.match(buffer, start, stop)
            if line is None or _cut(line, stop, final=final):
                return start
            self._header = True
            self._read_header(line[0][len(CONFORMS) :])
        while True:
            found = _COMMENT.search(buffer, position, stop)
            if found is None:
                return stop if final else max(position, stop - _LONGEST)
            name, words = found[1] or CONFORMS, b""
            position = found.end()
            if name in _WITH_WORDS:
                line = _LINE.match(buffer, position, stop)
                assert line is not None
                if _cut(line, stop, final=final):
                    return found.start()
                words, position = line[0], line.end()
            if name in (b"BeginBinary:", b"BeginData:"):
                position += _counted(name, words)
                if position >= stop:
                    return position
            else:
                self._comment(name, words, found.start() + 1, base)

    def setup(self) -> Setup:
        """Return what goes before the page that would follow."""
        if self._why:
            return Setup(refusal=self._why)
        return Setup(Prefix.of((Stretch(self._begin, self._first_page),)))

    def _comment(self, name: bytes, words: bytes, at: int, base: int) -> None:
        if name == b"BeginDocument":
            self._depth += 1
        elif name == b"EndDocument":
            self._depth = max(0, self._depth - 1)
        elif self._depth:
            return
        elif name == CONFORMS:
            self._another(words, base + at)
        elif name == b"PageOrder:":
            self._read_order(words.strip())
        elif name == b"BeginExitServer":
            self._refuse("it changes the printer for good (%%BeginExitServer)")
        else:
            if self.begun:
                self.ends.append(at)
            self.begun = name == b"Page:"
            self._over = not self.begun
            if self.begun and self._first_page < 0:
                self._first_page = base + at

    def _read_header(self, words: bytes) -> None:
        if words[:1] < b"2":
            self._refuse("it conforms to a version of DSC whose pages may lean on each other")
        elif b"ExitServer" in words:
            self._refuse("it changes the printer for good (ExitServer)")

    def _read_order(self, order: bytes) -> None:
        if order.startswith(b"Special"):
            self._refuse("its pages lean on each other (%%PageOrder: Special)")
        elif order.startswith(b"(") and self._first_page < 0:
            self._refuse("only at its end it says whether its pages lean on each other (%%PageOrder)")

    def _another(self, words: bytes, begin: int) -> None:
        """Another document begins behind this one, or within it."""
        if b"Resource" in words or self._first_page < 0:
            return  # a part of the prolog, or of a page
        if self._over:
            self._begin, self._first_page, self._over, self._why = begin, -1, False, ""
            self._read_header(words)
        else:
            self._refuse("another document begins in one of its pages")

    def _refuse(self, why: str) -> None:
        self._why = self._why or why


def _cut(line: re.Match[bytes], stop: int, *, final: bool) -> bool:
    """Tell whether more of a line may follow."""
    return line.end() == stop and len(line[0]) < _LONGEST_LINE and not final


def _counted(name: bytes, line: bytes) -> int:
    """Return how many bytes of data follow; 0 where they are counted in lines."""
    found = _COUNT.match(line)
    if found is None or (name == b"BeginData:" and b"Lines" in found[2]):
        return 0
    return int(found[1])
