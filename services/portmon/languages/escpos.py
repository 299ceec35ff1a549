"""ESC/POS: receipt printers. After Epson's "ESC/POS Command Reference": GS ( H, GS a, GS I, DLE EOT, DLE DC4.

The proof of an end is the process id (GS ( H, function 48): the printer sends it back when everything before it is done.
A printer that was off and on amid the document sends it back, too: where nobody would have seen that, it proves the end alone.
Trouble is told unasked (GS a), and asked for in real time (DLE EOT) while the proof is awaited. Nothing is ever put into
the middle of a document: a real-time command inside an image is part of the image for some printers.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from typing_extensions import override

from portmon.document import Evidence
from portmon.facts import Fact, Kind
from portmon.language import Before, Language, Word, Wrapped
from portmon.reports import Condition, Report, Severity

_ASKS_WHO = b"\x1dIB\x1dIC\x1dIA\x1dID"  # GS I 66, 67, 65, 68
_WHO = ("Manufacturer", "ModelName", "FirmwareVersion", "SerialNumber")
_AUTOMATIC = b"\x1da\x0e"  # GS a: on- and offline, errors, paper; a drawer is nobody's trouble
_INITIALIZE = b"\x1b@"
_CLEAR = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"  # DLE DC4 8: throw away what waits, even amid an image
_MOST_TEXT = 82
_PRINTABLE, _IDS = 0x21, 94  # the bytes of a process id: the printable ones

# What each bit says, in the order in which it is worth telling.
_SAYS: Mapping[str, Report] = {
    "paper": Report(Condition.PAPER_OUT, Severity.ERROR),
    "cover": Report(Condition.DOOR_OPEN, Severity.ERROR, "The cover is open"),
    "cutter": Report(Condition.USER_INTERVENTION, Severity.ERROR, "The cutter is stuck"),
    "fatal": Report(
        Condition.USER_INTERVENTION, Severity.ERROR, "The printer has an error: switch it off and on"
    ),
    "error": Report(Condition.USER_INTERVENTION, Severity.ERROR, "The printer has an error"),
    "hot": Report(Condition.WARMING_UP, Severity.WARNING, "The print head is too hot; it goes on by itself"),
    "away": Report(Condition.OFFLINE, Severity.ERROR),
    "low": Report(Condition.PAPER_PROBLEM, Severity.WARNING, "The paper is near its end"),
}
_Bits = tuple[tuple[int, str], ...]
_AUTOMATIC_BITS: tuple[_Bits, ...] = (
    ((0x08, "away"), (0x20, "cover")),
    ((0x08, "cutter"), (0x20, "fatal"), (0x40, "hot")),
    ((0x03, "low"), (0x0C, "paper")),
    (),
)
_ASKED_BITS: Mapping[int, _Bits] = {
    1: ((0x08, "away"),),
    2: ((0x04, "cover"), (0x20, "paper"), (0x40, "error")),
    3: ((0x08, "cutter"), (0x20, "fatal"), (0x40, "hot")),
    4: ((0x0C, "low"), (0x60, "paper")),
}
# Words that others explain.
_GENERAL, _SPECIAL = {"away", "error"}, {"paper", "cover", "cutter", "fatal", "hot"}


class Escpos(Language):
    """Printers that understand ESC/POS."""

    name = "ESC/POS"
    evidence, answered = Evidence.ESCPOS, Evidence.ESCPOS_ANSWERED
    ask_s = 0.5

    def __init__(self, *, pipe: bool) -> None:
        super().__init__(pipe=pipe)
        self._input = bytearray()
        self._next_id = secrets.randbelow(_IDS**4)  # never those of an earlier opening
        self._wanted = b""
        self._said: set[str] = set()
        self._asked, self._awaited = 1, False  # DLE EOT n
        self._who: dict[str, Fact] = {}
        self._who_due: list[str] = []
        self._proved = False  # it knows process ids, so it knows GS I as well

    @override
    def clear(self, document: Wrapped) -> bytes:
        # What a broken line left may go on to print; of a canceled document or a lost connection nothing is wanted.
        unwanted = document.before is Before.CANCELED or (document.before is Before.BROKEN and not self.pipe)
        return _CLEAR if unwanted else b""

    @override
    def begin(self, document: Wrapped, first: bytes) -> bytes:
        super().go_on(document)
        self._wanted = b""
        before = _INITIALIZE if document.before.is_half else b""
        who = b""
        if self._proved and not self._who:
            self._who_due, who = list(_WHO), _ASKS_WHO
        return before + _AUTOMATIC + who

    @override
    def finish(self) -> bytes:
        self._next_id = (self._next_id + 1) % _IDS**4
        self._wanted = bytes(_PRINTABLE + self._next_id // _IDS**place % _IDS for place in range(4))
        self._awaited = False
        return b"\x1d(H\x06\x00\x30\x30" + self._wanted

    @override
    def ask(self) -> bytes:
        # One at a time, and the same again until it is answered: the answers do not say which question they are to.
        if not self._awaited:
            self._awaited = True
            self._asked = self._asked % 4 + 1
        return bytes((0x10, 0x04, self._asked))

    @override
    def idle(self) -> bytes:
        return self.ask()

    @override
    def hear(self, data: bytes) -> bool:
        self._input += data
        understood, at = False, 0
        while at < len(self._input):
            length = self._length(at)
            if not length:
                break
            understood = self._take(bytes(self._input[at : at + length])) or understood
            at += length
        del self._input[:at]
        if understood:
            self.busy = self.in_trouble
        return understood

    def _length(self, at: int) -> int:
        """Return how long the answer at `at` is; 0: it is not all there. What is none is one byte."""
        have = self._input[at : at + _MOST_TEXT]
        first = have[0]
        if first == 0x37:  # a header, then what it is about
            if len(have) < 2:
                return 0
            length = {0x22: 7, 0x25: 3}.get(have[1], 1)
            return length if len(have) >= length else 0
        if first == 0x5F:
            end = have.find(0)
            return end + 1 if end >= 0 else (0 if len(have) < _MOST_TEXT else 1)
        if first & 0x93 == 0x10:  # automatic status: the three others have bits 4 and 7 off
            if any(byte & 0x90 for byte in have[1:4]):
                return 1
            return 4 if len(have) >= 4 else 0
        return 1

    def _take(self, answer: bytes) -> bool:
        if answer[:2] == b"\x37\x22" and len(answer) == 7:
            return self._process_id(answer[2:6], answer[6])
        if answer == b"\x37\x25\x00":
            self.cleared = True
            return True
        if answer[0] == 0x5F and len(answer) > 1:
            return self._named(answer[1:-1])
        if len(answer) == 4:
            for byte, bits in zip(answer, _AUTOMATIC_BITS, strict=True):
                self._set(byte, bits)
            return True
        if answer[0] & 0x93 == 0x12 and self._awaited:
            self._awaited = False
            self._set(answer[0], _ASKED_BITS[self._asked])
            return True
        return False

    def _process_id(self, number: bytes, end: int) -> bool:
        if end or not self._wanted or number != self._wanted:
            return False  # an earlier document's, or none at all
        self._proved = True
        self.word = Word.CONFIRMED if self.restart_shows else Word.ANSWERED
        return True

    def _named(self, text: bytes) -> bool:
        if not self._who_due:
            return False
        path = f"\\Printer.DeviceInfo:{self._who_due.pop(0)}"
        self._who[path] = Fact(Kind.STRING, text.decode("ascii", "replace"))
        return True

    def _set(self, byte: int, bits: _Bits) -> None:
        for bit, word in bits:
            if byte & bit:
                self._said.add(word)
            else:
                self._said.discard(word)

    @override
    def reports(self) -> list[Report]:
        words = self._said - _GENERAL if self._said & _SPECIAL else self._said
        return [report for word, report in _SAYS.items() if word in words]

    @override
    def facts(self) -> Mapping[str, Fact]:
        return dict(self._who)
