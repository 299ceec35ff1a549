"""PJL status codes (appendix D of HP's manual) as PORT_INFO_3 knows them. Pure.

The table is that of Windows' PJL sample monitor, with its mistake put right: a tray that is empty while the printer goes
on (11xxx) is a warning.
"""

from __future__ import annotations

from portmon.reports import Condition, Report, Severity

_CLEAR = frozenset({0, 10001, 10002, 10023, 10014, 10015, 10016, 10017, 10018, 10019, 11002})
CONDITIONS: dict[int, Condition] = {
    10003: Condition.WARMING_UP,
    10006: Condition.TONER_LOW,
    40038: Condition.TONER_LOW,
    40010: Condition.NO_TONER,
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
_INFORMATION = frozenset({Condition.WARMING_UP, Condition.POWER_SAVE})
OFFLINE = Report(Condition.OFFLINE, Severity.ERROR)


def condition_of(code: int) -> Condition:
    """Return what a code says; CLEAR for ready, busy, and what is no trouble."""
    if code in CONDITIONS:
        return CONDITIONS[code]
    if code in _CLEAR or code < 10000:
        return Condition.CLEAR
    if 11102 <= code <= 11999 or 41102 <= code <= 41999:
        return Condition.PAPER_OUT
    return Condition.USER_INTERVENTION if code > 40000 else Condition.CLEAR


def severity_of(code: int) -> Severity:
    """Return how bad a code is: 40xxx and above stop the printer, 1xxxx and 3xxxx do not."""
    condition = condition_of(code)
    if condition in _INFORMATION or condition is Condition.CLEAR:
        return Severity.INFO
    if code >= 40000 and condition is not Condition.TONER_LOW:
        return Severity.ERROR
    return Severity.WARNING


def report_of(code: int, display: str) -> Report | None:
    """Return a code as a report; the printer's own display is its text. None: nothing is the matter."""
    condition = condition_of(code)
    if condition is Condition.CLEAR:
        return None
    return Report(condition, severity_of(code), f"The printer shows: {display}" if display else "")
