"""The port monitors of a Kubernetes cluster: one for each node that has an endpoint of their Service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from chassis import logs
from chassis.listeners import StartError
from spooler.discovery import library
from spooler.discovery.endpoint_slices import EndpointSlices
from spooler.discovery.reflector import ListWatch, Reflector
from spooler.settings import DiscoverySection

log = logs.get(__name__)


def check(section: DiscoverySection) -> None:
    """Refuse at the start what could never work. Raises StartError."""
    if section.kubernetes_service and find_spec("kubernetes") is None:
        raise StartError(
            "discovery.kubernetes_service needs the package kubernetes: pip install 'print-fabric[kubernetes]'"
        )


async def find_hosts(section: DiscoverySection, put: Callable[[str, str], None]) -> None:
    """Call `put(node, address)` for each host that is found or has moved, until cancelled.

    A node that goes away is not forgotten: its printers cannot move, and its jobs wait for it.

    Raises:
        ClusterError: there are no credentials for the cluster.
    """
    await library.loaded()
    from spooler.discovery.kubernetes_api import KubernetesApi, own_namespace  # noqa: PLC0415 - 0.7 s, 48 MiB

    namespace = section.namespace or own_namespace()
    async with await KubernetesApi.connect(section.kubeconfig) as api:
        await follow(api.endpoint_slices(namespace, section.kubernetes_service), section.port_name, put)


async def follow(source: ListWatch, port_name: str, put: Callable[[str, str], None]) -> None:
    """Tell of the hosts of some EndpointSlices, until cancelled."""
    slices = EndpointSlices(port_name)

    def tell() -> None:
        for node, address in slices.hosts().items():
            put(node, address)

    def all_of_them(objects: Sequence[Mapping[str, Any]]) -> None:
        slices.replace(objects)
        log.info("hosts listed", slices=len(objects), hosts=len(slices.hosts()))
        tell()

    def change(kind: str, one: Mapping[str, Any]) -> None:
        if kind == "DELETED":
            slices.drop(one)
        else:
            slices.put(one)
        tell()

    await Reflector(source, all_of_them, change).run()
