"""Which ports have changed, for whoever watches: names only, so that a slow watcher costs a set.

Whoever watches for a fabric hears of the ends of its documents too, where a language monitor tells them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from portmon.document import Progress

_MOST_ENDS = 4096


class Ended(NamedTuple):
    """A document whose end a language monitor has told (LAST_PAGE_EJECTED), or that broke off before."""

    port: str
    fabric: str
    progress: Progress


class Watcher:
    """One watcher: what has changed since it last looked."""

    def __init__(self, fabric: str = "") -> None:
        self._fabric = fabric
        self._names: set[str] = set()
        self._ends: list[Ended] = []
        self._event = asyncio.Event()
        self.ended = False

    def touch(self, name: str) -> None:
        """Add a name."""
        self._names.add(name)
        self._event.set()

    def tell(self, end: Ended) -> None:
        """Add a document's end; a watcher that is too slow for them is let go, and asks the journal."""
        if end.fabric != self._fabric:
            return
        self._ends.append(end)
        self._event.set()
        if len(self._ends) > _MOST_ENDS:
            self.end()

    def end(self) -> None:
        """There will be no more changes."""
        self.ended = True
        self._event.set()

    async def next(self) -> set[str]:
        """Wait for changes and return their ports' names; look at `ended` before waiting again."""
        await self._event.wait()
        self._event.clear()
        names, self._names = self._names, set()
        return names

    def ends(self) -> list[Ended]:
        """Return the documents that ended since this was asked last, in order."""
        ends, self._ends = self._ends, []
        return ends


class Changes:
    """All watchers of a host's ports."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._ended = False

    def end(self) -> None:
        """Let all watchers go: the host drains."""
        self._ended = True
        for watcher in self._watchers:
            watcher.end()

    def refresh(self) -> None:
        """Let the present watchers go, so that they look anew."""
        for watcher in self._watchers:
            watcher.end()

    def touch(self, name: str) -> None:
        """Say that a port has changed, come or gone."""
        for watcher in self._watchers:
            watcher.touch(name)

    def tell(self, end: Ended) -> None:
        """Say what became of a document."""
        for watcher in self._watchers:
            watcher.tell(end)

    @contextmanager
    def watch(self, fabric: str = "") -> Iterator[Watcher]:
        """Watch while in the block; for a `fabric`, the ends of its documents too."""
        watcher = Watcher(fabric)
        if self._ended:
            watcher.end()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
