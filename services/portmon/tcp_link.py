"""One TCP connection to a printer, as the ports of network printers use it: made, filled, proven and ended here."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Sequence

from chassis.errors import (
    AccessDenied,
    ConnectionRefused,
    DeviceFault,
    DeviceNotConnected,
    DeviceOffline,
    FabricError,
    WriteTimeout,
)
from portmon import tcp
from portmon.addresses import Address, Addresses
from portmon.device_wait import READ, WRITE
from portmon.document import FAR_BUFFER_BYTES
from portmon.monitor import OpenContext
from portmon.network_settings import where

_LEAST_TRY_S = 0.25
_TAKEN = {errno.EADDRINUSE, errno.EADDRNOTAVAIL}


class TcpLink:
    """A connection that is made anew for each document or kept; belongs to the port's thread.

    `open`: the peer may still send. `sent`: bytes given to the kernel. `window_bytes`: the largest window the peer has
    shown, which is what it may have acknowledged and not read.
    """

    def __init__(
        self,
        context: OpenContext,
        host: str,
        port: int,
        connect_timeout_s: float,
        source_ports: Sequence[int] = (),
    ) -> None:
        self.where = where(host, port)
        self.open = False
        self.sent = 0
        self.window_bytes = 0
        self._context, self._connect_timeout_s = context, connect_timeout_s
        self._source_ports, self._next_source = source_ports, -1
        self._addresses = Addresses(host, port, context)
        self._socket: socket.socket | None = None
        self._acked = 0
        self._finished = False  # our side is closed: it was said that nothing more comes

    @property
    def connected(self) -> bool:
        """Whether there is a connection; its peer may have closed its side."""
        return self._socket is not None

    def fileno(self) -> int | None:
        """Return the descriptor to poll."""
        return None if self._socket is None else self._socket.fileno()

    # --- making it

    def connect(self) -> None:
        """Make a new connection, to the first address that answers.

        Raises:
            ConnectionRefused, DeviceOffline, DeviceNotConnected, AccessDenied: and why.
        """
        self.drop()
        deadline = time.monotonic() + self._connect_timeout_s
        failure: FabricError | None = None
        found = self._addresses.find(deadline)
        for number, address in enumerate(found):
            # One dead address must not use up the time of all.
            share = max(_LEAST_TRY_S, (deadline - time.monotonic()) / (len(found) - number))
            code, connection = self._try(address, min(deadline, time.monotonic() + share))
            if connection is not None:
                self._socket, self.open, self.sent, self._acked = connection, True, 0, 0
                self._finished = False
                self.acked()  # its window is widest before anything is sent
                self._addresses.answered(address)
                return
            failure = self._connect_error(code)
        self._addresses.forget()
        raise failure or DeviceNotConnected(f"port {self._context.port}: {self.where} has no address")

    def _try(self, address: Address, deadline: float) -> tuple[int, socket.socket | None]:
        """Connect to one address, from the next allowed source port that is free."""
        code = errno.EADDRINUSE
        for _ in range(max(1, len(self._source_ports))):
            connection = socket.socket(
                address[0], socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )
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
        while not self._context.wait.wait(connection.fileno(), WRITE, deadline - time.monotonic()):
            if time.monotonic() >= deadline:
                return errno.ETIMEDOUT
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _connect_error(self, code: int) -> FabricError:
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

    # --- using it

    def send(self, data: memoryview | bytes) -> int:
        """Give bytes to the kernel; 0 when it takes none now.

        Raises:
            DeviceFault: the connection broke, or there is none.
        """
        if self._socket is None:
            raise DeviceFault(f"port {self._context.port}: not connected to {self.where}")
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self.broken(error) from error
        self.sent += count
        return count

    def recv(self, size: int) -> bytes:
        """Return what came, b"" when nothing did; `open` tells whether more may come.

        Raises:
            DeviceFault: the connection broke.
        """
        if self._socket is None:
            return b""
        try:
            data = self._socket.recv(size)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.open = False
            raise self.broken(error) from error
        if not data:
            self.open = False
        return data

    def acked(self) -> int:
        """Return how many bytes of this connection the peer's TCP has; still known after it is gone. Never fails."""
        if self._socket is not None:
            try:
                info = tcp.info(self._socket)
            except OSError:
                return self._acked
            if info.acked is not None:
                self._acked = max(self._acked, min(info.acked, self.sent))
            if info.window is not None:
                self.window_bytes = max(self.window_bytes, info.window)
        return self._acked

    @property
    def far_buffer_bytes(self) -> int:
        """How many acknowledged bytes the peer's kernel may still lose."""
        return self.window_bytes or FAR_BUFFER_BYTES

    def broken(self, error: OSError) -> FabricError:
        """Say that the connection is gone, with what TCP knows about it before it is closed."""
        return DeviceFault(
            f"port {self._context.port}: connection to {self.where} broke: {error.strerror or error}",
            port=self._context.port,
            device=self.where,
            acked=self.acked(),
            errno=errno.errorcode.get(error.errno or 0, "?"),
        )

    # --- ending it

    def finish(self) -> None:
        """Say that nothing more will be sent. Raises DeviceFault."""
        assert self._socket is not None
        try:
            if not self._finished and self._gave_up():
                raise ConnectionResetError(errno.ECONNRESET, "closed by the printer too early")
            self._socket.shutdown(socket.SHUT_WR)
            self._finished = True
        except OSError as error:
            raise self.broken(error) from error

    def _gave_up(self) -> bool:
        """Whether the peer closed its side before it had all: then its end proves nothing."""
        assert self._socket is not None
        try:
            return not self.open or not self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False

    def await_acks(self, size: int, timeout_s: float, received: Callable[[bytes], None]) -> None:
        """Wait until the peer's TCP has `size` bytes; its window may be shut for long (paper), progress counts.

        Raises:
            WriteTimeout: nothing was acknowledged for `timeout_s`. DeviceFault: the connection broke.
        """
        wait, pause = self._context.wait, 0.0005
        acked, deadline = self.acked(), time.monotonic() + timeout_s
        while acked < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WriteTimeout(
                    f"port {self._context.port}: {self.where} acknowledged nothing for {timeout_s:g} s",
                    port=self._context.port,
                    acked=acked,
                )
            if not self.open:
                wait.pause(min(pause, left))
                self._raise_reset()
            elif wait.wait(self.fileno(), READ, min(pause, left)):
                self.take(received)
            pause = min(pause * 2, 0.05)
            before, acked = acked, self.acked()
            if acked > before:
                deadline = time.monotonic() + timeout_s

    def await_close(self, timeout_s: float, received: Callable[[bytes], None]) -> bool:
        """Wait for the peer's FIN; False when it does not come. A reset says that somebody did not read to the end."""
        deadline = time.monotonic() + timeout_s
        while self.open:
            # Looked at once more when the time is over: this process may have been stopped meanwhile.
            left = max(0.0, deadline - time.monotonic())
            if self._context.wait.wait(self.fileno(), READ, left):
                self.take(received)
            elif not left:
                return False
        return True

    def take(self, received: Callable[[bytes], None]) -> None:
        """Hand over what came. Raises DeviceFault."""
        data = self.recv(65536)
        if data:
            received(data)
        elif not self.open:
            self._raise_reset()

    def _raise_reset(self) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if self._socket is not None else 0
        if code:
            raise self.broken(OSError(code, os.strerror(code)))

    def reset(self) -> None:
        """Break it off, so that the kernel sends nothing more behind our back. Never fails."""
        if self._socket is not None:
            self.acked()
            tcp.reset_when_closed(self._socket)
            self.drop()

    def drop(self) -> None:
        """Close it. Never fails."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.open = False
