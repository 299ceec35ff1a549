"""A port's state and what is said about it, as values of the bidi schema. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portmon.facts import Fact, Kind
from portmon.port_state import PortState
from portmon.reports import Condition, Report, Severity, Source

_REASONS: Mapping[Condition, str] = {
    Condition.OFFLINE: "AttentionRequired",
    Condition.PAPER_JAM: "MediaJam",
    Condition.PAPER_OUT: "MediaEmpty",
    Condition.OUTPUT_BIN_FULL: "OutputAreaFull",
    Condition.PAPER_PROBLEM: "MediaNeeded",
    Condition.NO_TONER: "MarkerSupplyEmpty",
    Condition.DOOR_OPEN: "DoorOpen",
    Condition.USER_INTERVENTION: "AttentionRequired",
    Condition.OUT_OF_MEMORY: "AttentionRequired",
    Condition.TONER_LOW: "MarkerSupplyLow",
}
_EVENTS: Mapping[Condition, tuple[str, str]] = {
    Condition.PAPER_JAM: ("Jam", "MediaPath"),
    Condition.PAPER_OUT: ("InputTraySupplyEmpty", "InputBin"),
    Condition.OUTPUT_BIN_FULL: ("OutputTrayFull", "OutputBins"),
    Condition.PAPER_PROBLEM: ("InputTrayMissing", "InputBin"),
    Condition.NO_TONER: ("ConsumableEmpty", "Consumable"),
    Condition.DOOR_OPEN: ("DoorOpen", "MediaPath"),
    Condition.TONER_LOW: ("ConsumableLow", "Consumable"),
}
# Where a warning is another thing than an error.
_WARNED_REASONS = {Condition.PAPER_PROBLEM: "MediaLow", Condition.OUTPUT_BIN_FULL: "OutputAreaAlmostFull"}
_WARNED_EVENTS = {
    Condition.PAPER_PROBLEM: "InputTraySupplyLow",
    Condition.OUTPUT_BIN_FULL: "OutputTrayAlmostFull",
}
_SEVERITIES = {Severity.ERROR: "Critical", Severity.WARNING: "Warning", Severity.INFO: "Informational"}
_NUMBERS = 1_000_000


class Events:
    """The numbers of one port's events: each has its own as long as it lasts, and another one when it comes again.

    `first` is where the numbers begin; a time serves, so that those of an earlier run are not used again soon.
    """

    def __init__(self, first: int) -> None:
        self._next = first % _NUMBERS
        self._numbers: dict[tuple[str, Condition, str], int] = {}

    def of(self, reports: Sequence[Report]) -> list[int]:
        """Return the number of each report."""
        keys = [(one.reporter, one.condition, one.text) for one in reports]
        self._numbers = {key: self._numbers.get(key) or self._another() for key in keys}
        return [self._numbers[key] for key in keys]

    def _another(self) -> int:
        self._next = self._next % _NUMBERS + 1
        return self._next


def status_facts(state: PortState, reports: Sequence[Report], events: Events) -> dict[str, Fact]:
    """Return what follows from a port's state and from what is said about it."""
    worst = min((report.severity for report in reports), default=Severity.INFO)
    word = "Processing" if state is PortState.IN_DOCUMENT else "Idle"
    if worst is Severity.ERROR or state is PortState.FAILED:
        word = "Stopped"
    reasons = dict.fromkeys(reason for report in reports if (reason := _reason(report)))
    found = {
        r"\Printer.Status.Summary:State": Fact(Kind.ENUM, word, Source.HOST),
        r"\Printer.Status.Summary:StateReason": Fact(Kind.STRING, " ".join(reasons) or "None", Source.HOST),
    }
    eventful = [report for report in reports if report.condition in _EVENTS]
    for report, number in zip(eventful, events.of(eventful), strict=True):
        found |= _event(report, number)
    return found


def is_offline(state: PortState, reports: Sequence[Report]) -> bool:
    """Tell whether the device is out of reach."""
    gone = any(one.condition is Condition.OFFLINE and one.severity is Severity.ERROR for one in reports)
    return gone or state is PortState.FAILED


def _reason(report: Report) -> str:
    warned = _WARNED_REASONS.get(report.condition) if report.severity is not Severity.ERROR else None
    return warned or _REASONS.get(report.condition, "")


def _event(report: Report, number: int) -> dict[str, Fact]:
    name, group = _EVENTS[report.condition]
    if report.severity is not Severity.ERROR:
        name = _WARNED_EVENTS.get(report.condition, name)
    parent = rf"\Printer.Status.Detailed.Event{number}"
    return {
        f"{parent}:Name": Fact(Kind.ENUM, name, report.source, at=report.at),
        f"{parent}:Severity": Fact(Kind.ENUM, _SEVERITIES[report.severity], report.source, at=report.at),
        f"{parent}.Component:Group": Fact(Kind.ENUM, group, report.source, at=report.at),
    }
