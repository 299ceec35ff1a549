"""What is asked of the ends of units while a document is read: how many there are, how many below an offset, where. Pure.

Nothing is kept for each unit, so that a document of millions costs no more memory than one of two.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from spooler.ledger import Ledger, UnitKind, Units, UnitSpan
from spooler.units.splitter import Splitter


class Tally:
    """Counts.

    Args:
        offsets: for each of them, how many units end at or before it, and how many before it.
        numbers: units, from 1, whose ends are wanted.
    """

    def __init__(self, offsets: Sequence[int] = (), numbers: Iterable[int] = ()) -> None:
        self.total = 0
        self.ends: dict[int, int] = {0: 0}  # by number; unit 0 ends where the document begins
        self.last_end = 0
        self._offsets = tuple(offsets)
        self._at_or_before = [0] * len(self._offsets)
        self._before = [0] * len(self._offsets)
        self._numbers = sorted(set(numbers) - {0}, reverse=True)

    def add(self, ends: Sequence[int]) -> None:
        """Take the next ends, rising."""
        if not ends:
            return
        for place, offset in enumerate(self._offsets):
            self._at_or_before[place] += bisect_right(ends, offset)
            self._before[place] += bisect_left(ends, offset)
        while self._numbers and self._numbers[-1] <= self.total + len(ends):
            number = self._numbers.pop()
            self.ends[number] = ends[number - self.total - 1]
        self.total += len(ends)
        self.last_end = ends[-1]

    @property
    def found_all(self) -> bool:
        """Every unit that was wanted has been seen."""
        return not self._numbers

    def at_or_before(self, place: int) -> int:
        """Return how many units end at or before the offset at this place of `offsets`."""
        return self._at_or_before[place]

    def before(self, place: int) -> int:
        """Return how many units end before it."""
        return self._before[place]


def tally_of(ledger: Ledger) -> Tally:
    """Return the tally that `counted` wants for a ledger."""
    offsets = ledger.offsets
    span = ledger.uncertain or (offsets.accepted, offsets.accepted)
    # What a kernel had taken and never sent is behind the span: it is no more printed than what was never written.
    accepted = min(offsets.accepted, span[1])
    return Tally((accepted, offsets.acked, offsets.confirmed, span[0], span[1]))


def counted(tally: Tally, splitter: Splitter) -> tuple[Units, UnitSpan | None]:
    """Return a ledger's units, and those of which nobody can say whether they came out.

    A unit is uncertain when its end is not proven and something of it may have come out: its first byte may have been
    taken, or, where units come out with their last byte, its last.
    """
    kind = splitter.kind
    if kind is UnitKind.DOCUMENT or tally.total == 0:
        return Units(UnitKind.DOCUMENT, 1), None
    units = Units(kind, tally.total, *(tally.at_or_before(place) for place in range(3)))
    first = tally.at_or_before(3) + 1
    last = tally.at_or_before(4) if splitter.prints_at_end else min(tally.before(4) + 1, tally.total)
    return units, UnitSpan(first, last) if first <= last else None
