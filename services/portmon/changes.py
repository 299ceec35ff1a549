"""Which ports have changed, for whoever watches: names only, so that a slow watcher costs a set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Watcher:
    """One watcher: what has changed since it last looked."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._event = asyncio.Event()
        self.ended = False

    def touch(self, name: str) -> None:
        """Add a name."""
        self._names.add(name)
        self._event.set()

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

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Watch while in the block."""
        watcher = Watcher()
        if self._ended:
            watcher.end()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
