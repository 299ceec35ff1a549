"""What is written into the cluster: status, finalizers, events. Every write names the version it is about."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from chassis import logs
from spooler.discovery.reflector import ClusterError, ListWatch
from spooler.resources.conditions import Condition
from spooler.resources.resource import GROUP, VERSION, Kind, Resource, collection

log = logs.get(__name__)

MERGE = "application/merge-patch+json"
_REPORTER = f"{GROUP}/spooler"


class Api(Protocol):
    """The API server (`spooler.discovery.kubernetes_api.KubernetesApi`)."""

    def collection(self, path: str, **query: str) -> ListWatch:
        """Return the objects of one kind in one namespace."""

    async def send(
        self, method: str, path: str, body: Mapping[str, Any], content: str = "application/json"
    ) -> Mapping[str, Any]:
        """Create or change an object. Raises ClusterError."""


class Cluster:
    """The resources of one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self.namespace = namespace
        self._instance = f"{socket.gethostname()}-{os.getpid()}"[:128]

    def list_watch(self, kind: Kind) -> ListWatch:
        """Return all resources of a kind."""
        return self._api.collection(collection(kind, self.namespace))

    async def put_finalizers(self, resource: Resource, finalizers: Sequence[str]) -> Resource:
        """Say who holds a resource back from being gone. Raises ClusterError; 409: it was changed in between."""
        meta = {"finalizers": list(finalizers), "resourceVersion": resource.version}
        return await self._patch(resource, resource.path, {"metadata": meta})

    async def put_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        """Write a resource's status. Raises as `put_finalizers`."""
        meta = {"resourceVersion": resource.version}
        return await self._patch(
            resource, f"{resource.path}/status", {"metadata": meta, "status": dict(status)}
        )

    async def tell(self, resource: Resource, condition: Condition) -> None:
        """Make an event of a condition that has changed; one that the cluster does not take is lost."""
        reference = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": resource.key.kind,
            "namespace": resource.namespace,
            "name": resource.key.name,
            "uid": resource.uid,
            "resourceVersion": resource.version,
        }
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{resource.key.name}.", "namespace": resource.namespace},
            "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "reportingController": _REPORTER,
            "reportingInstance": self._instance,
            "action": condition.type,
            "reason": condition.reason,
            "note": condition.message[:1000],
            "type": "Normal" if condition.met else "Warning",
            "regarding": reference,
        }
        try:
            await self._api.send("POST", f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events", event)
        except ClusterError as error:
            log.warning("event not taken by the cluster", resource=resource.key.name, error=str(error))

    async def _patch(self, resource: Resource, path: str, change: Mapping[str, Any]) -> Resource:
        return Resource.of(resource.key.kind, await self._api.send("PATCH", path, change, MERGE))
