"""Whether anybody is at the console: what no watch tells is asked for while somebody is, and at once when somebody comes.

A console that nobody is at asks the spooler for nothing. Each call, however small, keeps gRPC's threads of both processes
waking up for seconds: one every two seconds was a quarter of a per cent of a core in each (2026-11-22).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

PATIENCE_S = 1.0  # who comes waits no longer for what was not asked for while nobody was here


class Attention:
    """Counts the requests that are being answered; a page that is open is one, its stream. Belongs to the event loop."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._here = 0
        self._come = asyncio.Event()  # set while somebody is here
        self._owed = 0  # questions that wait for somebody to come, or that he waits for
        self._paid = asyncio.Event()

    @asynccontextmanager
    async def visit(self) -> AsyncIterator[None]:
        """Be here meanwhile. What was not asked for while nobody was here is asked first."""
        self._here += 1
        self._come.set()
        try:
            if self._owed and not self._paid.is_set():
                await self._caught_up()
            yield
        finally:
            self._here -= 1
            if not self._here:
                self._come.clear()

    async def _caught_up(self) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await self._paid.wait()
        except TimeoutError:
            self._paid.set()  # a spooler that stands still is waited for once

    async def keep_asking(self, ask: Callable[[], Awaitable[float]]) -> None:
        """Call `ask` for ever: now, then while somebody is here. It returns after how many seconds it is due again."""
        pause_s = await ask()
        while True:
            await asyncio.sleep(pause_s)
            if self._here:
                pause_s = await ask()
                continue
            with self._owing():
                await self._come.wait()
                pause_s = await ask()

    @contextmanager
    def _owing(self) -> Iterator[None]:
        self._owed += 1
        self._paid.clear()
        try:
            yield
        finally:
            self._owed -= 1
            if not self._owed:
                self._paid.set()
