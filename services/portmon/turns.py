"""Whose turn it is, of ports' threads that have documents for prompt devices: one at a time, in the order of asking.

The interpreter runs one thread at a time anyway. Without turns each of fifty full ports wants its lock, and the event loop,
which needs it again and again, stands behind all of them each time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Self

# So long a thread goes on while others wait for their turn.
_STRETCH_S = 0.004
# Nobody waits longer for a turn: whatever holds it up then, it costs fairness and no document.
_PATIENCE_S = 1.0


class Line:
    """The threads that want their turn."""

    def __init__(self) -> None:
        self._waiting: deque[Turn] = deque()
        self._taken = False
        self._lock = threading.Lock()  # guards all of the above

    def enter(self, turn: Turn) -> bool:
        """Take the turn if nobody has it, else stand in line for it."""
        with self._lock:
            if self._taken:
                self._waiting.append(turn)
                return False
            self._taken = True
            return True

    def leave(self, turn: Turn) -> bool:
        """Wait no more; False: it is one's turn by now."""
        with self._lock:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
            return True

    def give(self) -> None:
        """Let the one have it that has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().come()
            else:
                self._taken = False


ALL = Line()  # of this process: its threads share an interpreter


class Turn:
    """One thread's turn. `come` is called by whoever gives it away, all else by the thread."""

    def __init__(self, line: Line = ALL) -> None:
        self._line, self.held, self._since = line, False, 0.0
        self._comes = threading.Lock()
        self._comes.acquire()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give()

    def take_if(self, wants: bool) -> None:
        """Have the turn, or not."""
        if wants:
            self.take()
        elif self.held:
            self.give()

    def take(self) -> None:
        """Have the turn: go on with it for a while, then wait until all others had theirs."""
        if self.held:
            if time.monotonic() - self._since < _STRETCH_S:
                return
            self.give()
        if not self._line.enter(self) and not self._comes.acquire(timeout=_PATIENCE_S):
            if self._line.leave(self):
                return
            self._comes.acquire()
        self.held, self._since = True, time.monotonic()

    def give(self) -> None:
        """Give the turn away, if it is had."""
        if self.held:
            self.held = False
            self._line.give()

    def come(self) -> None:
        """It is this one's turn."""
        self._comes.release()
