"""Who is in line for the writer with a large document: what comes behind them, small jobs and outcomes, waits for all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class SpoolLine:
    """Lets callers in while all inside have at most so many bytes, in the order they come. For one event loop."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._inside_bytes = 0
        self._waiting = deque[tuple[int, asyncio.Future[None]]]()

    @asynccontextmanager
    async def place(self, count: int) -> AsyncIterator[None]:
        """Wait for room for `count` bytes, and have it meanwhile. With more than there ever is, one is in alone."""
        await self._enter(count)
        try:
            yield
        finally:
            self._leave(count)

    async def _enter(self, count: int) -> None:
        if not self._waiting and self._fits(count):
            self._inside_bytes += count
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._leave(0 if turn.cancelled() else count)  # it may have had its turn at the same time
            raise

    def _leave(self, count: int) -> None:
        self._inside_bytes -= count
        while self._waiting:
            wanted, turn = self._waiting[0]
            if not turn.cancelled():
                if not self._fits(wanted):
                    return
                self._inside_bytes += wanted
                turn.set_result(None)
            self._waiting.popleft()

    def _fits(self, count: int) -> bool:
        return not self._inside_bytes or self._inside_bytes + count <= self._most_bytes
