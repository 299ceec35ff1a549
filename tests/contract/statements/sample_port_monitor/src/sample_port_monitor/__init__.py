"""Prints to a Unix socket: one connection for each document. A sample of a port monitor from another distribution."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field
from typing_extensions import override

from chassis.errors import DeviceFault, InvalidArgument
from portmon.device_wait import READ
from portmon.document import DocInfo, DocKey, Evidence
from portmon.monitor import (
    Access,
    MonitorInit,
    OpenContext,
    Port,
    PortMonitor,
    PortSettings,
    Power,
    open_error,
    write_error,
)


class UnixSettings(PortSettings):
    """Where the printer listens."""

    path: str = Field(
        min_length=1, max_length=100, pattern="^/", title="Socket", description="Path of the socket."
    )


class UnixPort(Port):
    """A socket that is connected while a document is printed."""

    def __init__(self, settings: UnixSettings, context: OpenContext) -> None:
        self._path, self._context = settings.path, context
        self.write_timeout_s = settings.write_timeout_s
        self._socket: socket.socket | None = None
        self._written = self._proven = 0

    @override
    def fileno(self) -> int | None:
        return None if self._socket is None else self._socket.fileno()

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            raise open_error(error, self._context.port, self._path) from error
        connection.setblocking(False)
        self._socket, self._written, self._proven = connection, 0, 0

    @override
    def write(self, data: memoryview) -> int:
        assert self._socket is not None
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise write_error(error, self._context.port, self._path) from error
        self._written += count
        return count

    @override
    def acked(self) -> int:
        return self._proven

    @override
    def end_doc(self) -> Evidence:
        """The printer closes its side when it has read everything: then, and only then, it has."""
        assert self._socket is not None
        self._socket.shutdown(socket.SHUT_WR)
        if not self._context.wait.until_ready(self._socket.fileno(), READ, self.write_timeout_s):
            raise DeviceFault(
                f"port {self._context.port}: {self._path} does not end", port=self._context.port
            )
        try:
            self._socket.recv(
                1
            )  # the end of what it says; an error if it has closed without reading everything
        except OSError as error:
            raise write_error(error, self._context.port, self._path) from error
        self._proven = self._written
        self._drop()
        return Evidence.TCP_CLOSE

    @override
    def abort_doc(self, keep: bool) -> bool | None:
        self._drop()
        return False

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @override
    def close(self) -> None:
        self._drop()


class UnixMonitor(PortMonitor[UnixSettings]):
    """The monitor: its name, its settings, how its ports are opened, and what it has beside them."""

    scheme = "unix"
    name = "Unix Socket Port"
    description = "Unix socket"
    settings = UnixSettings
    commands: ClassVar = {
        "GetLocation": Access.ANYBODY,
        "SetLocation": Access.ADMINISTER,
        "GetHistory": Access.ANYBODY,
    }

    def __init__(self, init: MonitorInit) -> None:
        super().__init__(init)
        self._heard: deque[str] = deque(maxlen=100)
        self._starts = init.own.get("Starts", 0) + 1
        init.own.set("Starts", self._starts)

    @override
    def device(self, port: str, settings: UnixSettings) -> str:
        return settings.path

    @override
    def open_port(self, port: str, settings: UnixSettings, context: OpenContext) -> UnixPort:
        return UnixPort(settings, context)

    # What the monitor has beside its ports: all of it optional.

    @override
    def xcv_data_port(self, name: str, port: str, value: Any) -> Any:
        match name:
            case "GetLocation":
                return self.init.own.get("Location", "")
            case "SetLocation":
                if not isinstance(value, str):
                    raise InvalidArgument("a location is a text")
                self.init.own.set("Location", value)
                return None
            case _:
                return {
                    "heard": list(self._heard),
                    "starts": self._starts,
                    "ended": self.init.own.get("Ended", 0),
                }

    @override
    def notify_used_ports(self, ports: Sequence[str]) -> None:
        self._heard.append(f"used: {', '.join(ports)}")

    @override
    def notify_unused_ports(self, ports: Sequence[str]) -> None:
        self._heard.append(f"unused: {', '.join(ports)}")

    @override
    def power_event(self, event: Power) -> None:
        self._heard.append(event.value)

    @override
    def shutdown(self) -> None:
        self.init.own.set("Ended", self.init.own.get("Ended", 0) + 1)
