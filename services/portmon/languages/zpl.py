"""ZPL: label printers. After Zebra's "ZPL II Programming Guide": ~HS, ~HI, ~HQES, ~JX, ~JA, and settings by name.

The proof of an end is the printer's label counter (odometer.total_label_count): it stood somewhere before the document,
with nothing else waiting to be counted, and has risen by the labels in it. A printer without that counter, one that had
other labels waiting, or whose count is larger or may hold a spoilt label twice, is believed when its buffer is empty, on a
connection; where it may have been switched off and on unseen, that proves the end alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import override

from portmon.document import Evidence
from portmon.facts import Fact, Kind
from portmon.language import Before, Language, Word, Wrapped
from portmon.languages._labels import Labels
from portmon.languages._zpl_answers import (
    ERRORS,
    WARNINGS,
    Answer,
    Answers,
    Errors,
    HostStatus,
    Identity,
    SerialNumber,
)
from portmon.reports import Report

_ODOMETER = "odometer.total_label_count"
# Dots in a millimetre, as ~HI has them, and in an inch, as people call such print heads.
_DOTS = {6: 152, 8: 203, 12: 300, 24: 600}
# The bare form before the document, the named form behind it: so that a late answer is never taken for the other one.
_ASKS_START = f'! U1 getvar "{_ODOMETER}"\r\n'.encode()
_ASKS = b"~HS~HQES{}{" + f'"{_ODOMETER}":null'.encode() + b"}\r\n"
_ASKS_WHO = b"~HI~HQSN~HQES"
_TWICE = 2
_UNANSWERED_ASKS = 4  # after so many turns a question counts as lost


class Zpl(Language):
    """Printers that understand ZPL."""

    name = "ZPL"
    evidence, answered = Evidence.ZPL, Evidence.ZPL_ANSWERED
    ask_s = 0.1

    def __init__(self, *, pipe: bool) -> None:
        super().__init__(pipe=pipe)
        self._answers = Answers()
        self._labels = Labels()
        self._alone = False  # nothing else was waiting when the counter was asked for
        self._start: int | None = None  # the counter before the document
        self._now: int | None = None
        self._start_asked = False
        self._look_due = False  # the answer to ~HS before the counter
        self._asking = False
        self._awaited = self._turns = 0
        self._first: HostStatus | None = None  # the first string of the answer that is coming
        self._empty = self._short = 0  # in a row: the buffer is empty; and the counter is short
        self._partial = False
        self._flags = self._errors = self._warnings = 0
        self._troubled = False  # a label may have come out twice, and have been counted twice
        self._facts: dict[str, Fact] = {}
        self._memory: bytes | None = None  # a DWORD, bytes

    @override
    def begin(self, document: Wrapped, first: bytes) -> bytes:
        self.go_on(document)
        self._labels, self._alone = Labels(), document.before is Before.CLEAN
        self._start = self._now = None
        self._start_asked, self._look_due = True, not self._alone
        self._troubled = False
        left = b"~JX" if document.before.is_half or self._partial else b""
        if document.before is Before.CANCELED:
            left = b"~JA"
        self._partial = False
        who = b"" if self._facts else _ASKS_WHO
        return left + who + (b"" if self._alone else b"~HS") + _ASKS_START

    @override
    def go_on(self, document: Wrapped) -> None:
        super().go_on(document)
        self._asking = False
        self._empty = self._short = self._awaited = self._turns = 0
        self._first = None

    @override
    def payload(self, data: memoryview) -> None:
        self._labels.look(data)

    @override
    def finish(self) -> bytes:
        self._labels.finish()
        self._asking = True
        return self._question()

    @override
    def ask(self) -> bytes:
        self._turns += 1
        if self._awaited and self._turns < _UNANSWERED_ASKS:
            return b""
        return self._question()

    def _question(self) -> bytes:
        self._awaited, self._turns = 2, 0  # both strings of ~HS
        self._first = None
        return _ASKS

    @override
    def idle(self) -> bytes:
        return b"~HS~HQES"

    @override
    def ask_value(self, name: str) -> bytes:
        self._memory = None
        return b"~HI" if name == "Installed Memory" else b""

    @override
    def value(self, name: str) -> bytes | None:
        return self._memory

    @override
    def hear(self, data: bytes) -> bool:
        understood = False
        for answer in self._answers.take(data):
            understood = self._take(answer) or understood
        if understood:
            self._troubled = self._troubled or self.in_trouble
            waiting = self._first is not None and bool(self._first.formats)
            self.busy = self.in_trouble or waiting or self._flags & 0x10000 > 0
        return understood

    def _take(self, answer: Answer) -> bool:
        if isinstance(answer, HostStatus):
            return self._host_status(answer)
        if isinstance(answer, Errors):
            self._errors, self._warnings = answer.errors, answer.warnings
            return True
        if isinstance(answer, Identity | SerialNumber):
            self._identify(answer)
            return True
        if not (answer.value.isascii() and answer.value.isdigit() and len(answer.value) <= 12):
            return False
        if not answer.name and self._start_asked:
            self._start_asked = self._look_due = False
            self._start = int(answer.value)
        elif answer.name == _ODOMETER and self._asking:
            self._now = max(self._now or 0, int(answer.value))
            self._judge()
        else:
            return False
        return True

    def _host_status(self, status: HostStatus) -> bool:
        if status.formats is not None:
            self._first, self._flags = status, status.flags
            return True
        if self._first is None:
            return False
        self._flags |= status.flags
        empty = not self._first.formats and not status.labels
        if self._look_due:
            self._look_due, self._alone = False, empty
        elif self._awaited:
            self._awaited = 0
            self._partial = self._first.partial
            self._empty = self._empty + 1 if empty and not self._flags else 0
            if self._empty:
                self._judge()
            else:
                self._short = 0
        if status.labels:
            self.busy = True
        return True

    def _judge(self) -> None:
        """Decide what is proven, when the counter or the buffer has been told."""
        if self.word is not Word.NONE or not self._asking:
            return
        printed, labels = self._printed(), self._labels
        if printed is None or not labels.sure:
            if self._empty >= _TWICE and not self._partial:
                proven = self.restart_shows or (labels.sure and not labels.count)
                self.word = Word.CONFIRMED if proven else Word.ANSWERED
            elif self._empty >= _TWICE:
                self.word = Word.UNPROVEN
        elif printed >= labels.count:
            # A counter that rose by more has counted others' labels, too: then only an empty buffer says that ours are out.
            exact = self._alone and not self._troubled and labels.count == printed
            if (exact and labels.count) or self._empty:
                believed = Word.CONFIRMED if exact or self.restart_shows else Word.ANSWERED
                self.word = Word.UNPROVEN if self._partial else believed
        elif self._empty:
            self._short += 1
            if self._short > _TWICE and self._empty >= _TWICE:
                self.word = Word.LOST
                self.why = f"its counter rose by {printed} of {labels.count} labels, and its buffer is empty"

    def _printed(self) -> int | None:
        """Return by how many labels the counter has risen; None: it is not known."""
        return None if self._start is None or self._now is None else max(0, self._now - self._start)

    @override
    def confirmed(self) -> int:
        printed = self._printed() if self._asking and self._labels.sure else None
        # Where a restart may go unseen, so many are out, but nobody knows which.
        if not printed or not self._alone or printed > self._labels.count or not self.restart_shows:
            return 0
        return self._labels.offset_of(printed - self._troubled)

    def _identify(self, answer: Identity | SerialNumber) -> None:
        info = "\\Printer.DeviceInfo:"
        if isinstance(answer, SerialNumber):
            self._facts[f"{info}SerialNumber"] = Fact(Kind.STRING, answer.text)
            return
        self._facts[f"{info}Manufacturer"] = Fact(Kind.STRING, "Zebra Technologies")
        self._facts[f"{info}ModelName"] = Fact(Kind.STRING, answer.model)
        self._facts[f"{info}FirmwareVersion"] = Fact(Kind.STRING, answer.firmware)
        if dots := _DOTS.get(answer.dots_mm or 0):
            resolution = Fact(Kind.STRING, f"{dots}x{dots}")
            self._facts["\\Printer.Layout.Resolution:CurrentValue"] = resolution
            self._facts["\\Printer.Layout.Resolution:Supported"] = resolution
        if answer.memory_kb is not None:
            self._memory = min(answer.memory_kb * 1024, 0xFFFFFFFF).to_bytes(4, "little")
            self._facts["\\Printer.Configuration.Memory:Size"] = Fact(Kind.INT, answer.memory_kb)

    @override
    def reports(self) -> list[Report]:
        bits = self._errors | self._flags
        found = [report for bit, report in ERRORS.items() if bits & bit]
        return found + [report for bit, report in WARNINGS.items() if self._warnings & bit]

    @override
    def facts(self) -> Mapping[str, Fact]:
        return dict(self._facts)
