"""Where a printer's name leads to, looked up so that a dead name server holds nobody."""

from __future__ import annotations

import errno
import ipaddress
import socket
import threading
import time
from typing import Any

from chassis.errors import DeviceNotConnected, DeviceOffline
from portmon.monitor import OpenContext

Address = tuple[int, tuple[Any, ...]]  # family, socket address
_KEPT_FOR_S = 60.0
_MOST = 16  # addresses of one name


class Addresses:
    """The addresses of one host and port, kept for a minute. getaddrinfo cannot be interrupted: it gets a thread."""

    def __init__(self, host: str, port: int, context: OpenContext) -> None:
        self._host, self._port, self._context = host, port, context
        self._known: list[Address] = []
        self._until = 0.0

    def find(self, deadline: float) -> list[Address]:
        """Return what to try, in order: the one that answered last comes first.

        Raises:
            DeviceNotConnected: the name leads nowhere.
            DeviceOffline: nobody answered until `deadline` (monotonic).
        """
        if time.monotonic() >= self._until:
            try:
                literal = ipaddress.ip_address(self._host)
            except ValueError:
                found = self._look_up(deadline)
            else:
                found = self._spelled_out(literal)
            if isinstance(found, OSError):
                text = f"port {self._context.port}: {self._host} cannot be looked up: {found.strerror}"
                raise DeviceNotConnected(text, port=self._context.port, device=self._host) from found
            first = self._known[:1]
            self._known = [
                *(one for one in first if one in found),
                *(one for one in found if one not in first),
            ]
            self._until = time.monotonic() + _KEPT_FOR_S
        return list(self._known)

    def answered(self, address: Address) -> None:
        """Say that this one answered: it is tried first from now on."""
        self._known.sort(key=lambda one: one != address)

    def forget(self) -> None:
        """Say that none answered: the name is looked up anew the next time, it may lead elsewhere by then."""
        self._until = 0.0

    def _spelled_out(self, literal: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[Address] | OSError:
        """Return the address that the host is; the C library takes zones of link-local addresses only."""
        if literal.version == 4:
            return [(socket.AF_INET, (str(literal), self._port))]
        bare, _, zone = self._host.partition("%")
        try:
            scope = int(zone) if zone.isdecimal() else socket.if_nametoindex(zone) if zone else 0
        except OSError:
            return OSError(errno.ENODEV, f"this host has no interface {zone!r}")
        return [(socket.AF_INET6, (bare, self._port, 0, scope))]

    def _ask(self) -> list[Address] | OSError:
        try:
            rows = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            return error
        except UnicodeError:
            return OSError(errno.EINVAL, "no host can have such a name")
        return list(dict.fromkeys((int(row[0]), row[4]) for row in rows))[:_MOST]

    def _look_up(self, deadline: float) -> list[Address] | OSError:
        answer: list[list[Address] | OSError] = []
        name = self._context.port
        threading.Thread(
            target=lambda: answer.append(self._ask()), name=f"look-up-{name}", daemon=True
        ).start()
        if not self._context.wait.until(lambda: bool(answer), deadline):
            raise DeviceOffline(
                f"port {name}: looking up {self._host} takes too long", port=name, device=self._host
            )
        return answer[0]
