"""Pods call a spooler with their own tokens; an API server proves them and says what they may do."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chassis import auth_errors, errors
from chassis.authentication import Callers
from chassis.settings import ServerSettings
from spooler.discovery.reviews import asked_cluster
from spooler.settings import ClusterSection, DiscoverySection
from tests.fabric.test_discovery import KUBECONFIG
from tests.kubeapi.server import KubeApi, kube_api
from tests.unit.chassis.echo import EchoStub, echo_server

AUDIENCE = "print-fabric-spooler"


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    async with kube_api() as running:
        yield running


def token_of(api: KubeApi, account: str, audience: str = AUDIENCE) -> str:
    """Make a service account's token that the API server knows."""
    claims = {"aud": [audience], "exp": int(time.time()) + 3600, "kubernetes.io": {}, "sub": account}
    token = f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"
    namespace, name = account.split("/")
    user = {
        "username": f"system:serviceaccount:{namespace}:{name}",
        "groups": [f"system:serviceaccounts:{namespace}"],
        "extra": {"authentication.kubernetes.io/node-name": ["edge-7"]},
    }
    api.reviews.tokens[token] = {"user": user, "audiences": [audience]}
    return token


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


@asynccontextmanager
async def asking(api: KubeApi, folder: Path, **section: Any) -> AsyncIterator[EchoStub]:
    """Run a server whose callers are known by the cluster."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.format(url=api.url))
    settings = ServerSettings.model_validate(
        {
            "grace_s": 0.1,
            "access": {"trust_loopback": "never", "roles": {"monitor": ["workload:print/portmon"]}},
        }
    )
    asked = ClusterSection(token_audience=AUDIENCE, kubeconfig=kubeconfig, **section)
    async with asked_cluster(asked, DiscoverySection()) as cluster:
        callers = Callers(cluster.verifiers, (), cluster.rights)
        async with echo_server(settings=settings, callers=callers) as (stub, _server):
            yield stub


async def test_a_pods_token_is_proven_once_and_says_its_account_and_node(tmp_path, api):
    async with asking(api, tmp_path) as stub:
        token = bearer(token_of(api, "print/portmon"))
        for _ in range(3):
            said = (await stub.WhoAmI(b"", metadata=token)).decode()
            assert said == "workload:print/portmon node:edge-7,system:serviceaccounts:print monitor"
    assert len([one for one in api.requests if "tokenreviews" in one]) == 1


async def test_a_token_that_the_cluster_does_not_know_or_that_is_for_others_is_refused(tmp_path, api):
    async with asking(api, tmp_path) as stub:
        revoked = token_of(api, "print/portmon")
        api.reviews.tokens.clear()
        with pytest.raises(auth_errors.TokenInvalid):
            await stub.WhoAmI(b"", metadata=bearer(revoked))
        with pytest.raises(auth_errors.TokenWrongAudience):
            await stub.WhoAmI(b"", metadata=bearer(token_of(api, "print/portmon", "https://kubernetes")))
        with pytest.raises(errors.AccessDenied):
            await stub.WhoAmI(b"", metadata=bearer(token_of(api, "shop/till")))


async def test_an_api_server_that_is_down_is_said_so(tmp_path, api):
    async with asking(api, tmp_path) as stub:
        api.down = 503
        with pytest.raises(auth_errors.IssuerUnavailable) as away:
            await stub.WhoAmI(b"", metadata=bearer(token_of(api, "print/portmon")))
        assert away.value.code == "UNAVAILABLE"


async def test_the_clusters_own_rules_give_roles(tmp_path, api):
    api.reviews.rights = {
        ("system:serviceaccount:shop:till", "print", "printers.printfabric.dev", "*"),
        ("system:serviceaccounts:shop", "get", "printers.printfabric.dev", "*"),
        ("system:serviceaccounts:kitchen", "administer", "printers.printfabric.dev", "bar"),
    }
    async with asking(api, tmp_path, access_namespace="print", access_printers=("bar",)) as stub:

        async def roles(account: str) -> str:
            said: bytes = await stub.WhoAmI(b"", metadata=bearer(token_of(api, account)))
            return said.decode().split()[-1]

        assert await roles("shop/till") == "user,viewer"
        assert await roles("shop/other") == "viewer"
        assert await roles("kitchen/display") == "viewer"  # and administrator of one printer
        with pytest.raises(errors.AccessDenied):
            await roles("office/desk")
