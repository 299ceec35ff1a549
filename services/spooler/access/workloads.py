"""Pods, proven by the cluster they run in: TokenReview of their service account's token.

A pod's own token, mounted with the spooler's audience, says which service account it is and on which node. The
cluster is asked once a minute for each token; what it says is kept by the token's hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from chassis.auth_errors import TokenExpired, TokenInvalid, TokenWrongAudience
from chassis.identity import Identity, Kind
from chassis.service_account import node_of, said_by

_GOOD_S, _BAD_S = 60.0, 10.0  # how long the cluster's answer is kept
_REMEMBERED = 1000
_AT_ONCE = 4
_PREFIX = "system:serviceaccount:"
NODE = "node:"  # in front of the node's name, among the groups


def nodes_of(who: Identity) -> set[str]:
    """Return the node that a pod is on, as the cluster has said; nothing if it has not."""
    return {group.removeprefix(NODE) for group in who.groups if group.startswith(NODE)}


class TokenReviews(Protocol):
    """A cluster's API server (`spooler.discovery.reviews.ClusterReviews`)."""

    async def token(self, token: str, audience: str) -> Mapping[str, Any]:
        """Return the status of a TokenReview. Raises IssuerUnavailable."""


class _Known(NamedTuple):
    who: Identity | None
    until: float


class Workloads:
    """Proves service accounts' tokens (`chassis.identity.TokenVerifier`).

    Args:
        reviews: the cluster.
        audience: whom the tokens must be made for.
        clock: seconds since 1970.
    """

    def __init__(self, reviews: TokenReviews, audience: str, clock: Callable[[], float] = time.time) -> None:
        self._reviews = reviews
        self._audience = audience
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._slots = asyncio.Semaphore(_AT_ONCE)  # guards the API server, no data of ours

    async def verify(self, token: str, carrier: Identity) -> Identity | None:
        """Return whose token it is; None for what is no service account's.

        Raises:
            TokenWrongAudience, TokenExpired, TokenInvalid: as they say.
            IssuerUnavailable: the cluster does not answer.
        """
        said = said_by(token)
        if said is None:
            return None
        # The token's own words are enough to refuse it, and spare the cluster a question.
        if self._audience not in said.audiences:
            raise TokenWrongAudience(
                "the service account's token is for another audience", audience=self._audience
            )
        if said.expires <= self._clock():
            raise TokenExpired("the service account's token has expired")
        who = await self._proven(token, said.expires)
        if who is None:
            raise TokenInvalid("the cluster does not know the service account's token")
        return who

    async def _proven(self, token: str, expires: float) -> Identity | None:
        key = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._known.get(key)
        if known is not None and known.until > self._clock():
            return known.who
        async with self._slots:
            status = await self._reviews.token(token, self._audience)
        who = self._identity(status)
        until = min(expires, self._clock() + (_GOOD_S if who is not None else _BAD_S))
        self._known[key] = _Known(who, until)
        self._known.move_to_end(key)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return who

    def _identity(self, status: Mapping[str, Any]) -> Identity | None:
        user = status.get("user") or {}
        name = str(user.get("username", ""))
        # An API server that knows no audiences leaves them out, and would prove a token for anybody.
        good = status.get("authenticated") is True and self._audience in (status.get("audiences") or ())
        if not good or not name.startswith(_PREFIX):
            return None
        groups = {str(group) for group in user.get("groups") or ()}
        if node := node_of(user):
            groups.add(NODE + node)
        return Identity(Kind.WORKLOAD, name.removeprefix(_PREFIX).replace(":", "/"), frozenset(groups))
