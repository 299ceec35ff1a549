"""What came to a printer, byte by byte, and which units were destroyed with it: by the simulator's own record alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from printfabric_sim.inlet import Inlet
from printfabric_sim.unit import Span
from tests.faults.campaign.papers import CORE, behind_core

_MARKS = re.compile(rb"SN (\d+-\d+)\||\|EN (\d+-\d+);")
_DAMAGED = "bytes damaged"
# Why a printer throws away what it has taken, without anybody having told it to.
OWN_REASONS = frozenset(
    {
        "power-cut",
        "reboot",
        "thrown away",  # a reset or a close of its own that drops the buffer
        "connection reset",
        "came after the end",
        "came while the power was off",
        "came to a closed door",
        "the buffer was full",
    }
)


class Gone(NamedTuple):
    """The printer, or the line before it (`damaged`), destroyed a unit that had come, or a piece of it."""

    at: float
    name: str
    damaged: bool = False


class Piece(NamedTuple):
    """Bytes `start` to `end` of what one inlet received belong to unit `name`."""

    name: str
    start: int
    end: int


class Arrivals:
    """All bytes one printer has received, by inlet, counted as the record's spans count them."""

    def __init__(self, personality: str) -> None:
        self._behind = behind_core(personality)
        self._streams: dict[int, bytearray] = defaultdict(bytearray)
        self._pieces: dict[int, list[Piece]] = {}

    def came(self, inlet: Inlet, data: bytes) -> None:
        """Take down what an inlet has received."""
        self._streams[inlet.number] += data
        self._pieces.pop(inlet.number, None)

    def pieces(self, inlet: int, start: int, end: int) -> list[Piece]:
        """Return what of units lies in a span, at least in part."""
        return [one for one in self._pieces_of(inlet) if one.start < end and start < one.end]

    def _pieces_of(self, inlet: int) -> list[Piece]:
        if inlet not in self._pieces:
            self._pieces[inlet] = divided(bytes(self._streams[inlet]), self._behind)
        return self._pieces[inlet]

    def stopped_before(self, job: int, unit: int, attempts: int) -> bool:
        """Whether unit `unit` of a job may have lain unread: a connection's bytes stop before it is whole, or one brought none.

        `attempts` is how often the host has tried.
        """
        carried = 0
        for inlet in list(self._streams):
            mine = [one for one in self._pieces_of(inlet) if one.name.startswith(f"{job}-")]
            last = max((int(one.name.partition("-")[2]) for one in mine), default=0)
            if last:
                carried += 1
                whole = any(
                    core.group(1).decode() == f"{job}-{unit}" for core in CORE.finditer(self._streams[inlet])
                )
                if last < unit or (last == unit and not whole):
                    return True
        return carried < attempts

    def gone(self, events: Iterable[Mapping[str, Any]]) -> list[Gone]:
        """Return what the events say that the printer destroyed, once for each time that a unit had come."""
        found: dict[tuple[int, Piece], Gone] = {}
        for event in events:
            for inlet, start, end in destroyed(event):
                for piece in self.pieces(inlet, start, end):
                    damaged = event["event"] == _DAMAGED
                    found[inlet, piece] = Gone(event["time"], piece.name, damaged)
        return list(found.values())


def destroyed(event: Mapping[str, Any]) -> list[Span]:
    """Return the received bytes that an event of the record tells to be lost by nobody's order."""
    if event["event"] == _DAMAGED:
        return [Span(event["inlet"], event["at"], event["at"] + event["bytes"])]
    return [Span(*span) for span in event.get("spans", ())] if event.get("reason") in OWN_REASONS else []


def divided(stream: bytes, behind: int) -> list[Piece]:
    """Return which bytes belong to which unit; `behind` bytes after a unit's core end it, those before the next begin that."""
    found: list[Piece] = []
    start, open_name = 0, ""
    for mark in _MARKS.finditer(stream):
        begins = mark[1] is not None
        name = (mark[1] or mark[2]).decode()
        if begins and open_name:  # the one before was cut off
            found.append(Piece(open_name, start, mark.start()))
            start = mark.start()
        if begins:
            open_name = name
            continue
        found.append(Piece(name, start, mark.end() + behind))
        start, open_name = mark.end() + behind, ""
    if open_name:
        found.append(Piece(open_name, start, len(stream)))
    return found
