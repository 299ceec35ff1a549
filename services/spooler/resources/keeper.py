"""One look at one resource: hold it, declare what it says, write its status; let go of it once what it declared is gone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from chassis import logs
from chassis.errors import FabricError, InvalidArgument
from spooler.resources.cluster import Cluster
from spooler.resources.conditions import ACCEPTED, REACHABLE, READY, Condition, changed, status_of
from spooler.resources.resource import FINALIZER, Key, Kind, Resource, manager_name
from spooler.resources.subject import Subject

log = logs.get(__name__)

STATUS_APART_S = 10.0  # statuses of one resource
AGAIN_S = 30.0  # after a refusal: its reason may go without news
SOON_S = 2.0  # after an answer that says: ask again, and while something is deleted
_LASTING = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "ALREADY_EXISTS", "NOT_FOUND", "PERMISSION_DENIED")


class Kept(Protocol):
    """What is special to a kind."""

    def subjects(self, resource: Resource) -> Collection[Subject]:
        """Return what a resource is about."""

    async def declare(self, resource: Resource) -> Condition:
        """Make it so; return `Accepted`. Raises FabricError."""

    async def undeclare(self, resource: Resource) -> Condition | None:
        """Take back what was declared; return what it still waits for, None when it is done. Raises FabricError."""

    async def release(self, manager: str) -> None:
        """Leave what was declared to everybody: the resource is gone without us. Raises FabricError."""

    def conditions(self, resource: Resource, accepted: Condition) -> list[Condition]:
        """Return all conditions."""


class Keeper:
    """Looks at resources of all kinds."""

    def __init__(self, cluster: Cluster, kinds: Mapping[Kind, Kept]) -> None:
        self._cluster = cluster
        self._kinds = kinds
        self._written: dict[Key, float] = {}  # when a status was, on the loop's clock

    def subjects(self, resource: Resource) -> Collection[Subject]:
        """Return what a resource is about."""
        return self._kinds[resource.key.kind].subjects(resource)

    async def look(self, key: Key, resource: Resource | None) -> float:
        """Do what is to be done; return after how many seconds to look again, 0: when something happens.

        Raises:
            ClusterError, FabricError: look again, later each time.
        """
        kind = self._kinds[key.kind]
        if resource is None:
            self._written.pop(key, None)
            await kind.release(manager_name(self._cluster.namespace, key.name))
            return 0
        if resource.deleting and not resource.held:
            return 0  # others hold it; what it declared was taken back
        if resource.deleting:
            return await self._let_go(kind, resource)
        if not resource.held:
            resource = await self._cluster.put_finalizers(resource, [*resource.finalizers, FINALIZER])
        try:
            accepted, again_s = await kind.declare(resource), 0.0
        except FabricError as error:
            accepted, again_s = _refused(error)
        return _sooner(again_s, await self._tell(resource, _conditions(kind, resource, accepted)))

    async def _let_go(self, kind: Kept, resource: Resource) -> float:
        try:
            waits = await kind.undeclare(resource)
        except FabricError as error:
            waits, _ = _refused(error)
            if (unread := _unread(kind, resource)) is not None:
                # It names nothing that could be deleted. What it declared before it said this is found by its own name.
                log.warning(
                    "left to everybody", resource=resource.manager, kind=resource.key.kind, error=str(unread)
                )
                await kind.release(resource.manager)
                waits = None
        if waits is not None:
            # Looked after by the clock: what frees a port, a printer that went, is no news of the port.
            return _sooner(SOON_S, await self._tell(resource, _conditions(kind, resource, waits)))
        held_by = [one for one in resource.finalizers if one != FINALIZER]
        await self._cluster.put_finalizers(resource, held_by)
        log.info("resource let go", kind=resource.key.kind, resource=resource.key.name)
        return 0

    async def _tell(self, resource: Resource, conditions: Sequence[Condition]) -> float:
        """Write a status that has changed, and events of it; return when to, if it is too soon."""
        status = status_of(resource, conditions, datetime.now(UTC))
        if status is None:
            return 0
        now = asyncio.get_running_loop().time()
        early_s = self._written.get(resource.key, -STATUS_APART_S) + STATUS_APART_S - now
        # What was declared anew is answered at once: somebody waits for it.
        if early_s > 0 and resource.status.get("observedGeneration") == resource.generation:
            return early_s
        self._written[resource.key] = now
        await self._cluster.put_status(resource, status)
        for one in changed(resource, conditions):
            if one.type in (ACCEPTED, READY):
                await self._cluster.tell(resource, one)
        return 0


def _unread(kind: Kept, resource: Resource) -> FabricError | None:
    """Return what keeps a spec from saying what it is about: it may have been made under another definition."""
    try:
        kind.subjects(resource)
    except InvalidArgument as error:
        return error
    return None


def _conditions(kind: Kept, resource: Resource, accepted: Condition) -> list[Condition]:
    """Return all conditions; of a resource that does not say what it is about, that it does not."""
    if (unread := _unread(kind, resource)) is None:
        return kind.conditions(resource, accepted)
    return [_refused(unread)[0]._replace(type=one) for one in (ACCEPTED, REACHABLE, READY)]


def _sooner(first_s: float, second_s: float) -> float:
    """Return the earlier of two times to look again; 0 is never."""
    return min(filter(None, (first_s, second_s)), default=0.0)


def _refused(error: FabricError) -> tuple[Condition, float]:
    """Return `Accepted` of a resource that the fabric refuses, and when to try again."""
    lasting = error.code in _LASTING
    fields = "; ".join(f"{field} {why}" for field, why in error.fields)
    said = f"{error.message} ({fields})" if fields and fields not in error.message else error.message
    reason = re.sub(r"(?:^|_)([a-z])", lambda match: match[1].upper(), error.reason.lower())
    return Condition(ACCEPTED, False if lasting else None, reason, said), AGAIN_S if lasting else SOON_S
