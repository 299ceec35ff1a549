"""The jobs of one printer that may print now, in the order in which they shall. Pure.

A heap with lazy removal: adding, taking and removing a job cost the logarithm of what waits, whatever waits elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from spooler.job import Job, order_key

_TIDY_ABOVE = 64  # below this many leftovers a rebuild costs more than it saves


class WaitingJobs:
    """Jobs by priority (higher first), then by number."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._keys: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, number: int) -> bool:
        return number in self._keys

    def __iter__(self) -> Iterator[int]:
        """Yield all numbers, in no order."""
        return iter(self._keys)

    def add(self, job: Job) -> None:
        """Let a job wait; one that waits already moves to its new place."""
        key = order_key(job)
        if self._keys.get(job.number) != key:
            self._keys[job.number] = key
            heappush(self._heap, key)

    def remove(self, number: int) -> bool:
        """Take a job out, wherever it stands; return whether it was there."""
        if self._keys.pop(number, None) is None:
            return False
        if len(self._heap) > _TIDY_ABOVE and len(self._heap) > 2 * len(self._keys):
            self._heap = list(self._keys.values())
            heapify(self._heap)
        return True

    def first(self) -> int | None:
        """Return the number of the job that is next, or None."""
        while self._heap:
            key = self._heap[0]
            if self._keys.get(key[1]) == key:
                return key[1]
            heappop(self._heap)
        return None

    def first_key(self) -> tuple[int, int] | None:
        """Return the order key of the job that is next, or None."""
        number = self.first()
        return None if number is None else self._keys[number]

    def ahead_of(self, job: Job) -> int:
        """Return how many jobs are before this one. Costs a look at all that wait."""
        mine = order_key(job)
        return sum(1 for key in self._keys.values() if key < mine)
