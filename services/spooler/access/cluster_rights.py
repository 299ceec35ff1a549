"""Roles by the rules of a Kubernetes cluster: SubjectAccessReview with verbs of our own, as an option.

    rules: [{apiGroups: [printfabric.dev], resources: [printers], verbs: [get, print], resourceNames: [labels]}]

The cluster is asked for whoever brought a token, and its answers are kept: yes for 5 min, no for 30 s. While it does not
answer, nobody gets a role from it; those of the settings stay. Names and groups that are the cluster's own (`system:…`)
mean nothing from an OpenID provider, as at an API server.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from chassis import logs
from chassis.auth_errors import IssuerUnavailable
from chassis.identity import Identity, Kind, PrinterRole, Role, included

log = logs.get(__name__)

GROUP, RESOURCE = "printfabric.dev", "printers"
_VERBS = {
    Role.ADMINISTRATOR: "administer",
    Role.OPERATOR: "manage-documents",
    Role.USER: "print",
    Role.VIEWER: "get",
}
_RESERVED = "system:"
_YES_S, _NO_S = 300.0, 30.0
_REMEMBERED = 10_000

Question = tuple[str, frozenset[str], str, str]  # who, their groups, the verb, the printer or all


class AccessReviews(Protocol):
    """A cluster's API server (`spooler.discovery.reviews.ClusterReviews`)."""

    async def may(self, user: str, groups: Sequence[str], attributes: Mapping[str, str]) -> bool:
        """Say whether the cluster's rules allow something. Raises IssuerUnavailable."""


class ClusterRights:
    """Gives roles (`chassis.identity.Grants`).

    Args:
        reviews: the cluster.
        namespace: where its rules are.
        printers: the printers that are asked about by name, for those without the role on all of them.
    """

    def __init__(
        self,
        reviews: AccessReviews,
        namespace: str,
        printers: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reviews = reviews
        self._namespace = namespace
        self._printers = printers
        self._clock = clock
        self._answers: OrderedDict[Question, tuple[bool, float]] = OrderedDict()

    async def grant(self, identity: Identity) -> Identity:
        """Return who it is with the roles that the cluster gives as well."""
        if identity.kind not in (Kind.OIDC, Kind.WORKLOAD):
            return identity
        if identity.kind is Kind.OIDC and identity.name.startswith(_RESERVED):
            log.warning("a provider's name is one of the cluster's own, and gets nothing", name=identity.name)
            return identity
        try:
            roles = await self._highest(identity, "")
            there = {
                PrinterRole(role, printer)
                for printer in self._printers
                for role in await self._highest(identity, printer, beyond=identity.roles | roles)
            }
        except IssuerUnavailable as error:
            log.warning("the cluster gives no roles now", why=error.message)
            return identity
        if there:
            roles |= included(Role.VIEWER)
        return replace(identity, roles=identity.roles | roles, on_printers=identity.on_printers | there)

    async def _highest(
        self, identity: Identity, printer: str, beyond: frozenset[Role] = frozenset()
    ) -> frozenset[Role]:
        """Return the highest role on a printer, or on all, with what it includes; nothing if it is had already."""
        for role, verb in _VERBS.items():
            if role in beyond:
                return frozenset()
            if await self._may(identity, verb, printer):
                return included(role)
        return frozenset()

    async def _may(self, identity: Identity, verb: str, printer: str) -> bool:
        user = identity.name
        if identity.kind is Kind.WORKLOAD:
            user = f"system:serviceaccount:{user.replace('/', ':')}"
        groups = identity.groups
        if identity.kind is Kind.OIDC:
            groups = frozenset(group for group in groups if not group.startswith(_RESERVED))
        question = (user, groups, verb, printer)
        known = self._answers.get(question)
        if known is not None and known[1] > self._clock():
            return known[0]
        attributes = {"namespace": self._namespace, "verb": verb, "group": GROUP, "resource": RESOURCE}
        if printer:
            attributes["name"] = printer
        allowed = await self._reviews.may(user, sorted(groups), attributes)
        self._answers[question] = (allowed, self._clock() + (_YES_S if allowed else _NO_S))
        self._answers.move_to_end(question)
        if len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)
        return allowed
