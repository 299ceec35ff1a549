"""How fast the interpreter may take bytes: no limit, or so many a second (the fault `slow`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Drain:
    """A budget of bytes that grows with time; no timer runs while there is no limit or nothing waits."""

    # The budget never grows beyond this many seconds' worth, so that a rest does not end in a burst.
    _BURST_S = 0.1

    def __init__(self, loop: asyncio.AbstractEventLoop, ready: Callable[[], None]) -> None:
        self.bytes_per_s = 0.0
        self._loop = loop
        self._ready = ready
        self._budget = 0.0
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, bytes_per_s: float) -> None:
        """Set the pace; 0 takes the limit away."""
        self.bytes_per_s = bytes_per_s
        self._budget = 0.0
        self._last = self._loop.time()
        self._ready()

    def show(self, waiting: int, shown: int) -> int:
        """Return how many of `waiting` bytes may be looked at now; `shown` of them were before, and cost nothing again."""
        if self.bytes_per_s <= 0:
            return waiting
        now = self._loop.time()
        most = max(self.bytes_per_s * self._BURST_S, 1.0)
        self._budget = min(most, self._budget + (now - self._last) * self.bytes_per_s)
        self._last = now
        more = min(int(self._budget), waiting - shown)
        self._budget -= more
        return shown + more

    def wait(self) -> None:
        """Call `ready` when a few more bytes are allowed."""
        if self._timer is None:
            pause = max(self._BURST_S / 4, 1.0 / self.bytes_per_s)
            self._timer = self._loop.call_later(pause, self._again)

    def _again(self) -> None:
        self._timer = None
        self._ready()
