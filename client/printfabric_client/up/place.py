"""The directory in which a fabric on one machine lives: its lock, its settings, its data, its paper, its logs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from printfabric_client.address import ADDRESS_FILE
from printfabric_client.errors import Refused

_LOG_BYTES = 5_000_000


class Place:
    """A state directory. Only its owner may look in: documents lie in it."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Make the directory and keep others out while the block runs.

        Raises:
            Refused: a fabric runs here already.
            OSError: the directory cannot be made or written.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.root / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                pid = lock.read().strip()
                raise Refused(
                    f"a fabric already runs in {self.root}" + (f" (process {pid})" if pid else "")
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                (self.root / ADDRESS_FILE).unlink(missing_ok=True)
                lock.truncate(0)

    def data(self, part: str) -> Path:
        """Return where a part keeps its data, made."""
        return self._made(self.root / part)

    def settings(self, part: str) -> Path:
        """Return the file of a part's settings."""
        return self._made(self.root / "settings") / f"{part}.toml"

    def ready_file(self, part: str) -> Path:
        """Return the file a part writes when it serves."""
        return self._made(self.root / "run") / f"{part}.json"

    def log(self, part: str) -> Path:
        """Return a part's log; a long one is put aside first."""
        file = self._made(self.root / "log") / f"{part}.log"
        if file.exists() and file.stat().st_size > _LOG_BYTES:
            file.replace(file.with_suffix(".log.1"))
        return file

    def new_paper(self) -> Path:
        """Return a fresh folder for what the simulated printers print; `paper/latest` leads to it."""
        paper = self._made(self.root / "paper")
        name = datetime.now(tz=UTC).astimezone().strftime("%Y-%m-%d_%H%M%S_%f")[:-3]
        fresh = self._made(paper / name)
        link = paper / "latest"
        with contextlib.suppress(OSError):  # a file system without links has no shortcut
            link.unlink(missing_ok=True)
            link.symlink_to(name)
        return fresh

    def remember(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a small JSON document, whole or not at all."""
        file = self.root / name
        fresh = file.with_name(f"{name}.new")
        fresh.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
        fresh.replace(file)

    def remembered(self, name: str) -> dict[str, Any]:
        """Return a small JSON document; empty when there is none or it is broken."""
        try:
            found = json.loads((self.root / name).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @staticmethod
    def _made(directory: Path) -> Path:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return directory
