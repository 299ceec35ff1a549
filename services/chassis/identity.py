"""Who calls, and what they may do. Pure.

A caller is known by, in this order: the bearer token it sent, its certificate, the unix socket it came through,
the loopback interface. A token that does not verify is refused, even from where no token is needed. A service that
acts for a person sends the person's token over its own certificate; then `via` is the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Protocol

from chassis.call import current_call
from chassis.errors import AccessDenied, Unauthenticated


class Role(StrEnum):
    """What a caller may be. ADMINISTRATOR includes OPERATOR, OPERATOR includes VIEWER; the services' stand alone."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    MONITOR = "monitor"  # a port-monitor service
    SPOOLER = "spooler"  # a spooler


_INCLUDES = {
    Role.OPERATOR: (Role.VIEWER,),
    Role.ADMINISTRATOR: (Role.OPERATOR, Role.VIEWER),
}
ALL_ROLES = frozenset(Role)


class Kind(StrEnum):
    """How a caller is known."""

    NOBODY = "nobody"
    CERTIFICATE = "certificate"
    TOKEN = "token"  # noqa: S105 - a word, no password
    UNIX = "unix"
    LOOPBACK = "loopback"


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

    def has(self, role: Role) -> bool:
        """Say whether the caller has a role, or one that includes it."""
        return role in self.roles

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

    async def verify(self, token: str) -> Identity | None:
        """Return whose token this is (roles are added later, by its name and groups), or None for nobody's.

        Raises:
            Unauthenticated: it is somebody's and does not hold: expired, for another audience.
            StoreUnavailable: the issuer cannot be asked now.
        """


class RoleMap:
    """Roles by patterns of callers, as in the settings: `certificate:spiffe://fabric/*`, `token:ci`, `group:admins`."""

    def __init__(self, patterns: Mapping[Any, Iterable[str]]) -> None:
        self._patterns = [(pattern, Role(role)) for role, given in patterns.items() for pattern in given]

    def grant(self, identity: Identity) -> Identity:
        """Return `identity` with the roles its name and groups give it."""
        names = [f"{identity.kind}:{identity.name}", *(f"group:{group}" for group in identity.groups)]
        found = set(identity.roles)
        for pattern, role in self._patterns:
            if any(fnmatchcase(name, pattern) for name in names):
                found |= {role, *_INCLUDES.get(role, ())}
        return Identity(identity.kind, identity.name, identity.groups, frozenset(found), identity.via)


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
