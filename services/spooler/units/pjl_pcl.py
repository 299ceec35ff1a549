"""Page printers: PJL around PCL, PostScript or something opaque. A unit is a page where pages are visible.

After HP's "Printer Job Language Technical Reference Manual" (bpl13208): a UEL (ESC %-12345X) ends whatever goes on and starts
PJL, if "@PJL" follows; `@PJL ENTER LANGUAGE = …` says what comes then. In PDF, PCL XL and the rest no pages are visible
without an interpreter: such a payload is one unit. See `pcl` and `postscript` for theirs.

Pages lean on what was said before them: on PJL (`pjl`), on commands of PCL since its last reset (`pcl_setup`), on the prolog
of PostScript. That is said again before the page at which printing goes on.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from spooler.ledger import UnitKind
from spooler.units.pcl import RESET, UEL, PclPages
from spooler.units.pjl import PjlInForce
from spooler.units.postscript import CONFORMS, DscPages
from spooler.units.splitter import NOTHING_OPEN, Close, Setup, Splitter, sendable

_UNSEEN = "pages of PDF, PCL XL and PostScript without structure are not seen"
_LINE_BYTES = 1024  # a longer line of PJL is cut
_ENTER = re.compile(rb"@PJL\s+ENTER\s+LANGUAGE\s*=\s*([A-Za-z0-9]+)", re.IGNORECASE)
_RESETS = re.compile(rb"^(?:[\r\n]|\x1bE)*")
_XL = b") HP-PCL XL"
_OPAQUE = (
    _XL,
    b"( HP-PCL XL",
    b"%PDF-",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"RaS2",
    b"RaS3",
    b"2SaR",
    b"3SaR",
    b"UNIRAST",
)
_SNIFFED = 11  # bytes that tell a language


class _In(Enum):
    START = auto()  # behind a UEL, or at the document's beginning
    PJL = auto()
    PCL = auto()
    DSC = auto()
    OPAQUE = auto()


class PjlPclSplitter(Splitter):
    """Pages."""

    kind = UnitKind.PAGE

    def __init__(self, *, collect: bool = False) -> None:
        super().__init__(collect=collect)
        self._in = _In.START
        self._pcl, self._dsc, self._pjl = PclPages(collect=collect), DscPages(), PjlInForce()
        self._ink = False  # of an opaque payload, or of what goes before a page of PostScript
        self._universal = False  # a UEL, or PJL, was seen

    def _scan(self, buffer: bytes, *, final: bool) -> int:
        position, size = 0, len(buffer)
        while position < size:
            if self._in is _In.START:
                after = self._start(buffer, position, final=final)
            elif self._in is _In.PJL:
                after = self._line(buffer, position, final=final)
            elif self._in is _In.PCL:
                after = self._read_pcl(buffer, position, final=final)
            else:
                after = self._to_uel(buffer, position, final=final)
            if after == position and not self._moved:
                return size if final else position
            position = after
        return position

    _moved = False  # the state has changed although no byte was taken

    def _enter(self, where: _In) -> None:
        self._in, self._moved = where, True

    def _start(self, buffer: bytes, at: int, *, final: bool) -> int:
        """See what begins here."""
        self._moved = False
        head = buffer[at : at + _SNIFFED]
        if len(head) < _SNIFFED and not final and not head[:1].isspace():
            return at
        if head.startswith(UEL):
            self._universal = True
            self._pjl.universal()
            return at + len(UEL)
        if head[:4].upper() == b"@PJL":
            self._universal = True
            self._enter(_In.PJL)
        elif head[:1] in (b"\r", b"\n", b" ", b"\t", b"\x00", b"\x04"):
            return at + 1
        elif head.startswith(CONFORMS):
            self._dsc = DscPages(self._at + at)
            self._enter(_In.DSC)
        elif head.startswith((b"%!", *_OPAQUE)):
            self._enter(_In.OPAQUE)
        else:
            self._pcl.reset()
            self._enter(_In.PCL)
        return at

    def _line(self, buffer: bytes, at: int, *, final: bool) -> int:
        """Take a line of PJL."""
        self._moved = False
        end = buffer.find(b"\n", at, at + _LINE_BYTES)
        universal = buffer.find(UEL, at, at + _LINE_BYTES if end < 0 else end)
        if universal >= 0:
            self._enter(_In.START)
            return universal
        if end < 0:
            if len(buffer) - at < _LINE_BYTES and not final:
                return at
            end = min(at + _LINE_BYTES, len(buffer)) - 1
        line = buffer[at : end + 1]
        if line.strip() and line.lstrip()[:4].upper() != b"@PJL":
            self._enter(_In.START)  # the printer goes over to its own language by itself
            return at
        self._pjl.line(line)
        self.repeats = self.repeats or self._pjl.repeats
        found = _ENTER.search(line)
        if found is not None:
            self._language(found[1].upper())
        return end + 1

    def _language(self, name: bytes) -> None:
        if name == b"PCL":
            self._pcl.reset()
            self._enter(_In.PCL)
        elif name in (b"POSTSCRIPT", b"PS", b"AUTO"):
            self._enter(_In.START)
        else:
            self._enter(_In.OPAQUE)

    def _read_pcl(self, buffer: bytes, at: int, *, final: bool) -> int:
        self._moved = False
        after = self._pcl.read(buffer, at, self._at, final=final)
        for end in self._pcl.ends:
            self._end(end)
        self.repeats = self.repeats or self._pcl.repeats
        if buffer.startswith(UEL, after):
            if self._pcl.ink:
                self._end(after)
            self._pcl.ink = False
            self._enter(_In.START)
        return after

    def _to_uel(self, buffer: bytes, at: int, *, final: bool) -> int:
        self._moved = False
        universal = buffer.find(UEL, at)
        stop = universal
        if universal < 0:
            stop = len(buffer) if final else max(at, len(buffer) - len(UEL) + 1)
        if self._in is _In.DSC:
            after = self._dsc.read(buffer, at, stop, self._at, final=final or universal >= 0)
            for end in self._dsc.ends:
                self._end(end)
            self._ink = self._dsc.begun
        else:
            after = stop
            self._ink = self._ink or bool(buffer[at:stop].strip())
        if universal >= 0 and after == universal:
            self._close(universal)
            self._enter(_In.START)
        return after

    def _close(self, at: int) -> None:
        """An opaque payload, or the last page of a PostScript one, is over."""
        if self._ink:
            self._end(at)
        self._ink = False
        self._dsc.begun = False

    def _over(self) -> None:
        if self._ink or self._pcl.ink:
            self._end(0)

    def close(self) -> Close | None:
        """See `Splitter.close`: UEL ends whatever goes on; a printer that was sent none yet may know PCL alone (ESC E)."""
        if self._in is _In.START and self._kept.strip() in (b"", UEL):
            return NOTHING_OPEN
        knows_uel = self._universal or self._in is not _In.PCL
        return Close(bytes(self._skip) + (UEL if knows_uel else RESET))

    def leave(self) -> bytes:
        """See `Splitter.leave`: nothing of it stays in force for whoever comes next."""
        if self._universal:
            return UEL + self._pjl.end()
        return RESET if self._in is _In.PCL else b""

    def setup(self, head: bytes) -> Setup:
        """See `Splitter.setup`: the PJL in force, then what the page leans on in its own language."""
        if self._kept:  # too little to tell its language by
            self._look(self._kept, final=True)
        page = _RESETS.sub(b"", head, count=1)
        said = self._pjl.before(page)
        if said.refusal or page.startswith(UEL) or head.lstrip(b"\r\n").startswith(RESET):
            return said
        if self._in is _In.PCL:
            needed = self._pcl.setup(head)
        elif self._in is _In.DSC:
            needed = self._dsc.setup()
        else:
            return Setup(refusal=_UNSEEN)
        if needed.refusal:
            return needed
        return sendable(needed.prefix.after(said.prefix.said))
