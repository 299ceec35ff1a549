"""Where the spooler is and how to speak to it: address, TLS, token; given, from the environment, or found.

The order: what the caller gives; PRINTFABRIC_ADDRESS; the file `address.json` that a running `printfabric up` keeps
in its state directory; the spooler's default port on this machine.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_PORT = 26151
DEFAULT_ADDRESS = f"127.0.0.1:{DEFAULT_PORT}"
ADDRESS_FILE = "address.json"

Token = str | Callable[[], str]
"""A bearer token, or a function that returns the present one (tokens of service accounts change hourly)."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for TLS. With `cert_file` and `key_file` it is mutual.

    Attributes:
        ca_file: who may sign the server's certificate; None: the system's authorities.
        cert_file: our certificate (PEM).
        key_file: our key (PEM).
        server_name: the name to expect in the server's certificate, when it is not the address.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the directory in which `printfabric up` keeps everything, without making it.

    PRINTFABRIC_STATE_DIR, else $XDG_STATE_HOME/print-fabric, else ~/.local/state/print-fabric.
    """
    env = os.environ if environ is None else environ
    if given := env.get("PRINTFABRIC_STATE_DIR"):
        return Path(given)
    home = env.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "print-fabric"


def running_fabric(directory: Path) -> dict[str, Any] | None:
    """Return what a running `printfabric up` wrote about itself in `directory`; None when none runs there."""
    try:
        found = json.loads((directory / ADDRESS_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("spooler"), str):
        return None
    # A file that a killed fabric left behind would send every command into the void.
    pid = found.get("pid")
    return found if isinstance(pid, int) and _alive(pid) else None


def find_address(directory: Path | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Return the spooler's address when the caller gave none. `directory`: look there, whatever the environment says."""
    env = os.environ if environ is None else environ
    if directory is None and (given := env.get("PRINTFABRIC_ADDRESS")):
        return given
    found = running_fabric(directory or state_dir(env))
    return str(found["spooler"]) if found else DEFAULT_ADDRESS


def tls_from_environment(environ: Mapping[str, str] | None = None) -> Tls | None:
    """Return TLS as PRINTFABRIC_CA, _CERT, _KEY, _SERVER_NAME and PRINTFABRIC_TLS=1 say; None: plaintext."""
    env = os.environ if environ is None else environ
    names = ("PRINTFABRIC_CA", "PRINTFABRIC_CERT", "PRINTFABRIC_KEY")
    ca, cert, key = (Path(env[name]) if env.get(name) else None for name in names)
    if not (ca or cert or key or env.get("PRINTFABRIC_TLS", "") in {"1", "true", "yes"}):
        return None
    return Tls(ca, cert, key, env.get("PRINTFABRIC_SERVER_NAME", ""))


def token_from_environment(environ: Mapping[str, str] | None = None) -> Token | None:
    """Return the token of PRINTFABRIC_TOKEN, or a reader of the file PRINTFABRIC_TOKEN_FILE; None: no token."""
    env = os.environ if environ is None else environ
    if given := env.get("PRINTFABRIC_TOKEN"):
        return given
    if name := env.get("PRINTFABRIC_TOKEN_FILE"):
        file = Path(name)
        return lambda: file.read_text("utf-8").strip()
    return None


def target_of(address: str) -> str:
    """Return `address` as gRPC wants it: a missing port is the spooler's, `unix:` and `dns:` stay.

    Raises:
        ValueError: it is no address.
    """
    text = address.strip()
    if re.match(r"^(unix|unix-abstract|dns|ipv4|ipv6):", text):
        return text
    if match := re.match(r"^(\w+)://", text):
        raise ValueError(f"{address!r}: {match[1]}:// is not spoken here; write host:port or unix:/path")
    if re.fullmatch(r"\[[0-9A-Fa-f:.%\w]+\](:\d{1,5})?", text):
        return text if text[-1] != "]" else f"{text}:{DEFAULT_PORT}"
    host, colon, port = text.partition(":")
    if not host or "/" in text or (colon and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise ValueError(f"{address!r} is no address; write host:port or unix:/path")
    return text if colon else f"{text}:{DEFAULT_PORT}"


def is_local(target: str) -> bool:
    """Tell whether `target` never leaves this machine, so that a token may travel in the clear."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    host = target.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
