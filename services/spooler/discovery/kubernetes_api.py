"""The API of a Kubernetes cluster: hosts, tokens, rights, custom resources. The only module that imports `kubernetes`.

Its import takes 0.7 s and 48 MiB, so nobody imports this module who does not run in a cluster. The library gives
credentials, TLS and the connection; what is asked are paths and JSON, as the API's own documentation has them.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from kubernetes.aio import client, config

from spooler.discovery.reflector import ClusterError, Page

_PAGE = 500  # objects
_WATCH_S = 300  # then the server ends it and we begin anew: a connection that died unnoticed is not for ever
_SPARE_S = 30  # beyond that, before silence counts as death
_CALL_S = 15.0
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_REVIEWS = {
    "TokenReview": "/apis/authentication.k8s.io/v1/tokenreviews",
    "SubjectAccessReview": "/apis/authorization.k8s.io/v1/subjectaccessreviews",
}


class KubernetesApi:
    """A connection to the API server: the pod's own service account, else the user's kubeconfig."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    @classmethod
    async def connect(cls, kubeconfig: Path | None = None) -> Self:
        """Read credentials. Raises ClusterError when there are none."""
        settings = client.Configuration()
        try:
            if kubeconfig is not None:
                await config.load_kube_config(str(kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call]
            else:
                config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError) as error:
            raise ClusterError(0, f"no credentials for the cluster: {error}") from error
        return cls(client.ApiClient(settings))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._api.close()  # type: ignore[no-untyped-call]

    def endpoint_slices(self, namespace: str, service: str) -> Collection:
        """Return the slices of one Service."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        return self.collection(path, labelSelector=f"kubernetes.io/service-name={service}")

    def collection(self, path: str, **query: str) -> Collection:
        """Return the objects of one kind in one namespace, by the path of the collection."""
        return Collection(self, path, query)

    async def review(self, kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask a TokenReview or a SubjectAccessReview and return its status. Raises ClusterError."""
        body = await self.send("POST", _REVIEWS[kind], {"spec": spec})
        if not isinstance(body.get("status"), dict):
            raise ClusterError(0, f"a {kind} that cannot be read")
        return dict(body["status"])

    async def send(
        self, method: str, path: str, body: Mapping[str, Any], content: str = "application/json"
    ) -> Mapping[str, Any]:
        """Create or change an object and return it as it is kept. Raises ClusterError."""
        answer = await self.ask(method, path, {}, body, content)
        try:
            return dict(json.loads(await answer.read()))
        except (ValueError, TypeError, aiohttp.ClientError, TimeoutError) as error:
            raise ClusterError(0, f"an answer that cannot be read: {error!r}") from error

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
        content: str = "application/json",
        timeout_s: float = _CALL_S,
    ) -> aiohttp.ClientResponse:
        """Return the answer to a request, if it is one of success.

        timeout_s: of the whole answer, a watch's too; pairs are not understood.

        Raises:
            ClusterError: it is none, or there is none in time.
        """
        headers = {"Accept": "application/json", "Content-Type": content}
        try:
            request = await self._api.param_serialize(
                method, path, {}, list(query.items()), headers, body, auth_settings=["BearerToken"]
            )
            answer = (await self._api.call_api(*request, _request_timeout=timeout_s)).response
        except client.ApiException as error:
            raise ClusterError(int(error.status or 0), f"{error.reason}") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClusterError(0, f"the API server does not answer: {error!r}") from error
        if answer.status not in (200, 201):
            text = (await answer.text())[:300]
            answer.close()
            raise ClusterError(answer.status, f"the API server answers {answer.status}: {text}")
        assert isinstance(answer, aiohttp.ClientResponse)
        return answer


class Collection:
    """A `ListWatch` of the objects that a path and a query name."""

    def __init__(self, api: KubernetesApi, path: str, query: Mapping[str, str]) -> None:
        self._api = api
        self._path = path
        self._query = query

    async def page(self, token: str) -> Page:
        """See `ListWatch.page`."""
        more = {"continue": token} if token else {}
        answer = await self._api.ask("GET", self._path, {**self._query, "limit": _PAGE, **more})
        try:
            body = json.loads(await answer.read())
            meta = body["metadata"]
            return Page(
                body.get("items") or [], str(meta["resourceVersion"]), str(meta.get("continue") or "")
            )
        except (ValueError, KeyError, TypeError, aiohttp.ClientError, TimeoutError) as error:
            raise ClusterError(answer.status, f"a list that cannot be read: {error!r}") from error

    async def watch(self, version: str) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """See `ListWatch.watch`."""
        lasts = _WATCH_S + random.randrange(30)  # noqa: S311 - spreads load, guards nothing
        how: dict[str, str | int] = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": lasts,
        }
        query = {**self._query, **how}
        answer = await self._api.ask("GET", self._path, query, timeout_s=float(lasts + _SPARE_S))
        try:
            async for line in answer.content:
                event = json.loads(line)
                yield str(event["type"]), event["object"]
        except TimeoutError:
            return
        except (ValueError, KeyError, TypeError, aiohttp.ClientError) as error:
            raise ClusterError(0, f"the watch broke: {error!r}") from error
        finally:
            answer.close()


def own_namespace() -> str:
    """Return the namespace this pod runs in. Raises ClusterError outside a cluster."""
    try:
        return _NAMESPACE_FILE.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ClusterError(0, f"not in a cluster, and no namespace is set: {error}") from error
