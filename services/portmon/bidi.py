"""The bidi schema, and answers to questions about a device (SendRecvBidiDataFromPort). Pure.

Values come from whoever told them (`facts.py`); the summary and its events are made of the port's reports and state. A
path of the schema of which nobody has told anything is answered with NULL: it is known, its value is not.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from portmon.facts import Fact, Kind
from portmon.port_state import PortState
from portmon.reports import Condition, Report, Severity

_VALUE_PATH = re.compile(r"\\\w+(\.\w+)*:\w+")
_PROPERTY_PATH = re.compile(r"\\\w+(\.\w+)*")
_MOST_PATH = 255

SOME_FAILED, NOT_SUPPORTED = 13001, 50
_WRONG, _READ_ONLY, _NOT_IN_SCHEMA, _WRITE_ONLY = 87, 13002, 13005, 13010

# What can be asked for, `*` for a name of the vendor's. After Microsoft's "Bidirectional Communication Schema".
_NAMES = {
    r"\Printer.DeviceInfo": "FriendlyName Manufacturer ModelName Location Comment FirmwareVersion IEEE1284DeviceId "
    "SerialNumber",
    r"\Printer.DeviceInfo.NetworkingInfo": "HostName IPAddress",
    r"\Printer.Configuration.Memory": "Size PS",
    r"\Printer.Configuration.HardDisk": "Installed Capacity FreeSpace",
    r"\Printer.Configuration.DuplexUnit": "Installed",
    r"\Printer.Consumables.*": "Type Color Installed Level Model",
    r"\Printer.Layout.NumberUp": "PagesPerSheet Direction",
    r"\Printer.Layout.Orientation": "CurrentValue Supported",
    r"\Printer.Layout.Resolution": "CurrentValue Supported",
    r"\Printer.Layout.InputBins.*": "Installed MediaSize MediaType MediaColor FeedDirection Capacity Level",
    r"\Printer.Finishing": "CollationSupported JogOffsetSupported",
    r"\Printer.Finishing.Staple": "Installed Location Angle",
    r"\Printer.Finishing.HolePunch": "Installed Pattern Location",
    r"\Printer.Finishing.OutputBins.*": "Installed Capacity Level",
    r"\Printer.Status.Summary": "State StateReason",
    r"\Printer.Status.Detailed.*": "Name Severity",
    r"\Printer.Status.Detailed.*.Component": "Group Name",
}
_TO_BE_WRITTEN = frozenset({r"\Printer.Maintenance:AlignHead", r"\Printer.Maintenance:CleanHead"})
_SCHEMA = re.compile(
    "|".join(
        re.escape(parent).replace(r"\*", r"\w+") + f"(:({'|'.join(names.split())}))?"
        for parent, names in _NAMES.items()
    )
)

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
    Condition.PAPER_PROBLEM: ("InputTraySupplyLow", "InputBin"),
    Condition.NO_TONER: ("ConsumableEmpty", "Consumable"),
    Condition.DOOR_OPEN: ("DoorOpen", "MediaPath"),
    Condition.TONER_LOW: ("ConsumableLow", "Consumable"),
}
_SEVERITIES = {Severity.ERROR: "Critical", Severity.WARNING: "Warning", Severity.INFO: "Informational"}


class Action(StrEnum):
    """What is to be done, as Windows writes it; any case."""

    ENUM_SCHEMA = "EnumSchema"
    GET = "Get"
    GET_ALL = "GetAll"
    SET = "Set"
    GET_WITH_ARGUMENT = "GetWithArgument"

    @classmethod
    def named(cls, name: str) -> Action | None:
        """Return the action of a name; None: there is none."""
        return next((action for action in cls if action.casefold() == name.casefold()), None)


class Question(NamedTuple):
    """One item of a request."""

    number: int
    path: str


class Answer(NamedTuple):
    """One item of a response; `fact` None is BIDI_NULL."""

    number: int
    result: int
    path: str
    fact: Fact | None = None


def ask(action: Action, questions: Sequence[Question], facts: Mapping[str, Fact]) -> tuple[int, list[Answer]]:
    """Answer questions from what is known; return the call's result and the items."""
    if action is Action.ENUM_SCHEMA:
        return 0, [Answer(0, 0, "", Fact(Kind.TEXT, path, fact.source)) for path, fact in facts.items()]
    answers = [answer for question in questions for answer in _answer(action, question, facts)]
    return SOME_FAILED if any(answer.result for answer in answers) else 0, answers


def _answer(action: Action, question: Question, facts: Mapping[str, Fact]) -> Iterable[Answer]:
    number, path = question
    whole = len(path) <= _MOST_PATH and (_VALUE_PATH.fullmatch(path) or _PROPERTY_PATH.fullmatch(path))
    if not whole:
        return [Answer(number, _WRONG, path)]
    if action is Action.SET:
        known = path in facts or (":" in path and _SCHEMA.fullmatch(path) is not None)
        return [Answer(number, _READ_ONLY if known else _NOT_IN_SCHEMA, path)]
    if action is Action.GET_WITH_ARGUMENT:
        return [Answer(number, _NOT_IN_SCHEMA, path)]
    if path in _TO_BE_WRITTEN:
        return [Answer(number, _WRITE_ONLY, path)]
    if path in facts:
        return [Answer(number, 0, path, facts[path])]
    if ":" in path:
        return [Answer(number, 0 if _SCHEMA.fullmatch(path) else _NOT_IN_SCHEMA, path)]
    below = [one for one in facts if one.startswith((f"{path}.", f"{path}:"))]
    if not below and not _has_below(path):
        return [Answer(number, _NOT_IN_SCHEMA, path)]
    return [Answer(number, 0, one, facts[one]) for one in below]


def _has_below(path: str) -> bool:
    parents = [parent.removesuffix(".*") for parent in _NAMES]
    return _SCHEMA.fullmatch(path) is not None or any(
        f"{parent}.".startswith(f"{path}.") for parent in parents
    )


def status_facts(state: PortState, reports: Sequence[Report]) -> dict[str, Fact]:
    """Return what follows from a port's state and from what is said about it."""
    worst = min((report.severity for report in reports), default=Severity.INFO)
    word = "Processing" if state is PortState.IN_DOCUMENT else "Idle"
    if worst is Severity.ERROR or state is PortState.FAILED:
        word = "Stopped"
    reasons = dict.fromkeys(reason for report in reports if (reason := _reason(report)))
    found = {
        r"\Printer.Status.Summary:State": Fact(Kind.ENUM, word),
        r"\Printer.Status.Summary:StateReason": Fact(Kind.STRING, " ".join(reasons) or "None"),
    }
    for report in reports:
        found |= _event(report)
    return found


def _reason(report: Report) -> str:
    low = report.condition is Condition.PAPER_PROBLEM and report.severity is Severity.WARNING
    return "MediaLow" if low else _REASONS.get(report.condition, "")


def _event(report: Report) -> dict[str, Fact]:
    if report.condition not in _EVENTS:
        return {}
    name, group = _EVENTS[report.condition]
    # Unique for each event and the same as long as it lasts.
    number = zlib.crc32(f"{report.reporter} {report.condition} {report.text}".encode()) % 100000
    parent = rf"\Printer.Status.Detailed.Event{number}"
    return {
        f"{parent}:Name": Fact(Kind.STRING, name, report.source, at=report.at),
        f"{parent}:Severity": Fact(Kind.STRING, _SEVERITIES[report.severity], report.source, at=report.at),
        f"{parent}.Component:Group": Fact(Kind.STRING, group, report.source, at=report.at),
    }
