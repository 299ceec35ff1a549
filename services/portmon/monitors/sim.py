"""Simulated port: a device that is not there, as fast, as full and as faulty as its settings say.

For trying the fabric out and for measuring it where no device hangs. It knows no printer language; `printfabric-sim` has
printers that do.
"""

from __future__ import annotations

import os
import time
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field
from typing_extensions import override

from chassis.errors import DeviceNotConnected, DeviceOffline, WriteTimeout
from portmon.document import DocInfo, DocKey, Evidence
from portmon.monitor import OpenContext, Port, PortMonitor, PortSettings, drain, open_error, write_error


class SimSettings(PortSettings):
    """What the device is like."""

    bytes_per_second: int = Field(
        default=0,
        ge=0,
        le=10**10,
        title="Speed",
        description="What it prints in a second. 0: everything at once.",
        json_schema_extra={"unit": "B/s"},
    )
    buffer_bytes: int = Field(
        default=65536,
        ge=1,
        le=1 << 30,
        title="Buffer",
        description="What it takes ahead of printing.",
        json_schema_extra={"unit": "B"},
    )
    offline: bool = Field(default=False, title="Offline", description="It does not open.")
    stall_at: int = Field(
        default=0,
        ge=0,
        title="Stall at",
        description="Takes no byte beyond this one of a document. 0: never.",
    )
    break_at: int = Field(
        default=0,
        ge=0,
        title="Break at",
        description="Is unplugged at this byte of a document; plugged in again at the next opening. 0: never.",
    )
    record: bool = Field(
        default=False,
        title="Record",
        description="Keep all it takes in a file below the host's directory for file ports: sim/NAME.prn.",
    )


class SimPort(Port):
    """A buffer that runs empty as time passes. What it has taken it prints, whatever happens to the line."""

    resumable = keeps = True
    acks = Evidence.OUTPUT_QUEUE

    def __init__(self, settings: SimSettings, context: OpenContext, record: int | None) -> None:
        self._settings, self._context, self._record = settings, context, record
        self._fill = 0.0  # bytes taken and not printed yet, at `_then`
        self._then = time.monotonic()
        self._at = 0  # the document's next byte
        self._taken = 0  # bytes since start_doc
        self.write_timeout_s = settings.write_timeout_s

    def _waiting(self) -> int:
        """Return how many bytes are taken and not printed, now."""
        now = time.monotonic()
        speed = self._settings.bytes_per_second
        self._fill = max(0.0, self._fill - (now - self._then) * speed) if speed else 0.0
        self._then = now
        return -int(-self._fill)

    def _room(self) -> int:
        room = self._settings.buffer_bytes - self._waiting()
        for limit in (self._settings.stall_at, self._settings.break_at):
            if limit:
                room = min(room, limit - self._at)
        return max(0, room)

    @override
    def fileno(self) -> int | None:
        return None

    @override
    def paused(self) -> bool:
        return True  # only asked when it takes nothing, and there is no descriptor to wait for

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        self._at, self._taken = resume_offset, 0

    @override
    def write(self, data: memoryview) -> int:
        if self._settings.break_at and self._at >= self._settings.break_at:
            self.lost = True
            raise DeviceNotConnected(
                f"port {self._context.port}: the simulated device was unplugged", port=self._context.port
            )
        piece = data[: self._room()]
        if self._record is not None and piece:
            try:
                piece = piece[: os.write(self._record, piece)]
            except OSError as error:
                raise write_error(error, self._context.port, "the record") from error
        self._fill += len(piece)
        self._at += len(piece)
        self._taken += len(piece)
        return len(piece)

    @override
    def acked(self) -> int:
        return max(0, self._taken - self._waiting())

    @override
    def end_doc(self) -> Evidence:
        if not drain(self._context.wait, self._waiting, self.write_timeout_s):
            raise WriteTimeout(f"port {self._context.port}: the buffer does not run empty")
        return Evidence.OUTPUT_QUEUE

    @override
    def abort_doc(self, keep: bool) -> bool | None:
        return True

    @override
    def close(self) -> None:
        if self._record is not None:
            os.close(self._record)
            self._record = None


class SimMonitor(PortMonitor[SimSettings]):
    """Devices that are not there."""

    scheme = "sim"
    name = "Simulated Port"
    description = "A device that is not there, for trying things out"
    talks = False
    settings = SimSettings
    form: ClassVar[dict[str, object]] = {"revision": 1, "summary": "simulated", "actions": []}

    @override
    def claims(self, port: str) -> bool:
        return False  # nobody gets one who did not ask for it

    @override
    def device(self, port: str, settings: SimSettings) -> str:
        return "simulated"

    @override
    def identity(self, port: str, settings: SimSettings) -> str:
        return "simulated"

    @override
    def open_port(self, port: str, settings: SimSettings, context: OpenContext) -> SimPort:
        if settings.offline:
            raise DeviceOffline(f"port {port}: the simulated device is offline", port=port)
        return SimPort(settings, context, self._record(port) if settings.record else None)

    def _record(self, port: str) -> int:
        path = self.init.sandbox / "sim" / f"{quote(port, safe='')}.prn"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(path, flags, 0o640)
        except OSError as error:
            raise open_error(error, port, str(path)) from error
