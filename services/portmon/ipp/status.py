"""What an IPP printer's state reasons mean (RFC 8011, 5.4.12): condition, severity, and words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

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
