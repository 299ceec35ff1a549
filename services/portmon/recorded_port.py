"""Puts a flight recorder between a port and whoever drives it: every port of every monitor, third parties' too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from typing_extensions import override

from portmon.document import DocInfo, DocKey, Evidence
from portmon.facts import Fact
from portmon.monitor import OpenContext, Port, PortMonitor, PortSettings
from portmon.recorder import Recorder

T = TypeVar("T")


class RecordedMonitor(PortMonitor[PortSettings]):
    """A port monitor, as a session opens it, whose ports are recorded."""

    scheme = ""
    name = ""

    def __init__(self, monitor: PortMonitor[Any]) -> None:
        super().__init__(monitor.init)
        self._monitor = monitor

    @override
    def device(self, port: str, settings: PortSettings) -> str:
        return self._monitor.device(port, settings)

    @override
    def identity(self, port: str, settings: PortSettings) -> str:
        return self._monitor.identity(port, settings)

    @override
    def open_port(self, port: str, settings: PortSettings, context: OpenContext) -> Port:
        found = self._monitor.open_port(port, settings, context)
        return found if context.recorder is None else RecordedPort(found, context.recorder)


class _Beneath(Generic[T]):
    """An attribute of the port beneath, which may change it at any time."""

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, port: RecordedPort, _owner: type) -> T:
        found: T = getattr(port.inner, self._name)
        return found

    def __set__(self, port: RecordedPort, value: T) -> None:
        setattr(port.inner, self._name, value)


class RecordedPort(Port):
    """A port that notes its calls and hands all of them on."""

    resumable = _Beneath[bool]()
    keeps = _Beneath[bool]()
    one_way = _Beneath[bool]()
    readable = _Beneath[bool]()
    piece_bytes = _Beneath[int]()
    stall = _Beneath[str]()
    write_error_is_exact = _Beneath[bool]()
    withholds = _Beneath[bool]()
    lost = _Beneath[bool]()
    write_timeout_s = _Beneath[float]()
    far_buffer_bytes = _Beneath[int]()
    acks = _Beneath[Evidence]()
    runs_on = _Beneath[bool]()
    prompt = _Beneath[bool]()
    shows_restart = _Beneath[bool]()

    def __init__(self, inner: Port, recorder: Recorder) -> None:
        self.inner, self._recorder = inner, recorder
        self._document: DocKey | None = None
        self._stalled = False
        recorder.event("OpenPort", inner.signals())

    # --- what is noted

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        self._document = key
        self._event("StartDocPort")
        self.inner.start_doc(key, info, resume_offset)

    @override
    def write(self, data: memoryview) -> int:
        count = self.inner.write(data)
        if count:
            self._recorder.out(data[:count], self._document)
            self._stalled = False
        elif not self._stalled:
            self._stalled = True
            self._event(f"stalled: {self.inner.stall}")
        return count

    @override
    def read(self, size: int) -> bytes:
        data = self.inner.read(size)
        if data:
            self._recorder.came(data, self._document)
        return data

    @override
    def end_doc(self) -> Evidence:
        found = self.inner.end_doc()
        self._leave("EndDocPort")
        return found

    @override
    def abort_doc(self, keep: bool) -> bool | None:
        self._leave("broken off" if keep else "taken back")
        return self.inner.abort_doc(keep)

    @override
    def close(self) -> None:
        self._leave("ClosePort")
        self.inner.close()

    def _leave(self, event: str) -> None:
        self._event(event)
        self._document = None

    def _event(self, text: str) -> None:
        self._recorder.event(text, self.inner.signals(), self._document)

    # --- what is not

    @override
    def fileno(self) -> int | None:
        return self.inner.fileno()

    @override
    def close_before(self, closing: bytes) -> bytes:
        return self.inner.close_before(closing)

    @override
    def signals(self) -> tuple[str, ...]:
        return self.inner.signals()

    @override
    def control(self, code: int, data: bytes) -> bytes:
        return self.inner.control(code, data)

    @override
    def printer_data(self, name: str) -> bytes:
        return self.inner.printer_data(name)

    @override
    def maintain(self, what: str) -> None:
        self.inner.maintain(what)

    @override
    def paused(self) -> bool:
        return self.inner.paused()

    @override
    def acked(self) -> int:
        return self.inner.acked()

    @override
    def transmitted(self) -> int | None:
        return self.inner.transmitted()

    @override
    def facts(self) -> Mapping[str, Fact]:
        return self.inner.facts()

    @override
    def confirmed(self) -> int:
        return self.inner.confirmed()

    @override
    def look_after(self) -> float | None:
        return self.inner.look_after()

    @override
    def recover(self, key: DocKey, accepted: int, intent: int) -> int | None:
        return self.inner.recover(key, accepted, intent)
