"""Real programs as in the chart: port monitors that share a certificate, pods' tokens, and somebody in another's place."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chassis.auth_errors import TokenWrongAudience
from chassis.client import Channels
from printfabric.spooler.v1 import access_service_pb2 as access_pb
from printfabric.spooler.v1.access_service_pb2_grpc import AccessServiceStub
from printfabric_client.sync import Client
from tests.fabric.test_discovery import KUBECONFIG, SLICES
from tests.kubeapi.server import KubeApi, kube_api
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import toml
from tests.rig.receivers import TcpReceiver
from tests.unit.chassis.certificates import Authority

AUDIENCE = "print-fabric-host"
NODE = "edge-7"
_NOT_BELIEVED = f'printfabric_host_not_believed{{host="{NODE}",reason="UNPROVEN_HOST"}} 1'

_SPOOLER = """
state_dir = "{folder}/spooler-state"
[server]
metrics_listen = "127.0.0.1:0"
[log]
format = "json"
[monitors]
tls = {{ ca_file = "{ca}", cert_file = "{folder}/spooler.crt", key_file = "{folder}/spooler.key", server_name = "localhost" }}
[cluster]
token_audience = "print-fabric-spooler"
kubeconfig = "{folder}/kubeconfig"
[discovery]
kubernetes_service = "portmon"
namespace = "print"
kubeconfig = "{folder}/kubeconfig"
host_token_audience = "{audience}"
host_accounts = ["print/portmon"]
[[printers]]
name = "labels"
ports = ["{node}/IP_A"]
"""
_PORTMON = """
host_name = "{node}"
state_dir = "{folder}/portmon-state"
host_token_file = "{folder}/token"
[server]
tls = {{ cert_file = "{folder}/portmon.crt", key_file = "{folder}/portmon.key", client_ca_file = "{ca}" }}
[server.access]
trust_loopback = "never"
roles = {{ spooler = ["certificate:spiffe://print-fabric/spooler"] }}
[log]
format = "json"
[[ports]]
name = "{paper.port}"
monitor = "{paper.monitor}"
settings = {settings}
"""


class Pods:
    """A spooler, a port monitor at the address that the cluster tells for a node, its paper."""

    def __init__(self, folder: Path, api: KubeApi) -> None:
        self.folder, self.api, self.paper = folder, api, TcpReceiver("IP_A")
        authority = Authority(folder)
        for service in ("spooler", "portmon"):
            authority.issue(service, spiffe=f"spiffe://print-fabric/{service}")
        (folder / "kubeconfig").write_text(KUBECONFIG.format(url=api.url))
        values = {"folder": folder, "ca": authority.file, "node": NODE}
        self.spooler = Program("spooler", folder, _SPOOLER.format(**values, audience=AUDIENCE))
        self.portmon = Program(
            "portmon",
            folder,
            _PORTMON.format(**values, paper=self.paper, settings=toml(self.paper.settings)),
        )

    @contextmanager
    def run(self) -> Iterator[Client]:
        """Run both, the port monitor with its own token."""
        self.paper.begin()
        try:
            self.is_the_pod_of(NODE)
            self.spooler.start()
            with Client(self.spooler.address) as client:
                yield client
        finally:
            self.spooler.stop()
            self.portmon.stop()
            self.paper.end()

    def is_the_pod_of(self, node: str) -> None:
        """Start the port monitor anew, with the token of a pod on a node."""
        self.portmon.end()
        self.token = self.api.reviews.pods_token("print/portmon", AUDIENCE, node=node)
        (self.folder / "token").write_text(self.token)
        self.portmon.start()

    def says(self, client: Client, what: str) -> Callable[[], bool]:
        """Return what says whether the host is shown with a sentence."""
        return lambda: any(what in host.error for host in client.hosts.list())

    def page(self) -> str:
        """Return the spooler's metrics."""
        with urllib.request.urlopen(f"http://{self.spooler.addresses[-1]}/metrics", timeout=30) as page:
            return str(page.read().decode())

    def refusals(self) -> list[dict[str, str]]:
        """Return what the spooler's record of refusals says about the host."""
        lines = self.spooler.log.read_text("utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in found if line["event"] == "refused" and line.get("host") == NODE]


async def test_a_pod_in_anothers_place_prints_nothing_and_without_the_api_server_the_proven_ones_print_on(
    tmp_path: Path,
) -> None:
    async with kube_api() as api:
        pods = Pods(tmp_path, api)
        host, _, port = pods.portmon.address.rpartition(":")
        one = {
            "metadata": {"labels": {"kubernetes.io/service-name": "portmon"}},
            "addressType": "IPv4",
            "ports": [{"name": "grpc", "port": int(port)}],
            "endpoints": [{"nodeName": NODE, "addresses": [host]}],
        }
        await api.put(SLICES, "slice", one)
        await asyncio.to_thread(_walk, pods, api)


def _walk(pods: Pods, api: KubeApi) -> None:
    with pods.run() as client:
        client.wait(client.submit(b"first", printer="labels").number, timeout_s=60)
        waits = _in_anothers_place(pods, client)
        pods.is_the_pod_of(NODE)
        client.wait(waits, timeout_s=60)
        assert bytes(pods.paper.paper) == b"firstsecond"
        api.down = 503
        client.wait(client.submit(b"third", printer="labels").number, timeout_s=60)
        assert bytes(pods.paper.paper) == b"firstsecondthird"
        asyncio.run(_the_token_is_no_good_for_calling(pods))
        said = pods.spooler.log.read_text("utf-8") + pods.portmon.log.read_text("utf-8")
        assert not [token for token in api.reviews.tokens if token.rpartition(".")[2] in said]


def _in_anothers_place(pods: Pods, client: Client) -> int:
    """The node's address, its name and the certificate of all, and a token that is another node's; return what waits."""
    pods.is_the_pod_of("edge-8")
    job = client.submit(b"second", printer="labels")
    why = f"who answers as host {NODE} does not prove to be it: its token is of a pod on node edge-8"
    wait_until(pods.says(client, why))
    wait_until(lambda: any(why in fact.text for fact in client.explain(f"{NODE}/IP_A").facts))
    wait_until(lambda: _NOT_BELIEVED in pods.page())
    wait_until(lambda: [line for line in pods.refusals() if line["reason"] == "UNPROVEN_HOST"])
    assert pods.refusals()[-1]["why"] == why
    assert bytes(pods.paper.paper) == b"first"
    return job.number


async def _the_token_is_no_good_for_calling(pods: Pods) -> None:
    async with Channels() as channels:
        stub = AccessServiceStub(channels.get(pods.spooler.address))
        with pytest.raises(TokenWrongAudience):
            await stub.WhoAmI(
                access_pb.WhoAmIRequest(), metadata=(("authorization", f"Bearer {pods.token}"),), timeout=30
            )
