"""Stretches of a document, and words that go between them, read in order and in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from chassis.errors import DocumentLost
from spooler.units.prefix import Stretch

PIECE_BYTES = 256 * 1024


async def read_all(
    number: int, parts: Iterable[bytes | Stretch], read: Callable[[int, int, int], Awaitable[bytes]]
) -> AsyncIterator[bytes]:
    """Yield the bytes of these parts of a job's document; `read` takes its number, an offset, and how many at most.

    Raises:
        DocumentLost: it ends early, or as `read` says.
    """
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        offset = part.start
        while offset < part.end:
            piece = await read(number, offset, min(PIECE_BYTES, part.end - offset))
            if not piece:
                raise DocumentLost(f"job {number}: its document ends early", job=number)
            yield piece
            offset += len(piece)
