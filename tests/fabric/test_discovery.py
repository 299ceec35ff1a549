"""Hosts found by the EndpointSlices of a Service: the real client library against an API server with real rules."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chassis.tasks import Backoff, Tasks
from spooler.discovery import in_cluster, reflector
from spooler.settings import DiscoverySection
from tests.kubeapi.server import KubeApi, kube_api

SLICES = "/apis/discovery.k8s.io/v1/namespaces/print/endpointslices"
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{url}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""


async def eventually(good: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not good():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


class Found(dict[str, str]):
    """What discovery told, and a way to wait for it."""

    async def until(self, good: Callable[[Found], bool]) -> None:
        await eventually(lambda: good(self))


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    async with kube_api() as api:
        yield api


@pytest.fixture
async def found(api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Found]:
    monkeypatch.setattr(reflector, "RETRY", Backoff(0.02, 0.1))
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.format(url=api.url))
    section = DiscoverySection(kubernetes_service="portmon", namespace="print", kubeconfig=kubeconfig)
    told = Found()
    async with Tasks("test") as tasks:
        tasks.spawn("discovery", in_cluster.find_hosts(section, told.__setitem__))
        with contextlib.suppress(TimeoutError):
            yield told


async def _host(api: KubeApi, number: int, address: str = "") -> None:
    one = {
        "metadata": {"labels": {"kubernetes.io/service-name": "portmon"}},
        "addressType": "IPv4",
        "ports": [{"name": "grpc", "port": 26152}],
        "endpoints": [{"nodeName": f"edge-{number}", "addresses": [address or f"10.0.0.{number}"]}],
    }
    await api.put(SLICES, f"slice-{number}", one)


async def test_hosts_are_listed_in_pages_and_changes_are_heard(api: KubeApi, found: Found) -> None:
    api.page_size = 2
    for number in range(1, 6):
        await _host(api, number)
    await found.until(lambda hosts: len(hosts) == 5)
    await _host(api, 3, "10.0.0.33")
    await found.until(lambda hosts: hosts["edge-3"] == "10.0.0.33:26152")
    assert any("labelSelector=kubernetes.io/service-name%3Dportmon" in path for path in api.requests)


async def test_a_broken_watch_goes_on_where_it_was_without_a_new_list(api: KubeApi, found: Found) -> None:
    await _host(api, 1)
    await found.until(lambda hosts: "edge-1" in hosts)
    await _watching(api)
    for number in (2, 3, 4):
        await api.break_watches()
        await _host(api, number)
        await found.until(lambda hosts, wanted=f"edge-{number}": wanted in hosts)  # type: ignore[misc]
    lists = [path for path in api.requests if "watch=" not in path]
    assert len(lists) == 1


async def test_a_version_that_is_forgotten_means_a_new_list(api: KubeApi, found: Found) -> None:
    await _host(api, 1)
    await found.until(lambda hosts: "edge-1" in hosts)
    await _watching(api)
    api.down = 503
    await api.break_watches()
    await _host(api, 2)
    await api.compact()
    api.down = 0
    await found.until(lambda hosts: "edge-2" in hosts)


async def test_a_cluster_that_is_away_costs_no_hosts_and_few_requests(api: KubeApi, found: Found) -> None:
    await _host(api, 1)
    await found.until(lambda hosts: "edge-1" in hosts)
    await _watching(api)
    before = len(api.requests)
    api.down = 500
    await api.break_watches()
    await asyncio.sleep(0.5)
    assert len(api.requests) - before < 20
    assert found == {"edge-1": "10.0.0.1:26152"}
    api.down = 0
    await _host(api, 2)
    await found.until(lambda hosts: "edge-2" in hosts)


async def _watching(api: KubeApi) -> None:
    await eventually(lambda: any("watch=" in path for path in api.requests))
