"""Raw TCP port ("AppSocket", "JetDirect"): the document's bytes on port 9100, nothing around them."""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import Literal

from pydantic import Field
from typing_extensions import override

from chassis.errors import (
    ConnectionRefused,
    DeviceFault,
    DeviceNotConnected,
    DeviceOffline,
    FabricError,
    WriteTimeout,
)
from portmon import tcp
from portmon.addresses import Addresses
from portmon.device_wait import READ, WRITE
from portmon.document import FAR_BUFFER_BYTES, DocInfo, DocKey, Evidence
from portmon.monitor import OpenContext, Port, PortMonitor, PortSettings


class RawSettings(PortSettings):
    """Where the printer listens, and how long to wait for it."""

    host: str = Field(
        min_length=1,
        max_length=253,
        pattern=r"^[^\s,/\\]+$",
        title="Host",
        description="Name or address of the printer.",
    )
    port: int = Field(
        default=9100, ge=1, le=65535, title="TCP port", description="Where the printer listens."
    )
    connect_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=600,
        title="Connect time-out",
        description="How long to wait for the printer to answer.",
        json_schema_extra={"unit": "s"},
    )
    end_timeout_s: float = Field(
        default=10.0,
        ge=0,
        le=600,
        title="End-of-document time-out",
        description="How long to wait for the printer to close its side once it has every byte. 0: do not wait.",
        json_schema_extra={"unit": "s"},
    )
    printer_buffer_bytes: int = Field(
        default=65536,
        ge=0,
        le=1 << 30,
        title="Printer's own memory",
        description="Bytes that the printer may have taken and not printed: uncertain when the connection breaks.",
        json_schema_extra={"unit": "bytes"},
    )
    connection: Literal["document", "kept"] = Field(
        default="document",
        title="Connection",
        description="document: one for each document, whose end the printer sees. kept: one for many documents.",
    )


class RawPort(Port):
    """A port whose connection is made at StartDocPort: printers take one at a time, and others want their turn."""

    piece_bytes = 262144
    stall = "peer_window"

    def __init__(self, settings: RawSettings, context: OpenContext) -> None:
        self._settings = settings
        self._context = context
        self._where = f"{settings.host}:{settings.port}"
        self._socket: socket.socket | None = None
        self._sent = 0  # bytes given to this connection
        self._base = 0  # … before the present document
        self._acked = 0  # of the present document; kept when the connection is gone
        self._addresses = Addresses(settings.host, settings.port, context)
        self.readable = False
        self.write_timeout_s = settings.write_timeout_s
        self.far_buffer_bytes = FAR_BUFFER_BYTES + settings.printer_buffer_bytes
        self._window = 0

    @override
    def fileno(self) -> int | None:
        return None if self._socket is None else self._socket.fileno()

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        if not self.readable:
            self._drop()  # a kept connection that the printer has closed
        if self._socket is None:
            self._socket = self._connect()
            self._sent = 0
            self.readable = True
        self._base, self._acked = self._sent, 0

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + self._settings.connect_timeout_s
        failure: FabricError | None = None
        for family, address in self._addresses.find(deadline):
            connection = socket.socket(
                family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )
            try:
                tcp.prepare(connection)
                code = connection.connect_ex(address)
                if code == errno.EINPROGRESS:
                    code = self._await_connection(connection, deadline)
                if code == 0:
                    return connection
                failure = self._connect_error(code)
            except BaseException:
                connection.close()
                raise
            connection.close()
        raise failure or DeviceNotConnected(f"port {self._context.port}: {self._where} has no address")

    def _await_connection(self, connection: socket.socket, deadline: float) -> int:
        while not self._context.wait.wait(connection.fileno(), WRITE, deadline - time.monotonic()):
            if time.monotonic() >= deadline:
                return errno.ETIMEDOUT
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _connect_error(self, code: int) -> FabricError:
        port, where = self._context.port, self._where
        if code == errno.ECONNREFUSED:
            return ConnectionRefused(f"port {port}: {where} refused the connection", port=port, device=where)
        if code == errno.ETIMEDOUT:
            return DeviceOffline(f"port {port}: {where} does not answer", port=port, device=where)
        return DeviceNotConnected(
            f"port {port}: no way to {where}: {os.strerror(code)}", port=port, device=where
        )

    @override
    def write(self, data: memoryview) -> int:
        if self._socket is None:
            raise DeviceFault(f"port {self._context.port}: not connected to {self._where}")
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._broken(error) from error
        self._sent += count
        return count

    @override
    def read(self, size: int) -> bytes:
        if self._socket is None:
            return b""
        try:
            data = self._socket.recv(size)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.readable = False
            raise self._broken(error) from error
        if not data:
            self.readable = False
        return data

    @override
    def acked(self) -> int:
        if self._socket is not None:
            try:
                info = tcp.info(self._socket)
            except OSError:
                return self._acked
            if info.acked is not None:
                self._acked = max(self._acked, min(info.acked, self._sent) - self._base)
            if info.window is not None:
                self._window = max(self._window, info.window)
                window = self._window or FAR_BUFFER_BYTES
                self.far_buffer_bytes = window + self._settings.printer_buffer_bytes
        return self._acked

    def _broken(self, error: OSError) -> FabricError:
        """Say that the connection is gone, with what TCP knows about it before it is closed."""
        acked = self.acked()
        return DeviceFault(
            f"port {self._context.port}: connection to {self._where} broke: {error.strerror or error}",
            port=self._context.port,
            device=self._where,
            acked=acked,
            errno=errno.errorcode.get(error.errno or 0, "?"),
        )

    @override
    def end_doc(self) -> Evidence:
        connection = self._socket
        if connection is None:
            return Evidence.TCP_ACK
        kept = self._settings.connection == "kept"
        try:
            if not kept:
                connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise self._broken(error) from error
        self._await_acks(connection, self._sent - self._base)
        if kept:
            return Evidence.TCP_ACK
        evidence = Evidence.TCP_CLOSE if self._await_close(connection) else Evidence.TCP_ACK
        self._drop()
        return evidence

    def _await_acks(self, connection: socket.socket, size: int) -> None:
        """Wait until the peer's TCP has every byte; its window may be shut for long (paper), progress counts."""
        wait, pause = self._context.wait, 0.0005
        acked, deadline = self.acked(), time.monotonic() + self.write_timeout_s
        while acked < size:
            now = time.monotonic()
            if now >= deadline:
                raise WriteTimeout(
                    f"port {self._context.port}: {self._where} acknowledged nothing for {self.write_timeout_s:g} s",
                    port=self._context.port,
                    acked=acked,
                )
            if not self.readable:
                wait.pause(min(pause, deadline - now))
                self._raise_reset(connection)
            elif wait.wait(connection.fileno(), READ, min(pause, deadline - now)):
                self._take(connection)
            pause = min(pause * 2, 0.05)
            before, acked = acked, self.acked()
            if acked > before:
                deadline = time.monotonic() + self.write_timeout_s

    def _await_close(self, connection: socket.socket) -> bool:
        """Wait for the peer's FIN. A reset instead means that somebody did not read to the end."""
        deadline = time.monotonic() + self._settings.end_timeout_s
        while self.readable:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._context.wait.wait(connection.fileno(), READ, left):
                self._take(connection)
        return True

    def _take(self, connection: socket.socket) -> None:
        data = self.read(65536)
        if data:
            self._context.received(data)
        elif not self.readable:
            self._raise_reset(connection)

    def _raise_reset(self, connection: socket.socket) -> None:
        code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise self._broken(OSError(code, os.strerror(code)))

    @override
    def abort_doc(self, keep: bool) -> bool:
        if self._socket is not None:
            self.acked()
            tcp.reset_when_closed(self._socket)
            self._drop()
        return False

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.readable = False

    @override
    def close(self) -> None:
        self._drop()


class RawMonitor(PortMonitor[RawSettings]):
    """Sends documents to a printer's TCP port, one connection for each unless told otherwise."""

    scheme = "raw"
    name = "Standard TCP/IP Port"
    description = "Raw TCP, port 9100"
    readable = True
    net_attached = True
    settings = RawSettings

    @override
    def device(self, port: str, settings: RawSettings) -> str:
        return f"{settings.host}:{settings.port}"

    @override
    def identity(self, port: str, settings: RawSettings) -> str:
        return self.device(port, settings)

    @override
    def open_port(self, port: str, settings: RawSettings, context: OpenContext) -> RawPort:
        return RawPort(settings, context)
