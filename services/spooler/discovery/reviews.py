"""Questions to the cluster: whose token is this, and may they do that. Connected when first asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from chassis.auth_errors import IssuerUnavailable
from chassis.listeners import StartError
from spooler.access.cluster_rights import ClusterRights
from spooler.access.workloads import Workloads
from spooler.discovery import library
from spooler.discovery.host_tokens import HostTokens
from spooler.discovery.reflector import ClusterError
from spooler.settings import ClusterSection, DiscoverySection

if TYPE_CHECKING:
    from spooler.discovery.kubernetes_api import KubernetesApi


class ClusterReviews:
    """TokenReview and SubjectAccessReview of one API server. Use as a context."""

    def __init__(self, kubeconfig: Path | None = None) -> None:
        self._kubeconfig = kubeconfig
        self._api: KubernetesApi | None = None
        self._stack = AsyncExitStack()

    async def token(self, token: str, audience: str) -> Mapping[str, Any]:
        """Return the status of a TokenReview.

        Raises:
            IssuerUnavailable: the API server does not answer, or does not let us ask.
        """
        return await self._ask("TokenReview", {"token": token, "audiences": [audience]})

    async def may(self, user: str, groups: Sequence[str], attributes: Mapping[str, str]) -> bool:
        """Say whether the cluster's rules allow something (`resourceAttributes`). Raises as `token`."""
        spec = {"user": user, "groups": list(groups), "resourceAttributes": dict(attributes)}
        status = await self._ask("SubjectAccessReview", spec)
        return status.get("allowed") is True and not status.get("denied")

    async def _ask(self, kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            if self._api is None:
                # 0.7 s and 48 MiB, for clusters only.
                await library.loaded()
                from spooler.discovery.kubernetes_api import KubernetesApi  # noqa: PLC0415

                self._api = await self._stack.enter_async_context(
                    await KubernetesApi.connect(self._kubeconfig)
                )
            return await self._api.review(kind, spec)
        except ClusterError as error:
            raise IssuerUnavailable(f"the cluster cannot be asked: {error}") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()


class AskedCluster(NamedTuple):
    """What a cluster says about callers, whose tokens these are and what they may do; and about hosts that are found."""

    verifiers: Sequence[Workloads] = ()
    rights: ClusterRights | None = None
    hosts: HostTokens | None = None


@asynccontextmanager
async def asked_cluster(section: ClusterSection, discovery: DiscoverySection) -> AsyncIterator[AskedCluster]:
    """Give what the settings want to be asked; nothing is asked before somebody calls.

    Raises:
        StartError: the package for it is not installed.
    """
    wanted = bool(section.token_audience or section.access_namespace)
    if wanted and find_spec("kubernetes") is None:
        raise StartError("[cluster] needs the package kubernetes: pip install 'print-fabric[kubernetes]'")
    async with (
        ClusterReviews(section.kubeconfig) as reviews,
        ClusterReviews(discovery.kubeconfig) as reviews_of_hosts,
    ):
        workloads = [Workloads(reviews, section.token_audience)] if section.token_audience else []
        rights = None
        if section.access_namespace:
            rights = ClusterRights(reviews, section.access_namespace, section.access_printers)
        hosts = None
        if audience := discovery.host_token_audience:
            hosts = HostTokens(Workloads(reviews_of_hosts, audience), audience, discovery.host_accounts)
        yield AskedCluster(workloads, rights, hosts)
