"""Who calls, and what they may do. Pure.

A caller is known by, in this order: the bearer token it sent, its certificate, the unix socket it came through,
the loopback interface. A token that does not verify is refused, even from where no token is needed. A service that
acts for a person sends the person's token over its own certificate; then `via` is the service.

A role is held on everything, or on the printers whose names fit a pattern. Whoever has one anywhere may look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Protocol

from chassis.call import current_call
from chassis.errors import AccessDenied, Unauthenticated


class Role(StrEnum):
    """What a caller may be. Those of people include the ones before them; the services' stand alone."""

    VIEWER = "viewer"  # may look
    USER = "user"  # may print, and steer what is theirs
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    MONITOR = "monitor"  # a port-monitor service
    SPOOLER = "spooler"  # a spooler


_OF_PEOPLE = (Role.VIEWER, Role.USER, Role.OPERATOR, Role.ADMINISTRATOR)
ALL_ROLES = frozenset(Role)


def included(role: Role) -> frozenset[Role]:
    """Return a role and all that it includes."""
    if role not in _OF_PEOPLE:
        return frozenset({role})
    return frozenset(_OF_PEOPLE[: _OF_PEOPLE.index(role) + 1])


class Kind(StrEnum):
    """How a caller is known."""

    NOBODY = "nobody"
    CERTIFICATE = "certificate"
    TOKEN = "token"  # noqa: S105 - a word, no password
    UNIX = "unix"
    LOOPBACK = "loopback"
    LOCAL = "local"  # a person of the server's user file
    OIDC = "oidc"  # a person, by an OpenID provider
    WORKLOAD = "workload"  # a pod's service account
    RESOURCE = "kubernetes"  # a custom resource, for which the spooler itself acts; nobody proves to be one
    DIALLED = "dialled"  # a server that this process has dialled, and that calls back over that connection


class PrinterRole(NamedTuple):
    """A role on the printers whose names fit a pattern, whatever their case."""

    role: Role
    printers: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller: how it is known, its name there, its groups, its roles with all they include.

    `name` is the SPIFFE id, DNS name or common name of a certificate; a token's name; `uid:1000` of a unix socket.
    """

    kind: Kind
    name: str
    groups: frozenset[str] = frozenset()
    roles: frozenset[Role] = frozenset()
    via: Identity | None = None
    on_printers: frozenset[PrinterRole] = frozenset()
    _text: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        text = f"{self.kind}:{self.name}" if self.name else str(self.kind)
        object.__setattr__(self, "_text", f"{text} via {self.via}" if self.via else text)

    def __str__(self) -> str:
        return self._text

    @property
    def known(self) -> bool:
        """Whether anything proves who this is."""
        return self.kind is not Kind.NOBODY

    @property
    def owner(self) -> str:
        """The name under which it owns jobs: the person's, whatever service spoke for them."""
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)

    def has(self, role: Role, printer: str | None = None) -> bool:
        """Say whether the caller has a role, or one that includes it, on everything or on one printer."""
        if role in self.roles or printer is None:
            return role in self.roles
        name = printer.casefold()
        return any(
            one.role is role and fnmatchcase(name, one.printers.casefold()) for one in self.on_printers
        )

    def has_somewhere(self, role: Role) -> bool:
        """Say whether the caller has a role on everything or on some printers."""
        return role in self.roles or any(one.role is role for one in self.on_printers)

    def require(self, *roles: Role, to: str) -> None:
        """Check that the caller has one of `roles`; `to` says for what, as `cancel other people's jobs`.

        Raises:
            Unauthenticated: nobody knows who this is.
            AccessDenied: it has none of the roles.
        """
        if self.roles.isdisjoint(roles):
            wanted = " or ".join(roles)
            if not self.known:
                raise Unauthenticated(f"who calls is not known; {to} needs the role {wanted}", role=wanted)
            raise AccessDenied(f"{self} may not {to}: the role {wanted} is missing", caller=self, role=wanted)


NOBODY = Identity(Kind.NOBODY, "")


def current() -> Identity:
    """Return who made the RPC that is being answered; NOBODY outside of any."""
    call = current_call.get()
    return call.identity if call is not None else NOBODY


class TokenVerifier(Protocol):
    """Proves bearer tokens: a file of hashes, an OIDC issuer, a cluster's TokenReview."""

    async def verify(self, token: str, carrier: Identity) -> Identity | None:
        """Return whose token this is (roles are added later, by its name and groups), or None for nobody's.

        `carrier` is who brought it: a service, or whom the connection proves.

        Raises:
            Unauthenticated: it is somebody's and does not hold: expired, for another audience.
            StoreUnavailable: the issuer cannot be asked now.
        """


class RoleMap:
    """Roles by patterns of callers, as in the settings: `certificate:spiffe://fabric/*`, `token:ci`, `group:admins`.

    Args:
        patterns: role: patterns of those who have it on everything.
        on_printers: (role, patterns of callers, patterns of printers): of those who have it there only.
        everybody: roles of whoever is known.
    """

    def __init__(
        self,
        patterns: Mapping[Any, Iterable[str]],
        on_printers: Iterable[tuple[str, Iterable[str], Iterable[str]]] = (),
        everybody: Iterable[Role] = (),
    ) -> None:
        self._patterns = [(pattern, Role(role)) for role, given in patterns.items() for pattern in given]
        self._on_printers = [
            (pattern, [PrinterRole(has, printer) for has in included(Role(role)) for printer in printers])
            for role, callers, printers in on_printers
            for pattern in callers
        ]
        self._everybody = frozenset(everybody)

    def grant(self, identity: Identity) -> Identity:
        """Return `identity` with the roles its name and groups give it."""
        names = [f"{identity.kind}:{identity.name}", *(f"group:{group}" for group in identity.groups)]

        def fits(pattern: str) -> bool:
            return any(fnmatchcase(name, pattern) for name in names)

        roles = set(identity.roles | self._everybody)
        for pattern, role in self._patterns:
            if fits(pattern):
                roles |= included(role)
        there = {one for pattern, gives in self._on_printers if fits(pattern) for one in gives}
        if there:
            roles.add(Role.VIEWER)
        return replace(identity, roles=frozenset(roles), on_printers=identity.on_printers | there)


class Grants(Protocol):
    """Gives roles beside the settings' own, to whoever brought a token."""

    async def grant(self, identity: Identity) -> Identity:
        """Return `identity` with more roles, or as it is."""


Authorize = Callable[[Identity, str], None]
"""The hook before every RPC: (caller, "/package.Service/Method"); raises AccessDenied or Unauthenticated."""


def known_with_a_role(identity: Identity, method: str) -> None:
    """Let everybody in who is known and has any role: the rule where a server gives no other."""
    if not identity.roles:
        identity.require(*Role, to=f"call {method}")


class MethodRoles:
    """Which roles may call which method; one of them is enough. What is not listed, administrators alone may call.

        MethodRoles({"/printfabric.spooler.v1.PrintService/*": {Role.OPERATOR},
                     "/printfabric.spooler.v1.PrintService/GetJob": {Role.VIEWER},
                     "/printfabric.spooler.v1.Hello/*": ANYBODY})

    A method's own line wins over its service's.
    """

    def __init__(self, rules: Mapping[str, Iterable[Role]]) -> None:
        self._rules = {pattern: frozenset(roles) for pattern, roles in rules.items()}

    def allowed(self, method: str) -> frozenset[Role]:
        """Return the roles that may call `method`; ANYBODY's empty set lets everybody in."""
        whole_service = method[: method.rindex("/") + 1] + "*"
        found = self._rules.get(method)
        return found if found is not None else self._rules.get(whole_service, _ADMINISTRATORS)

    def __call__(self, identity: Identity, method: str) -> None:
        """Check a caller, as `Authorize` says."""
        allowed = self.allowed(method)
        if allowed and identity.roles.isdisjoint(allowed):
            identity.require(*sorted(allowed), to=f"call {method}")


_ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})
ANYBODY: frozenset[Role] = frozenset()
