"""Files that are replaced whole: whoever reads one finds what was before, or what is now, and nothing between."""

from __future__ import annotations

import os
from pathlib import Path

from portmon.journal.file import sync_dir


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside, fsync it, rename it; make its folder when there is none. Raises OSError: nothing changed."""
    beside = path.with_name(path.name + ".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    sync_dir(path.parent)
