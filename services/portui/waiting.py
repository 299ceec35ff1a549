"""Those who wait for something to become true, and are told when it may have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Waiting:
    """Belongs to the event loop; its length is how many wait."""

    def __init__(self) -> None:
        self._told: set[asyncio.Event] = set()

    def __len__(self) -> int:
        return len(self._told)

    def tell(self) -> None:
        """Let all look again."""
        for news in self._told:
            news.set()

    async def until(self, good: Callable[[], bool], within_s: float | None = None) -> None:
        """Return when `good()`, or when the time is up."""
        news = asyncio.Event()
        self._told.add(news)
        try:
            async with asyncio.timeout(within_s):
                while not good():
                    news.clear()
                    await news.wait()
        except TimeoutError:
            return
        finally:
            self._told.discard(news)
