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
        """Take the next piece. What ends with it may go on in the next one, and waits for that."""
        text, done = self._tail + bytes(data), 0
        for found in self._pattern.finditer(text):
            if found.end() == len(text):
                break
            self.count += 1
            done = found.end()
        self._tail = text[max(done, len(text) - self._longest) :]

    def finish(self) -> None:
        """There is no next piece."""
        self.count += sum(1 for _ in self._pattern.finditer(self._tail))
        self._tail = b""
