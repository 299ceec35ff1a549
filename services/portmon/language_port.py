"""A language monitor at work: a port that is written and read through a language.

To the session it is a port like any other. Bytes of the language are never counted: `write`, `acked` and `confirmed`
speak of the document alone. Where the port has no way back, or bidirectional support is off, everything passes through.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from typing_extensions import override

from chassis.errors import DeviceFault, Verdict
from portmon.device_wait import READ, WRITE
from portmon.document import MOST_OFFSET, DocInfo, DocKey, Evidence, Progress
from portmon.facts import Fact, Telling
from portmon.language import Before, Language, Word, Wrapped
from portmon.language_bytes import LanguageBytes
from portmon.monitor import OpenContext, Port
from portmon.standing import stands_in

_FIRST_BYTES = 4096  # of a document, which a language may look at before it
_LOOK_S = 0.25  # the longest wait while a word is awaited: offsets are measured in between
_SLOW_PRINTER = 1000  # bytes a second; what the printer has in its memory takes its time
_READ_BYTES = _PRINTER_MEMORY = 65536
_ONCE_SILENT_S = 1.0  # a printer that left a document without a word is not waited for as long again
_TROUBLE_S = 1.0  # how often a printer in trouble is asked between documents
_COUNTS_S: Final = 90.0  # how long a report counts that is not repeated
_CLEAR_S = 1.0  # how long a printer may take to throw away what waits


class LanguagePort(Port):
    """A port with a language around it. `known` asks the port's journal, `tell` takes facts about the printer."""

    _closing = b""  # of half a document that lay before this one

    def __init__(
        self,
        inner: Port,
        language: Language,
        context: OpenContext,
        *,
        known: Callable[[DocKey], Progress],
        tell: Telling,
        answer_s: float,
    ) -> None:
        self._inner, self._language, self._context = inner, language, context
        self._known, self._tell, self._answer_s = known, tell, answer_s
        self._ours = LanguageBytes(inner)
        self._document: Wrapped | None = None
        self._begun = self._through = self._finished = self._lost = False
        self._said: Evidence | None = None  # what the printer's word about this document proves
        self._seen = self._seen_before = 0  # payload bytes the language saw, and those of earlier attempts
        self._introduced = True  # what goes before the document went
        self._clear_until = self._idle_at = 0.0
        self._silent = False  # the last document got no word
        self._last: DocKey | None = None
        self._before = Before.UNKNOWN
        self._recovered: DocKey | None = None
        self._heard_at: float | None = None  # in this document
        self._told: Mapping[str, Fact] = {}
        self.resumable, self.piece_bytes, self.stall = inner.resumable, inner.piece_bytes, inner.stall
        self.write_error_is_exact, self.write_timeout_s = inner.write_error_is_exact, inner.write_timeout_s
        self.one_way, self.runs_on, self.acks = inner.one_way, inner.runs_on, inner.acks
        self._follow()

    def _follow(self) -> None:
        """Take over what may have changed beneath."""
        inner = self._inner
        self.readable, self.lost, self.keeps = inner.readable, inner.lost, inner.keeps
        self.withholds = inner.withholds
        self.far_buffer_bytes = MOST_OFFSET if self._lost else inner.far_buffer_bytes

    @override
    def fileno(self) -> int | None:
        return self._inner.fileno()

    @override
    def paused(self) -> bool:
        return not self._introduced or self._inner.paused()

    # --- a document

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        continues = self._continues(key, resume_offset)
        self._inner.write_timeout_s = self.write_timeout_s
        self._lost, self._said = False, None
        self._inner.start_doc(key, info, resume_offset)
        self._through = not self._inner.readable
        self._document = Wrapped(key, info, self._before)
        self._ours.begin()
        self._heard_at, self._closing = None, b""
        self._begun, self._introduced, self._finished = continues, True, False
        self._last, self._before, self._recovered = key, Before.BROKEN, None
        if continues:
            self._seen_before = self._seen
            self._language.go_on(self._document)
        self._follow()

    def _continues(self, key: DocKey, resume_offset: int) -> bool:
        """Tell whether the printer stands in the middle of this document: a wrapper there would spoil it."""
        if self._recovered == key:
            return True
        may = bool(resume_offset) and self._inner.resumable
        return may and stands_in(self._known, key, resume_offset, self._last)

    @override
    def close_before(self, closing: bytes) -> bytes:
        self._closing = b"" if self._through else closing  # behind what empties the printer
        return closing if self._through else b""

    @override
    def write(self, data: memoryview) -> int:
        if not self._begun:
            self._begun, self._seen, self._seen_before = True, 0, 0
            if not self._through:
                self._ours.put(self._language.clear(self._wrapped()))
                self._clear_until = time.monotonic() + _CLEAR_S if self._ours.waiting else 0.0
                self._language.cleared = not self._ours.waiting
                self._introduced = False
        if not self._ours.flush() or not self._introduce(data):
            return 0
        count = self._inner.write(data)
        if count:
            self._ours.payload(count)
            self._seen += count
            if not self._through:
                self._language.payload(data[:count])
        self._follow()
        return count

    def _wrapped(self) -> Wrapped:
        assert self._document is not None, "bytes outside a document"
        return self._document

    def _introduce(self, data: memoryview) -> bool:
        """See that what goes before the document is with the device, after the printer was emptied; tell whether."""
        if self._through or self._introduced:
            return True
        if not self._language.cleared and time.monotonic() < self._clear_until and self._inner.readable:
            self._take()
            if not self._language.cleared:
                return False
        self._introduced = True
        self._ours.put(self._closing + self._language.begin(self._wrapped(), bytes(data[:_FIRST_BYTES])))
        return self._ours.flush()

    @override
    def acked(self) -> int:
        acked = self._ours.payload_at(self._inner.acked())
        self._follow()
        return acked

    @override
    def transmitted(self) -> int | None:
        left = self._inner.transmitted()
        return None if left is None else self._ours.payload_at(left)

    @override
    def confirmed(self) -> int:
        if self._said is self._language.evidence:
            return self._ours.payload_at(self._ours.sent)
        silent = not self._begun or self._through
        return 0 if silent else max(0, self._language.confirmed() - self._seen_before)

    @override
    def end_doc(self) -> Evidence:
        asked = self._begun and not self._through
        if asked and not self._finished:
            self._finished = True
            if self._inner.readable:
                self._take()  # what the printer said until now, it did not say of the document's end
            self._ours.put(self._language.finish())
        if asked and self._said is None and (said := self._await_word()) is not None:
            self._said = said
            self._ours.put(self._language.rest())
            self._ours.flush()
        evidence = self._inner.end_doc()
        self._before = Before.CLEAN if self._said is not None else Before.SENT
        self._document = None
        self._idle_at = time.monotonic() + self._pause()
        self._follow()
        if self._said is not None or not asked:
            return self._said or evidence
        return Evidence.NO_ANSWER_WRITTEN if evidence is Evidence.DRIVER_WRITE else Evidence.NO_ANSWER

    def _await_word(self) -> Evidence | None:
        """Return what the printer's word proves. It may take its time while it says what it is doing; silence is bounded."""
        language, inner, wait = self._language, self._inner, self._context.wait
        since = asked_at = time.monotonic()
        put = self._ours.sent + self._ours.waiting
        while language.word is Word.NONE:
            now = time.monotonic()
            flushed = self._ours.flush()
            if flushed and not inner.readable:
                return None
            if not flushed or inner.acked() < put:
                since = now  # it cannot answer what it has not got
            elif now - since >= self._patience():
                self._silent = True
                return None
            elif now - asked_at >= language.ask_s:
                asked_at = now
                self._ours.put(language.ask())
            bits = wait.wait(inner.fileno(), READ | (0 if flushed else WRITE), min(_LOOK_S, language.ask_s))
            if bits & ~WRITE and inner.readable and self._take() and language.busy:
                since = time.monotonic()
            self._follow()
        if language.word is Word.UNPROVEN:
            return None
        if language.word is Word.LOST:
            self._lost = True
            self._follow()
            text = f"port {self._context.port}: the printer gave the document up: {language.why}"
            raise DeviceFault(text, verdict=Verdict.HOLD, port=self._context.port)
        self._silent = False
        return language.answered if language.word is Word.ANSWERED else language.evidence

    def _patience(self) -> float:
        if self._silent:
            return min(self._answer_s, _ONCE_SILENT_S)
        talks = self._language.answers_within_s if self._heard_at is not None else 0.0
        return max(self._answer_s, talks) + min(self._ours.sent, _PRINTER_MEMORY) / _SLOW_PRINTER

    @override
    def abort_doc(self, keep: bool) -> bool | None:
        exact = self._inner.abort_doc(keep)
        if not (keep and exact):
            self._ours.drop()
        # All that waits may be thrown away only where nothing of an earlier document can be among it.
        alone = self._document is not None and self._document.before is Before.CLEAN
        self._before = Before.CANCELED if alone and not keep else Before.BROKEN
        self._document = None
        self._idle_at = time.monotonic() + self._pause()
        self._follow()
        return False if self._lost and exact else exact

    @override
    def recover(self, key: DocKey, accepted: int, intent: int) -> int | None:
        exact = self._inner.recover(key, accepted, intent)
        self._recovered = key if exact is not None else None
        return exact

    # --- the way back

    @override
    def read(self, size: int) -> bytes:
        try:
            data = self._inner.read(size)
        finally:
            self._follow()
        if data and self._language.hear(data):
            self._heard_at = time.monotonic()
            self._pass_on()
        return data

    def _take(self) -> bool:
        """Read for ourselves; tell whether something was understood."""
        before = self._heard_at
        if data := self.read(_READ_BYTES):
            self._context.received(data)
        return self._heard_at != before

    def _pass_on(self) -> None:
        language = self._language
        self._context.report(language.reporter, language.reports(), _COUNTS_S)
        facts = language.facts()
        if facts != self._told:
            self._told = dict(facts)
            self._tell(language.reporter, facts, float("inf"))

    # --- between documents

    def _pause(self) -> float:
        return _TROUBLE_S if self._language.in_trouble else self._language.idle_s

    @override
    def look_after(self) -> float | None:
        inner = self._inner.look_after()
        # Half a document may be waiting for its rest: nothing may come between.
        half = self._document is not None or self._before.is_half
        if half or not self._inner.readable or self._inner.fileno() is None:
            return inner
        now = time.monotonic()
        if now >= self._idle_at:
            self._idle_at = now + self._pause()
            if not self._ours.waiting:
                self._ours.put(self._language.idle())
            self._ours.flush()
        return min(self._idle_at - now, float("inf") if inner is None else inner)

    @override
    def close(self) -> None:
        self._inner.close()
        self._context.report(self._language.reporter, [], _COUNTS_S)
