"""Where pages end in a laser printer's payload: PCL 5, PostScript, PDF, PCL XL; exact enough for tests, no interpreter.

PCL after HP's "PCL 5 Printer Language Technical Reference": form feed and ESC E eject; binary data of ESC*b#W and its
like is stepped over. PostScript after Adobe's DSC 3.0 (%%Page:), or by `showpage`. PDF by counting page objects; a
document whose page objects are compressed counts by the largest /Count, or as one page.
"""

from __future__ import annotations

import re

from printfabric_sim.personalities._pages import Pages, Piece
from printfabric_sim.personalities._pclxl_pages import PclXlPages, is_pclxl

_FF = 0x0C
_STOPS = re.compile(rb"[\x0c\x1b]")
_INK = re.compile(rb"[!-~\xa0-\xff]")
_PARAMETERS = re.compile(rb"\x1b[!-/][`-~]?(?:[-+]?[0-9.]*[`-~])*([-+]?[0-9]*)\.?[0-9]*([@-Z^])")
# Sequences that are followed by as many bytes of data as their value says. ESC(s#V is a height, ESC*c#V a rectangle's.
BINARY = re.compile(rb"^\x1b(?:(?:\*[bvcmlio]|[()]s|\(f|&[nbl])[^@-Z]*W|&p[^@-Z]*X|\*b[^@-Z]*V)$")
_COPIES = re.compile(rb"^\x1b&l(?:[^A-Z]*[a-z])?([0-9]{1,5})X")
_EARLY_BYTES = 4096
# How payloads start that are recognised by it.
_MARKS = (b"%!", b"%PDF-", *(order + b" HP-PCL XL;" for order in (b"(", b")")))
# A longer number is garbage and counts for nothing.
_MAX_DIGITS = 8


class PclPages(Pages):
    """PCL 5, and plain text, which is PCL without escapes."""

    def __init__(self) -> None:
        self.copies = 1
        self._ink = False
        self._skip = 0
        self._cut = False  # a command, by the end

    def take(self, buffer: bytearray, end: int) -> Piece:
        """Take up to the end of a page."""
        position = min(self._skip, end)
        self._skip -= position
        while position < end:
            found = _STOPS.search(buffer, position, end)
            stop = found.start() if found is not None else end
            self._ink = self._ink or _INK.search(buffer, position, stop) is not None
            if found is None:
                return Piece(end)
            if buffer[stop] == _FF:
                self._ink = False
                return Piece(stop + 1, self.copies)
            length = self._escape(buffer, stop, end)
            if length == 0:
                return Piece(stop)
            position = stop + length
            if buffer[stop + 1] == 0x45 and self._ink:  # ESC E
                self._ink = False
                return Piece(position, self.copies)
            if position > end:
                self._skip, position = position - end, end
        return Piece(end)

    def _escape(self, buffer: bytearray, at: int, end: int) -> int:
        """Return the length of an escape sequence with its data; 0 while it is incomplete."""
        if end - at < 2:
            return 0
        if not 0x21 <= buffer[at + 1] <= 0x2F:
            return 2
        found = _PARAMETERS.match(buffer, at, end)
        if found is None:
            return 0 if end - at < 64 else 1
        if copies := _COPIES.match(found[0]):
            self.copies = max(1, int(copies[1]))
        if BINARY.match(found[0]) and found[1]:
            self._ink = self._ink or found[0].startswith(b"\x1b*b")
            digits = found[1].lstrip(b"+-")
            return len(found[0]) + (int(digits) if 0 < len(digits) <= _MAX_DIGITS else 0)
        return len(found[0])

    def last(self, buffer: bytearray, end: int) -> Piece:
        """Take half a command."""
        self._cut = self._cut or end > 0
        return Piece(end)

    def finish(self) -> int:
        """A page with marks on it is ejected at the end of the job."""
        self._cut = self._cut or self._skip > 0
        ink, self._ink, self._skip = self._ink, False, 0
        return self.copies if ink else 0

    @property
    def void(self) -> bool:
        """What makes no mark is commands, if it is whole."""
        return not self._cut


class PostScriptPages(Pages):
    """PostScript: by %%Page: comments where the file conforms to DSC, else by `showpage`."""

    _PAGE = re.compile(rb"(?:^|[\r\n])(%%Page:|%%Trailer|%%EOF|%%BeginDocument|%%EndDocument)")
    _CONFORMS = b"%!PS-Adobe"
    _SHOW = re.compile(rb"(?<![/\w])showpage\b")
    _TAIL = re.compile(rb"(?:\s|\x04|%[^\r\n]*+|(?:end|quit|restore|grestore)\b)*")

    def __init__(self) -> None:
        self._dsc: bool | None = None
        self._open = False
        self._drawing = False  # more has come since than a tail
        self._over = False  # nothing that comes is meant for paper
        self._inside = 0  # documents included in this one, one in another

    def take(self, buffer: bytearray, end: int) -> Piece:
        """Take up to the next page."""
        if self._dsc is None:
            if end < len(self._CONFORMS) and self._CONFORMS.startswith(bytes(buffer[:end])):
                return Piece(0)
            self._dsc = buffer.startswith(self._CONFORMS)
        pattern = self._PAGE if self._dsc else self._SHOW
        found = pattern.search(buffer, 0, end)
        if found is None:
            self._drawing = self._drawing or end >= _EARLY_BYTES
            return Piece(end - 16 if end >= _EARLY_BYTES else 0)
        if self._dsc and self._included(found[1]):
            self._drawing = True
            return Piece(found.end())
        self._drawing = False
        if not self._dsc:
            return Piece(found.end(), 1)
        done, self._open = self._open, found[1] == b"%%Page:"
        self._over = not self._open and (done or (self._over and not self._shows(buffer, found.start())))
        # The comment is taken with what is before it: it names the page that comes, its bytes count for the last.
        return Piece(found.end(), 1 if done else 0)

    def _included(self, comment: bytes) -> bool:
        """Say whether a comment is of a document inside of this one: what that calls its pages are none."""
        inside = self._inside > 0
        if comment == b"%%BeginDocument":
            self._inside += 1
        elif comment == b"%%EndDocument":
            self._inside = max(0, self._inside - 1)
        return inside or b"Document" in comment

    def last(self, buffer: bytearray, end: int) -> Piece:
        """Take the rest."""
        if self._dsc:
            tail = self._over and not self._shows(buffer, end)
        else:
            tail = self._TAIL.fullmatch(buffer, 0, end) is not None
        self._over = tail and not self._drawing
        return Piece(end)

    def _shows(self, buffer: bytearray, end: int) -> bool:
        """Say whether a trailer is none: another document may stand behind the first."""
        return self._SHOW.search(buffer, 0, end) is not None

    def finish(self) -> int:
        """A page begun and never ended is ejected."""
        done, self._open = self._open, False
        return 1 if done else 0

    @property
    def void(self) -> bool:
        """A trailer, or nothing but comments and tidying up."""
        return self._over


class PdfPages(Pages):
    """PDF: printed when all of it is there, for its page tree is at the end."""

    _PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
    _COUNT = re.compile(rb"/Count\s+(\d{1,6})(?!\d)")
    _BEGUN = re.compile(rb"/[A-Za-z]*\s*(?:/[A-Za-z]*|\d*)$")  # what more bytes may make one of these

    def __init__(self) -> None:
        self._pages = 0
        self._count = 0

    def take(self, buffer: bytearray, end: int) -> Piece:
        """Take everything, in pieces that divide no name from its value."""
        if end < _EARLY_BYTES:
            return Piece(0)
        begun = self._BEGUN.search(buffer, end - 64, end)
        return self._read(buffer, begun.start() if begun is not None else end)

    def last(self, buffer: bytearray, end: int) -> Piece:
        """Take the rest."""
        return self._read(buffer, end)

    def _read(self, buffer: bytearray, end: int) -> Piece:
        self._pages += len(self._PAGE.findall(buffer, 0, end))
        self._count = max([self._count, *(int(n) for n in self._COUNT.findall(buffer, 0, end))])
        return Piece(end)

    def finish(self) -> int:
        """Eject all pages."""
        pages = self._pages or self._count or 1
        self._pages = self._count = 0
        return pages


def undecided(start: bytes) -> bool:
    """Say whether a payload that starts so may still become one that is recognised by its start."""
    return any(mark.startswith(start) and mark != start for mark in _MARKS)


def pages_for(language: str, start: bytes) -> Pages:
    """Return the counter for a language named by PJL, or ("AUTO") recognised by how the payload starts."""
    if language in ("POSTSCRIPT", "PS") or (language == "AUTO" and start.startswith(b"%!")):
        return PostScriptPages()
    if language == "PDF" or (language == "AUTO" and start.startswith(b"%PDF-")):
        return PdfPages()
    if language == "PCLXL" or (language == "AUTO" and is_pclxl(start)):
        return PclXlPages()
    return PclPages()
