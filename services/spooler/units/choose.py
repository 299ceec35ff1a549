"""Which splitter reads a document: by its media type, else by its first bytes, else none (the whole document). Pure."""

from __future__ import annotations

import re

from spooler.units.escpos import EscPosSplitter
from spooler.units.pcl import RESET, UEL
from spooler.units.pjl_pcl import PjlPclSplitter
from spooler.units.splitter import Splitter
from spooler.units.text import TextSplitter
from spooler.units.whole import WholeSplitter
from spooler.units.zpl import ZplSplitter

SNIFF_BYTES = 1024

_BY_WORD: tuple[tuple[str, type[Splitter]], ...] = (
    ("zpl", ZplSplitter),
    ("zebra", ZplSplitter),
    ("escpos", EscPosSplitter),
    ("esc-pos", EscPosSplitter),
    ("pclxl", WholeSplitter),
    ("pcl", PjlPclSplitter),
    ("pjl", PjlPclSplitter),
    ("postscript", PjlPclSplitter),
    ("pdf", WholeSplitter),
)
# Says nothing about what is in it.
_RAW = frozenset({"", "application/octet-stream", "application/vnd.cups-raw", "raw", "text/plain"})

_ZPL = re.compile(
    rb"\A[\s\x00\x02\x10]*(?:\^XA|CT~~CD|~(?:DG|DY|CC|CT|SD|JA|JX|JS|TA|JC|PS)|\$\{)|\n\^XA|\^XA.{0,900}\^FO",
    re.DOTALL | re.IGNORECASE,
)
_ESCPOS = re.compile(
    rb"\A[\s\x00]*(?:\x10[\x04\x05\x14]|\x1b[@at!RMpE\x33\x32c=]|\x1c[&.Cp]|\x1d[!aBLWvV(Hhw])"
)
_BINARY = re.compile(rb"[^\t-\r -~\x1b\x80-\xff]")
_OTHERS = (
    b"%PDF-",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"PK\x03\x04",
    b"GIF8",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"RaS",
    b"UNIRAST",
)


def choose(media_type: str, head: bytes, *, collect: bool = False) -> Splitter:
    """Return a fresh splitter for a document.

    Args:
        media_type: as its sender said; empty if they did not.
        head: its first `SNIFF_BYTES`, or all of it.
        collect: see `Splitter`.
    """
    return _kind(media_type.partition(";")[0].strip().lower(), head[:SNIFF_BYTES])(collect=collect)


def _kind(media_type: str, head: bytes) -> type[Splitter]:
    if media_type not in _RAW:
        if media_type.startswith("image/"):
            return WholeSplitter
        for word, kind in _BY_WORD:
            if word in media_type:
                return kind
    return _sniff(head)


def _sniff(head: bytes) -> type[Splitter]:
    start = head.lstrip(b"\r\n\x00\x04 ")
    if start.startswith(_OTHERS):
        return WholeSplitter
    if start.startswith((UEL, b"@PJL", b"@pjl", b"%!")):
        return PjlPclSplitter
    if b"\x1b" not in head and _ZPL.search(head):
        return ZplSplitter
    # ESC E is PCL's reset; with 0 or 1 behind it, ESC/POS' emphasis. ESC & and ESC * are PCL's families.
    if start.startswith(RESET) and start[2:3] not in (b"\x00", b"\x01", b"0", b"1"):
        return PjlPclSplitter
    if re.match(rb"\x1b[&(*)][a-zA-Z]", start):
        return PjlPclSplitter
    if _ESCPOS.match(head) and b"\x0c" not in head:
        return EscPosSplitter
    if head and b"\x1b" not in head and not _BINARY.search(head):
        return TextSplitter
    return WholeSplitter
