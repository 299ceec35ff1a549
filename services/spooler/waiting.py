"""The jobs of one printer that may print now, in the order in which they shall. Pure.

Higher priorities overtake, but no job starves: after so many overtakings in a row the job that waits longest is next.
The jobs of each priority stand in the order of their numbers. What comes, leaves or is asked for its place costs as good as
the same whatever waits, there and elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, takewhile

from spooler.job import Job
from spooler.sorted_numbers import SortedNumbers

MOST_OVERTAKINGS = 16  # documents in a row that leave before one that has waited longer
_PLAYED = 500  # with more that may leave before a job, and overtake one another, its place is worked out, not played through


class WaitingJobs:
    """Jobs by priority (higher first), then by number; now and then the one of the lowest number."""

    __slots__ = ("_length", "_of_priority", "_overtakings", "size_bytes")

    def __init__(self) -> None:
        # None is empty; each number with the size of its document. A job's priority is where it stands: few are in use.
        self._of_priority: dict[int, SortedNumbers] = {}
        self._length = 0
        self._overtakings = 0
        self.size_bytes = 0  # of all documents that wait, one copy of each

    def __len__(self) -> int:
        return self._length

    def __contains__(self, number: int) -> bool:
        return self._priority_of(number) is not None

    def __iter__(self) -> Iterator[int]:
        """Yield all numbers, those of each priority in order."""
        return chain.from_iterable(self._of_priority.values())

    def add(self, job: Job) -> None:
        """Let a job wait; one that waits already moves to its new place."""
        number, priority, size_bytes = job.number, job.priority, job.document.size_bytes
        before = self._priority_of(number)
        if before == priority:
            return
        if before is not None:
            size_bytes = self._take_out(number, before)
        numbers = self._of_priority.get(priority)
        if numbers is None:
            numbers = self._of_priority[priority] = SortedNumbers(sized=True)
        numbers.add(number, size_bytes)
        self._length += 1
        self.size_bytes += size_bytes

    def remove(self, number: int) -> bool:
        """Take a job out, wherever it stands; return whether it was there."""
        priority = self._priority_of(number)
        if priority is None:
            return False
        self._take_out(number, priority)
        return True

    def leave(self, number: int) -> None:
        """A job leaves for its port."""
        self._overtakings = 0 if number == self._oldest() else self._overtakings + 1
        self.remove(number)

    def first(self) -> int | None:
        """Return the number of the job that is next, or None."""
        if not self._of_priority:
            return None
        if self._overtakings >= MOST_OVERTAKINGS:
            return self._oldest()
        return self._of_priority[max(self._of_priority)].first

    @property
    def last(self) -> int | None:
        """The number of the job that came last; None: none waits."""
        return max((numbers.last or 0 for numbers in self._of_priority.values()), default=None)

    def first_key(self) -> tuple[int, int] | None:
        """Return the order key of the job that is next, or None."""
        number = self.first()
        return None if number is None else (-(self._priority_of(number) or 0), number)

    def ahead_of(self, job: Job) -> int:
        """Return how many jobs leave before this one if no more come.

        Exactly, but where more than 500 may, and higher and lower priorities, older and younger, overtake one another: then
        within a tenth or so.
        """
        number = job.number
        mine = self._priority_of(number)
        if mine is None:
            mine = job.priority
        older = {priority: numbers.below(number) for priority, numbers in self._of_priority.items()}
        urgent = sum(len(numbers) for priority, numbers in self._of_priority.items() if priority > mine)
        # Those behind it in both orders never leave before it, those before it in both always do.
        patient = sum(count for priority, count in older.items() if priority < mine)
        both = sum(older.values()) - patient
        if not patient and urgent + older.get(mine, 0) == both:
            return both
        if urgent + older.get(mine, 0) + patient > _PLAYED:
            return self._about(mine, older)
        keys = [(-mine, number), *self._rivals(number, mine)]
        return next(ahead for ahead, one in enumerate(_leaving(keys, self._overtakings)) if one == number)

    def _about(self, mine: int, older: Mapping[int, float]) -> int:
        """Return about how many leave before a job, `older` of each priority before it by number.

        By priority each in turn goes, first those that are older than the job. Meanwhile every sixteenth lets the oldest of
        all go; when none is left that is older than the job, it is itself the oldest.
        """
        left, ahead = dict(older), 0.0
        for priority in sorted((one for one in older if one >= mine), reverse=True):
            here = left.pop(priority)
            younger = len(self._of_priority[priority]) - older[priority] if priority > mine else 0.0
            for leaving in (here, younger):
                others = sum(left.values())
                let_go = leaving / MOST_OVERTAKINGS
                if let_go >= others and leaving is younger and priority > mine:
                    return round(ahead + others * (MOST_OVERTAKINGS + 1))
                let_go = min(let_go, others)
                ahead += leaving + let_go
                left = {one: count - count * let_go / others for one, count in left.items() if others}
        return round(ahead)

    def _rivals(self, number: int, mine: int) -> Iterator[tuple[int, int]]:
        """Yield the order keys of those that may leave before a job: it costs a look at them, and at no others."""
        for priority, numbers in self._of_priority.items():
            some = iter(numbers) if priority > mine else takewhile(number.__gt__, numbers)
            yield from ((-priority, one) for one in some)

    def _oldest(self) -> int | None:
        return min((next(iter(numbers)) for numbers in self._of_priority.values()), default=None)

    def _priority_of(self, number: int) -> int | None:
        """Return the priority of a job that waits; None: it does not."""
        for priority, numbers in self._of_priority.items():
            if number in numbers:
                return priority
        return None

    def _take_out(self, number: int, priority: int) -> int:
        """Take out a job that stands there; return its size in bytes."""
        numbers = self._of_priority[priority]
        size_bytes = numbers.discard(number) or 0
        if not numbers:
            del self._of_priority[priority]
        self._length -= 1
        self.size_bytes -= size_bytes
        return size_bytes


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
