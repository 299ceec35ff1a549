"""Binds a server's addresses, and says in one line why it cannot."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc.aio


class StartError(Exception):
    """The program cannot start for a reason outside of it; the message is one line for whoever starts it."""


def bind(
    server: grpc.aio.Server, address: str, *, credentials: grpc.ServerCredentials | None, socket_mode: int
) -> str:
    """Bind one address and return it with its true port. Unix sockets are always plain; their mode guards them.

    Raises:
        StartError: the address is in use, not of this machine, or not allowed.
    """
    if address.startswith("unix:"):
        return _bind_unix(server, Path(address.removeprefix("unix:")), socket_mode)
    host, _, port = address.rpartition(":")
    host = host or "[::]" if socket.has_dualstack_ipv6() else host or "0.0.0.0"  # noqa: S104 - ":50051" means all
    _probe(host.strip("[]"), int(port))
    try:
        if credentials is not None:
            bound = server.add_secure_port(f"{host}:{port}", credentials)
        else:
            bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise StartError(f"cannot listen on {address}: {error}") from error
    return f"{host}:{bound}"


def remove_socket(address: str) -> None:
    """Remove a unix socket that this process bound, after its server stopped."""
    if address.startswith("unix:"):
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)


def _probe(host: str, port: int) -> None:
    """Find out by a socket of our own whether an address can be bound: grpc's error does not say why not."""
    if port == 0 and host in {"127.0.0.1", "::1", "0.0.0.0", "::", "localhost"}:  # noqa: S104 - compared, not bound
        return
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise StartError(f"cannot listen on {host}:{port}: no such host: {error}") from error
    for family, kind, protocol, _name, target in found:
        with socket.socket(family, kind, protocol) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind(target)
                attempt.listen(1)
            except OSError as error:
                raise StartError(f"cannot listen on {host}:{port}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the address is in use by another program"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address"
    return (error.strerror or str(error)).lower()


def _bind_unix(server: grpc.aio.Server, path: Path, mode: int) -> str:
    _clear(path)
    try:
        # Made unreachable for others first, opened to them after: no moment in between when anybody may connect.
        with _umask(0o177):
            server.add_insecure_port(f"unix:{path}")
        path.chmod(mode)
    except (RuntimeError, OSError) as error:
        raise StartError(f"cannot listen on unix:{path}: {error}") from error
    return f"unix:{path}"


def _clear(path: Path) -> None:
    """Remove a socket nobody listens on; grpc would take over one that is in use, without a word."""
    if not path.parent.is_dir():
        raise StartError(f"cannot listen on unix:{path}: no directory {path.parent}")
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise StartError(f"cannot listen on unix:{path}: a file of that name exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1.0)
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StartError(f"cannot listen on unix:{path}: {_reason(error)}") from error
        else:
            raise StartError(f"cannot listen on unix:{path}: the address is in use by another program")


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
