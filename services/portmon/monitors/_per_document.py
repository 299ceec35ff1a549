"""A device that other programs may have between documents: acquired by StartDocPort, let go at its document's end.

Windows' local monitor holds a serial line so. What was set about it before is put back each time.
"""

from __future__ import annotations

from collections.abc import Callable

from typing_extensions import override

from chassis.errors import AccessDenied, DeviceNotConnected, DeviceOffline, PortBusy, WrongState
from portmon.document import DocInfo, DocKey, Evidence
from portmon.monitor import Port

_PRINTER_NOT_FOUND = 3012  # what StartDocPort says of a line that does not open


class PerDocument(Port):
    """A port around the one that `acquire` returns, while there is one. Between documents nothing is read."""

    resumable = True
    runs_on = True
    readable = True

    def __init__(self, acquire: Callable[[], Port], port: str, write_timeout_s: float) -> None:
        self._acquire, self._name, self.write_timeout_s = acquire, port, write_timeout_s
        self._inner: Port | None = None
        self._acked = 0  # of the last document, once its device is let go

    @property
    def _device(self) -> Port:
        if self._inner is None:
            raise WrongState(f"port {self._name} is between documents, and its line is not open", win32=6)
        self._inner.write_timeout_s = self.write_timeout_s  # SetPortTimeOuts may come at any time
        return self._inner

    @override
    def fileno(self) -> int | None:
        return None if self._inner is None else self._inner.fileno()

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        try:
            found = self._acquire()
        except (AccessDenied, DeviceNotConnected, DeviceOffline, PortBusy) as error:
            why, device = error.message, error.metadata.get("device")
            raise DeviceOffline(why, win32=_PRINTER_NOT_FOUND, port=self._name, device=device) from error
        self._inner, self.lost = found, False
        self.piece_bytes, self.stall, self.runs_on = found.piece_bytes, found.stall, found.runs_on
        self.keeps = found.keeps
        self._device.start_doc(key, info, resume_offset)

    @override
    def write(self, data: memoryview) -> int:
        return self._device.write(data)

    @override
    def read(self, size: int) -> bytes:
        return b"" if self._inner is None else self._inner.read(size)

    @override
    def signals(self) -> tuple[str, ...]:
        return () if self._inner is None else self._inner.signals()

    @override
    def paused(self) -> bool:
        return self._inner is not None and self._inner.paused()

    @override
    def acked(self) -> int:
        if self._inner is None:
            return self._acked
        acked = self._inner.acked()
        self.far_buffer_bytes = self._inner.far_buffer_bytes
        return acked

    @override
    def end_doc(self) -> Evidence:
        evidence = self._device.end_doc()
        self._let_go()
        return evidence

    @override
    def abort_doc(self, keep: bool) -> bool | None:
        exact = self._device.abort_doc(keep)
        self.far_buffer_bytes = self._device.far_buffer_bytes
        self._let_go()
        return exact

    def _let_go(self) -> None:
        if self._inner is not None:
            self._acked = self._inner.acked()
            self._inner.close()
            self._inner = None

    @override
    def close(self) -> None:
        self._let_go()
