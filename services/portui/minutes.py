"""How many of something there were in each of the last 60 minutes. Pure: whoever calls brings the clock, in seconds."""

from __future__ import annotations

from collections import deque

MINUTES = 60


class Minutes:
    """Counts by minute, the first of which began at `now`. Nothing has to tick: time passes when somebody asks."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._counts = deque([0] * MINUTES, MINUTES)

    def add(self, now: float) -> None:
        """Count one."""
        self._pass(now)
        self._counts[-1] += 1

    def counts(self, now: float) -> list[int]:
        """Return how many there were in each minute, the present one last."""
        self._pass(now)
        return list(self._counts)

    def _pass(self, now: float) -> None:
        over = int((now - self._began) // 60)
        self._counts.extend([0] * min(over, MINUTES))
        self._began += 60.0 * over
