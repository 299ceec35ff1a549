"""A device that other programs may have between documents: acquired by StartDocPort, let go at its document's end.

Windows' local monitor holds a serial line so. What was set about it before is put back each time. A device that was
not to be had is tried each second for as long as it is wanted, and kept for the document that waits for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from typing_extensions import override

from chassis.errors import (
    AccessDenied,
    DeviceNotConnected,
    DeviceOffline,
    FabricError,
    PortBusy,
    WrongState,
)
from portmon.document import DocInfo, DocKey, Evidence
from portmon.monitor import OpenContext, Port
from portmon.reports import OPENING, TRIED

_PRINTER_NOT_FOUND = 3012  # what StartDocPort says of a line that does not open
_REFUSED = (AccessDenied, DeviceNotConnected, DeviceOffline, PortBusy)
_EVERY_S = 1.0  # less up to a quarter
_WANTED_S = 30.0  # after the last refusal; spoolers ask again within 15 s
_KEPT_S = 5.0  # how long the device waits for the document it was acquired for


class PerDocument(Port):
    """A port around the one that `acquire` returns, while there is one. Between documents nothing is read."""

    resumable = True
    runs_on = True
    readable = True

    def __init__(self, acquire: Callable[[], Port], context: OpenContext, write_timeout_s: float) -> None:
        self._acquire, self._context, self.write_timeout_s = acquire, context, write_timeout_s
        self._name = context.port
        self._inner: Port | None = None
        self._ready: Port | None = None  # acquired between documents, for the next one
        self._wanted_until = self._at = 0.0  # monotonic; when to try next, or to let `_ready` go
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
        found, self._ready = self._ready, None
        try:
            found = found or self._acquire()
        except _REFUSED as error:
            self._want()
            why, device = error.message, error.metadata.get("device")
            raise DeviceOffline(why, win32=_PRINTER_NOT_FOUND, port=self._name, device=device) from error
        self._want_no_more()
        self._inner, self.lost = found, False
        self.piece_bytes, self.stall, self.runs_on = found.piece_bytes, found.stall, found.runs_on
        self.keeps = found.keeps
        self._device.start_doc(key, info, resume_offset)

    def _want(self) -> None:
        now = time.monotonic()
        self._wanted_until, self._at = now + _WANTED_S, now + _later_s()
        self._context.report(OPENING, [TRIED], _WANTED_S)

    def _want_no_more(self) -> None:
        if self._wanted_until:
            self._wanted_until = 0.0
            self._context.report(OPENING, [], 0.0)

    @override
    def look_after(self) -> float | None:
        now = time.monotonic()
        if self._inner is not None:
            return self._inner.look_after()
        if self._ready is not None and now >= self._at:
            self._drop_ready()
        if self._ready is None and now >= self._wanted_until:
            self._want_no_more()
            return None
        if self._ready is None and now >= self._at:
            self._try()
        return max(0.0, self._at - time.monotonic())

    def _try(self) -> None:
        try:
            self._ready = self._acquire()
        except _REFUSED:
            self._at = time.monotonic() + _later_s()
        except FabricError:  # something else is to be put right first
            self._want_no_more()
        else:
            self._at = time.monotonic() + _KEPT_S
            self._want_no_more()

    def _drop_ready(self) -> None:
        if self._ready is not None:
            self._ready.close()
            self._ready = None

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
        self._want_no_more()
        self._drop_ready()
        self._let_go()


def _later_s() -> float:
    return _EVERY_S * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, guards nothing
