"""What bytes on a wire mean, in a word or two, for who looks on: flow control, ZPL, ESC/POS, PJL. Pure.

Commands may be cut anywhere: what could still become one is kept for the next piece.
"""

from __future__ import annotations

import re

_MOST_KEPT = 64
_MOST_WORDS = 16

# The language's own words alone: after "@PJL" a document may say anything.
_PJL = (
    rb"COMMENT|DEFAULT|DINQUIRE|DMCMD|DMINFO|ECHO|ENTER|EOJ|FSAPPEND|FSDELETE|FSDIRLIST|FSDOWNLOAD|FSINIT|FSMKDIR|FSQUERY"
    rb"|FSUPLOAD|INFO|INITIALIZE|INQUIRE|JOB|OPMSG|RDYMSG|RESET|SET|STMSG|USTATUSOFF|USTATUS"
)
_PJL_OF = rb"CONFIG|DEVICE|FILESYS|ID|JOB|LOG|MEMORY|NAME|PAGECOUNT|PAGE|STATUS|TIMED|USTATUS|VARIABLES"

_OUT = re.compile(
    rb"(?P<uel>\x1b%-12345X)"
    rb"|@PJL[ \t]+(?P<pjl>(?:" + _PJL + rb")(?:[ \t]+(?:" + _PJL_OF + rb"))?)(?![A-Za-z0-9_])"
    rb"|(?P<zpl>[\^~](?:XA|XZ|HS|HI|HM|HQ|JA|JR|JC|PR|PQ\d*|DG|DY|DF|XF))"
    rb"|(?P<pos>\x1b@|\x1dV[\x00-\x7f]|\x1d\(H|\x1da[\x00-\xff]|\x1dr[\x00-\x7f]|\x10\x04[\x01-\x08]|\x10\x05[\x00-\x02]"
    rb"|\x1bp[\x00\x01]|\x1bi|\x1bm)"
    rb"|(?P<page>\x0c)",
)
_IN = re.compile(
    rb"@PJL[ \t]+(?P<pjl>(?:USTATUS|INFO)[ \t]+(?:" + _PJL_OF + rb")|ECHO)(?![A-Za-z0-9_])"
    rb"|CODE=(?P<code>\d{5})"
    rb"|(?P<zpl>\x02[0-9A-Fa-f,. ]{2,64}\x03)"
    rb"|(?P<flow>[\x11\x13\x05\x06\x15\x04])",
)
_FLOW = {0x11: "XON", 0x13: "XOFF", 0x05: "ENQ", 0x06: "ACK", 0x15: "NAK", 0x04: "EOT"}
_POS = {
    b"\x1b@": "ESC @ reset", b"\x1dV": "GS V cut", b"\x1d(": "GS ( H", b"\x1da": "GS a status", b"\x1dr": "GS r status",
    b"\x10\x04": "DLE EOT status", b"\x10\x05": "DLE ENQ", b"\x1bp": "ESC p drawer", b"\x1bi": "ESC i cut",
    b"\x1bm": "ESC m cut",
}  # fmt: skip
# Beginnings of commands that may go on in the next piece.
_BEGUN_OUT = re.compile(
    rb"(?:\x1b(?:%[-0-9]{0,6})?|@P?J?L?[ \tA-Z]{0,30}|[\^~][A-Z]?|[\x1d\x10].?)$", re.DOTALL
)
_BEGUN_IN = re.compile(rb"(?:@P?J?L?[ \tA-Z]{0,30}|CODE=?\d{0,4}|\x02[^\x03]{0,60})$")


class Annotator:
    """Reads one direction of one wire. `masked`: only words of the languages, nothing that a document may have said."""

    def __init__(self, *, out: bool, masked: bool = False) -> None:
        self._pattern, self._begun = (_OUT, _BEGUN_OUT) if out else (_IN, _BEGUN_IN)
        self._kept = b""
        self._masked = masked
        self.labels = self.receipts = self.pages = 0

    def read(self, data: bytes) -> list[str]:
        """Return what the next bytes mean, in order, at most 16 words; then how many more there were."""
        text = self._kept + data
        found = [self._word(match) for match in self._pattern.finditer(text)]
        words = [word for word in found if word]
        begun = self._begun.search(text[-_MOST_KEPT:])
        self._kept = begun[0] if begun else b""
        if len(words) > _MOST_WORDS:
            words = [*words[: _MOST_WORDS - 1], f"and {len(words) - _MOST_WORDS + 1} more"]
        return words

    def skip(self) -> None:
        """Some bytes were not seen: nothing goes on from before them."""
        self._kept = b""

    def _word(self, match: re.Match[bytes]) -> str:
        kind, text = match.lastgroup, match[match.lastgroup or 0]
        if kind == "uel":
            return "UEL"
        if kind == "pjl":
            return "@PJL " + " ".join(text.decode("ascii").split())
        if kind == "code":
            return "CODE" if self._masked else f"CODE {text.decode('ascii')}"
        if kind == "flow":
            return _FLOW[text[0]]
        if kind == "page":
            self.pages += 1
            return f"form feed, page {self.pages}"
        return self._of_printer(kind or "", text)

    def _of_printer(self, kind: str, text: bytes) -> str:
        if kind == "pos":
            word = _POS.get(text[:2], "ESC/POS")
            if "cut" in word:
                self.receipts += 1
                return f"{word}, receipt {self.receipts}"
            return word
        if text[:1] == b"\x02":
            return "~HS answer" if self._masked else f"~HS answer {text[1:-1].decode('ascii')}"
        word = text.decode("ascii")
        if word == "^XZ":
            self.labels += 1
            return f"^XZ label {self.labels}"
        return word


def masked(data: bytes) -> bytes:
    """Return bytes with all that may be text in any code page replaced by dots; controls stay, they are the protocol's."""
    return bytes(byte if byte < 0x20 or byte == 0x7F else 0x2E for byte in data)
