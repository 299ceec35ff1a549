"""How many small documents may be on their way through one port at once: more where each is quickly through. Pure.

What is on its way cannot be overtaken by what is more urgent, so the window is what a port ends in a short time: a fast
one never waits for the next message, a slow one has no more before it than was given.
"""

from __future__ import annotations

QUICK_S = 0.1  # from its place in the window to its end; then there is room for one more
SLOW_S = 0.2  # then for one less
MOST_TIMES = 8  # of what was given


class LaneWindow:
    """The places of one port; `given` of them whatever the port does."""

    __slots__ = ("_more", "given")

    def __init__(self) -> None:
        self.given = 1
        self._more = 0

    @property
    def size(self) -> int:
        """How many documents it holds."""
        return self.given + self._more

    def give(self, places: int) -> None:
        """Begin anew with so many; 1: one document after the other, however quick."""
        if places != self.given:
            self.given, self._more = places, 0

    def ended(self, took_s: float, *, full: bool) -> None:
        """A document came out well; `full`: others had to wait for its place."""
        if took_s > SLOW_S:
            self._more = max(0, self._more - 1)
        elif full and took_s < QUICK_S and self.given > 1:
            self._more = min(self.given * (MOST_TIMES - 1), self._more + 1)

    def failed(self) -> None:
        """One did not, or the port was lost: no more is sent ahead than was given until it has proven itself again."""
        self._more = 0
