"""Who may call a port monitor: spoolers, and whoever is at the machine itself. Nobody else, whatever they are elsewhere.

People's rights are the spooler's to decide; a port monitor that believed people would be a way around it. That the
machine goes to sleep is its own to say: by a certificate that the port monitor's settings call an administrator's.
"""

from __future__ import annotations

from chassis.identity import Identity, Kind, Role

_AT_THE_MACHINE = frozenset({Kind.LOOPBACK, Kind.UNIX})
_POWER_EVENT = "/printfabric.monitor.v1.MonitorService/PowerEvent"


def authorize(identity: Identity, method: str) -> None:
    """Check a caller before a method sees anything (`chassis.identity.Authorize`).

    Raises:
        Unauthenticated: nobody knows who this is.
        AccessDenied: it is no spooler.
    """
    trusted = _AT_THE_MACHINE | {Kind.CERTIFICATE} if method == _POWER_EVENT else _AT_THE_MACHINE
    if not (identity.kind in trusted and identity.has(Role.ADMINISTRATOR)):
        identity.require(Role.SPOOLER, to=f"call {method}")
