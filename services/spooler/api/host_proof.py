"""Which host a caller is, by what it has proven and never by what it says."""

from __future__ import annotations

import re

from chassis.errors import InvalidArgument
from chassis.identity import Identity, Kind
from spooler.access.workloads import nodes_of

_MOST_NAME = 63
_OURSELVES = (Kind.LOOPBACK, Kind.UNIX)
_SPIFFE_HOST = re.compile(r"spiffe://[^/]+/host/([^/]+)")


def checked_name(host: str) -> str:
    """Return a host's name. Raises InvalidArgument: no host has such a name."""
    if not host or len(host) > _MOST_NAME or not host.isprintable() or any(one in host for one in "/, "):
        raise InvalidArgument(f"{host[:80]!r} is no host's name", fields=[("host", "is no name")])
    return host


def is_host(caller: Identity, host: str) -> bool:
    """Say whether a caller's proof makes it this host; whoever is at this machine may be any."""
    own = caller.kind in _OURSELVES
    return own or host.casefold() in {name.casefold() for name in _hosts_of(caller)}


def _hosts_of(caller: Identity) -> set[str]:
    """Return the names under which a caller may be a host: what its certificate or token says, a pod's node."""
    if caller.kind is Kind.WORKLOAD:
        return nodes_of(caller)
    # A part of a longer name is another's too: till-1.store-17.example and till-1.store-18.example are two hosts.
    spiffe = _SPIFFE_HOST.fullmatch(caller.name) if caller.kind is Kind.CERTIFICATE else None
    return {spiffe[1] if spiffe else caller.name}
