"""Conditions: what a resource's status says, in the form that `kubectl wait` and `kubectl describe` read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from spooler.resources.resource import Resource

ACCEPTED, READY, REACHABLE = "Accepted", "Ready", "Reachable"
_MOST = 1000  # characters of a message


class Condition(NamedTuple):
    """One condition; `met` None is Unknown. The reason is one word, the message a sentence."""

    type: str
    met: bool | None
    reason: str
    message: str = ""

    @property
    def status(self) -> str:
        """As the API writes it."""
        return "Unknown" if self.met is None else str(self.met)


def changed(resource: Resource, conditions: Sequence[Condition]) -> list[Condition]:
    """Return those that the resource does not have yet with this status and reason."""
    before = _by_type(resource)
    return [
        one
        for one in conditions
        if (one.status, one.reason)
        != (before.get(one.type, {}).get("status"), before.get(one.type, {}).get("reason"))
    ]


def status_of(resource: Resource, conditions: Sequence[Condition], now: datetime) -> Mapping[str, Any] | None:
    """Return the status that says so, None when it is what the resource has.

    `lastTransitionTime` moves when a condition's status does, and not with its reason.
    """
    before = _by_type(resource)
    written = []
    for one in conditions:
        old = before.get(one.type, {})
        since = old.get("lastTransitionTime") if old.get("status") == one.status else None
        written.append(
            {
                "type": one.type,
                "status": one.status,
                "reason": one.reason,
                "message": one.message[:_MOST],
                "observedGeneration": resource.generation,
                "lastTransitionTime": since or f"{now:%Y-%m-%dT%H:%M:%SZ}",
            }
        )
    status = {"observedGeneration": resource.generation, "conditions": written}
    return None if status == dict(resource.status) else status


def _by_type(resource: Resource) -> dict[str, Mapping[str, Any]]:
    return {one["type"]: one for one in resource.status.get("conditions") or ()}
