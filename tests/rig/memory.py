"""Where files cost no disk: for tests of what a kill leaves, which the kernel keeps; a power cut is another matter."""

from __future__ import annotations

import os
from pathlib import Path


def memory_folder() -> Path | None:
    """Return a folder in memory, where there is one that can be written to; else None, as `tempfile` takes it."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() and os.access(shared, os.W_OK | os.X_OK) else None
