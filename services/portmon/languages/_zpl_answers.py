"""What a ZPL printer answers: frames of ~HS, ~HI and ~HQES, and settings by name. Bounded, never raises. Pure.

After Zebra's "ZPL II Programming Guide" (~HS, ~HI, ~HQ) and its Set-Get-Do chapters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from portmon.reports import Condition, Report, Severity

_MOST_BYTES = 4096
_FRAME = re.compile(
    rb'\x02([^\x02\x03]{0,1024})\x03|\{"([a-z._]{1,60})":"([^"]{0,100})"\}|"([^"\r\n]{0,100})"'
)
_ERRORS = re.compile(rb"ERRORS:\s+([01])\s+([0-9A-Fa-f]{8})\s+([0-9A-Fa-f]{8})")
_WARNINGS = re.compile(rb"WARNINGS:\s+([01])\s+([0-9A-Fa-f]{8})\s+([0-9A-Fa-f]{8})")
_SERIAL = re.compile(rb"SERIAL NUMBER\s+([\x21-\x7e]{1,40})")

_HANDS = Condition.USER_INTERVENTION
# Group 1 of ~HQES.
ERRORS: dict[int, Report] = {
    0x00001: Report(Condition.PAPER_OUT, Severity.ERROR, "The labels are used up"),
    0x00002: Report(Condition.NO_TONER, Severity.ERROR, "The ribbon is used up"),
    0x00004: Report(Condition.DOOR_OPEN, Severity.ERROR, "The print head is open"),
    0x00008: Report(_HANDS, Severity.ERROR, "The cutter is stuck"),
    0x00010: Report(
        Condition.WARMING_UP, Severity.WARNING, "The print head is too hot; it goes on by itself"
    ),
    0x00020: Report(Condition.WARMING_UP, Severity.WARNING, "The motor is too hot; it goes on by itself"),
    0x00040: Report(_HANDS, Severity.ERROR, "The print head has a bad element"),
    0x00080: Report(_HANDS, Severity.ERROR, "The print head is not detected"),
    0x00100: Report(_HANDS, Severity.ERROR, "The firmware is not valid"),
    0x00200: Report(_HANDS, Severity.ERROR, "The print head's thermistor is open"),
    0x01000: Report(Condition.PAPER_JAM, Severity.ERROR),
    0x02000: Report(Condition.PAPER_JAM, Severity.ERROR, "The paper does not feed"),
    0x04000: Report(_HANDS, Severity.ERROR, "The presenter does not run"),
    0x08000: Report(Condition.PAPER_JAM, Severity.ERROR),
    0x10000: Report(_HANDS, Severity.ERROR, "The printer is paused at its panel"),
}
WARNINGS: dict[int, Report] = {
    0x1: Report(Condition.PAPER_PROBLEM, Severity.WARNING, "The labels should be calibrated"),
    0x2: Report(_HANDS, Severity.WARNING, "The print head should be cleaned"),
    0x4: Report(_HANDS, Severity.WARNING, "The print head should be replaced"),
    0x8: Report(Condition.PAPER_PROBLEM, Severity.WARNING, "The paper is near its end"),
}


@dataclass(frozen=True, slots=True)
class HostStatus:
    """The first or the second string of ~HS."""

    formats: int | None = None  # in the receive buffer
    partial: bool = False  # inside a format
    labels: int | None = None  # of the batch that prints, not out yet
    flags: int = 0  # as bits of ~HQES


@dataclass(frozen=True, slots=True)
class Errors:
    """The answer to ~HQES: bits of group 1."""

    errors: int
    warnings: int


@dataclass(frozen=True, slots=True)
class Identity:
    """The answer to ~HI."""

    model: str
    firmware: str
    memory_kb: int | None
    dots_mm: int | None


@dataclass(frozen=True, slots=True)
class SerialNumber:
    """The answer to ~HQSN."""

    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of a setting; `name` is empty when the printer did not say which."""

    name: str
    value: str


Answer = HostStatus | Errors | Identity | SerialNumber | Setting


class Answers:
    """Takes what comes in any pieces and gives back what was understood."""

    def __init__(self) -> None:
        self._input = b""

    def take(self, data: bytes) -> list[Answer]:
        """Return the answers that are complete now."""
        text = self._input + data
        found: list[Answer] = []
        end = 0
        for match in _FRAME.finditer(text):
            end = match.end()
            answer = _answer(match)
            if answer is not None:
                found.append(answer)
        self._input = text[end:][-_MOST_BYTES:]
        return found


def _answer(match: re.Match[bytes]) -> Answer | None:
    frame, name, value, bare = match.groups()
    if frame is not None:
        return _frame(frame)
    if name is not None:
        return Setting(name.decode("ascii"), value.decode("latin-1"))
    return Setting("", bare.decode("latin-1"))


def _frame(frame: bytes) -> Answer | None:
    errors = _ERRORS.search(frame)
    if errors is not None:
        warnings = _WARNINGS.search(frame)
        return Errors(int(errors[3], 16), int(warnings[3], 16) if warnings is not None else 0)
    serial = _SERIAL.search(frame)
    if serial is not None:
        return SerialNumber(serial[1].decode("ascii"))
    fields = frame.strip().split(b",")
    if len(fields) == 12 and _numbers(fields):
        bits = (0x1 if fields[1] == b"1" else 0) | (0x10000 if fields[2] == b"1" else 0)
        bits |= 0x10 if fields[11] == b"1" else 0
        return HostStatus(formats=int(fields[4]), partial=fields[7] == b"1", flags=bits)
    if len(fields) == 11 and _numbers(fields):
        bits = (0x4 if fields[2] == b"1" else 0) | (0x2 if fields[3] == b"1" else 0)
        return HostStatus(labels=int(fields[8]), flags=bits)
    if len(fields) >= 4 and fields[3].strip().upper().endswith(b"KB"):
        return _identity(fields)
    return None


def _numbers(fields: list[bytes]) -> bool:
    return all(field.isdigit() and len(field) <= 8 for field in fields)


def _identity(fields: list[bytes]) -> Identity:
    model, firmware = (field.decode("latin-1").strip()[:60] for field in fields[:2])
    dots, memory = fields[2].strip(), fields[3].strip()[:-2]
    return Identity(model, firmware, _number(memory), _number(dots))


def _number(digits: bytes) -> int | None:
    return int(digits) if digits.isdigit() and len(digits) <= 9 else None
