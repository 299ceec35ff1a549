"""A spooler as a process, an API server that proves pods' tokens, and pods that bring them: good ones and others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chassis import auth_errors, errors
from chassis.client import Channels
from chassis.errors import FabricError
from chassis.settings import ChannelSettings, ClientTlsSettings
from printfabric.spooler.v1 import access_service_pb2 as access_pb
from printfabric.spooler.v1 import registry_service_pb2 as registry_pb
from printfabric.spooler.v1.access_service_pb2_grpc import AccessServiceStub
from printfabric.spooler.v1.registry_service_pb2_grpc import RegistryServiceStub
from tests.fabric.test_discovery import KUBECONFIG
from tests.kubeapi.server import KubeApi, kube_api
from tests.rig.programs import Program, wait_until
from tests.unit.chassis.certificates import Authority

AUDIENCE = "print-fabric-spooler"

_SERVER = """
state_dir = "{folder}/{name}-state"
[server]
tls = {{ cert_file = "{folder}/{name}.crt", key_file = "{folder}/{name}.key" }}
[log]
format = "json"
"""
_CLUSTER = """
[server.access]
roles = {{ monitor = ["workload:print/portmon"] }}
[cluster]
token_audience = "{audience}"
kubeconfig = "{kubeconfig}"
"""


class Cluster:
    """The two services, and the tokens of pods."""

    def __init__(self, folder: Path, api: KubeApi) -> None:
        self._api, self._folder, self._authority = api, folder, Authority(folder)
        self.tokens: list[str] = []
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(url=api.url))
        self.spooler = self._program("spooler", _CLUSTER.format(audience=AUDIENCE, kubeconfig=kubeconfig))
        self.portmon = self._program("portmon", "")

    def _program(self, name: str, more: str) -> Program:
        self._authority.issue(name)
        return Program(name, self._folder, _SERVER.format(folder=self._folder, name=name) + more)

    def token(
        self, account: str, audience: str = AUDIENCE, lives_s: int = 3600, *, known: bool = True
    ) -> str:
        """Make a token of a service account, whose pod is on node edge-7; `known`: the API server proves it."""
        token = self._api.reviews.pods_token(account, audience, lives_s=lives_s, known=known)
        self.tokens.append(token)
        return token

    @asynccontextmanager
    async def channel(self, to: Program) -> AsyncIterator[Any]:
        """Give a pod's channel to a service."""
        tls = ClientTlsSettings(ca_file=self._authority.file)
        async with Channels(ChannelSettings(tls=tls)) as channels:
            yield channels.get(to.address.replace("127.0.0.1", "localhost"))

    async def who(self, token: str) -> access_pb.Caller:
        """Ask the spooler who the bearer of a token is."""
        async with self.channel(self.spooler) as channel:
            answer = await AccessServiceStub(channel).WhoAmI(
                access_pb.WhoAmIRequest(), metadata=bearer(token), timeout=30
            )
            return answer.caller  # type: ignore[no-any-return]

    async def refused(self, token: str) -> FabricError:
        """Ask and return the refusal."""
        with pytest.raises(FabricError) as refused:
            await self.who(token)
        return refused.value

    def has_written(self, service: Program, reasons: list[str]) -> bool:
        """Say whether calls were refused there for these reasons, and for no others."""
        lines = [
            json.loads(line) for line in service.log.read_text("utf-8").splitlines() if line.endswith("}")
        ]
        return reasons == [
            line["reason"] for line in lines if line["event"] == "refused" and "method" in line
        ]


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[tuple[Cluster, KubeApi]]:
    async with kube_api() as api:
        found = Cluster(tmp_path, api)
        try:
            await asyncio.to_thread(found.portmon.start)
            await asyncio.to_thread(found.spooler.start)
            yield found, api
        finally:
            await asyncio.to_thread(found.spooler.stop)
            await asyncio.to_thread(found.portmon.stop)


async def test_pods_are_who_the_cluster_says_and_every_other_token_is_refused_by_its_reason_and_written_down(
    cluster: tuple[Cluster, KubeApi],
):
    pods, api = cluster
    good = pods.token("print/portmon")
    caller = await pods.who(good)
    assert (caller.kind, caller.name) == (access_pb.CALLER_KIND_WORKLOAD, "print/portmon")
    assert "node:edge-7" in caller.groups
    assert access_pb.ROLE_MONITOR in caller.roles
    expected = {
        "spooler": [
            *await refusals_of_tokens_that_do_not_hold(pods, api, good),
            *await refusals_of_hosts(pods, good),
            *await refusals_without_an_api_server(pods, api),
        ],
        "portmon": await refusals_elsewhere(pods, good),
    }
    for service in (pods.spooler, pods.portmon):
        await asyncio.to_thread(wait_until, partial(pods.has_written, service, expected[service.module]))
        said = service.log.read_text("utf-8")
        assert not [token for token in pods.tokens if token.rpartition(".")[2] in said]
        assert '"level": "error"' not in said
        assert service.runs


async def refusals_of_tokens_that_do_not_hold(pods: Cluster, api: KubeApi, good: str) -> list[str]:
    revoked = pods.token("print/portmon")
    del api.reviews.tokens[revoked]  # its pod is gone
    reasons = []
    for token, kind in (
        (pods.token("print/portmon", "https://kubernetes.default.svc"), auth_errors.TokenWrongAudience),
        (pods.token("print/portmon", lives_s=-5), auth_errors.TokenExpired),
        (pods.token("print/portmon", known=False), auth_errors.TokenInvalid),
        (revoked, auth_errors.TokenInvalid),
        (good[:-8] + "deadbeef", auth_errors.TokenInvalid),  # signed by somebody else
    ):
        for _ in range(2):
            error = await pods.refused(token)
            assert type(error) is kind
            assert token.rpartition(".")[2] not in f"{error.message} {error.metadata}"
            reasons.append(error.reason)
    return reasons


async def refusals_of_hosts(pods: Cluster, good: str) -> list[str]:
    """A pod has the rights of its account, and speaks for its own node."""
    async with pods.channel(pods.spooler) as channel:
        registry = RegistryServiceStub(channel)

        async def register(token: str, host: str) -> Any:
            call = registry.RegisterHost(metadata=bearer(token))
            await call.write(registry_pb.RegisterHostRequest(host=host, instance_id="run-1"))
            answer = await call.read()
            call.cancel()
            return answer

        for token, host in ((pods.token("shop/till"), "edge-7"), (good, "edge-8")):
            with pytest.raises(errors.AccessDenied):
                await register(token, host)
        assert (await register(good, "edge-7")).spooler_id
    return ["ACCESS_DENIED"] * 2


async def refusals_without_an_api_server(pods: Cluster, api: KubeApi) -> list[str]:
    """Who is known stays known, and who is not waits, which is no refusal."""
    known, later = pods.token("print/portmon"), pods.token("print/portmon")
    await pods.who(known)
    api.down = 503
    assert (await pods.who(known)).name == "print/portmon"
    error = await pods.refused(later)
    assert (type(error), error.code) == (auth_errors.IssuerUnavailable, "UNAVAILABLE")
    api.down = 0
    assert (await pods.who(later)).name == "print/portmon"
    return []


async def refusals_elsewhere(pods: Cluster, good: str) -> list[str]:
    """The spooler's token at another service, which does not believe it."""
    async with pods.channel(pods.portmon) as channel:
        list_ports = channel.unary_unary("/printfabric.monitor.v1.MonitorService/EnumPorts", None, None)
        for _ in range(2):
            with pytest.raises(auth_errors.TokenInvalid):
                await list_ports(b"", metadata=bearer(good), timeout=30)
    return ["TOKEN_INVALID"] * 2
