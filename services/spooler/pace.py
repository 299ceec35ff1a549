"""When a printer may send: its daily window, and how its backlog goes out after an outage. The clock is read by callers.

An outage begins when a printer can print nothing though jobs wait, and ends with the next document that comes out. What has
waited too long by then is held for a person: nothing prints by surprise in the morning. The rest leaves at the rate that was set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from spooler.outage import Outage, Over
from spooler.printer import Printer

LONGEST_S = 3600.0  # the event loop's clock and the wall clock drift apart; an hour bounds by how much


@dataclass(slots=True)
class Pace:
    """Where one printer stands."""

    outage: Outage | None = None  # it can print nothing, or nothing has come out since it could not
    over: tuple[Over, ...] = ()  # outages whose backlog is still being looked at
    backlog: int = 0  # jobs up to this number waited when the last outage ended
    next_at: float = 0.0  # loop time before which no job of the backlog leaves
    job_s: float = 0.0  # how long a job takes, lately; 0: not known
    busy_since: float | None = None  # loop time of the last end or start, while it is at work

    def wait_s(self, printer: Printer, first: int | None, now: float) -> float:
        """Return how long the job that is next has to wait for its place in the catching up."""
        if not printer.catch_up_per_minute or first is None or first > self.backlog:
            return 0.0
        return max(0.0, self.next_at - now)

    def ended(self, now: float, *, busy: bool) -> None:
        """A job has come out; `busy`: another one follows."""
        if self.busy_since is not None:
            took = now - self.busy_since
            self.job_s = took if not self.job_s else 0.8 * self.job_s + 0.2 * took
        self.busy_since = now if busy else None

    def left(self, printer: Printer, number: int, now: float) -> None:
        """A job has left."""
        if self.busy_since is None:
            self.busy_since = now
        if printer.catch_up_per_minute and number <= self.backlog:
            self.next_at = max(self.next_at, now) + 60.0 / printer.catch_up_per_minute


def span_words(seconds: float) -> str:
    """Return a span of time in words: `2 h`, `90 s`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


class Alarms:
    """Calls back with a name at a time; one alarm for each name, the earliest."""

    def __init__(self, ring: Callable[[str], object]) -> None:
        self._ring = ring
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def after(self, name: str, wait_s: float) -> None:
        """Ring in so many seconds, or earlier: whoever is called looks again."""
        loop = asyncio.get_running_loop()
        at = loop.time() + min(wait_s, LONGEST_S)
        known = self._timers.get(name)
        if known is not None and known.when() <= at:
            return
        if known is not None:
            known.cancel()
        self._timers[name] = loop.call_at(at, self._rang, name)

    def at(self, name: str, moment: datetime) -> None:
        """Ring at a moment, or earlier."""
        self.after(name, max(0.0, (moment - datetime.now(UTC)).total_seconds()))

    def close(self) -> None:
        """Ring no more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _rang(self, name: str) -> None:
        self._timers.pop(name, None)
        self._ring(name)
