"""Tests of a serial line: which settings the printer has (AutoBaud), and whether the line itself works (Loopback).

Whatever is sent at a wrong speed reaches the printer as other bytes, which it may print or keep for the next document. So
AutoBaud listens, and asks only when somebody says so who has taken the paper into account.
"""

from __future__ import annotations

import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from portmon.errand import Errand
from portmon.line.errors import LineErrors
from portmon.line.raw_line import Line
from portmon.line.settings import Baud, SerialSettings
from portmon.monitor import LineStore
from portmon.questions import QUESTIONS, Answered, Question, seven_bits

SPEEDS = (9600, 19200, 38400, 115200, 57600, 4800, 2400, 1200, 230400)  # the likely ones first
_LISTEN_S = 2.0
_LISTEN_BEFORE_ASKING_S = 0.15
_ANSWER_S = 0.6  # and the time that the longest answer takes at that speed
_LONGEST_ANSWER = 100
_QUIET_S = 0.15
_ANSWERED, _SURE = 99, 80
_FLOW = b"\x11\x13"
_TEXT = bytes(range(32, 127)) + b"\x02\x03\r\n" + _FLOW
_ENOUGH_FLOW = 2  # XON and XOFF in a row, and nothing else, are no accident
_ENOUGH_TEXT = 8
_BYTE_BITS = 11
_PLUG_S = 1.0
_PIECE = 64
_SHOWN = 48


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was heard at one speed."""

    baud: int
    seen: bytes
    answered: Answered | None
    errors: LineErrors | None
    data_bits: int = 8
    parity: str = "none"

    @property
    def score(self) -> int:
        """How sure it is that these are the printer's settings, 0 to 100: a guess is not an answer."""
        if self.answered is not None:
            return _ANSWERED
        if not self.seen:
            return 0
        wrong = 0 if self.errors is None else self.errors.framing + self.errors.parity + self.errors.breaks
        if wrong:
            return 8
        text = sum(one in _TEXT for one in self.seen) / len(self.seen)
        enough = _ENOUGH_TEXT if self.seen.strip(_FLOW) else _ENOUGH_FLOW
        return _SURE if text == 1 and len(self.seen) >= enough else round(5 + 35 * text)

    @property
    def text(self) -> str:
        """What was heard, for people."""
        count = "1 byte" if len(self.seen) == 1 else f"{len(self.seen)} bytes"
        wrong = [] if self.errors is None else self._wrong(self.errors)
        if self.answered is not None:
            return ", ".join([self.answered.text, *(wrong or self._none())])
        if not self.seen:
            return "no answer"
        if wrong:
            return f"{' and '.join(wrong)} in {count}"
        said = "XON and XOFF" if not self.seen.strip(_FLOW) else "readable text"
        return f"{count} of {said}" if self.score >= _SURE else f"{count}, and no proof"

    @staticmethod
    def _wrong(errors: LineErrors) -> list[str]:
        found = (
            ("framing errors", errors.framing),
            ("parity errors", errors.parity),
            ("breaks", errors.breaks),
        )
        return [f"{count} {name}" for name, count in found if count]

    def _none(self) -> list[str]:
        return [] if self.errors is None else ["no framing errors"]

    def as_json(self) -> dict[str, Any]:
        """Return it for the step's data."""
        return {
            **self.settings,
            "score": self.score,
            "text": self.text,
            "bytesSeen": len(self.seen),
            "sample": self.seen[:_SHOWN].hex(" "),
            "framingErrors": None if self.errors is None else self.errors.framing,
            "parityErrors": None if self.errors is None else self.errors.parity,
            "language": self.answered.language if self.answered else "",
        }

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings it speaks for, as a form has them."""
        return {"baud": self.baud, "dataBits": self.data_bits, "parity": self.parity, "stopBits": "1"}

    @property
    def name(self) -> str:
        """Return the settings as people write them."""
        return f"{self.baud} {self.data_bits}{self.parity[0].upper()}1"


def speeds_in(value: object) -> Sequence[int] | None:
    """Return the speeds an input asks for; None when it has something else there."""
    if value is None:
        return SPEEDS
    known = set(get_args(Baud))
    if not isinstance(value, list) or not 0 < len(value) <= len(known):
        return None
    return value if all(isinstance(one, int) and one in known for one in value) else None


def auto_baud(
    errand: Errand, device: str, lines: LineStore, speeds: Sequence[int], ask: Sequence[Question]
) -> object:
    """Listen at each speed, and `ask` there, until it is sure which is the printer's. Sets nothing, resets nothing.

    Without questions nothing is sent, so nothing can be printed.

    Raises OSError, termios.error: the line cannot be used.
    """
    evidence: list[Evidence] = []
    with Line(device, errand.wait, lines) as line:
        for number, baud in enumerate(speeds):
            errand.say(number / len(speeds), f"{baud} 8N1: listening")
            try:
                found = _at(line, baud, ask)
            except termios.error:
                continue  # a speed that this chip has not
            evidence.append(found)
            name = found.name if found.score >= _SURE else f"{baud} 8N1"  # what it was listened at
            said = f"{name}: {found.text} ({found.score} %)"
            errand.say((number + 1) / len(speeds), said, found.as_json())
            if found.score >= _SURE:
                break
    best = max(evidence, key=lambda one: one.score, default=None)
    sure = best is not None and best.score >= _SURE
    return {
        "found": sure,
        "text": f"{best.name}: {best.text}" if best is not None and sure else _nobody(ask),
        "fills": best.settings if best is not None and sure else {},
        "evidence": [one.as_json() for one in evidence],
    }


def _nobody(ask: Sequence[Question]) -> str:
    if ask:
        return "nobody answered at any speed"
    return (
        "nothing that proves a speed was heard, and nothing was sent: switch the printer off and on while this listens, or "
        "have it asked (ask), which at a wrong speed reaches it as other bytes, and may print them"
    )


def _at(line: Line, baud: int, ask: Sequence[Question]) -> Evidence:
    line.set(baud)
    before = line.errors()
    heard = _hear(line, _LISTEN_BEFORE_ASKING_S if ask else _LISTEN_S)
    best: Evidence | None = None
    for question in ask:
        line.write(question.ask, 1.0)
        answer = line.read(_ANSWER_S + _LONGEST_ANSWER * _BYTE_BITS / baud, _QUIET_S)
        heard += answer
        for data, bits, parity in _readings(answer):
            answered = question.read(data)
            if answered is not None:
                best = Evidence(baud, answer, answered, None, bits, parity)
                break
        if best is not None:
            break
    now = line.errors()
    errors = None if before is None or now is None else now.since(before)
    if best is None:
        return heard_as(baud, heard, errors)
    return Evidence(baud, best.seen, best.answered, errors, best.data_bits, best.parity)


def _hear(line: Line, longest_s: float) -> bytes:
    """Listen for so long, or until something has come that cannot be meant so."""
    heard, until = b"", time.monotonic() + longest_s
    while (left := until - time.monotonic()) > 0 and not heard.translate(None, _TEXT):
        heard += line.read(left, _QUIET_S)
    return heard


def heard_as(baud: int, heard: bytes, errors: LineErrors | None) -> Evidence:
    """Return what was heard without an answer to a question, with the size of characters that it fits best."""
    read_as = [Evidence(baud, data, None, errors, bits, parity) for data, bits, parity in _readings(heard)]
    return max(read_as, key=lambda one: one.score)


def _readings(data: bytes) -> Iterator[tuple[bytes, int, str]]:
    yield data, 8, "none"
    seven = seven_bits(data)
    if seven is not None:
        yield seven[0], 7, seven[1]


def questions_for(ask: str | None) -> Sequence[Question]:
    """Return the questions for an input's `ask`: one by name, none for `listen` and for nothing."""
    return [QUESTIONS[ask]] if ask and ask != "listen" else ()


# --- loopback


def loopback(errand: Errand, device: str, lines: LineStore, settings: SerialSettings) -> object:
    """Send a pattern and compare what comes back; without a plug one NUL is sent and nothing else.

    Raises OSError, termios.error: the line cannot be used.
    """
    pattern = bytes(one for one in range(256) if settings.flow != "xonxoff" or one not in _FLOW)
    if settings.data_bits < 8:
        pattern = bytes(sorted({one & ((1 << settings.data_bits) - 1) for one in pattern}))
    with Line(device, errand.wait, lines) as line:
        line.set(settings.baud, settings.data_bits, settings.parity, settings.stop_bits)
        before = line.errors()
        signals = _signals(errand, line)
        errand.say(0.0, "looking for the plug")
        line.write(b"\0", 1.0)
        if line.read(_PLUG_S, _QUIET_S) != b"\0":
            text = "nothing came back: is there a loopback plug (pins 2 and 3 joined)?"
            return {"ok": False, "text": text, "sent": 1, "received": 0, "signals": signals}
        echo = _echo(errand, line, pattern, settings.baud)
        now = line.errors()
    errors = None if before is None or now is None else now.since(before)
    return _verdict(pattern, echo, errors, signals)


def _echo(errand: Errand, line: Line, pattern: bytes, baud: int) -> bytes:
    found = bytearray()
    for start in range(0, len(pattern), _PIECE):
        piece = pattern[start : start + _PIECE]
        line.write(piece, 2.0)
        limit = 1.0 + 2 * len(piece) * _BYTE_BITS / baud
        found += line.read(limit, _QUIET_S, len(piece))
        errand.say(
            (start + len(piece)) / len(pattern), f"{len(found)} of {start + len(piece)} bytes came back"
        )
        if len(found) < start + len(piece):
            break
    return bytes(found)


def _signals(errand: Errand, line: Line) -> Mapping[str, bool | None]:
    """Return which incoming signals follow which outgoing ones; None where the line has no signals."""
    if line.signals() is None:
        return {"rtsToCts": None, "dtrToDsr": None}
    found = {}
    for name, out, back in (
        ("rtsToCts", termios.TIOCM_RTS, termios.TIOCM_CTS),
        ("dtrToDsr", termios.TIOCM_DTR, termios.TIOCM_DSR),
    ):
        levels = []
        for on in (False, True):
            line.set_signal(out, on)
            errand.wait.pause(0.05)
            levels.append(bool((line.signals() or 0) & back))
        found[name] = levels == [False, True]
    return found


def _verdict(
    pattern: bytes, echo: bytes, errors: LineErrors | None, signals: Mapping[str, bool | None]
) -> object:
    pairs = enumerate(zip(pattern, echo, strict=False))
    wrong = [at for at, (sent, came) in pairs if sent != came]
    if echo == pattern:
        text = f"all {len(pattern)} bytes came back as they were sent"
    elif wrong:
        at = wrong[0]
        text = f"{len(wrong)} bytes came back wrong, the first at {at}: {pattern[at]:02x} sent, {echo[at]:02x} back"
    else:
        text = f"{len(echo)} of {len(pattern)} bytes came back"
    return {
        "ok": echo == pattern,
        "text": text,
        "sent": len(pattern),
        "received": len(echo),
        "wrong": len(wrong),
        "framingErrors": None if errors is None else errors.framing,
        "parityErrors": None if errors is None else errors.parity,
        "signals": dict(signals),
    }
