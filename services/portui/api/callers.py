"""Whose tokens callers bring: the spooler says it. This service believes nobody by itself but its own settings."""

from __future__ import annotations

from chassis.identity import Identity, Kind, Role
from portui.fabric_access import Access


class SpoolerSays:
    """Proves tokens by asking the spooler under them (`chassis.identity.TokenVerifier`); it decides again at each call."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def verify(self, token: str, carrier: Identity) -> Identity | None:
        """Return who the spooler says it is.

        Raises:
            Unauthenticated: the spooler does not believe the token, and says why.
            HostUnreachable: there is no spooler to ask.
        """
        person = await self._access.who(token)
        roles = frozenset(Role(role) for role in person.roles)
        return Identity(Kind(person.kind), person.name, frozenset(person.groups), roles)
