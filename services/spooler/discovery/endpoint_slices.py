"""EndpointSlices read as hosts: which node has a port monitor, and where it listens. Pure.

Source: the EndpointSlice API of Kubernetes, `discovery.k8s.io/v1`. Slices of one Service may name a node several times
while its pod is replaced; the one that is ready counts, then the one that still serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class _Endpoint(NamedTuple):
    rank: int  # lower is better
    address: str


class EndpointSlices:
    """The slices of one Service, and the hosts they make."""

    def __init__(self, port_name: str) -> None:
        self._port_name = port_name
        self._slices: dict[str, dict[str, _Endpoint]] = {}  # slice -> node -> endpoint

    def replace(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """These are all there are."""
        self._slices = {}
        for one in objects:
            self.put(one)

    def put(self, one: Mapping[str, Any]) -> None:
        """A slice is new or has changed."""
        self._slices[_name(one)] = self._endpoints(one)

    def drop(self, one: Mapping[str, Any]) -> None:
        """A slice is gone."""
        self._slices.pop(_name(one), None)

    def hosts(self) -> dict[str, str]:
        """Return the address of each node that has a port monitor: `10.0.3.7:26152`, `[fd00::7]:26152`."""
        best: dict[str, _Endpoint] = {}
        for endpoints in self._slices.values():
            for node, endpoint in endpoints.items():
                if node not in best or endpoint < best[node]:
                    best[node] = endpoint
        return {node: endpoint.address for node, endpoint in best.items()}

    def _endpoints(self, one: Mapping[str, Any]) -> dict[str, _Endpoint]:
        kind = one.get("addressType")
        port = next((p.get("port") for p in one.get("ports") or () if p.get("name") == self._port_name), None)
        if port is None or kind not in ("IPv4", "IPv6"):
            return {}
        found: dict[str, _Endpoint] = {}
        for endpoint in one.get("endpoints") or ():
            node, addresses = endpoint.get("nodeName"), endpoint.get("addresses")
            rank = _rank(endpoint.get("conditions") or {})
            if not node or not addresses or rank is None:
                continue
            address = f"[{addresses[0]}]:{port}" if kind == "IPv6" else f"{addresses[0]}:{port}"
            # An IPv6 twin of an IPv4 endpoint is the second choice, so that the address does not go to and fro.
            candidate = _Endpoint(2 * rank + (kind == "IPv6"), address)
            found[node] = min(found.get(node, candidate), candidate)
        return found


def _rank(conditions: Mapping[str, Any]) -> int | None:
    """Return 0 for a pod that is ready, 1 for one that still serves, 2 for one that may come; None for one that ends."""
    if conditions.get("ready") is not False:  # unknown counts as ready, says the API
        return 0
    if conditions.get("serving"):
        return 1
    return None if conditions.get("terminating") else 2


def _name(one: Mapping[str, Any]) -> str:
    return str((one.get("metadata") or {}).get("name", ""))
