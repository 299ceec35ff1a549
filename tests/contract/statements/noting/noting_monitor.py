"""A combined monitor that notes each call it gets, and a port monitor that cannot be read. Tests install them on a host.

`NOTES` in the environment names the file: a line for each call, in JSON.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field
from typing_extensions import override

from chassis.errors import AccessDenied, DeviceNotConnected, FabricError, PortBusy
from portmon.document import DocInfo, DocKey, Evidence
from portmon.language import Language, Word, Wrapped
from portmon.monitor import OpenContext, Port, PortMonitor, PortSettings
from portmon.reports import Report

FAILURES: dict[str, type[FabricError]] = {"5": AccessDenied, "170": PortBusy, "1167": DeviceNotConnected}
DOCUMENT_END = b"<end>"


def note(call: str, **facts: Any) -> None:
    """Write a call down."""
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(json.dumps({"call": call, **facts}) + "\n")


class NotingSettings(PortSettings):
    """What a port of it shall do wrong."""

    fails: str = Field(default="", title="Fails", description="The code of OpenPort's failure, or nothing.")


class NotingPort(Port):
    """Takes everything at once, and answers what ends a document."""

    readable = True

    def __init__(self, name: str) -> None:
        self._name = name
        self._answers = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._taken = 0

    @override
    def fileno(self) -> int | None:
        return self._answers

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        self._taken = 0
        note("StartDocPort", port=self._name)

    @override
    def write(self, data: memoryview) -> int:
        note("WritePort", port=self._name, text=bytes(data).decode())
        self._taken += len(data)
        if bytes(data).endswith(DOCUMENT_END):
            os.eventfd_write(self._answers, 1)
        return len(data)

    @override
    def read(self, size: int) -> bytes:
        try:
            os.eventfd_read(self._answers)
        except BlockingIOError:
            return b""
        note("ReadPort", port=self._name)
        return b"out"

    @override
    def acked(self) -> int:
        return self._taken

    @override
    def end_doc(self) -> Evidence:
        note("EndDocPort", port=self._name)
        return Evidence.DEVICE_WRITE

    @override
    def abort_doc(self, keep: bool) -> bool | None:
        return True

    @override
    def close(self) -> None:
        note("ClosePort", port=self._name)
        os.close(self._answers)


class NotingMonitor(PortMonitor[NotingSettings]):
    """The port monitor of the pair."""

    scheme = "noting"
    name = "Noting Port"
    readable = True
    settings = NotingSettings

    @override
    def device(self, port: str, settings: NotingSettings) -> str:
        return f"notes of {port}"

    @override
    def open_port(self, port: str, settings: NotingSettings, context: OpenContext) -> NotingPort:
        note("OpenPort", port=port)
        if settings.fails:
            raise FAILURES[settings.fails](f"port {port}: told to fail", port=port)
        return NotingPort(port)


class MuteMonitor(NotingMonitor):
    """A port monitor without ReadPort."""

    scheme = "mute"
    name = "Mute Port"
    readable = False


class NotingLanguage(Language):
    """The language monitor of the pair, by the same name."""

    name: ClassVar[str] = "Noting Port"
    evidence: ClassVar[Evidence] = Evidence.PJL

    @override
    def begin(self, document: Wrapped, first: bytes) -> bytes:
        self.word = Word.NONE
        note("begin", printer=self.opening.printer, functions=sorted(self.opening.functions))
        return f"<{self.opening.printer}>".encode()

    @override
    def finish(self) -> bytes:
        return DOCUMENT_END

    @override
    def hear(self, data: bytes) -> bool:
        self.word = Word.CONFIRMED
        return True

    @override
    def reports(self) -> list[Report]:
        return []
