"""Whom a connection to PostgreSQL may trust: nobody beyond this machine without TLS and a certificate of the right name. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chassis.settings import is_loopback

_SYSTEM = "system"


def encryption(url: Mapping[str, object], environment: Mapping[str, str], authorities: str) -> dict[str, str]:
    """Return the parameters to add to those of a URL, which libpq would try in clear text as well.

    What the URL, or libpq's variable, says about `sslmode` is a decision, and stays. Else each name and each address
    must be this machine's, or all are asked for a certificate. What a service file says is not looked into.

    Args:
        url: its parameters.
        environment: of this process; libpq reads it where the URL says nothing.
        authorities: a file of certificates, for `sslrootcert=system`; libpq may come with an OpenSSL that has none.
    """
    mode = url.get("sslmode") or environment.get("PGSSLMODE")
    root = str(url.get("sslrootcert") or environment.get("PGSSLROOTCERT") or "")
    added: dict[str, str] = {}
    if not mode and not all(map(_is_here, _places(url, environment))):
        added["sslmode"] = "verify-full"
        root = root or _SYSTEM
    if root == _SYSTEM:
        added["sslrootcert"] = authorities
    return added


def _places(url: Mapping[str, object], environment: Mapping[str, str]) -> Iterator[str]:
    for name in ("host", "hostaddr", "service"):
        yield from str(url.get(name) or environment.get(f"PG{name.upper()}") or "").split(",")


def _is_here(place: str) -> bool:
    return place == "" or place[0] in "/@" or is_loopback(f"{place}:0")
