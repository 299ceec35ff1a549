"""EndpointSlices read as hosts, and what reads them, loaded."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from spooler.discovery.endpoint_slices import EndpointSlices


def _slice(name: str, *endpoints: dict[str, Any], kind: str = "IPv4", port: int = 26152) -> dict[str, Any]:
    ports = [{"name": "metrics", "port": 9464}, {"name": "grpc", "port": port}]
    return {"metadata": {"name": name}, "addressType": kind, "ports": ports, "endpoints": list(endpoints)}


def _endpoint(node: str, address: str, **conditions: bool) -> dict[str, Any]:
    return {"nodeName": node, "addresses": [address], "conditions": conditions}


def test_each_node_is_a_host_at_the_named_port():
    slices = EndpointSlices("grpc")
    slices.replace(
        [_slice("a", _endpoint("edge-1", "10.0.0.1", ready=True), _endpoint("edge-2", "10.0.0.2"))]
    )
    assert slices.hosts() == {"edge-1": "10.0.0.1:26152", "edge-2": "10.0.0.2:26152"}


def test_while_a_pod_is_replaced_the_ready_one_counts_whatever_the_order():
    old = _endpoint("edge-1", "10.0.0.1", ready=False, serving=True, terminating=True)
    new = _endpoint("edge-1", "10.0.0.9", ready=True)
    for order in ((old, new), (new, old)):
        slices = EndpointSlices("grpc")
        slices.put(_slice("a", order[0]))
        slices.put(_slice("b", order[1]))
        assert slices.hosts() == {"edge-1": "10.0.0.9:26152"}


def test_a_pod_that_ends_and_no_longer_serves_is_no_host():
    slices = EndpointSlices("grpc")
    slices.put(_slice("a", _endpoint("edge-1", "10.0.0.1", ready=False, serving=False, terminating=True)))
    assert slices.hosts() == {}


def test_a_pod_that_is_not_ready_yet_is_known():
    slices = EndpointSlices("grpc")
    slices.put(_slice("a", _endpoint("edge-1", "10.0.0.1", ready=False)))
    assert slices.hosts() == {"edge-1": "10.0.0.1:26152"}


def test_of_two_families_the_same_one_is_taken_every_time():
    six, four = (
        _slice("six", _endpoint("n", "fd00::7"), kind="IPv6"),
        _slice("four", _endpoint("n", "10.0.0.1")),
    )
    slices = EndpointSlices("grpc")
    for order in ((six, four), (four, six)):
        slices.replace(order)
        assert slices.hosts() == {"n": "10.0.0.1:26152"}
    slices.drop(four)
    assert slices.hosts() == {"n": "[fd00::7]:26152"}


def test_what_is_no_host_is_passed_over():
    slices = EndpointSlices("grpc")
    slices.replace(
        [
            _slice("names", _endpoint("n", "printer.example"), kind="FQDN"),
            {"metadata": {"name": "empty"}, "addressType": "IPv4", "ports": None, "endpoints": None},
            _slice("nowhere", {"addresses": ["10.0.0.3"]}, {"nodeName": "edge-4", "addresses": []}),
        ]
    )
    assert slices.hosts() == {}


_WHILE_IT_LOADS = """
import asyncio
from spooler.discovery.library import loaded

async def main():
    turns = 0
    loading = asyncio.ensure_future(loaded())
    while not loading.done():
        turns += 1
        await asyncio.sleep(0.001)
    await loading
    import spooler.discovery.kubernetes_api
    print(turns)

asyncio.run(main())
"""


def test_the_loop_goes_on_while_the_clusters_library_is_loaded() -> None:
    """In a process of its own, where nobody has loaded it: a lease may run out in the time that takes."""
    done = subprocess.run(
        [sys.executable, "-c", _WHILE_IT_LOADS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 2
