"""A list and a watch, for ever: what a cluster has of one kind, kept in step without asking again and again.

Rules of the Kubernetes API that decide its shape: a watch goes on from the version of the list; a version that is too
old is answered by 410, as HTTP status or as an event, and only a new list helps; bookmarks move the version on when
nothing happens; a server ends a watch when it likes, which is no failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from chassis import logs
from chassis.tasks import Backoff

log = logs.get(__name__)

RETRY = Backoff(first_s=0.5, most_s=30.0)
_SHORT_S = 1.0  # a watch that ends sooner, again and again, must not become a busy loop


class ClusterError(Exception):
    """The cluster does not answer, or not with what was asked. `status` is HTTP's, 0 where there was none."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def expired(self) -> bool:
        """The version that was asked for is forgotten; list again."""
        return self.status == 410


class Page(NamedTuple):
    """Objects of one kind, and where to go on."""

    objects: Sequence[Mapping[str, Any]]
    version: str
    more: str  # token of the next page; "" on the last


class ListWatch(Protocol):
    """One kind of object of a cluster."""

    async def page(self, token: str) -> Page:
        """Return a page of all objects. Raises ClusterError."""

    def watch(self, version: str) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Yield (type, object) since a version until the server ends it. Raises ClusterError."""


class Reflector:
    """Calls `on_all` with every list, and `on_change` with every event after it: ADDED, MODIFIED, DELETED."""

    def __init__(
        self,
        source: ListWatch,
        on_all: Callable[[Sequence[Mapping[str, Any]]], None],
        on_change: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._source = source
        self._on_all = on_all
        self._on_change = on_change
        self._version = ""

    async def run(self) -> None:
        """Reflect until cancelled."""
        failures = 0
        while True:
            try:
                if not self._version:
                    await self._list()
                if await self._watch():
                    failures = 0
                    continue
                failures += 1
            except ClusterError as error:
                failures += 1
                if error.expired:
                    self._version = ""
                if failures == 1 or not error.expired:
                    log.warning(
                        "cluster watch broken", status=error.status, error=str(error), failures=failures
                    )
            await asyncio.sleep(RETRY.wait_s(failures))

    async def _list(self) -> None:
        objects: list[Mapping[str, Any]] = []
        token = ""
        while True:
            page = await self._source.page(token)
            objects += page.objects
            token = page.more
            if not token:
                break
        self._on_all(objects)
        self._version = page.version

    async def _watch(self) -> bool:
        """Follow one watch to its end; return whether it was of any use."""
        started = asyncio.get_running_loop().time()
        useful = False
        async for kind, one in self._source.watch(self._version):
            if kind == "ERROR":
                raise ClusterError(int(one.get("code") or 0), str(one.get("message") or "the watch failed"))
            useful = True
            version = (one.get("metadata") or {}).get("resourceVersion")
            if kind != "BOOKMARK":
                self._on_change(kind, one)
            if version:  # after the change was taken: a crash in between only repeats it
                self._version = str(version)
        return useful or asyncio.get_running_loop().time() - started > _SHORT_S
