"""Who is at the console, and on whose behalf the calls of now are made. Pure; the spooler decides what they may."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

ROLES = ("viewer", "user", "operator", "administrator")
# The session at the spooler under which calls are made; empty: as this service itself.
speaks_for: ContextVar[str] = ContextVar("speaks_for", default="")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as the spooler knows them. `roles` are those held on everything or on some printers."""

    name: str
    kind: str  # local, oidc, loopback, …
    roles: frozenset[str]
    groups: tuple[str, ...] = ()
    ends: datetime | None = None

    def may(self, role: str) -> bool:
        """Say whether a control for this role is worth showing."""
        return role in self.roles

    @property
    def role(self) -> str:
        """The highest role."""
        return next((role for role in reversed(ROLES) if role in self.roles), "")


@dataclass(frozen=True, slots=True)
class SignInOptions:
    """How people can sign in, and whether they have to."""

    needed: bool
    local: bool
    issuers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that the spooler has opened."""

    token: str
    ends: datetime | None


def bearer() -> str:
    """Return the token that goes along with a call now; empty for none."""
    return speaks_for.get()
