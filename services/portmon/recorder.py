"""The flight recorder of one port: the last bytes both ways, with times and line signals; and the taps of who looks on.

It is written by the threads of the port's openings and costs one small copy a write: of a long piece its beginning and
its end are kept. Each says which document its bytes are of: `FILE:` has several on their way at once.
Annotations are made for who looks, not here.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from portmon.document import DocKey

RING_BYTES = 65536
# Of one piece so much is kept, half from its beginning and half from its end.
PIECE_BYTES = 4096
_MOMENT_BYTES = 64  # what a moment costs beside its bytes
_TAP_BYTES = 1 << 20


class Direction(IntEnum):
    """Which way bytes went; the numbers are the contract's."""

    OUT = 1
    IN = 2
    EVENT = 3


class Moment(NamedTuple):
    """Something that happened on the wire. `skipped` are bytes that went by before it and were not kept."""

    at_ns: int  # since the epoch
    direction: Direction
    data: bytes = b""
    text: str = ""  # of an event: "StartDocPort", "stalled"
    signals: tuple[str, ...] = ()
    document: DocKey | None = None
    skipped: int = 0


class Tap:
    """One who looks on: moments as they come, bounded; what does not fit is counted and dropped."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._moments: deque[Moment] = deque()
        self._size = self._skipped = 0
        self._lock = (
            threading.Lock()
        )  # guards all of the above between the port's thread and the one who looks

    def put(self, moment: Moment) -> None:
        """Add a moment."""
        with self._lock:
            if self._size > _TAP_BYTES:
                self._skipped += len(moment.data) + moment.skipped
                return
            if self._skipped:
                moment = moment._replace(skipped=moment.skipped + self._skipped)
                self._skipped = 0
            self._moments.append(moment)
            self._size += len(moment.data) + _MOMENT_BYTES
        self._wake()

    def take(self) -> list[Moment]:
        """Return and forget what has come."""
        with self._lock:
            found, self._moments = list(self._moments), deque()
            self._size = 0
        return found


class Recorder:
    """The last moments of one port, and its taps."""

    def __init__(self, ring_bytes: int = RING_BYTES) -> None:
        self._ring: deque[Moment] = deque()
        self._most, self._size = ring_bytes, 0
        self._lost = 0  # bytes of moments that have left the ring
        self.taps: tuple[Tap, ...] = ()
        self._lock = threading.Lock()  # guards all of the above but taps between the threads of the openings

    def out(self, data: memoryview, document: DocKey | None = None) -> None:
        """Note bytes that the driver took."""
        self._note(Direction.OUT, data, document)

    def came(self, data: bytes, document: DocKey | None = None) -> None:
        """Note bytes that the device sent."""
        self._note(Direction.IN, memoryview(data), document)

    def event(self, text: str, signals: tuple[str, ...] = (), document: DocKey | None = None) -> None:
        """Note a call or a line signal."""
        moment = Moment(time.time_ns(), Direction.EVENT, b"", text, signals, document)
        for tap in self.taps:
            tap.put(moment)
        with self._lock:
            self._add(moment)

    def _note(self, direction: Direction, data: memoryview, document: DocKey | None) -> None:
        now, size = time.time_ns(), len(data)
        if self.taps:
            whole = Moment(now, direction, bytes(data), document=document)
            for tap in self.taps:
                tap.put(whole)
        with self._lock:
            if size <= PIECE_BYTES:
                self._add(Moment(now, direction, bytes(data), document=document))
                return
            half = PIECE_BYTES // 2
            self._add(Moment(now, direction, bytes(data[:half]), document=document))
            skipped = size - 2 * half
            self._add(Moment(now, direction, bytes(data[-half:]), document=document, skipped=skipped))

    def _add(self, moment: Moment) -> None:
        self._ring.append(moment)
        self._size += len(moment.data) + _MOMENT_BYTES
        while self._size > self._most:
            oldest = self._ring.popleft()
            self._size -= len(oldest.data) + _MOMENT_BYTES
            self._lost += len(oldest.data) + oldest.skipped

    def recorded(self) -> list[Moment]:
        """Return what is kept of the past, oldest first; the first one says how much went before it."""
        while True:
            try:
                found, lost = list(self._ring), self._lost
            except RuntimeError:  # the port's thread has just added something
                continue
            if found and lost:
                found[0] = found[0]._replace(skipped=found[0].skipped + lost)
            return found

    def attach(self, tap: Tap) -> None:
        """Let somebody look on from now on."""
        self.taps = (*self.taps, tap)

    def detach(self, tap: Tap) -> None:
        """End that."""
        self.taps = tuple(one for one in self.taps if one is not tap)
