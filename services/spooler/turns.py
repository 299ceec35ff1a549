"""Turns, so that others have the event loop in between: for what many want to begin at the same moment, and for what is long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import TypeVar

T = TypeVar("T")

SLICE = 50  # things that are looked at in one turn of the event loop: about a millisecond


async def in_slices(things: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """Yield a few things at a time; others have their turn between two slices, and may change what things are."""
    for start in range(0, len(things), SLICE):
        if start:
            await asyncio.sleep(0)
        yield things[start : start + SLICE]


class Turns:
    """So many turns at once.

    Args:
        at_once: how many.
        most_s: after so long the next one begins, though this one goes on: whoever waits for a peer that is silent keeps
            nobody else from his.
    """

    def __init__(self, at_once: int, most_s: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._most_s = most_s

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, and have it meanwhile."""
        await self._places.acquire()
        with ExitStack() as place:
            place.callback(self._places.release)
            leaving = asyncio.get_running_loop().call_later(self._most_s, place.close)
            place.callback(leaving.cancel)
            yield
