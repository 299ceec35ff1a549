"""Who may call a port monitor: spoolers, and whoever is at the machine itself. Nobody else, whatever they are elsewhere.

People's rights are the spooler's to decide; a port monitor that believed people would be a way around it.
"""

from __future__ import annotations

from chassis.identity import Identity, Kind, Role

_AT_THE_MACHINE = frozenset({Kind.LOOPBACK, Kind.UNIX})


def authorize(identity: Identity, method: str) -> None:
    """Check a caller before a method sees anything (`chassis.identity.Authorize`).

    Raises:
        Unauthenticated: nobody knows who this is.
        AccessDenied: it is no spooler.
    """
    if not (identity.kind in _AT_THE_MACHINE and identity.has(Role.ADMINISTRATOR)):
        identity.require(Role.SPOOLER, to=f"call {method}")
