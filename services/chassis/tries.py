"""How often somebody may do something: a few times at once, then one each interval. Bounded; pure but for the clock."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from chassis.auth_errors import TooManyRequests

_REMEMBERED = 10_000


class Tries:
    """Counts by key.

    Args:
        at_once: how many may come together.
        interval_s: how long until one more is allowed.
    """

    def __init__(self, at_once: int, interval_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._span_s = at_once * interval_s
        self._interval_s = interval_s
        self._clock = clock
        # When a key would be free of all it did: rises by an interval with each try.
        self._free_at: OrderedDict[Hashable, float] = OrderedDict()

    def count(self, key: Hashable, what: str) -> None:
        """Count one try.

        Raises:
            TooManyRequests: it was one too many and is not counted; `what` says of what, as `tries to sign in`.
        """
        self._free_at[key] = self.check(key, what)
        self._free_at.move_to_end(key)
        if len(self._free_at) > _REMEMBERED:
            self._free_at.popitem(last=False)

    def check(self, key: Hashable, what: str) -> float:
        """Return when a key would be free of one more try, which is not counted. Raises as `count`."""
        now = self._clock()
        free_at = max(self._free_at.get(key, now), now) + self._interval_s
        over_s = free_at - now - self._span_s
        if over_s > 1e-6:
            raise TooManyRequests(f"too many {what}", retry_after_s=max(1, math.ceil(over_s - 1e-6)))
        return free_at

    def forgive(self, key: Hashable) -> None:
        """Forget what a key did: it has proven itself."""
        self._free_at.pop(key, None)
