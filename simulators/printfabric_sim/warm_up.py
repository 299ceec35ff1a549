"""Warming up after power-on: nothing moves for a while, from the last time the power came."""

from __future__ import annotations

import asyncio

from printfabric_sim.condition import Condition
from printfabric_sim.paper_path import PaperPath


class WarmUp:
    """Holds a paper path up for `seconds` from every `begin`; 0: not at all."""

    def __init__(self, loop: asyncio.AbstractEventLoop, path: PaperPath, seconds: float) -> None:
        self._loop = loop
        self._path = path
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """The power is on."""
        self.stop()
        if self._seconds > 0:
            self._path.hold(Condition.WARMING_UP)
            self._timer = self._loop.call_later(self._seconds, self.stop)

    def stop(self) -> None:
        """It is warm, or without power: the next warming up begins anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._path.release(Condition.WARMING_UP)
