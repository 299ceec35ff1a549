"""PJL that stays in force: what has to be said again before a page that is not the first. Pure.

After HP's "Printer Job Language Technical Reference Manual" (bpl13208): what SET has set holds until JOB, EOJ, RESET,
INITIALIZE, or a UEL that stands between no JOB and its EOJ. `ESC E` leaves it alone.
"""

from __future__ import annotations

import re

from spooler.units.pcl import UEL
from spooler.units.prefix import Prefix
from spooler.units.splitter import SETUP_BYTES, Setup

_COMMAND = re.compile(rb"\s*@PJL\s+([A-Z]+)\s*(.*)", re.IGNORECASE | re.DOTALL)
_QUOTED = re.compile(rb'"[^"]*"')
_RANGE = re.compile(rb"\b(?:START|END)\s*=", re.IGNORECASE)
_COPIES = re.compile(rb"(?:^|\s)(?:COPIES|QTY)\s*=\s*0*([0-9]{1,9})", re.IGNORECASE)
# Before any page.
_SETS_ANEW = re.compile(rb"(?:[\r\n]|\x1b%-12345X|@PJL[^\n]*\n)*?@PJL[ \t]+(?:JOB|EOJ)\b", re.IGNORECASE)
_SILENT = frozenset(  # what they do is done, or is about the panel and the back channel
    b"COMMENT ECHO INFO INQUIRE DINQUIRE USTATUS USTATUSOFF RDYMSG OPMSG STMSG".split()
)


class PjlInForce:
    """Follows the PJL of one document."""

    def __init__(self) -> None:
        self.repeats = False  # pages come out several times
        self._job = b""  # the line that began the job; empty: none is open
        self._set: dict[bytes, bytes] = {}  # lines, by what they set
        self._enter = b""
        self._bytes = 0  # of lines in `_set`
        self._refusal = ""

    def universal(self) -> None:
        """See a UEL."""
        self._enter = b""
        if not self._job:
            self._end_job()

    def line(self, line: bytes) -> None:
        """See a line of PJL, with its end."""
        found = _COMMAND.match(line)
        if found is None:
            return
        name, words = found[1].upper(), found[2]
        if name in (b"JOB", b"EOJ"):
            self._end_job()
            if name == b"JOB":
                self._begin_job(line, words)
        elif name in (b"RESET", b"INITIALIZE"):
            self._set, self._bytes = {}, 0
        elif name == b"ENTER":
            self._enter = line
        elif name == b"SET":
            self._put(line, words)
        elif name not in _SILENT:
            self._refuse(f"nobody knows whether @PJL {name[:20].decode()} may be said again before it")
        if not line.endswith(b"\n"):
            self._refuse("a line of its PJL is too long to be said again")

    def before(self, page: bytes) -> Setup:
        """Return what is in force and would not be without what stands before a page; `page` are its first bytes."""
        universal = page.startswith(UEL)
        if universal and (not self._job or _SETS_ANEW.match(page)):
            return Setup()
        if self._refusal:
            return Setup(refusal=self._refusal)
        lines = self._job + b"".join(self._set.values()) + (b"" if universal else self._enter)
        return Setup(Prefix(UEL + lines if lines else b""))

    def end(self) -> bytes:
        """Return what ends the job that is open, behind a UEL."""
        return b"@PJL EOJ\r\n" + UEL if self._job else b""

    def _begin_job(self, line: bytes, words: bytes) -> None:
        self._job = line
        if _RANGE.search(_QUOTED.sub(b"", words)):
            self._refuse("its @PJL JOB names pages by their numbers, which would be counted anew")

    def _end_job(self) -> None:
        self._job, self._set, self._bytes, self._refusal = b"", {}, 0, ""

    def _put(self, line: bytes, words: bytes) -> None:
        what = words.partition(b"=")[0].upper().strip()
        if copies := _COPIES.search(words):
            self.repeats = self.repeats or int(copies[1]) > 1
        self._bytes += len(line) - len(self._set.pop(what, b""))
        if self._bytes > SETUP_BYTES // 2:
            self._refuse("its PJL sets more than can be said again")
        else:
            self._set[what] = line

    def _refuse(self, why: str) -> None:
        self._refusal = self._refusal or why
