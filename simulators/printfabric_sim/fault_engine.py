"""Watches a printer's life and strikes when a fault is due."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from printfabric_sim.dice import Dice
from printfabric_sim.fault_script import Fault, When
from printfabric_sim.watcher import Lie, Watcher

# What becomes of one reply: (delay in seconds, bytes) each.
Change = Callable[[bytes, Lie], list[tuple[float, bytes]]]
_COUNTED = (When.UNIT, When.START, When.BYTE, When.JOB, When.CONNECT, When.REPLY)


@dataclass(slots=True, eq=False)
class Pending:
    """A fault that has still to strike: `due` is the count (or loop time) it waits for."""

    fault: Fault
    due: float
    left: int  # strikes still to come; 0 or below: without end
    dice: random.Random
    timer: asyncio.TimerHandle | None = None


class FaultEngine(Watcher):
    """The faults of one printer, in the order they were given.

    `strike` does a fault, `received` tells how many bytes have arrived so far. Everything random comes from `dice`, so that
    the same seed, script and input give the same life, and another fault beside it the same moments.
    Costs nothing while no fault waits: no timer but that of a `time` fault.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        dice: Dice,
        strike: Callable[[Fault], None],
        received: Callable[[], int],
    ) -> None:
        self._dice = dice
        self.back_channel: list[tuple[str, Change]] = []  # faults that wait for replies, by name
        self.next_byte = float("inf")
        self._loop = loop
        self._strike = strike
        self._received = received
        self._pending: dict[When, list[Pending]] = {when: [] for when in When}
        self._counts: dict[When, int] = dict.fromkeys(_COUNTED, 0)
        self._replies = 0

    def add(self, fault: Fault, *, from_now: bool = False) -> Pending | None:
        """Lay a fault in wait and return it; None if it has struck at once, since its moment is now or has passed.

        Amounts are counted from the printer's first unit, byte, …; with `from_now` from the present one, as those of
        `time` always are.
        """
        if fault.when is When.NOW:
            self._strike(fault)
            return None
        count = self._count(fault.when)
        dice = self._dice.source(str(fault))
        start = count if from_now or fault.when is When.TIME else 0
        pending = Pending(fault, fault.draw(start, dice), fault.times, dice)
        self._pending[fault.when].append(pending)
        if fault.when is When.TIME:
            self._set_timer(pending)
        elif fault.when is not When.CHANCE and count >= pending.due:
            self._check(fault.when, int(count))
        self._next_byte()
        return pending if pending in self._pending[fault.when] else None

    def withdraw(self, pending: Pending) -> None:
        """Take one fault back, if it has still to strike."""
        faults = self._pending[pending.fault.when]
        if pending in faults:
            faults.remove(pending)
            if pending.timer is not None:
                pending.timer.cancel()
            self._next_byte()

    def _count(self, when: When) -> float:
        """Return how far it has come with what `when` counts."""
        if when is When.TIME:
            return self._loop.time()
        return self._received() if when is When.BYTE else self._counts.get(when, 0)

    def waiting(self) -> list[dict[str, Any]]:
        """Return the faults that have still to strike, for the control port."""
        return [
            {
                "fault": str(pending.fault),
                "due": round(pending.due, 3),
                "left": pending.left if pending.left > 0 else "for ever",
            }
            for faults in self._pending.values()
            for pending in faults
        ] + [{"fault": name, "due": "the next reply", "left": 1} for name, _ in self.back_channel]

    def never_struck(self) -> list[str]:
        """Return the faults that wait and have not struck once."""
        return [
            str(pending.fault)
            for faults in self._pending.values()
            for pending in faults
            if pending.left == pending.fault.times
        ]

    def forget(self, action: str = "") -> bool:
        """Withdraw waiting faults, all or those of one action. Return False if there was none."""
        found = False
        for faults in self._pending.values():
            for pending in list(faults):
                if action in ("", pending.fault.action):
                    found = True
                    self.withdraw(pending)
        for change in list(self.back_channel):
            if action in ("", change[0]):
                found = True
                self.back_channel.remove(change)
        self._next_byte()
        return found

    # core.Watcher

    def unit(self, number: int) -> None:
        """Unit `number` has left."""
        self._check(When.UNIT, number)
        for pending in list(self._pending[When.CHANCE]):
            if pending.dice.random() < pending.due:
                self._hit(pending, 0)

    def start(self, number: int) -> None:
        """Unit `number` begins to move."""
        self._check(When.START, number)

    def byte(self, total: int) -> None:
        """`total` bytes have arrived."""
        self._check(When.BYTE, total)

    def job(self, number: int) -> None:
        """Job `number` begins."""
        self._check(When.JOB, number)

    def connect(self, number: int) -> None:
        """Connection `number` was accepted."""
        self._check(When.CONNECT, number)

    def replies(self, data: bytes, lie: Lie) -> list[tuple[float, bytes]]:
        """Pass a reply through the faults of the back channel."""
        self._replies += 1
        self._check(When.REPLY, self._replies)
        out = [(0.0, data)]
        for _, change in list(self.back_channel):
            out = [(delay + more, piece) for delay, first in out for more, piece in change(first, lie)]
        return out

    def stop(self) -> None:
        """Cancel every timer."""
        self.forget()

    def _check(self, when: When, count: int) -> None:
        self._counts[when] = count
        faults = self._pending[when]
        if not faults:
            return
        for pending in list(faults):
            if pending in faults and count >= pending.due:
                self._hit(pending, count)
        if when is When.BYTE:
            self._next_byte()

    def _hit(self, pending: Pending, count: int) -> None:
        when = pending.fault.when
        pending.left -= 1
        if pending.left == 0:
            self._pending[when].remove(pending)
        else:
            pending.left = max(pending.left, -1)  # stays below zero for "without end"
            if when is When.TIME:
                pending.due = pending.fault.draw(pending.due, pending.dice)
                self._set_timer(pending)
            elif when is not When.CHANCE:
                pending.due = pending.fault.draw(count, pending.dice)
        self._strike(pending.fault)

    def _set_timer(self, pending: Pending) -> None:
        pending.timer = self._loop.call_at(pending.due, self._hit, pending, 0)

    def _next_byte(self) -> None:
        self.next_byte = min((p.due for p in self._pending[When.BYTE]), default=float("inf"))
