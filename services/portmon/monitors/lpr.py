"""LPR port: a document as one job of a line printer daemon, RFC 1179. The daemon's last octet is the proof."""

from __future__ import annotations

import os
import tempfile
import time
from typing import IO, Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from chassis.errors import DeviceFault
from portmon.device_wait import READ, WRITE
from portmon.document import MOST_OFFSET, DocInfo, DocKey, Evidence
from portmon.lpd.dialogue import LpdDialogue, LpdJob
from portmon.monitor import OpenContext, write_error
from portmon.monitors._connected import ConnectedMonitor, ConnectedPort
from portmon.network_settings import NetworkSettings, where
from portmon.setting_fields import seconds, tcp_port
from portmon.tcp.link import TcpLink

_RFC_PORTS = tuple(range(721, 732))
_PIECE = 262144


class LprSettings(NetworkSettings):
    """Which queue of which daemon (PORT_DATA with dwProtocol LPR)."""

    port: int = tcp_port(515, "the daemon")
    queue: str = Field(
        min_length=1,
        max_length=127,
        pattern=r"^[^\s\x00-\x1f\x7f]+$",
        title="Queue",
        description="The queue's name at the daemon; many printers take any name, print servers only their own.",
        json_schema_extra={"group": "Printer", "placeholder": "lp"},
    )
    byte_counting: bool = Field(
        default=False,
        title="LPR byte counting",
        description="Never announce a size that is not counted: a document of unknown size is spooled a second time. "
        "Off: such a document ends with the connection.",
        json_schema_extra={"group": "Printer"},
    )
    control_file: Literal["first", "last"] = Field(
        default="first",
        title="Control file",
        description="first: daemons that print while they receive. last: daemons that start a job when they have it.",
        json_schema_extra={
            "group": "Behaviour",
            "advanced": True,
            "labels": {"first": "First", "last": "Last"},
        },
    )
    source_ports: Literal["any", "rfc1179"] = Field(
        default="any",
        title="Source ports",
        description="rfc1179: 721 to 731, which old daemons insist on; needs the right to use ports below 1024.",
        json_schema_extra={
            "group": "Behaviour",
            "advanced": True,
            "labels": {"any": "Any", "rfc1179": "721 to 731 (RFC 1179)"},
        },
    )
    answer_timeout_s: float = seconds(
        30.0, "Answer time-out", "How long the daemon may take for each of its answers.", most=3600
    )


class LprPort(ConnectedPort):
    """A port that makes one connection, and so one job of the daemon, for each document.

    Until the daemon's last octet nobody knows whether it prints what it has or throws it away, so all of a broken
    document is uncertain.
    """

    piece_bytes = _PIECE
    far_buffer_bytes = MOST_OFFSET

    def __init__(self, settings: LprSettings, context: OpenContext, host: str) -> None:
        ports = _RFC_PORTS if settings.source_ports == "rfc1179" else ()
        link = TcpLink(context, settings.host, settings.port, settings.connect_timeout_s, ports)
        super().__init__(link, settings, context)
        self._settings = settings
        self._daemon = LpdDialogue(context, self._link, settings.queue, host, settings.answer_timeout_s)
        self._job = LpdJob()
        self._size: int | None = None  # as announced; 0: ends with the connection; None: not announced yet
        self._taken = 0  # bytes of the document
        self._spool: IO[bytes] | None = None  # of a document that is counted first
        self._spooled_sent = 0
        self._ended = False  # what has to follow the document has been sent

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        self._job = LpdJob(info.job_number, info.user, info.document_name)
        self._size, self._base, self._taken, self._ended = None, 0, 0, False
        size = None if info.size_bytes is None else info.size_bytes - resume_offset
        if size or not self._settings.byte_counting:
            self._announce(size or 0)
        else:
            self._spool, self._spooled_sent = tempfile.TemporaryFile(buffering=0), 0  # noqa: SIM115 (until the end)
            self.withholds = True

    def _announce(self, size: int) -> None:
        first = self._settings.control_file == "first" or not size
        try:
            self._link.connect()
            self._daemon.begin(self._job, size, control_first=first)
        except BaseException:
            self._link.reset()
            raise
        self._base, self._size, self.readable, self.withholds = self._link.sent, size, True, False

    @override
    def write(self, data: memoryview) -> int:
        if self._spool is not None:
            count = self._write_spool(data)
        elif self._size and self._taken + len(data) > self._size:
            text = (
                f"port {self._context.port}: the document is longer than announced; switch byte counting on"
            )
            raise DeviceFault(text, port=self._context.port, announced=self._size)
        else:
            count = self._link.send(data)
        self._taken += count
        return count

    def _write_spool(self, data: memoryview) -> int:
        assert self._spool is not None
        try:
            return self._spool.write(data)
        except OSError as error:
            raise write_error(error, self._context.port, tempfile.gettempdir()) from error

    @override
    def read(self, size: int) -> bytes:
        """Take what the daemon says in the middle of a document, which can only be a refusal."""
        try:
            self._daemon.listen()
        finally:
            self.readable = self._link.open
        if self._daemon.objected:
            raise self._daemon.refused()
        return b""

    @override
    def acked(self) -> int:
        return 0 if self._size is None else max(0, min(self._link.acked() - self._base, self._taken))

    @override
    def transmitted(self) -> int | None:
        left = super().transmitted()
        return None if left is None or self._size is None else min(left, self._taken)

    @override
    def end_doc(self) -> Evidence:
        """Send what has to follow, and wait for the daemon's word; may be called again after a time-out."""
        if self._spool is not None:
            self._send_spool()
        if self._size and self._taken != self._size:
            raise DeviceFault(f"port {self._context.port}: the document is shorter than announced")
        if not self._ended:
            if not self._size:
                self._link.finish()
            elif not self._daemon.push(memoryview(b"\0"), self.write_timeout_s):
                raise self._daemon.too_slow("took nothing", self.write_timeout_s, self.acked())
            self._ended = True
        # What comes meanwhile is the daemon's word about the document, early or late.
        if not self._daemon.spoke:
            self._link.await_acks(self._link.sent, self.write_timeout_s, self._daemon.hear)
        return self._await_word()

    def _await_word(self) -> Evidence:
        spoke = self._daemon.spoke
        answer = self._daemon.answer()
        if answer is None:
            raise self._daemon.too_slow(
                "gave no word about the document", self._settings.answer_timeout_s, self.acked()
            )
        silent = bool(answer) and not spoke and not self._daemon.spoke
        if answer and (self._size or not silent):
            raise self._daemon.refused(answer)
        if self._settings.control_file == "last" and self._size:
            self._daemon.control_file(self._job)
        self._let_go()
        return Evidence.TCP_CLOSE if silent else Evidence.LPD

    def _send_spool(self) -> None:
        """Send the document that has been counted; goes on where a time-out stopped it."""
        assert self._spool is not None
        if self._size is None:
            self._announce(self._taken)
        deadline = time.monotonic() + self.write_timeout_s
        while piece := os.pread(self._spool.fileno(), _PIECE, self._spooled_sent):
            count = self._link.send(piece)
            self._spooled_sent += count
            if count:
                deadline = time.monotonic() + self.write_timeout_s
            elif time.monotonic() >= deadline:
                raise self._daemon.too_slow("took nothing", self.write_timeout_s, self.acked())
            elif self._context.wait.wait(self.fileno(), READ | WRITE, 0.1) & READ:
                self.read(0)
        self._forget_spool()

    def _forget_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool, self.withholds = None, False

    @override
    def abort_doc(self, keep: bool) -> bool:
        self._forget_spool()
        return super().abort_doc(keep)

    @override
    def _let_go(self) -> None:
        self._forget_spool()
        super()._let_go()


class LprMonitor(ConnectedMonitor[LprSettings]):
    """Sends documents to a queue of a line printer daemon."""

    scheme = "lpr"
    name = "Standard TCP/IP Port"
    description = "LPR"
    settings = LprSettings
    form: ClassVar[dict[str, Any]] = {"summary": "{queue} at {host}"}

    @override
    def claims(self, port: str) -> bool:
        return False  # Windows' name alone means RAW, its default protocol

    @override
    def device(self, port: str, settings: LprSettings) -> str:
        return f"{where(settings.host, settings.port)}/{settings.queue}"

    @override
    def open_port(self, port: str, settings: LprSettings, context: OpenContext) -> LprPort:
        return LprPort(settings, context, self.init.host)
