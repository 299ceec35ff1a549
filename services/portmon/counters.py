"""What a port has done since its port monitor started; written by the port's thread, read by anybody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from portmon.recorder import Recorder

_BACK_BYTES = 65536


@dataclass(slots=True)
class PortCounters:
    """Plain numbers, so that counting costs an addition. Seconds are monotonic differences."""

    finished_busy_s: float = 0.0
    busy_since: float | None = None  # monotonic; in a document since then
    in_documents: int = 0  # at once; more than one at `FILE:` alone
    written_bytes: int = 0
    read_bytes: int = 0
    lost_read_bytes: int = 0  # came back, and nobody read them in time
    opens: int = 0
    holds: int = 0  # handles given, for an opening or a take-over
    recorder: Recorder = field(default_factory=Recorder)  # and its last bytes
    documents: dict[str, int] = field(default_factory=lambda: {"complete": 0, "broken": 0, "aborted": 0})
    stalls_s: dict[str, float] = field(
        default_factory=lambda: {"peer_window": 0.0, "xoff": 0.0, "device": 0.0, "upstream": 0.0}
    )

    # Guards documents and when they began and ended between the threads of a port's openings.
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def busy_s(self) -> float:
        """Return the seconds with a document in progress, up to now."""
        since = self.busy_since
        return self.finished_busy_s + (time.monotonic() - since if since is not None else 0.0)

    def document_began(self, at: float) -> None:
        """Take note of a document that the device was made ready for at that time (monotonic)."""
        with self._lock:
            self.in_documents += 1
            if self.busy_since is None:
                self.busy_since = at

    def document_ended(self, outcome: str) -> None:
        """Count a document: complete, broken or aborted."""
        with self._lock:
            self.documents[outcome] += 1
            self.in_documents -= 1
            if self.busy_since is not None and not self.in_documents:
                self.finished_busy_s += time.monotonic() - self.busy_since
                self.busy_since = None


class BackChannel:
    """What the device sent and nobody read yet: the newest 64 KiB, so that a chatty device never blocks a document."""

    def __init__(self, counters: PortCounters) -> None:
        self._counters = counters
        self._data = bytearray()
        self.arrived: Callable[[], None] = lambda: None
        self._lock = threading.Lock()  # guards _data between the port's thread and readers

    def put(self, data: bytes) -> None:
        """Add bytes; the oldest go when there are too many."""
        with self._lock:
            self._data += data
            self._counters.read_bytes += len(data)
            self._drop_surplus()
        self.arrived()

    def _drop_surplus(self) -> None:
        surplus = len(self._data) - _BACK_BYTES
        if surplus > 0:
            del self._data[:surplus]
            self._counters.lost_read_bytes += surplus

    def give_back(self, data: bytes) -> None:
        """Put bytes back that were taken and reached nobody: they are the oldest again."""
        with self._lock:
            self._data[:0] = data
            self._drop_surplus()

    def take(self, size: int) -> bytes:
        """Return and forget at most `size` of the oldest bytes."""
        with self._lock:
            data = bytes(self._data[:size])
            del self._data[:size]
        return data
