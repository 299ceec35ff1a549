"""Hosts behind a certificate that they share: each is itself by its pod's token, over the very connection that is used."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chassis.client import Channels
from chassis.errors import FabricError, HostUnreachable
from chassis.identity import Identity, Kind, Role
from chassis.settings import AccessSettings, ChannelSettings, ClientTlsSettings, ServerTlsSettings
from chassis.tasks import Backoff, Tasks
from portmon.host_token import HostToken
from spooler import hosts as hosts_module
from spooler.access.workloads import Workloads
from spooler.discovery.host_tokens import HostTokens
from spooler.discovery.reviews import ClusterReviews
from spooler.host_directory import HostDirectory
from spooler.host_proving import HostProof, UnprovenHost
from spooler.hosts import HostInfo, Hosts
from tests.contract.monitor_host import Host, served_host
from tests.fabric.test_discovery import KUBECONFIG
from tests.kubeapi.server import KubeApi, kube_api
from tests.rig.until import until
from tests.unit.chassis.certificates import Authority

AUDIENCE = "print-fabric-host"
ACCOUNT = "print/portmon"
_SPOOLER = "spiffe://fabric/spooler"
_CALLER = Identity(Kind.CERTIFICATE, _SPOOLER, roles=frozenset({Role.SPOOLER}))


class _Hub:
    """Hears news, does nothing with them."""

    def port(self, port: object) -> None: ...

    def host(self, host: object) -> None: ...

    def deleted(self, name: str) -> None: ...


class Cluster:
    """Port monitors with one certificate and a token each; an API server that knows the tokens; a spooler's hosts."""

    def __init__(
        self, authority: Authority, api: KubeApi, proof: HostTokens, channels: Channels, tasks: Tasks
    ) -> None:
        self.api, self.proof, self.authority, self._folder = api, proof, authority, authority.folder
        self.hosts = Hosts(_Hub(), tasks)
        self.directory = HostDirectory(self.hosts, channels, ("fabric", "spooler"), 30.0, _now)
        self._tokens: dict[str, HostToken] = {}

    @asynccontextmanager
    async def pod(self, name: str, token: str, certificate: str = "portmon") -> AsyncIterator[Host]:
        """Serve a port monitor that says it is `name`, and has a token, and the certificate of all or another."""
        folder = self._folder / f"pod-{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        file = folder / "token"
        file.write_text(token)
        async with served_host(
            folder,
            AccessSettings(trust_loopback="never", roles={"spooler": (f"certificate:{_SPOOLER}",)}),
            greeted=False,
            name=name,
            tls=ServerTlsSettings(
                cert_file=self._folder / f"{certificate}.crt",
                key_file=self._folder / f"{certificate}.key",
                client_ca_file=self.authority.file,
            ),
            host_token=(host_token := HostToken(file)),
        ) as host:
            self._tokens[host.address] = host_token
            yield host
            host.ports.changes.end()  # or the server waits for who watches it

    async def renewed(self, host: Host, token: str) -> None:
        """Give a port monitor another token, as its kubelet does, and wait until it shows that one."""
        (host.folder / "token").write_text(token)
        await until(lambda: self._tokens[host.address].shown_to(_CALLER, AUDIENCE) == token)

    def token(self, node: str, account: str = ACCOUNT, audience: str = AUDIENCE, **how: object) -> str:
        """Make a pod's token."""
        return self.api.reviews.pods_token(account, audience, node=node, **how)  # type: ignore[arg-type]

    def found(self, name: str, host: Host, proof: HostProof | None = None) -> None:
        """The cluster says that a host is there."""
        self.directory.put(name, host.address, proof=proof or self.proof)

    def info(self, name: str) -> HostInfo:
        """Return what is shown of a host."""
        info = self.hosts.get(name)
        assert info is not None
        return info

    async def online(self, name: str) -> None:
        """Wait until a host answers."""
        await until(lambda: self.info(name).state == "online")

    async def not_believed(self, name: str, reason: str, why: str) -> None:
        """Wait until who answers for a host is not taken for it."""
        await until(lambda: self.info(name).not_believed == reason and why in self.info(name).error)
        assert self.info(name).state == "silent"
        assert (name, reason) in self.hosts.not_believed()


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(hosts_module, "RECONNECT", Backoff(0.02, 0.2))
    authority = Authority(tmp_path)
    authority.issue("portmon", spiffe="spiffe://fabric/portmon")
    cert_file, key_file = authority.issue("spooler", spiffe=_SPOOLER)
    tls = ClientTlsSettings(
        ca_file=authority.file, cert_file=cert_file, key_file=key_file, server_name="localhost"
    )
    async with kube_api() as api:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(url=api.url))
        async with (
            ClusterReviews(kubeconfig) as reviews,
            Channels(ChannelSettings(tls=tls)) as channels,
            Tasks("test") as tasks,
        ):
            proof = HostTokens(Workloads(reviews, AUDIENCE), AUDIENCE, (ACCOUNT,))
            cluster = Cluster(authority, api, proof, channels, tasks)
            await cluster.hosts.start()
            yield cluster


async def _now() -> int:
    return int(time.time() * 1000) - 1000


async def test_a_host_is_used_when_its_pods_token_has_proven_its_node(cluster: Cluster):
    async with cluster.pod("edge-7", cluster.token("edge-7")) as host:
        cluster.found("edge-7", host)
        with pytest.raises(HostUnreachable):
            await cluster.hosts.link("edge-7").open_port("IP_1", 1, "labels")
        await cluster.online("edge-7")
        opened = await cluster.hosts.link("edge-7").open_port("IP_1", 2, "labels")
        await opened.close()
        assert await cluster.directory.plane("edge-7").monitors()
    assert cluster.hosts.not_believed() == []


@pytest.mark.parametrize(
    ("account", "node", "lives_s", "why"),
    [
        (ACCOUNT, "edge-8", 3600, "its token is of a pod on node edge-8"),
        (ACCOUNT, "", 3600, "the cluster does not say on which node its pod is"),
        ("shop/till", "edge-7", 3600, "its token is of the service account shop/till, not of print/portmon"),
        (ACCOUNT, "edge-7", -5, "the service account's token has expired"),
    ],
    ids=["another node's", "of no node", "another account's", "expired"],
)
async def test_who_shares_the_certificate_and_brings_such_a_token_is_asked_nothing(
    cluster: Cluster, account: str, node: str, lives_s: int, why: str
):
    async with cluster.pod("edge-7", cluster.token(node, account, lives_s=lives_s)) as host:
        cluster.found("edge-7", host)
        await cluster.not_believed("edge-7", "UNPROVEN_HOST", why)
        await _nothing_is_done(cluster, host)


@pytest.mark.parametrize("token", ["", "opaque"])
async def test_who_brings_no_token_is_asked_nothing(cluster: Cluster, token: str):
    async with cluster.pod("edge-7", token) as host:
        cluster.found("edge-7", host)
        await cluster.not_believed("edge-7", "UNPROVEN_HOST", "it brings no token for print-fabric-host")
        await _nothing_is_done(cluster, host)


async def test_a_token_for_another_audience_never_leaves_its_host(cluster: Cluster):
    async with cluster.pod("edge-7", cluster.token("edge-7", audience="print-fabric-spooler")) as host:
        cluster.found("edge-7", host)
        await cluster.not_believed("edge-7", "UNPROVEN_HOST", "it brings no token for print-fabric-host")


async def test_tokens_that_hosts_would_not_show_prove_nothing_either(cluster: Cluster):
    gone = cluster.token("edge-7")
    del cluster.api.reviews.tokens[gone]
    for token, why in (
        (cluster.token("edge-7", audience="print-fabric-spooler"), "is for another audience"),
        (gone, "the cluster does not know"),
        (cluster.token("edge-7", known=False), "the cluster does not know"),
        ("opaque", "is no service account's token"),
    ):
        with pytest.raises(UnprovenHost, match=why) as caught:
            await cluster.proof.check("edge-7", token)
        assert token not in f"{caught.value.message} {caught.value.metadata}"


async def _nothing_is_done(cluster: Cluster, host: Host) -> None:
    link, plane = cluster.hosts.link("edge-7"), cluster.directory.plane("edge-7")
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: link.open_port("IP_1", 1, "labels"),
        lambda: link.query("IP_1", []),
        lambda: plane.open(port="IP_1", access=1, who="ada"),
        lambda: plane.data(b"handle", "PortIsValid"),
        plane.monitors,
    ]
    for ask in asked:
        with pytest.raises(HostUnreachable, match="has not proven yet"):
            await ask()
    assert host.ports.get("IP_1").hold is None
    assert cluster.hosts.ports("edge-7") == []


async def test_who_has_a_hosts_name_and_address_and_the_shared_certificate_is_not_that_host(cluster: Cluster):
    async with (
        cluster.pod("edge-7", cluster.token("edge-7")) as real,
        cluster.pod("edge-7", cluster.token("edge-8")) as other,
    ):
        cluster.found("edge-7", real)
        await cluster.online("edge-7")
        cluster.found("edge-7", other)
        await cluster.not_believed("edge-7", "UNPROVEN_HOST", "on node edge-8")
        with pytest.raises(HostUnreachable):
            await cluster.hosts.link("edge-7").open_port("IP_1", 1, "labels")
        assert other.ports.get("IP_1").hold is None
        cluster.found("edge-7", real)
        await cluster.online("edge-7")


async def test_a_host_that_was_named_before_it_was_found_has_to_prove_itself_from_then_on(cluster: Cluster):
    async with cluster.pod("edge-7", cluster.token("edge-8")) as host:
        cluster.directory.put("edge-7", host.address)
        await cluster.online("edge-7")
        cluster.found("edge-7", host)
        await cluster.not_believed("edge-7", "UNPROVEN_HOST", "on node edge-8")


async def test_without_the_api_server_who_was_proven_goes_on_and_who_is_new_waits(cluster: Cluster):
    async with (
        cluster.pod("edge-7", cluster.token("edge-7")) as known,
        cluster.pod("edge-8", cluster.token("edge-8")) as new,
    ):
        cluster.found("edge-7", known)
        await cluster.online("edge-7")
        cluster.api.down = 503
        # Connected to anew, with a token that nobody has asked about yet: it is known by its handle.
        asked = _reviews(cluster.api)
        await cluster.renewed(known, cluster.token("edge-7"))
        cluster.directory._channels_of["edge-7"].cut()
        await until(lambda: _reviews(cluster.api) > asked and cluster.info("edge-7").state == "online")
        opened = await cluster.hosts.link("edge-7").open_port("IP_1", 1, "labels")
        await opened.close()
        cluster.found("edge-8", new)
        await cluster.not_believed("edge-8", "HOST_PROOF_UNAVAILABLE", "host edge-8 cannot be proven: ")
        cluster.api.down = 0
        await cluster.online("edge-8")


def _reviews(api: KubeApi) -> int:
    return api.requests.count("POST /apis/authentication.k8s.io/v1/tokenreviews")


class ByHand:
    """A proof that runs out at once, and holds until the test says otherwise."""

    audience = AUDIENCE

    def __init__(self) -> None:
        self.asked = 0
        self.refuses = False

    async def check(self, host: str, token: str) -> float:
        self.asked += 1
        if self.refuses:
            raise UnprovenHost(f"who answers as host {host} does not prove to be it: by hand", host=host)
        return time.time() + 0.05


async def test_a_proof_that_runs_out_is_asked_for_again_and_who_has_none_is_parted_from(cluster: Cluster):
    proof = ByHand()
    async with cluster.pod("edge-7", cluster.token("edge-7")) as host:
        cluster.found("edge-7", host, proof)
        await cluster.online("edge-7")
        opened = await cluster.hosts.link("edge-7").open_port("IP_1", 1, "labels")
        await until(lambda: proof.asked > 3)
        assert cluster.info("edge-7").state == "online"
        proof.refuses = True
        with pytest.raises(FabricError):  # what was open there is cut
            async for _ in opened.progress():
                pass
        await cluster.not_believed("edge-7", "UNPROVEN_HOST", "by hand")
        proof.refuses = False
        await cluster.online("edge-7")


async def test_new_certificates_mean_a_new_connection_and_that_is_proven_too(cluster: Cluster):
    async with cluster.pod("edge-7", cluster.token("edge-7")) as host:
        cluster.found("edge-7", host)
        await cluster.online("edge-7")
        channel = cluster.directory._channels_of["edge-7"]
        held, old = await cluster.hosts.link("edge-7").open_port("IP_1", 1, "labels"), channel.line()
        cluster.authority.issue("spooler", spiffe=_SPOOLER)
        await until(lambda: channel.line() != old)
        with pytest.raises(HostUnreachable, match="has not proven yet"):
            await cluster.hosts.link("edge-7").open_port("IP_1", 2, "labels")
        introduction = cluster.hosts._links["edge-7"].introduction
        await until(lambda: introduction._run)
        opened = await cluster.hosts.link("edge-7").open_port("IP_1", 3, "labels")
        await opened.close()
        held.drop()


async def test_a_certificate_of_its_own_proves_a_host_whose_name_is_expected_in_it(cluster: Cluster):
    for name in ("edge-7", "edge-8"):
        cluster.authority.issue(name, name=name)
    async with (
        cluster.pod("edge-7", "", certificate="edge-7") as right,
        cluster.pod("edge-7", "", certificate="edge-8") as wrong,
    ):
        cluster.directory.put("edge-7", wrong.address, "edge-7")
        await until(lambda: cluster.info("edge-7").state == "silent")
        with pytest.raises(HostUnreachable):
            await cluster.hosts.link("edge-7").open_port("IP_1", 1, "labels")
        assert wrong.ports.get("IP_1").hold is None
        cluster.directory.put("edge-7", right.address, "edge-7")
        await cluster.online("edge-7")
