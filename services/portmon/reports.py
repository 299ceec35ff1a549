"""What is said about a port beside its state (SetPort, PORT_INFO_3): by whom, how bad it is, and until when it counts.

Each reporter has its own place, which every new word of it replaces whole: what SNMP says never clears what a language
monitor said. A word that is not repeated runs out, so that a source that has fallen silent keeps no port from printing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

_MOST_REPORTERS = 16
_MOST_REPORTS = 32  # of one reporter
_MOST_TEXT = 200


class Condition(IntEnum):
    """PORT_INFO_3.dwStatus, with Windows' numbers."""

    CLEAR = 0
    OFFLINE = 1
    PAPER_JAM = 2
    PAPER_OUT = 3
    OUTPUT_BIN_FULL = 4
    PAPER_PROBLEM = 5
    NO_TONER = 6
    DOOR_OPEN = 7
    USER_INTERVENTION = 8
    OUT_OF_MEMORY = 9
    TONER_LOW = 10
    WARMING_UP = 11
    POWER_SAVE = 12


class Severity(IntEnum):
    """PORT_INFO_3.dwSeverity, with Windows' numbers."""

    ERROR = 1  # no more jobs go to the port
    WARNING = 2
    INFO = 3


class Source(StrEnum):
    """Who knows it in the end."""

    HOST = "host"
    TRANSPORT = "transport"
    PRINTER = "printer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that is the matter with a port. Times are seconds since the epoch; `expires_at` None: until cleared.

    at: since when it is said; who repeats it does not change that. heard_at: when it was said last.
    """

    condition: Condition
    severity: Severity
    text: str = ""
    source: Source = Source.PRINTER
    at: float = 0.0
    expires_at: float | None = None
    reporter: str = ""  # who put it here: "snmp", "ipp", "pjl"
    cause: str = ""  # one id for all that it brings about: "line-errors"
    heard_at: float = 0.0

    @property
    def meaning(self) -> tuple[Condition, Severity, str, Source]:
        """All but who says it, and when."""
        return self.condition, self.severity, self.text, self.source


# Who says so, and what, of a device that is tried until it opens; why it does not is said to who asked. Its end tells
# spoolers that there is a use in asking again.
OPENING = "opening"
TRIED = Report(Condition.CLEAR, Severity.INFO, "it does not open, and is tried each second", Source.HOST)


class Reports:
    """The reports of one port. Any thread may set and read them."""

    def __init__(self) -> None:
        self._by_reporter: dict[str, tuple[Report, ...]] = {}
        # Guards the change of _by_reporter, which is replaced and never altered.
        self._lock = threading.Lock()

    def set(
        self,
        reporter: str,
        reports: Iterable[Report],
        *,
        lasts_s: float | None = None,
        at: float | None = None,
    ) -> bool:
        """Replace everything that `reporter` said before, and tell whether that changed anything but the time.

        It counts for `lasts_s`; None: until it is replaced.

        CLEAR says that nothing is the matter, as in SetPort. Long texts are cut, control characters are dropped.
        """
        now = time.time() if at is None else at
        expires = None if lasts_s is None else now + lasts_s
        said = (as_said(one, reporter, now, expires) for one in reports)
        new = tuple([one for one in said if one is not None][:_MOST_REPORTS])
        with self._lock:
            before = self._by_reporter.get(reporter, ())
            new = tuple(_since(one, before, now) for one in new)
            rest = {name: said for name, said in self._by_reporter.items() if name != reporter}
            if new and self.has_room(reporter):
                rest[reporter] = new
            self._by_reporter = rest
        return [one.meaning for one in new] != [one.meaning for one in before] or self._ran_out(before, now)

    def put(self, report: Report) -> None:
        """Take a report back that was kept: all it says is its own."""
        with self._lock:
            self._by_reporter = {**self._by_reporter, report.reporter: (report,)}

    def has_room(self, reporter: str) -> bool:
        """Say whether one more may speak."""
        return len(self._by_reporter.keys() - {reporter}) < _MOST_REPORTERS

    def now(self, at: float | None = None) -> list[Report]:
        """Return what counts at a time (now), the worst first."""
        moment = time.time() if at is None else at
        said = [one for reports in self._by_reporter.values() for one in reports]
        return sorted(
            (one for one in said if one.expires_at is None or one.expires_at > moment),
            key=lambda one: (one.severity, one.condition, one.reporter),
        )

    def next_expiry(self, at: float) -> float | None:
        """Return when the next report runs out (epoch seconds); None when none ever will."""
        return min(
            (one.expires_at for one in self.now(at) if one.expires_at is not None),
            default=None,
        )

    @staticmethod
    def _ran_out(reports: tuple[Report, ...], at: float) -> bool:
        return any(one.expires_at is not None and one.expires_at <= at for one in reports)


def as_said(report: Report, reporter: str, at: float, expires_at: float | None) -> Report | None:
    """Return a report as it is kept; None when it says that nothing is the matter, and nothing more."""
    if report.condition is Condition.CLEAR and not report.text:
        return None
    return replace(
        report,
        text=_clean(report.text),
        at=report.at or at,
        heard_at=at,
        expires_at=expires_at,
        reporter=reporter,
    )


def _since(report: Report, before: Iterable[Report], now: float) -> Report:
    """Return a report with the time when it was said first, if it was said before and still counts."""
    same = [one for one in before if one.meaning == report.meaning]
    still = [one.at for one in same if one.expires_at is None or one.expires_at > now]
    return replace(report, at=min(report.at, *still)) if still else report


def _clean(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_MOST_TEXT]
