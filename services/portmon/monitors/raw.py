"""Raw TCP port ("AppSocket", "JetDirect"): the document's bytes on port 9100, nothing around them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from portmon.document import FAR_BUFFER_BYTES, DocInfo, DocKey, Evidence
from portmon.monitor import OpenContext
from portmon.monitors._connected import ConnectedMonitor, ConnectedPort
from portmon.network_settings import NetworkSettings, where
from portmon.setting_fields import seconds, tcp_port
from portmon.tcp.link import TcpLink


class RawSettings(NetworkSettings):
    """Where the printer listens, and how long to wait for it (PORT_DATA with dwProtocol RAWTCP)."""

    port: int = tcp_port(9100)
    end_timeout_s: float = seconds(
        10.0,
        "End-of-document time-out",
        "How long to wait for the printer to close its side once it has every byte. 0: do not wait.",
        most=600,
        zero=True,
    )
    printer_buffer_bytes: int = Field(
        default=65536,
        ge=0,
        le=1 << 30,
        title="Printer's own memory",
        description="Bytes that the printer may have taken and not printed: uncertain when the connection breaks.",
        json_schema_extra={"unit": "bytes", "group": "Behaviour", "advanced": True},
    )
    connection: Literal["document", "kept"] = Field(
        default="document",
        title="Connection",
        description="document: one for each document, whose end the printer sees. "
        "kept: one for many documents; choose it before a terminal server.",
        json_schema_extra={
            "group": "Behaviour",
            "advanced": True,
            "labels": {"document": "One for each document", "kept": "Kept"},
        },
    )


class RawPort(ConnectedPort):
    """A port whose connection is made at StartDocPort: printers take one at a time, and others want their turn."""

    piece_bytes = 262144
    prompt = True
    runs_on = True  # many printers keep what they have when a connection ends

    def __init__(self, settings: RawSettings, context: OpenContext) -> None:
        link = TcpLink(context, settings.host, settings.port, settings.connect_timeout_s)
        super().__init__(link, settings, context)
        self._settings = settings
        self.far_buffer_bytes = FAR_BUFFER_BYTES + settings.printer_buffer_bytes

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        if not self._link.open:  # also a kept connection that the printer has closed
            self._link.connect()
        self.readable = True
        self._base = self._link.sent

    @override
    def write(self, data: memoryview) -> int:
        return self._link.send(data)

    @override
    def read(self, size: int) -> bytes:
        try:
            return self._link.recv(size)
        finally:
            self.readable = self._link.open

    @override
    def acked(self) -> int:
        acked = max(0, self._link.acked() - self._base)
        if self._link.window_bytes:
            self.far_buffer_bytes = self._link.far_buffer_bytes + self._settings.printer_buffer_bytes
        return acked

    @override
    def end_doc(self) -> Evidence:
        link, kept = self._link, self._settings.connection == "kept"
        if not link.connected:
            return Evidence.TCP_ACK
        try:
            link.check() if kept else link.finish()
            link.await_acks(link.sent, self.write_timeout_s, self._context.received)
            if kept:
                return Evidence.TCP_ACK
            patience = self._settings.end_timeout_s
            closed = link.await_close(patience, self._context.received)
        finally:
            self.readable = link.open
        self._let_go()
        silent = Evidence.TCP_NO_CLOSE if patience else Evidence.TCP_ACK
        return Evidence.TCP_CLOSE if closed else silent


class RawMonitor(ConnectedMonitor[RawSettings]):
    """Sends documents to a printer's TCP port, one connection for each unless told otherwise."""

    scheme = "raw"
    name = "Standard TCP/IP Port"
    description = "Raw TCP"
    readable = True
    settings = RawSettings
    form: ClassVar[dict[str, Any]] = {"revision": 2, "summary": "{host}:{port}"}

    @override
    def device(self, port: str, settings: RawSettings) -> str:
        return where(settings.host, settings.port)

    @override
    def open_port(self, port: str, settings: RawSettings, context: OpenContext) -> RawPort:
        return RawPort(settings, context)
