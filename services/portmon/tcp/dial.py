"""A TCP connection made to a printer: its addresses tried in turn, from allowed source ports, within one time."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Sequence

from chassis.errors import (
    AccessDenied,
    ConnectionRefused,
    DeviceNotConnected,
    DeviceOffline,
    FabricError,
)
from portmon.device_wait import WRITE
from portmon.monitor import OpenContext
from portmon.network_settings import where
from portmon.tcp import connection as tcp
from portmon.tcp.addresses import Address, Addresses
from portmon.tcp.prompt_socket import PromptSocket

ANSWER_S = 1.0  # a printer that is there answers sooner
_LEAST_TRY_S = 0.25
_MOST_TRY_S = 2.0  # kernels repeat a SYN ever later; from a new socket one leaves each second
_TAKEN = {errno.EADDRINUSE, errno.EADDRNOTAVAIL}


class TcpDial:
    """Makes connections to one host and port; belongs to the port's thread. `source_ports` empty: any."""

    def __init__(
        self,
        context: OpenContext,
        host: str,
        port: int,
        timeout_s: float,
        source_ports: Sequence[int] = (),
    ) -> None:
        self.where = where(host, port)
        self._context, self._timeout_s = context, timeout_s
        self._source_ports, self._next_source = source_ports, -1
        self._addresses = Addresses(host, port, context)
        self._unanswered: Callable[[], None] | None = None

    def connect(self, unanswered: Callable[[], None] = lambda: None) -> socket.socket:
        """Return a new connection, non-blocking, to the first address that answers.

        `unanswered` is called now and then while none does.

        Raises:
            ConnectionRefused, DeviceOffline, DeviceNotConnected, AccessDenied: and why.
        """
        self._unanswered = unanswered
        code, connection = self._try_all(time.monotonic() + self._timeout_s)
        if connection is None:
            self._addresses.forget()
            raise self._error(code)
        return connection

    def try_once(self) -> socket.socket | None:
        """Do the same in two seconds at most; None, when the port's thread is woken for something else.

        Raises:
            ConnectionRefused, DeviceOffline, DeviceNotConnected, AccessDenied: as `connect`.
        """
        self._unanswered = None
        code, connection = self._try_all(time.monotonic() + min(_MOST_TRY_S, self._timeout_s))
        if connection is None and code != errno.EINTR:
            raise self._error(code)
        return connection

    def _try_all(self, deadline: float) -> tuple[int, socket.socket | None]:
        code, found = errno.EADDRNOTAVAIL, self._addresses.find(deadline)
        for number, address in enumerate(found):
            # One dead address must not use up the time of all.
            share = max(_LEAST_TRY_S, (deadline - time.monotonic()) / (len(found) - number))
            code, connection = self._try(address, min(deadline, time.monotonic() + share))
            if connection is not None:
                self._addresses.answered(address)
                return 0, connection
            if code == errno.EINTR:
                break
        return code, None

    def _try(self, address: Address, until: float) -> tuple[int, socket.socket | None]:
        """Connect to one address, anew for as long as it does not answer."""
        while True:
            code, connection = self._attempt(address, min(until, time.monotonic() + _MOST_TRY_S))
            if code != errno.ETIMEDOUT or time.monotonic() >= until:
                return code, connection

    def _attempt(self, address: Address, deadline: float) -> tuple[int, socket.socket | None]:
        """Connect once, from the next allowed source port that is free."""
        code = errno.EADDRINUSE
        for _ in range(max(1, len(self._source_ports))):
            connection = PromptSocket(address[0])
            try:
                tcp.prepare(connection)
                code = self._bind_and_connect(connection, address)
                if code == errno.EINPROGRESS:
                    code = self._await_connection(connection, deadline)
                if code == 0:
                    return 0, connection
            except BaseException:
                connection.close()
                raise
            connection.close()
            if code not in _TAKEN:
                break
        return code, None

    def _bind_and_connect(self, connection: socket.socket, address: Address) -> int:
        if self._source_ports:
            # One after the other: a port rests for a minute after its connection (TIME_WAIT).
            self._next_source = (self._next_source + 1) % len(self._source_ports)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                connection.bind(
                    ("" if address[0] == socket.AF_INET else "::", self._source_ports[self._next_source])
                )
            except OSError as error:
                return error.errno or errno.EADDRINUSE
        return connection.connect_ex(address[1])

    def _await_connection(self, connection: socket.socket, deadline: float) -> int:
        if tcp.is_made(connection):  # on this machine it is by now, and each wait lets another thread in
            return 0
        until = say_at = min(deadline, time.monotonic() + ANSWER_S)
        while not self._context.wait.wait(connection.fileno(), WRITE, until - time.monotonic()):
            now = time.monotonic()
            if now < until and self._unanswered is None:
                return errno.EINTR
            if now >= deadline:
                return errno.ETIMEDOUT
            if now >= say_at:
                until = deadline
                if self._unanswered is not None:
                    self._unanswered()
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _error(self, code: int) -> FabricError:
        port, device = self._context.port, self.where
        if code == errno.ECONNREFUSED:
            text = f"port {port}: {device} refused the connection"
            return ConnectionRefused(text, port=port, device=device)
        if code == errno.ETIMEDOUT:
            return DeviceOffline(f"port {port}: {device} does not answer", port=port, device=device)
        if code in (errno.EACCES, errno.EPERM) and self._source_ports:
            text = f"port {port}: this process may not use source ports below 1024 (CAP_NET_BIND_SERVICE)"
            return AccessDenied(text, port=port, device=device)
        if code in _TAKEN and self._source_ports:
            text = f"port {port}: every allowed source port is in use"
            return DeviceOffline(text, port=port, device=device)
        text = f"port {port}: no way to {device}: {os.strerror(code)}"
        return DeviceNotConnected(text, port=port, device=device)
