"""Which of many small documents came out, read from what a receiver got: whole ones, and beginnings."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_HEAD_BYTES = 8  # "<" number "|": from here on a beginning can be told from others


def numbered(count: int, seed: int) -> list[bytes]:
    """Return so many different documents, each with its number at its beginning; one of ten is larger.

    All are in no language, by their zero: half of a text would be closed by a form feed.
    """
    source = random.Random(seed)
    documents = []
    for number in range(count):
        size = source.randrange(20, 400) if number % 10 else source.randrange(10_000, 100_000)
        documents.append(b"<%06d|\0" % number + source.randbytes(size).replace(b"<", b"#"))
    return documents


@dataclass
class Papers:
    """What came out, in its order."""

    whole: list[int] = field(default_factory=list)
    beginnings: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # number -> lengths
    scraps: list[bytes] = field(default_factory=list)  # beginnings too short to say of what

    def lengths_of(self, number: int, size: int) -> list[int]:
        """Return how long each piece of one document is that came out."""
        return [size] * self.whole.count(number) + self.beginnings.get(number, [])


def read_pages(pages: Iterable[bytes], documents: Sequence[bytes]) -> Papers:
    """Read papers that the receiver itself keeps apart (connections)."""
    papers = Papers()
    for page in pages:
        if page:
            assert _take(page, documents, papers) == len(page), (
                f"a page goes on behind its document: {page[:80]!r}"
            )
    return papers


def read_stream(stream: bytes, documents: Sequence[bytes]) -> Papers:
    """Read papers that follow each other without a mark (byte pipes)."""
    papers = Papers()
    while stream:
        stream = stream[_take(stream, documents, papers) :]
    return papers


def _take(stream: bytes, documents: Sequence[bytes], papers: Papers) -> int:
    """Take the first paper; return how long it is."""
    assert stream.startswith(b"<"), f"no document begins like this: {stream[:80]!r}"
    end = stream.find(b"<", 1)
    piece = stream if end < 0 else stream[:end]  # no document has a second "<"
    if len(piece) < _HEAD_BYTES:
        papers.scraps.append(piece)
        return len(piece)
    number = int(piece[1:7])
    document = documents[number]
    assert document.startswith(piece), f"not a beginning of document {number}: {piece[:80]!r}"
    if piece == document:
        papers.whole.append(number)
    else:
        papers.beginnings[number].append(len(piece))
    return len(piece)
