"""Calls that only look at what is stored: a few at a time, more wait, the rest are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, TypeVar

from chassis.errors import Overloaded

Result = TypeVar("Result")

# Of the four that the store answers at once, so that documents and what other spoolers write are read meanwhile; and
# between two pages of a thousand jobs the event loop does everything else.
AT_ONCE = 2
MOST = 100  # that look or wait for their turn: at 30 ms for a page of a thousand jobs, 1.5 s


class Looking:
    """Turns at the store, of one process."""

    def __init__(self) -> None:
        self._here = 0
        self._turns = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Look meanwhile.

        Raises:
            Overloaded: too many do, or wait to.
        """
        if self._here >= MOST:
            raise Overloaded(
                f"{MOST} calls look at stored jobs already, or wait to: ask again in a moment", most=MOST
            )
        self._here += 1
        try:
            async with self._turns:
                yield
        finally:
            self._here -= 1


def in_turn(method: Callable[..., Awaitable[Result]]) -> Callable[..., Awaitable[Result]]:
    """Have a servicer's method wait for its turn at `self.looking`."""

    @wraps(method)
    async def waited(self: Any, *arguments: Any) -> Result:
        async with self.looking.turn():
            return await method(self, *arguments)

    return waited
