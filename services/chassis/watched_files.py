"""Files that others replace: certificates, tokens. Noticed by their stamps, without reading them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

# A handshake or call asks each time; the file system is asked at most so often.
_PAUSE_S = 0.5


class WatchedFiles:
    """Some files, and whether they changed since the last look. Mounted Secrets change by a symbolic link: followed."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._looked = float("-inf")
        self._stamps: tuple[tuple[int, int, int], ...] | None = None

    def changed(self) -> bool:
        """Say whether any file is another than at the last look; the first look says True."""
        now = time.monotonic()
        if now - self._looked < _PAUSE_S:
            return False
        self._looked = now
        stamps = tuple(_stamp(path) for path in self._paths)
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        return True


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)
