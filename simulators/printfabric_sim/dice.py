"""Everything random in a printer's life, from one seed."""

from __future__ import annotations

import random
from collections import Counter


class Dice:
    """One source of random numbers for each fault: what one draws, and when, moves no moment of another."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._given: Counter[str] = Counter()

    def source(self, name: str) -> random.Random:
        """Return a new source for `name`: the first one, the second, …, if it is asked for again."""
        self._given[name] += 1
        return random.Random(f"{self._seed}/{name}/{self._given[name]}")
