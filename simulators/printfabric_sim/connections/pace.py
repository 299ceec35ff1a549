"""The pace of a serial line: so many bytes a second, and no timer while the line is quiet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# Bytes are counted in slices of this time: long enough to be cheap, short enough to look steady.
_SLICE_S = 0.01


class Pace:
    """Counts the bytes a line could have carried; `ready` is called when a few more are due."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ready: Callable[[], None]) -> None:
        self._loop = loop
        self._ready = ready
        self._free = 0.0  # loop time at which the line has carried everything taken so far
        self._per_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def allowance(self, bytes_per_s: float) -> int:
        """Return how many bytes may be taken now, up to one slice's worth."""
        self._per_s = bytes_per_s
        ahead = self._free - self._loop.time()
        return 0 if ahead > _SLICE_S else max(1, int(bytes_per_s * _SLICE_S))

    def took(self, size: int) -> None:
        """Note that `size` bytes were taken."""
        if self._per_s > 0:
            self._free = max(self._free, self._loop.time()) + size / self._per_s

    def wait(self) -> None:
        """Call `ready` when the line has caught up."""
        if self._timer is None:
            self._timer = self._loop.call_at(self._free, self._again)

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _again(self) -> None:
        self._timer = None
        self._ready()
