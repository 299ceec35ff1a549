"""A name in the file system that one running simulator has for itself."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO


class Claim:
    """An exclusive lock on a file made for it. The kernel ends it with the process, however that ends; the file may stay.

    Raises:
        FileExistsError: a running simulator has it.
    """

    def __init__(self, lock: Path, what: Path) -> None:
        self._lock = lock
        self.left_over = lock.exists()  # by a simulator that was killed
        self._file = self._taken(what)

    def _taken(self, what: Path) -> IO[str]:
        while True:
            file = self._lock.open("a", encoding="utf-8")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.close()
                raise FileExistsError(f"{what} is in use by a running simulator") from error
            if os.fstat(file.fileno()).st_nlink:
                return file
            file.close()  # whoever had it has just removed it

    def release(self) -> None:
        """Let go of it. Harmless twice."""
        if not self._file.closed:
            self._lock.unlink(missing_ok=True)
            self._file.close()
