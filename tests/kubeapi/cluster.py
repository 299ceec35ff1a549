"""A client without opinions, for what an API server says: the tests' own server, or a real one by its kubeconfig."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
from kubernetes.aio import client, config

from tests.kubeapi.status import Object

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    code: int
    body: Object

    @property
    def meta(self) -> Object:
        """Return the object's metadata."""
        return dict(self.body["metadata"])

    @property
    def version(self) -> str:
        """Return the object's or list's version."""
        return str(self.meta["resourceVersion"])

    @property
    def reason(self) -> str:
        """Return Kubernetes' word for a refusal."""
        return str(self.body.get("reason", ""))


class Cluster:
    """One API server and a namespace of this test in it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, namespace: str) -> None:
        self._session = session
        self._url = url
        self.namespace = namespace

    def path(self, root: str, plural: str, name: str = "", sub: str = "") -> str:
        """Return a path in the test's namespace: `path("api/v1", "configmaps", "a")`."""
        parts = [root, "namespaces", self.namespace, plural, name, sub]
        return "/" + "/".join(part for part in parts if part)

    async def ask(
        self, method: str, path: str, body: Any = None, *, content: str = "application/json", **query: str
    ) -> Answer:
        """Ask once."""
        data = None if body is None else json.dumps(body)
        async with self._session.request(
            method, self._url + path, data=data, params=query, headers={"Content-Type": content}
        ) as answer:
            return Answer(answer.status, await answer.json(content_type=None))

    async def post(self, path: str, body: Any, **query: str) -> Answer:
        """Create."""
        return await self.ask("POST", path, body, **query)

    async def get(self, path: str, **query: str) -> Answer:
        """Read."""
        return await self.ask("GET", path, **query)

    async def put(self, path: str, body: Any, **query: str) -> Answer:
        """Replace."""
        return await self.ask("PUT", path, body, **query)

    async def patch(self, path: str, body: Any, content: str = MERGE, **query: str) -> Answer:
        """Patch."""
        return await self.ask("PATCH", path, body, content=content, **query)

    async def delete(self, path: str, body: Any = None, **query: str) -> Answer:
        """Delete."""
        return await self.ask("DELETE", path, body, **query)

    @contextlib.asynccontextmanager
    async def watch(self, path: str, version: str, **query: str) -> AsyncIterator[AsyncIterator[Object]]:
        """Watch; the iterator ends with the watch."""
        params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "20", **query}
        async with self._session.get(self._url + path, params=params) as answer:

            async def events() -> AsyncIterator[Object]:
                async for line in answer.content:
                    yield json.loads(line)

            yield events()


@contextlib.asynccontextmanager
async def fake_cluster(url: str, namespace: str) -> AsyncIterator[Cluster]:
    """Lend the tests' own server."""
    async with aiohttp.ClientSession() as session:
        yield Cluster(session, url, namespace)


@contextlib.asynccontextmanager
async def real_cluster(kubeconfig: str, namespace: str) -> AsyncIterator[Cluster]:
    """Lend a real server, with a token or a client certificate of its kubeconfig."""
    settings = client.Configuration()
    await config.load_kube_config(kubeconfig, client_configuration=settings)
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    token = await settings.get_api_key_with_prefix("BearerToken")
    headers = {"Authorization": token} if token else {}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(ssl=context)) as session:
        yield Cluster(session, str(settings.host), namespace)
