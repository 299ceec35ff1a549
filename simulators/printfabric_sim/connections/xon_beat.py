"""A printer that says XON again and again while it is ready, as some do ("robust XON"): its host need not hear the first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class XonBeat:
    """Calls `say` every `every_s` seconds between `start` and `stop`; never when `every_s` is 0."""

    def __init__(self, loop: asyncio.AbstractEventLoop, every_s: float, say: Callable[[], object]) -> None:
        self._loop = loop
        self._every_s = every_s
        self._say = say
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, with the first time at once."""
        if self._every_s:
            self._say()
            self._next = self._loop.call_later(self._every_s, self.start)

    def stop(self) -> None:
        """End; harmless twice."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
