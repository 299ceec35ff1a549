"""Hosts of a cluster, proven by the tokens of their pods: whose they are, and on which node (`spooler.host_proving.HostProof`).

Kubernetes puts the node of a pod into its tokens from 1.30 on, and TokenReview tells it (KEP-4193). A kubelet gets
tokens for pods of its own node only, so that one node cannot make another's.
"""

from __future__ import annotations

from collections.abc import Collection

from chassis.auth_errors import TokenExpired
from chassis.errors import Unauthenticated
from chassis.identity import NOBODY, Identity
from chassis.service_account import said_by
from spooler.access.workloads import Workloads, nodes_of
from spooler.host_proving import LateProof, UnprovenHost


class HostTokens:
    """Asks the cluster.

    Args:
        tokens: proves tokens, for `audience` alone.
        audience: whom hosts' tokens must be made for.
        accounts: the service accounts that port monitors run under, as `print/portmon`.
    """

    def __init__(self, tokens: Workloads, audience: str, accounts: Collection[str]) -> None:
        self.audience = audience
        self._tokens = tokens
        self._accounts = accounts

    async def check(self, host: str, token: str) -> float:
        """See `HostProof.check`."""
        if not token:
            raise _unproven(host, f"it brings no token for {self.audience}")
        try:
            who = await self._tokens.verify(token, NOBODY)
        except TokenExpired as error:
            raise LateProof(_says(host, error.message), host=host) from error
        except Unauthenticated as error:
            raise _unproven(host, error.message) from error
        said = said_by(token)
        if who is None or said is None:
            raise _unproven(host, "what it brings is no service account's token")
        if why := objection(who, host, self._accounts):
            raise _unproven(host, why)
        return said.expires


def objection(who: Identity, host: str, accounts: Collection[str]) -> str:
    """Return why a pod is not the port monitor of a host; empty if it is."""
    if who.name not in accounts:
        return f"its token is of the service account {who.name}, not of {' or '.join(sorted(accounts))}"
    nodes = nodes_of(who)
    if not nodes:
        return "the cluster does not say on which node its pod is, as Kubernetes does from 1.30 on"
    if host.casefold() not in {node.casefold() for node in nodes}:
        return f"its token is of a pod on node {' and '.join(sorted(nodes))}"
    return ""


def _unproven(host: str, why: str) -> UnprovenHost:
    return UnprovenHost(_says(host, why), host=host)


def _says(host: str, why: str) -> str:
    return f"who answers as host {host} does not prove to be it: {why}"
