"""Numbers in order, and how many are below one. Pure.

They lie in blocks, so that what comes or goes anywhere moves one block, and counting looks at the blocks' lengths: with a
hundred thousand numbers some two hundred. Numbers that rise, as those of jobs do, are appended.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from operator import itemgetter

_BLOCK = 512  # numbers in one that is full; up to twice as many where some came in between

_last = itemgetter(-1)


class SortedNumbers:
    """A set of numbers. Eight bytes each, beside the numbers themselves.

    Args:
        sized: each has a size of its own, from 0 to 2**64 - 1; eight bytes more.
    """

    __slots__ = ("_blocks", "_length", "_sizes")

    def __init__(self, *, sized: bool = False) -> None:
        self._blocks: list[list[int]] = []  # none is empty
        self._sizes: list[array[int]] | None = (
            [] if sized else None
        )  # blocks of them, each where its number is
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __contains__(self, number: int) -> bool:
        block = self._block_of(number)
        return block is not None and block[bisect_left(block, number)] == number

    def __iter__(self) -> Iterator[int]:
        """Yield them in order. In another thread than the one that changes them, some may be missing."""
        for block in self._blocks:
            yield from block

    @property
    def first(self) -> int | None:
        """The least; None: there are none."""
        return self._blocks[0][0] if self._blocks else None

    def add(self, number: int, size: int = 0) -> None:
        """Take a number in, if it is not there."""
        blocks, sizes = self._blocks, self._sizes
        if not blocks or number > blocks[-1][-1]:
            if blocks and len(blocks[-1]) < _BLOCK:
                blocks[-1].append(number)
            else:
                blocks.append([number])
                if sizes is not None:
                    sizes.append(array("Q"))
            if sizes is not None:
                sizes[-1].append(size)
            self._length += 1
            return
        place = bisect_left(blocks, number, key=_last)
        block = blocks[place]
        at = bisect_left(block, number)
        if block[at] == number:
            return
        block.insert(at, number)
        self._length += 1
        if sizes is not None:
            sizes[place].insert(at, size)
        if len(block) > 2 * _BLOCK:
            blocks[place : place + 1] = [block[:_BLOCK], block[_BLOCK:]]
            if sizes is not None:
                sizes[place : place + 1] = [sizes[place][:_BLOCK], sizes[place][_BLOCK:]]

    def discard(self, number: int) -> int | None:
        """Take a number out; return its size, 0 if it has none, None if it was not there."""
        blocks, sizes, size = self._blocks, self._sizes, 0
        if not blocks or number > blocks[-1][-1]:
            return None
        place = bisect_left(blocks, number, key=_last)
        block = blocks[place]
        at = bisect_left(block, number)
        if block[at] != number:
            return None
        if sizes is not None:
            size = sizes[place].pop(at)
        if len(block) == 1:
            del blocks[place]
            if sizes is not None:
                del sizes[place]
        else:
            del block[at]
        self._length -= 1
        return size

    def some(self, first: int, most: int) -> list[int]:
        """Return at most so many of them, in order, those left out that are the `first` least."""
        found: list[int] = []
        for block in self._blocks:
            if len(found) >= most:
                break
            if first < len(block):
                found += block[first : first + most - len(found)]
            first = max(0, first - len(block))
        return found

    @property
    def last(self) -> int | None:
        """The greatest; None: there are none."""
        return self._blocks[-1][-1] if self._blocks else None

    def below(self, number: int) -> int:
        """Return how many are less than `number`, which need not be there."""
        blocks = self._blocks
        if not blocks or number > blocks[-1][-1]:
            return self._length
        place = bisect_left(blocks, number, key=_last)
        return sum(map(len, blocks[:place])) + bisect_left(blocks[place], number)

    def _block_of(self, number: int) -> list[int] | None:
        blocks = self._blocks
        if not blocks or number > blocks[-1][-1]:
            return None
        return blocks[bisect_left(blocks, number, key=_last)]
