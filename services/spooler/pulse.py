"""Something has happened: wakes everybody who waits for a change, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Pulse:
    """Waits without asking again and again. For one event loop."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def beat(self) -> None:
        """Let everybody look again."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def until(self, good: Callable[[], bool], within_s: float) -> bool:
        """Return True as soon as `good()`, False when the time is up; looks after each beat."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while not good():
            future = loop.create_future()
            self._waiting.add(future)
            try:
                async with asyncio.timeout_at(deadline):
                    await future
            except TimeoutError:
                return good()
            finally:
                self._waiting.discard(future)
        return True
