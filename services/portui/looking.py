"""Which ports people look at: their hosts are told, and ask these printers as often as busy ones. No page waits for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from chassis import logs
from chassis.errors import FabricError

EVERY_S = 8.0  # a host takes somebody to look for 20 s after it was told
_MOST = 64  # ports at once: a wall of browsers is not to keep a whole fleet busy
log = logs.get(__name__)


class Looking:
    """Counts who looks at which port, and tells it while somebody does: once for all who look at the same one."""

    def __init__(self, tell: Callable[[str], Awaitable[object]], every_s: float = EVERY_S) -> None:
        self._tell = tell
        self._every_s = every_s
        self._viewers = Counter[str]()
        self._come = asyncio.Event()

    @contextmanager
    def at(self, port: str) -> Iterator[None]:
        """Look at a port, by its resource name, as long as this lasts; nobody looks at the empty one."""
        if not port:
            yield
            return
        self._viewers[port] += 1
        self._come.set()
        try:
            yield
        finally:
            self._viewers[port] -= 1
            if not self._viewers[port]:
                del self._viewers[port]

    async def follow(self) -> None:
        """Tell it for ever; sleeps while nobody looks at a port."""
        while True:
            await self._come.wait()
            self._come.clear()
            while self._viewers:
                await asyncio.gather(*(self._told(port) for port in list(self._viewers)[:_MOST]))
                await self._wait()

    async def _told(self, port: str) -> None:
        try:
            await self._tell(port)
        except FabricError as error:
            log.debug("a host was not told that somebody looks", port=port, error=error.message)

    async def _wait(self) -> None:
        """Wait until it is to be said again, or somebody looks at another port."""
        try:
            async with asyncio.timeout(self._every_s):
                await self._come.wait()
        except TimeoutError:
            return
        self._come.clear()
