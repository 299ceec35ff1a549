"""The paper path: units queue here, take their time, and leave; nothing is printed before it left."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import Protocol

from printfabric_sim.condition import ATTENTION, Cause, Condition
from printfabric_sim.loss import Loss
from printfabric_sim.marks import Ending, Mark
from printfabric_sim.record import Outcome
from printfabric_sim.supplies import Supplies
from printfabric_sim.unit import Unit

# So many units without a pace leave before the rest of the program has its turn.
_AT_ONCE = 256


class PathOwner(Protocol):
    """What the path tells the printer it belongs to."""

    def on_mark(self, mark: Mark) -> None:
        """Everything queued before `mark` has left."""

    def on_unit_started(self, number: int) -> None:
        """Unit `number` (from 1, every outcome counted) has begun to move."""

    def on_unit_left(self, unit: Unit, copy: int, outcome: Outcome, reason: str) -> None:
        """A piece of paper is out."""

    def on_path_moved(self) -> None:
        """There may be room again."""

    def on_condition(self, condition: Condition, on: bool) -> None:
        """A condition has come or gone."""


class PaperPath:
    """Units and marks in order, printed one at a time at a fixed pace, held up by conditions.

    `unit_s` is the time of one unit (0: as fast as they come); `depth` how many units wait behind the one that
    moves before the interpreter must stop. A mark is called when everything queued before it has left.
    No timer runs while nothing moves.
    """

    def __init__(self, owner: PathOwner, loop: asyncio.AbstractEventLoop, unit_s: float, depth: int) -> None:
        self.unit_s = unit_s
        self.depth = depth
        self.conditions: set[Condition] = set()
        self.reprint_after_error = False
        self.supplies = Supplies()
        self.left = 0
        self._causes: dict[Condition, set[Cause]] = defaultdict(set)
        self._owner = owner
        self._loop = loop
        self._items: deque[Unit | Mark | Ending] = deque()
        self._units = 0
        self._copy = 1  # copy of the head unit that moves next
        self._shown = False  # a piece of the head unit is out
        self._resting = False  # others on the loop have their turn
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # loop time when the moving unit is out
        self._remaining: float | None = None  # of a unit stopped by a condition
        self._running = False

    @property
    def full(self) -> bool:
        """Say whether the interpreter must wait."""
        return self._units >= self.depth

    @property
    def empty(self) -> bool:
        """Say whether everything has left and every mark was called."""
        return not self._items

    @property
    def waiting(self) -> int:
        """Units in the path, the moving one included, copies not counted."""
        return self._units

    @property
    def copies_left(self) -> int:
        """Copies of the first unit that have not left."""
        head = self._items[0] if self._items else None
        return head.copies - self._copy + 1 if isinstance(head, Unit) else 0

    @property
    def moving(self) -> bool:
        """Say whether a unit is between start and exit, stopped or not."""
        return self._timer is not None or self._remaining is not None

    def put(self, unit: Unit) -> None:
        """Queue a unit; the caller has looked at `full`."""
        self._items.append(unit)
        self._units += 1
        self.run()

    def mark(self, mark: Mark | Ending) -> None:
        """Call `mark` when everything queued so far has left; at once if that is so already."""
        self._items.append(mark)
        self.run()

    def hold(self, condition: Condition, cause: Cause = Cause.PRINTER) -> None:
        """Stop the path for `condition`."""
        self._causes[condition].add(cause)
        if condition in self.conditions:
            return
        self.conditions.add(condition)
        if self.moving:
            self._stop(condition)
        self._owner.on_condition(condition, True)

    def causes(self, condition: Condition) -> frozenset[Cause]:
        """Return who keeps `condition` up."""
        return frozenset(self._causes[condition])

    def release(self, condition: Condition, cause: Cause | None = None) -> None:
        """End `condition` for one `cause`, or altogether (what has run empty is renewed); go on if it was the last."""
        causes = self._causes[condition]
        causes -= {cause} if cause is not None else set(Cause)
        if causes or condition not in self.conditions:
            return
        self.conditions.discard(condition)
        self.supplies.renew(condition)
        self._owner.on_condition(condition, False)
        self.run()
        self._owner.on_path_moved()

    def clear(self, reason: str, *, truncate: bool) -> Loss:
        """Drop everything, calling no mark but endings; with `truncate` a moving unit comes out torn. Return what is lost."""
        torn = self._items[0] if truncate and self.moving else None
        copy = self._copy
        loss = self._loss_of_all(torn)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._remaining = None
        endings = [item for item in self._items if isinstance(item, Ending)]
        self._items.clear()
        self._units = 0
        self._next()
        if isinstance(torn, Unit):
            self.torn(torn, reason, copy)
        for ending in endings:
            ending.call(False)
        return loss

    def inlets(self) -> set[int]:
        """Return the numbers of the inlets whose units wait here, or move."""
        return {span.inlet for item in self._items if isinstance(item, Unit) for span in item.spans}

    def _loss_of_all(self, torn: object) -> Loss:
        """Return what is lost with everything in the path, but for the piece that comes out torn."""
        loss = Loss()
        for unit in (item for item in self._items if isinstance(item, Unit)):
            if unit is torn or (self._shown and unit is self._items[0]):
                loss.copies = self.copies_left - (unit is torn)
            else:
                loss += Loss(list(unit.spans), 1)
        return loss

    def drop(self, inlet: int, offset: int) -> Loss:
        """Take out the units of `inlet` that have not begun to move, and return them.

        Its marks behind them, and behind byte `offset`, where more of it was lost, go as well.
        """
        kept: list[Unit | Mark | Ending] = []
        loss = Loss()
        for index, item in enumerate(self._items):
            begun = index == 0 and (self.moving or self._shown)
            if isinstance(item, Unit) and not begun and item.spans and item.spans[-1].inlet == inlet:
                loss += Loss(list(item.spans), 1)
                offset = min(offset, item.spans[-1].end)
            elif not (isinstance(item, Mark) and item.inlet == inlet and item.offset >= offset):
                kept.append(item)
        self._items = deque(kept)
        self._units -= loss.units
        return loss

    def torn(self, unit: Unit, reason: str, copy: int = 1) -> None:
        """Part of a unit comes out, and the rest never will."""
        self.left += 1
        self._owner.on_unit_left(unit, copy, Outcome.TRUNCATED, reason)

    def run(self) -> None:
        """Move what can move."""
        if self._running or self._resting or self._timer is not None:
            return
        self._running = True
        left = self.left
        try:
            while self._items and self._step():
                if self.left - left >= _AT_ONCE:
                    self._resting = True
                    self._loop.call_soon(self._rested)
                    break
        finally:
            self._running = False

    def _rested(self) -> None:
        self._resting = False
        self.run()
        self._owner.on_path_moved()

    def _step(self) -> bool:
        """Advance by one item; False when the path has to wait."""
        head = self._items[0]
        if not isinstance(head, Unit):
            if head.waits and self.conditions:
                return False
            self._items.popleft()
            if isinstance(head, Ending):
                head.call(True)
            else:
                self._owner.on_mark(head)
            return True
        if self.conditions:
            return False
        resumed = self._remaining is not None
        wait = self.unit_s if self._remaining is None else self._remaining
        if wait > 0:
            self._start_timer(wait, resumed)
            if not resumed:
                self._owner.on_unit_started(self.left + 1)
            return self._timer is None and not self.conditions
        if not resumed:
            self._remaining = 0.0
            self._owner.on_unit_started(self.left + 1)
            if not self.moving or self.conditions:  # a fault struck at the start of this unit
                return not self.conditions
        self._remaining = None
        self._leave()
        return True

    def _start_timer(self, wait: float, resumed: bool) -> None:
        self._remaining = None
        now = self._loop.time()
        # Counted from the last exit while the path is busy, so that a slow loop does not slow the printer.
        busy = not resumed and 0 <= now - self._due < self.unit_s
        self._due = (self._due if busy else now) + wait
        self._timer = self._loop.call_at(self._due, self._timed_out)

    def _timed_out(self) -> None:
        self._timer = None
        self._leave()
        self.run()
        self._owner.on_path_moved()

    def _leave(self) -> None:
        unit = self._items[0]
        assert isinstance(unit, Unit)
        copy = self._copy
        if copy < unit.copies:
            self._copy += 1
            self._shown = True
        else:
            self._items.popleft()
            self._units -= 1
            self._next()
        self.left += 1
        outcome = Outcome.GARBLED if unit.garbled else Outcome.PRINTED
        self._owner.on_unit_left(unit, copy, outcome, unit.garbled)
        for empty in self.supplies.used():
            self.hold(empty, Cause.SUPPLY)

    def _next(self) -> None:
        """Another unit is at the head: nothing of it is out."""
        self._copy, self._shown = 1, False

    def _stop(self, condition: Condition) -> None:
        """Stop a moving unit: an error spoils it where the printer reprints, otherwise it goes on later."""
        remaining = self._remaining if self._timer is None else max(0.0, self._due - self._loop.time())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        unit = self._items[0]
        if condition in ATTENTION and self.reprint_after_error and isinstance(unit, Unit):
            self._remaining = None
            self._shown = True
            self.torn(unit, f"{condition}; printed again afterwards", self._copy)
        else:
            self._remaining = remaining
