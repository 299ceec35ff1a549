"""What a printer says of itself: values by path of the bidi schema, read as supplies, identity and state. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

_STATE = "\\Printer.Status.Summary:"
_IDENTITY = "\\Printer.DeviceInfo:"
_EVENT = "\\Printer.Status.Detailed."
_LEVELS = ("\\Printer.Consumables.", "\\Printer.Layout.InputBins.")
_LINE = "\\Printer.Extension.Line:"
_LOW_LEVEL = "\\Printer.Extension.LowLevel."
_COUNTS = {0: "", 13003: "The printer does not answer.", 13004: "The host does not answer."}


@dataclass(frozen=True, slots=True)
class Saying:
    """One value: its path, its value as text, its kind (INT, STRING, …), who knew it and when."""

    path: str
    value: str
    kind: str
    source: str = "unspecified"
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Supply:
    """Something that is used up: its name, how full it is in per cent, and at which it is low; None: nobody knows."""

    name: str
    kind: str
    level: int | None
    low_at: int | None = None
    source: str = "unspecified"
    time: datetime | None = None

    @property
    def low(self) -> bool:
        """Whether it will have to be changed soon."""
        return self.level is not None and self.low_at is not None and self.level <= self.low_at


@dataclass(frozen=True, slots=True)
class Standing:
    """A printer as it describes itself. `says` is its state and reasons; `events` are what is the matter, worst first."""

    says: str = ""
    supplies: tuple[Supply, ...] = ()
    identity: tuple[tuple[str, str], ...] = ()
    events: tuple[tuple[str, str], ...] = ()  # (name, severity)
    line: tuple[tuple[str, str], ...] = ()  # what came damaged over a serial line: (of what kind, how many)
    sayings: tuple[Saying, ...] = ()
    read: datetime | None = None
    wrong: str = ""

    @property
    def silent(self) -> bool:
        """Whether it says no more than that it is there."""
        return not self.supplies and not self.identity and not self.events


def standing(result: int, sayings: Sequence[Saying]) -> Standing:
    """Return what a whole answer says; `result` is the answer's own code."""
    by_path = {one.path: one for one in sayings}
    state, reason = (by_path.get(_STATE + name) for name in ("State", "StateReason"))
    reasons = "" if reason is None or reason.value in ("", "None") else f": {reason.value}"
    return Standing(
        says=f"{state.value}{reasons}" if state else "",
        supplies=_supplies(sayings),
        identity=tuple(
            (one.path.removeprefix(_IDENTITY), one.value) for one in sayings if one.path.startswith(_IDENTITY)
        ),
        events=_events(sayings),
        line=tuple(
            (one.path.removeprefix(_LINE), one.value) for one in sayings if one.path.startswith(_LINE)
        ),
        sayings=tuple(sorted(sayings, key=lambda one: one.path)),
        read=max((one.time for one in sayings if one.time), default=None),
        wrong=_COUNTS.get(result, "") if not sayings else "",
    )


def _supplies(sayings: Sequence[Saying]) -> tuple[Supply, ...]:
    parts: dict[str, dict[str, Saying]] = {}
    marks: dict[str, str] = {}
    for one in sayings:
        node, _, name = one.path.rpartition(":")
        if node.startswith(_LEVELS):
            parts.setdefault(node, {})[name] = one
        elif node.startswith(_LOW_LEVEL):
            marks[f"{node.removeprefix(_LOW_LEVEL)}.{name}"] = one.value
    return tuple(_supply(node, known, marks) for node, known in parts.items() if "Level" in known)


def _supply(node: str, known: Mapping[str, Saying], marks: Mapping[str, str]) -> Supply:
    said, level = {name: one.value for name, one in known.items()}, known["Level"]
    return Supply(
        said.get("Model") or node.rpartition(".")[2],
        said.get("Type", "InputBin" if "InputBins" in node else ""),
        _percent(level.value),
        _percent(marks.get(".".join(node.split(".")[-2:]), "")),
        level.source,
        level.time,
    )


def _percent(level: str) -> int | None:
    return min(100, int(level)) if level.isascii() and level.isdecimal() else None


def _events(sayings: Sequence[Saying]) -> tuple[tuple[str, str], ...]:
    events: dict[str, dict[str, str]] = {}
    for one in sayings:
        node, _, name = one.path.rpartition(":")
        if node.startswith(_EVENT):
            events.setdefault(node.removeprefix(_EVENT).partition(".")[0], {})[name] = one.value
    named = [(known["Name"], known.get("Severity", "")) for known in events.values() if "Name" in known]
    return tuple(sorted(named, key=lambda one: (one[1] != "Critical", one[0])))
