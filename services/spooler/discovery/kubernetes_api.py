"""The API of a Kubernetes cluster, as far as it is asked: hosts, tokens, rights. The only module that imports `kubernetes`.

Its import takes 0.7 s and 48 MiB, so nobody imports this module who does not run in a cluster.
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


class KubernetesApi:
    """A connection to the API server: the pod's own service account, else the user's kubeconfig."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self._discovery = client.DiscoveryV1Api(api)

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

    def endpoint_slices(self, namespace: str, service: str) -> EndpointSliceWatch:
        """Return the slices of one Service."""
        return EndpointSliceWatch(self._discovery, namespace, service)

    async def review(self, kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask a TokenReview or a SubjectAccessReview and return its status. Raises ClusterError."""
        try:
            if kind == "TokenReview":
                tokens = client.AuthenticationV1Api(self._api)
                token = client.V1TokenReview.model_validate({"spec": spec})
                answer = await tokens.create_token_review_without_preload_content(
                    token, _request_timeout=_CALL_S
                )
            else:
                rights = client.AuthorizationV1Api(self._api)
                access = client.V1SubjectAccessReview.model_validate({"spec": spec})
                answer = await rights.create_subject_access_review_without_preload_content(
                    access, _request_timeout=_CALL_S
                )
            body = json.loads(await answer.read())
            if answer.status not in (200, 201):
                raise ClusterError(answer.status, f"the API server answers {answer.status} to a {kind}")
            return dict(body["status"])
        except client.ApiException as error:
            raise ClusterError(int(error.status or 0), f"{error.reason}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(0, f"a {kind} that cannot be read: {type(error).__name__}") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClusterError(0, f"the API server does not answer: {error!r}") from error


class EndpointSliceWatch:
    """A `ListWatch` of the EndpointSlices of one Service."""

    def __init__(self, api: Any, namespace: str, service: str) -> None:
        self._api = api
        self._what = {"namespace": namespace, "label_selector": f"kubernetes.io/service-name={service}"}

    async def page(self, token: str) -> Page:
        """See `ListWatch.page`."""
        answer = await self._ask(limit=_PAGE, **({"_continue": token} if token else {}))
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
        answer = await self._ask(
            watch=True,
            resource_version=version,
            allow_watch_bookmarks=True,
            timeout_seconds=lasts,
            _request_timeout=float(lasts + _SPARE_S),  # of the whole watch; pairs are not understood
        )
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

    async def _ask(self, **how: Any) -> Any:
        call = self._api.list_namespaced_endpoint_slice_without_preload_content
        try:
            answer = await call(**self._what, **{"_request_timeout": _CALL_S, **how})
        except client.ApiException as error:
            raise ClusterError(int(error.status or 0), f"{error.reason}") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClusterError(0, f"the API server does not answer: {error!r}") from error
        if answer.status != 200:
            text = (await answer.text())[:300]
            answer.close()
            raise ClusterError(answer.status, f"the API server answers {answer.status}: {text}")
        return answer


def own_namespace() -> str:
    """Return the namespace this pod runs in. Raises ClusterError outside a cluster."""
    try:
        return _NAMESPACE_FILE.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ClusterError(0, f"not in a cluster, and no namespace is set: {error}") from error
