"""Faults that have struck and are not over, and when each ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto


class Overlap(Enum):
    """How a fault meets one of the same name."""

    NEW = auto()  # there is none
    LONGER = auto()  # there is one that would have ended before
    INSIDE = auto()  # there is one that ends no earlier


@dataclass(slots=True)
class _Spell:
    """One fault while it lasts; `until` is a time of the loop."""

    undo: Callable[[], None]
    until: float
    timer: asyncio.TimerHandle | None


class Lasting:
    """Each name lasts as long as the longest of the faults that have overlapped; none is cut short by another."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._spells: dict[str, _Spell] = {}

    def names(self) -> list[str]:
        """Return what lasts now, in order of its beginning."""
        return list(self._spells)

    def begin(self, name: str, seconds: float, undo: Callable[[], None]) -> Overlap:
        """Have `undo` called after `seconds` (0: when it is ended by name), unless `name` lasts that long anyway."""
        until = self._loop.time() + seconds if seconds > 0 else math.inf
        spell = self._spells.get(name)
        if spell is not None and until <= spell.until:
            return Overlap.INSIDE
        if spell is not None and spell.timer is not None:
            spell.timer.cancel()
        timer = self._loop.call_at(until, self.end, name) if until < math.inf else None
        self._spells[name] = _Spell(undo, until, timer)
        return Overlap.NEW if spell is None else Overlap.LONGER

    def end(self, name: str) -> bool:
        """End it now. Return False if it does not last."""
        undo = self.forget(name)
        if undo is not None:
            undo()
        return undo is not None

    def forget(self, name: str) -> Callable[[], None] | None:
        """Let it be over without undoing it; return what would have undone it."""
        spell = self._spells.pop(name, None)
        if spell is None:
            return None
        if spell.timer is not None:
            spell.timer.cancel()
        return spell.undo
