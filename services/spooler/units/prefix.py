"""Bytes that go before a stretch of a document: words of our own, and stretches of the same document. Pure.

Those of the document stay where they are until they are sent: a font or a prolog is neither held in memory nor kept with
the job a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

MOST_BYTES = 2 << 20  # with a closing and a slice it is still one message to a host (4 MiB)
MOST_STRETCHES = 1024  # of the document, in one prefix


class Taken(NamedTuple):
    """A stretch of the document, put into the words of a prefix."""

    at: int  # so many bytes of the words come before it
    start: int  # included
    end: int  # not included


class Stretch(NamedTuple):
    """Bytes of the document, from `start` to `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Prefix:
    """What is sent, in order; false when it is empty."""

    said: bytes = b""
    taken: tuple[Taken, ...] = ()

    @classmethod
    def of(cls, pieces: Iterable[bytes | Stretch]) -> Prefix:
        """Return what sends these one after the other."""
        said, taken = bytearray(), list[Taken]()
        for piece in pieces:
            if isinstance(piece, bytes):
                said += piece
            elif taken and taken[-1].at == len(said) and taken[-1].end == piece.start:
                taken[-1] = taken[-1]._replace(end=piece.end)
            else:
                taken.append(Taken(len(said), *piece))
        return cls(bytes(said), tuple(taken))

    def __bool__(self) -> bool:
        return bool(self.said or self.taken)

    @property
    def size(self) -> int:
        """How many bytes are sent."""
        return len(self.said) + sum(one.end - one.start for one in self.taken)

    def pieces(self) -> Iterator[bytes | Stretch]:
        """Yield what is sent, in order."""
        position = 0
        for at, start, end in self.taken:
            if position < at:
                yield self.said[position:at]
            yield Stretch(start, end)
            position = at
        if position < len(self.said):
            yield self.said[position:]

    def starts_with(self, data: bytes) -> bool:
        """Tell whether these bytes are sent first, as words of our own."""
        return self.said.startswith(data) and all(one.at >= len(data) for one in self.taken)

    def then(self, data: bytes) -> Prefix:
        """Return this with more words at its end."""
        return Prefix(self.said + data, self.taken)

    def after(self, data: bytes) -> Prefix:
        """Return this with more words before it."""
        return Prefix(data + self.said, tuple(one._replace(at=one.at + len(data)) for one in self.taken))


NO_PREFIX = Prefix()
