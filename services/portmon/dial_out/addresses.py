"""Where the spoolers of one name are: every address of it is one of them."""

from __future__ import annotations

import asyncio
import socket


def server_name(spooler: str) -> str:
    """Return the name that a spooler's certificate must have: that of its `host:port`."""
    return spooler.rpartition(":")[0].strip("[]")


async def addresses_of(spooler: str) -> list[str]:
    """Return the addresses that a `host:port` has now, as `10.0.0.7:26151`; a unix socket is its own.

    Raises:
        OSError: the name is not known, or nobody can be asked.
    """
    if spooler.startswith("unix:"):
        return [spooler]
    name, port = server_name(spooler), int(spooler.rpartition(":")[2])
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{name} is no name: {error}") from error
    families = {family for family, *_ in found}
    # A spooler of both families is one spooler: one of its addresses is enough.
    chosen = socket.AF_INET if socket.AF_INET in families else socket.AF_INET6
    hosts = sorted({place[0] for family, _, _, _, place in found if family is chosen})
    return [f"[{host}]:{port}" if chosen is socket.AF_INET6 else f"{host}:{port}" for host in hosts]
