"""What an IPP printer's state reasons mean (RFC 8011, 5.4.12): condition, severity, and words; and who is told of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from portmon.bidi.levels import Levels, without_repeats
from portmon.facts import Fact
from portmon.monitor import Reporting
from portmon.reports import Condition, Report, Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
# A condition of its own, and how bad it is where the printer does not say.
_MEANINGS: dict[str, tuple[Condition, Severity]] = {
    "connecting-to-device": (Condition.OFFLINE, _INFO),
    "cover-open": (Condition.DOOR_OPEN, _ERROR),
    "developer-empty": (Condition.NO_TONER, _ERROR),
    "developer-low": (Condition.TONER_LOW, _WARNING),
    "door-open": (Condition.DOOR_OPEN, _ERROR),
    "input-tray-missing": (Condition.PAPER_PROBLEM, _WARNING),
    "interlock-open": (Condition.DOOR_OPEN, _ERROR),
    "marker-failure": (Condition.CLEAR, _ERROR),
    "marker-supply-empty": (Condition.NO_TONER, _ERROR),
    "marker-supply-low": (Condition.TONER_LOW, _WARNING),
    "media-empty": (Condition.PAPER_OUT, _ERROR),
    "media-jam": (Condition.PAPER_JAM, _ERROR),
    "media-low": (Condition.PAPER_PROBLEM, _WARNING),
    "media-needed": (Condition.PAPER_PROBLEM, _ERROR),
    "offline": (Condition.OFFLINE, _ERROR),
    "output-area-almost-full": (Condition.OUTPUT_BIN_FULL, _WARNING),
    "output-area-full": (Condition.OUTPUT_BIN_FULL, _ERROR),
    "output-tray-missing": (Condition.OUTPUT_BIN_FULL, _ERROR),
    "shutdown": (Condition.OFFLINE, _ERROR),
    "spool-area-full": (Condition.OUT_OF_MEMORY, _ERROR),
    "toner-empty": (Condition.NO_TONER, _ERROR),
    "toner-low": (Condition.TONER_LOW, _WARNING),
    "warming-up": (Condition.WARMING_UP, _INFO),
    "power-save": (Condition.POWER_SAVE, _INFO),
    "standby": (Condition.POWER_SAVE, _INFO),
    "suspended": (Condition.POWER_SAVE, _INFO),
}
_SUFFIXES = {"-error": _ERROR, "-warning": _WARNING, "-report": _INFO}
_STOPPED = 5  # printer-state
_LASTS_S = 60.0
_LEVELS_LAST_S = 86400.0  # nobody asks between documents, and nothing fills itself again
_LEVELS = "ipp-levels"


class Telling:
    """Tells what the matter is with a printer. `low_level`: at how many per cent a part is low whose mark it does not tell."""

    def __init__(self, report: Reporting, low_level: int) -> None:
        self._report, self.levels = report, Levels(low_level)

    def tell(self, state: int | None, reasons: Sequence[str], facts: Mapping[str, Fact]) -> None:
        """Tell what a look at the printer has shown."""
        low = self.levels.reports(facts, time.time())
        self._report("ipp", without_repeats(reports_of(state, reasons), low), _LASTS_S)
        self._report(_LEVELS, low, _LEVELS_LAST_S)

    def end(self) -> None:
        """The port is closed: nobody knows its levels any more."""
        self._report(_LEVELS, [], 0.0)


def reports_of(state: int | None, reasons: Sequence[str]) -> list[Report]:
    """Return what is the matter with a printer in this state; [] when nothing is."""
    found = [_report(reason) for reason in reasons if reason not in ("", "none")]
    if state == _STOPPED and not any(one.severity is _ERROR for one in found):
        # Paused at its panel, or for a reason it keeps to itself: it prints nothing and takes jobs all the same.
        found.append(Report(Condition.USER_INTERVENTION, _WARNING, "the printer is stopped"))
    return found


def _report(reason: str) -> Report:
    bare, said = reason, None
    for suffix, severity in _SUFFIXES.items():
        if reason.endswith(suffix):
            bare, said = reason.removesuffix(suffix), severity
    condition, usual = _MEANINGS.get(bare, (Condition.CLEAR, _INFO))
    return Report(condition, said or usual, bare.replace("-", " "))
