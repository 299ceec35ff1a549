"""Where a printer's name leads to, looked up so that a dead name server holds nobody."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time

from chassis.errors import DeviceNotConnected, DeviceOffline
from portmon.monitor import OpenContext

Address = tuple[int, tuple[object, ...]]  # family, socket address
_KEPT_FOR_S = 60.0


class Addresses:
    """The addresses of one host and port, kept for a minute. getaddrinfo cannot be interrupted: it gets a thread."""

    def __init__(self, host: str, port: int, context: OpenContext) -> None:
        self._host, self._port, self._context = host, port, context
        self._known: list[Address] = []
        self._until = 0.0

    def find(self, deadline: float) -> list[Address]:
        """Return what to try, in order.

        Raises:
            DeviceNotConnected: the name leads nowhere.
            DeviceOffline: nobody answered until `deadline` (monotonic).
        """
        if time.monotonic() >= self._until:
            try:
                literal = ipaddress.ip_address(self._host)
                family = socket.AF_INET if literal.version == 4 else socket.AF_INET6
                self._known = [(family, (self._host, self._port))]
            except ValueError:
                self._known = self._look_up(deadline)
            self._until = time.monotonic() + _KEPT_FOR_S
        return self._known

    def _look_up(self, deadline: float) -> list[Address]:
        answer: list[list[Address] | OSError] = []
        wait = self._context.wait

        def ask() -> None:
            try:
                rows = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                answer.append([(row[0], row[4]) for row in rows])
            except OSError as error:
                answer.append(error)

        name = self._context.port
        threading.Thread(target=ask, name=f"look-up-{name}", daemon=True).start()
        if not wait.until(lambda: bool(answer), deadline):
            raise DeviceOffline(
                f"port {name}: looking up {self._host} takes too long", port=name, device=self._host
            )
        found = answer[0]
        if isinstance(found, OSError):
            text = f"port {name}: {self._host} cannot be looked up: {found.strerror}"
            raise DeviceNotConnected(text, port=name, device=self._host) from found
        return found
