"""The jobs of one printer that may print now, in the order in which they shall. Pure.

Higher priorities overtake, but no job starves: after so many overtakings in a row the job that waits longest is next.
Heaps with lazy removal: adding, taking and removing a job cost the logarithm of what waits, whatever waits elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush

from spooler.job import Job, order_key

MOST_OVERTAKINGS = 16  # documents in a row that leave before one that has waited longer
_TIDY_ABOVE = 64  # below this many leftovers a rebuild costs more than it saves


class WaitingJobs:
    """Jobs by priority (higher first), then by number; now and then the one of the lowest number."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._by_age: list[int] = []
        self._keys: dict[int, tuple[int, int]] = {}
        self._sizes: dict[int, int] = {}
        self._overtakings = 0
        self.size_bytes = 0  # of all documents that wait, one copy of each

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
        known = self._keys.get(job.number)
        if known == key:
            return
        if known is None:
            heappush(self._by_age, job.number)
            self._sizes[job.number] = job.document.size_bytes
            self.size_bytes += job.document.size_bytes
        self._keys[job.number] = key
        heappush(self._heap, key)

    def remove(self, number: int) -> bool:
        """Take a job out, wherever it stands; return whether it was there."""
        if self._keys.pop(number, None) is None:
            return False
        self.size_bytes -= self._sizes.pop(number)
        most = max(_TIDY_ABOVE, 2 * len(self._keys))
        if len(self._heap) > most:
            self._heap = list(self._keys.values())
            heapify(self._heap)
        if len(self._by_age) > most:
            self._by_age = sorted(self._keys)
        return True

    def leave(self, number: int) -> None:
        """A job leaves for its port."""
        self._overtakings = 0 if number == self._oldest() else self._overtakings + 1
        self.remove(number)

    def _oldest(self) -> int | None:
        while self._by_age and self._by_age[0] not in self._keys:
            heappop(self._by_age)
        return self._by_age[0] if self._by_age else None

    def first(self) -> int | None:
        """Return the number of the job that is next, or None."""
        if self._overtakings >= MOST_OVERTAKINGS:
            return self._oldest()
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
        """Return how many jobs leave before this one if no more come. Costs a look at all that wait."""
        mine = order_key(job)
        # Those behind it in both orders never leave before it, those before it in both always do.
        rivals = [key for key in self._keys.values() if key < mine or key[1] < job.number]
        if all(key < mine and key[1] < job.number for key in rivals):
            return len(rivals)
        for ahead, number in enumerate(_leaving({mine, *rivals}, self._overtakings)):
            if number == job.number:
                return ahead
        raise AssertionError("a job that waits leaves once")


def _leaving(keys: Iterable[tuple[int, int]], overtakings: int) -> Iterator[int]:
    """Yield numbers in the order in which `first` and `leave` let them go, after so many overtakings in a row."""
    by_key = sorted(keys)
    by_age = sorted(number for _, number in by_key)
    gone: set[int] = set()
    urgent, patient = iter(by_key), iter(by_age)
    first, oldest = next(urgent, None), next(patient, None)
    while first is not None and oldest is not None:
        number = oldest if overtakings >= MOST_OVERTAKINGS else first[1]
        yield number
        gone.add(number)
        overtakings = 0 if number == oldest else overtakings + 1
        while first is not None and first[1] in gone:
            first = next(urgent, None)
        while oldest is not None and oldest in gone:
            oldest = next(patient, None)
