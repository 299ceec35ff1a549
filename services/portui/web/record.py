"""The record of requests that the console refuses: lines of the audit, as those about calls."""

from __future__ import annotations

from typing import Any

from starlette.types import Scope

from chassis.audit import Refusals, address_of

MALFORMED, TOO_LARGE = "MALFORMED_REQUEST", "TOO_LARGE"
_MOST_PATH = 200

_refusals = Refusals()


def refused(scope: Scope, reason: str, why: str) -> None:
    """Write down that a request was refused. Its query is not written: a provider's code may be in it."""
    person = getattr(scope.get("person"), "name", "") or "nobody"
    method = f"{scope['method']} {scope['path'][:_MOST_PATH]}"
    _write(scope.get("client"), reason, why, caller=person, method=method)


def no_request(client: Any, why: str) -> None:
    """Write down that what came was no request."""
    _write(client, MALFORMED, why, caller="nobody")


def _write(client: Any, reason: str, why: str, **facts: str) -> None:
    host, port = client if client is not None else ("", 0)
    peer = f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
    _refusals.write(address_of(peer), reason=reason, why=why, peer=peer, **facts)
