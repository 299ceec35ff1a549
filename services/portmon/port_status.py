"""The one word for a port, and the sources it is made of: its host, its transport, its printer, and who works with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from portmon.port_state import PortState
from portmon.reports import Condition, Report, Severity, Source


class Word(IntEnum):
    """What is shown for a port, in order of precedence. The numbers are the contract's."""

    UNKNOWN = 1  # its host has not been heard of
    OFFLINE = 2  # host, device or connection is gone
    ERROR = 3  # needs a hand: a report of severity ERROR
    PAUSED = 4  # by a person or a policy
    ATTENTION = 5  # works, and will not for long: a report of severity WARNING
    PRINTING = 6  # in a document
    READY = 7  # open or openable, nothing to do


@dataclass(frozen=True, slots=True)
class Standing:
    """What one source says of a port. UNKNOWN without a time: nothing, and it counts for nothing. `at`: epoch seconds."""

    source: Source
    word: Word = Word.UNKNOWN
    text: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a port beside its reports. Times are seconds since the epoch; None: never."""

    state: PortState
    since: float
    device_at: float | None = None  # its device was there
    printer_at: float | None = None  # the printer told something of itself


OF_STATE: Mapping[PortState, tuple[Word, str]] = {
    PortState.CLOSED: (Word.READY, "not open"),
    PortState.OPEN: (Word.READY, "open"),
    PortState.IN_DOCUMENT: (Word.PRINTING, "in a document"),
    PortState.FAILED: (Word.OFFLINE, "the way to the device is lost"),
}


def standings(seen: Seen, reports: Iterable[Report]) -> tuple[Standing, ...]:
    """Return what host, transport and printer say, in this order, and then the operator, if there is a word of theirs."""
    found = {source: Standing(source) for source in Source}
    word, text = OF_STATE[seen.state]
    found[Source.TRANSPORT] = Standing(Source.TRANSPORT, word, text, seen.since)
    if seen.device_at is not None:
        found[Source.HOST] = Standing(Source.HOST, Word.READY, "the device is there", seen.device_at)
    if seen.printer_at is not None:
        found[Source.PRINTER] = Standing(Source.PRINTER, Word.READY, "nothing is the matter", seen.printer_at)
    for report in reports:
        before, said = found[report.source], _word_of(report)
        if before.at is None or said < before.word:
            heard_at = report.heard_at or report.at
            found[report.source] = Standing(report.source, said, _text_of(report), heard_at)
    return tuple(one for one in found.values() if one.source is not Source.OPERATOR or one.at is not None)


def complete(seen: Seen, reports: Iterable[Report]) -> list[Report]:
    """Return the reports, with a sentence for a lost device whose reporter has said nothing yet, or nothing more.

    A warning: whoever asks for the port opens it anew, and an error would keep jobs from asking.
    """
    found = list(reports)
    word, text = OF_STATE[seen.state]
    if word is Word.OFFLINE and all(_word_of(one) is not Word.OFFLINE for one in found):
        found.append(Report(Condition.OFFLINE, Severity.WARNING, text, Source.TRANSPORT, at=seen.since))
    return found


def word_of(said: Iterable[Standing]) -> Word:
    """Return the one word: the first in order of precedence."""
    return min((one.word for one in said if one.at is not None), default=Word.READY)


def _word_of(report: Report) -> Word:
    if report.severity is Severity.ERROR:
        return Word.OFFLINE if report.condition is Condition.OFFLINE else Word.ERROR
    return Word.ATTENTION if report.severity is Severity.WARNING else Word.READY


def _text_of(report: Report) -> str:
    return report.text or report.condition.name.lower().replace("_", " ")
