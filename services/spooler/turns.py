"""Turns for what many want to begin at the same moment: a few at once, so that others have the event loop in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager


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
