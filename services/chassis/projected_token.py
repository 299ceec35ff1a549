"""A token in a file that others renew, as Kubernetes does with a projected one."""

from __future__ import annotations

from pathlib import Path

from chassis import logs
from chassis.watched_files import WatchedFiles

log = logs.get(__name__)


class ProjectedToken:
    """The newest token of a file; empty while there has been none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = WatchedFiles([path])
        self._value = ""

    def value(self) -> str:
        """Return it, read again if the file has changed."""
        if self._files.changed():
            try:
                self._value = self._path.read_text(encoding="ascii").strip()
            except (OSError, UnicodeDecodeError) as error:
                log.warning("token cannot be read, the old one stays", file=str(self._path), error=str(error))
        return self._value
