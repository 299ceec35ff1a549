"""Which resources have to be looked at: each once, whatever happened to it how often; again later when a look failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from chassis import logs
from chassis.errors import FabricError
from chassis.tasks import Backoff
from spooler.discovery.reflector import ClusterError
from spooler.resources.resource import Key, Kind, Resource
from spooler.resources.subject import Subject

log = logs.get(__name__)

RETRY = Backoff(first_s=1.0, most_s=60.0)

Look = Callable[[Key, Resource | None], Awaitable[float]]


class Desk:
    """The resources as the cluster has them, and the work on them.

    Args:
        look: does what is to be done about one; returns after how many seconds to look again, 0: when something happens.
        subjects: what a resource is about: news of it lead to a look.
    """

    def __init__(self, look: Look, subjects: Callable[[Resource], Collection[Subject]]) -> None:
        self._look = look
        self._subjects = subjects
        self._resources: dict[Key, Resource] = {}
        self._about: dict[Subject, set[Key]] = {}
        self._due: dict[Key, None] = {}  # in order
        self._in_hand: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._later: dict[Key, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()

    # --- news

    def listed(self, kind: Kind, objects: Sequence[Mapping[str, Any]]) -> None:
        """These are all resources of a kind."""
        there = {resource.key: resource for resource in (Resource.of(kind, one) for one in objects)}
        for key in [key for key in self._resources if key.kind is kind and key not in there]:
            self._put(key, None)
        for key, resource in there.items():
            self._put(key, resource)

    def changed(self, kind: Kind, event: str, one: Mapping[str, Any]) -> None:
        """One is new, was changed, or is gone (ADDED, MODIFIED, DELETED)."""
        resource = Resource.of(kind, one)
        self._put(resource.key, None if event == "DELETED" else resource)

    def unknown(self, keys: Iterable[Key]) -> None:
        """These have left something behind; they are looked at unless they are still there."""
        for key in keys:
            if key not in self._resources:
                self._put(key, None)

    def heard(self, subject: Subject) -> None:
        """Something happened that some may be about."""
        for key in self._about.get(subject, ()):
            self.due(key)

    def all_due(self) -> None:
        """Look at all of them."""
        for key in self._resources:
            self.due(key)

    def due(self, key: Key) -> None:
        """Look at one."""
        self._due[key] = None
        self._wake.set()

    def _put(self, key: Key, resource: Resource | None) -> None:
        before = self._resources.pop(key, None)
        for subject in self._about_what(before):
            self._about.get(subject, set()).discard(key)
        if resource is not None:
            self._resources[key] = resource
            for subject in self._about_what(resource):
                self._about.setdefault(subject, set()).add(key)
        self.due(key)

    def _about_what(self, resource: Resource | None) -> Collection[Subject]:
        """Return what a resource is about: nothing, if that cannot be read; the look at it says why."""
        if resource is None:
            return ()
        try:
            return self._subjects(resource)
        except FabricError:
            return ()

    # --- work

    async def work(self) -> None:
        """Look at what is due, for ever. Several may work side by side: none looks at what another has in hand."""
        while True:
            key = next((one for one in self._due if one not in self._in_hand), None)
            if key is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            del self._due[key]
            self._in_hand.add(key)
            try:
                await self._look_at(key)
            finally:
                self._in_hand.discard(key)
                self._wake.set()

    def close(self) -> None:
        """No more timers."""
        for handle in self._later.values():
            handle.cancel()
        self._later.clear()

    async def _look_at(self, key: Key) -> None:
        if handle := self._later.pop(key, None):
            handle.cancel()
        try:
            again_s = await self._look(key, self._resources.get(key))
        except (ClusterError, FabricError) as error:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            again_s = RETRY.wait_s(failures)
            log.warning(
                "resource not settled",
                kind=key.kind,
                resource=key.name,
                error=str(error),
                again_s=round(again_s, 1),
            )
        else:
            self._failures.pop(key, None)
        if again_s:
            self._later[key] = asyncio.get_running_loop().call_later(again_s, self.due, key)
