"""What settings are made of: a table that knows its keys, and addresses."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict


class Section(BaseModel):
    """A table of settings: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


_TCP = re.compile(r"(?P<host>\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9_.\-]*|\*):(?P<port>\d{1,5})")


def _check_address(text: str) -> str:
    if text.startswith("unix:"):
        if not text.startswith("unix:/") or len(text.encode()) > 107:
            raise ValueError("a unix address is unix:/absolute/path of at most 102 bytes")
        return text
    match = _TCP.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError("an address is host:port, [ipv6]:port or unix:/path; port 0 lets the system choose")
    return text


Address = Annotated[str, AfterValidator(_check_address)]


def is_loopback(address: str) -> bool:
    """Say whether only this machine can reach a listen address (`unix:…`, `127.…`, `[::1]`, `localhost`)."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_https(url: str) -> str:
    """Return an address that nobody else can answer for: https, or http on loopback.

    Raises:
        ValueError: it is neither.
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or not (parts.scheme == "https" or local):
        raise ValueError("the address is https://..., or http://localhost")
    return url
