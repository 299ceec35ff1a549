"""PJL status codes (appendix D of HP's manual) as PORT_INFO_3 knows them. Pure.

The table is that of Windows' PJL sample monitor, with its mistake put right: a tray that is empty while the printer goes
on (11xxx) is a warning.
"""

from __future__ import annotations

from collections.abc import Mapping

from portmon.reports import Condition, Report, Severity

CONDITIONS: Mapping[int, Condition] = {
    10003: Condition.WARMING_UP,
    10006: Condition.TONER_LOW,
    40038: Condition.TONER_LOW,
    30016: Condition.OUT_OF_MEMORY,
    30078: Condition.POWER_SAVE,
    35078: Condition.POWER_SAVE,
    40019: Condition.OUTPUT_BIN_FULL,
    40021: Condition.DOOR_OPEN,
    40022: Condition.PAPER_JAM,
    40034: Condition.PAPER_PROBLEM,
    41002: Condition.PAPER_PROBLEM,
    40079: Condition.OFFLINE,
}
_EMPTY_TRAYS = (range(11102, 12000), range(41102, 42000))
_SEVERITIES: Mapping[range, Severity] = {
    range(10000, 12000): Severity.WARNING,
    range(30000, 31000): Severity.WARNING,
    range(35000, 36000): Severity.WARNING,
    range(40001, 42000): Severity.ERROR,
}
OFFLINE = Report(Condition.OFFLINE, Severity.ERROR)


def condition_of(code: int) -> Condition:
    """Return what a code says; CLEAR for ready, busy, and what is no trouble."""
    if code in CONDITIONS:
        return CONDITIONS[code]
    if any(code in trays for trays in _EMPTY_TRAYS):
        return Condition.PAPER_OUT
    return Condition.USER_INTERVENTION if code > 40000 else Condition.CLEAR


def severity_of(code: int) -> Severity:
    """Return how bad a code is: 40xxx and 41xxx stop the printer, 1xxxx and 3xxxx do not."""
    return next((severity for codes, severity in _SEVERITIES.items() if code in codes), Severity.INFO)


def report_of(code: int, display: str) -> Report | None:
    """Return a code as a report; the printer's own display is its text. None: nothing is the matter."""
    condition = condition_of(code)
    if condition is Condition.CLEAR:
        return None
    return Report(condition, severity_of(code), f"The printer shows: {display}" if display else "")
