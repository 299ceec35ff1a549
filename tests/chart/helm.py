"""Releases by Helm itself, against the tests' API server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import helm_python
import yaml

from tests.chart.rendering import CHART, Object
from tests.kubeapi.server import KubeApi

Failed = helm_python.HelmError
_KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{url}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""
_TIMEOUT_S = 120


class Helm:
    """A user with the `helm` command, in one namespace.

    History is kept in Helm's memory: its Secrets travel as protobuf, which the tests' server does not read.
    """

    def __init__(self, url: str, namespace: str = "print") -> None:
        self.namespace = namespace
        self._config = helm_python.Config(
            kubeconfig_content=_KUBECONFIG.format(url=url), namespace=namespace, storage_driver="memory"
        )

    def close(self) -> None:
        """Forget the cluster."""
        self._config.close()

    async def install(self, values: Object, name: str = "fabric", **how: Any) -> Object:
        """Install the chart and return the release."""
        return await _in_thread(
            self._config.install, CHART, name, values, create_namespace=True, timeout=_TIMEOUT_S, **how
        )

    async def upgrade(self, values: Object, name: str = "fabric", **how: Any) -> Object:
        """Upgrade a release."""
        return await _in_thread(self._config.upgrade, CHART, name, values, timeout=_TIMEOUT_S, **how)

    async def rollback(self, name: str = "fabric") -> None:
        """Go back to the revision before."""
        await asyncio.to_thread(self._config.rollback, name, timeout=_TIMEOUT_S)

    async def test(self, name: str = "fabric") -> Object:
        """Run the release's own tests."""
        return await _in_thread(self._config.test, name, timeout=_TIMEOUT_S)

    async def uninstall(self, name: str = "fabric") -> Object:
        """Take a release away."""
        return await _in_thread(self._config.uninstall, name, timeout=_TIMEOUT_S)

    async def history(self, name: str = "fabric") -> list[tuple[int, str]]:
        """Return revisions and what became of them."""
        found = await asyncio.to_thread(self._config.history, name)
        return [(one["revision"], one["status"]) for one in found]


async def _in_thread(call: Callable[..., Object], *args: Any, **how: Any) -> Object:
    return await asyncio.to_thread(call, *args, **how)


@contextlib.asynccontextmanager
async def helm_at(api: KubeApi) -> AsyncIterator[Helm]:
    """Lend a Helm to a server that knows the kinds of others, too."""
    for one in yaml.safe_load((Path(__file__).parent / "foreign.yaml").read_text("utf-8")):
        plural = f"{one['kind'].lower()}s"
        definition = {
            "spec": {
                "group": one["group"],
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": one["kind"]},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {
                            "openAPIV3Schema": {"type": "object", "properties": {"spec": one["spec"]}}
                        },
                    }
                ],
            }
        }
        await api.put(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", f"{plural}.{one['group']}", definition
        )
    helm = Helm(api.url)
    try:
        yield helm
    finally:
        helm.close()
