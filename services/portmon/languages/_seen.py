"""How often a pattern occurs in a document that comes in pieces of any size."""

from __future__ import annotations

import re


class Seen:
    """Counts matches of `pattern`, none of which is longer than `longest` bytes."""

    def __init__(self, pattern: re.Pattern[bytes], longest: int) -> None:
        self._pattern, self._longest = pattern, longest
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.count, self._tail = 0, b""

    def look(self, data: memoryview) -> None:
        """Take the next piece; what may be the beginning of a match is kept for the next."""
        seam = self._tail + bytes(data[: self._longest])
        known = len(self._tail)
        crossing = sum(1 for found in self._pattern.finditer(seam) if found.start() < known < found.end())
        self.count += crossing + sum(1 for _ in self._pattern.finditer(data))
        self._tail = (self._tail + bytes(data[-self._longest :]))[-self._longest + 1 :]
