"""How addresses of sockets are written."""

from __future__ import annotations


def written(address: tuple[object, ...] | None) -> str:
    """Return HOST:PORT of a socket address, an IPv6 one in brackets; empty where there is none."""
    if not address:
        return ""
    host, port = str(address[0]), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
