"""Room on the spool's volume: the reserve that is kept free, and which segment still holds a live document."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from chassis.errors import SpoolFull

_MOST_BYTES = 64 * 1024 * 1024
_LEAST_BYTES = 1024 * 1024
_SHARE = 20  # one part in twenty of a small volume


class Reserve:
    """The bytes of a volume that documents may not take, so that what was accepted can always be ended."""

    def __init__(self, directory: Path, reserve_bytes: int | None = None) -> None:
        self._directory = directory
        if reserve_bytes is None:
            stat = os.statvfs(directory)
            reserve_bytes = min(_MOST_BYTES, max(stat.f_blocks * stat.f_frsize // _SHARE, _LEAST_BYTES))
        self.reserve_bytes = reserve_bytes

    def free_bytes(self) -> int:
        """Return what is free on the volume for a process without privileges."""
        stat = os.statvfs(self._directory)
        return stat.f_bavail * stat.f_frsize

    def check(self, wanted_bytes: int) -> None:
        """Raise SpoolFull if `wanted_bytes` more would touch the reserve."""
        free = self.free_bytes()
        if free - wanted_bytes < self.reserve_bytes:
            raise self.full(wanted_bytes, free)

    def full(self, wanted_bytes: int, free: int | None = None) -> SpoolFull:
        """Return the error that says so, with the figures."""
        free = self.free_bytes() if free is None else free
        return SpoolFull(
            f"the spool's volume is full: {free} bytes free, {self.reserve_bytes} of them kept in reserve",
            directory=self._directory,
            free_bytes=free,
            reserve_bytes=self.reserve_bytes,
            wanted_bytes=wanted_bytes,
        )


class LiveBytes:
    """Counts, for each segment, the bytes of documents that are still needed. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _live
        self._live: dict[int, int] = {}

    def add(self, segment: int, count: int) -> None:
        """Count `count` more bytes in `segment`."""
        with self._lock:
            self._live[segment] = self._live.get(segment, 0) + count

    def take(self, segment: int, count: int) -> bool:
        """Count `count` bytes less. Return whether nothing in `segment` is needed any more."""
        with self._lock:
            left = self._live.get(segment, 0) - count
            if left > 0:
                self._live[segment] = left
                return False
            self._live.pop(segment, None)
            return True

    def forget(self, segment: int) -> None:
        """Count nothing in `segment` any more."""
        with self._lock:
            self._live.pop(segment, None)

    def is_live(self, segment: int) -> bool:
        """Return whether a document in `segment` is needed."""
        with self._lock:
            return segment in self._live

    def total(self) -> int:
        """Return the bytes needed in all segments."""
        with self._lock:
            return sum(self._live.values())
