"""When a call is repeated: only where it cannot do harm, with full jitter, until a total time is over."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

from printfabric_client.errors import CallCanceled, FabricError, Unavailable

_RANDOM = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Retry:
    """How long and how often: full jitter between 0 and min(cap_s, first_s * 2**n), `total_s` over all attempts.

    A stream that makes progress starts afresh with each step. `Retry(total_s=0)` never repeats anything.
    """

    total_s: float = 60.0
    first_s: float = 0.1
    cap_s: float = 5.0


class Patience:
    """What is left of a `Retry` for one call."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._round = 0
        self._end = time.monotonic() + retry.total_s

    @property
    def left_s(self) -> float:
        """Seconds until the total time is over; never negative."""
        return max(0.0, self._end - time.monotonic())

    def progressed(self) -> None:
        """Start afresh: something has been achieved."""
        self._round = 0
        self._end = time.monotonic() + self._retry.total_s

    async def pause(self, error: FabricError) -> None:
        """Wait before the next attempt, or raise `error` when there shall be none."""
        if not is_transient(error) or not self.left_s:
            raise error
        delay_s = _RANDOM.uniform(0, min(self._retry.cap_s, self._retry.first_s * 2**self._round))
        self._round += 1
        if delay_s >= self.left_s:
            raise error
        await asyncio.sleep(delay_s)


def is_transient(error: FabricError) -> bool:
    """Tell whether the way to the spooler failed, or the spooler itself for a while.

    UNAVAILABLE, and the CANCELLED of a server that drains; never a deadline, which is the caller's own wish.
    """
    if isinstance(error, CallCanceled):
        return True
    return isinstance(error, Unavailable) and error.code == "UNAVAILABLE"
