"""Something that needs a port's device for itself for a while: a test of the line, a question, a test page.

It runs on a thread, waits in `wait` alone, and so ends at once when it is cancelled or its time is up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from chassis.errors import DeadlineExceeded, FabricError
from portmon.device_wait import DeviceWait


class Step(NamedTuple):
    """What an errand is doing: how far it is (0 to 1, below 0: not known), in a few words, and what it has found."""

    fraction: float
    text: str
    data: object = None


class Errand:
    """One errand. `run` and `say` belong to its thread, `cancel` to any."""

    def __init__(
        self, do: Callable[[Errand], object], tell: Callable[[Step], None], timeout_s: float
    ) -> None:
        self._do, self._tell = do, tell
        self._timeout_s = timeout_s
        self._until = time.monotonic() + timeout_s
        self._cancelled: FabricError | None = None
        self.wait = DeviceWait(self.check)

    def run(self) -> object:
        """Do it and return its result."""
        self.check()
        return self._do(self)

    def say(self, fraction: float, text: str, data: object = None) -> None:
        """Tell how far it is."""
        self.check()
        self._tell(Step(fraction, text, data))

    def check(self) -> None:
        """Raise what shall end it."""
        if self._cancelled is not None:
            raise self._cancelled
        if time.monotonic() > self._until:
            raise DeadlineExceeded(f"it is not done after {self._timeout_s:g} s", win32=1460)

    @staticmethod
    def now() -> float:
        """Return the time it goes by, seconds."""
        return time.monotonic()

    def cancel(self, error: FabricError) -> None:
        """End it at its next wait."""
        self._cancelled = self._cancelled or error
        self.wait.wake()

    def close(self) -> None:
        """Free what it holds; after `run` has returned."""
        self.wait.close()
