"""What a journal keeps of its port beside the documents: which fences it has seen, and its line as it was."""

from __future__ import annotations

from typing import Any

from portmon.journal.file import JournalFile

_MAX_FABRICS = 16


class PortNote:
    """The note in the header of a port's journal. It is a `LineStore`. Every change is one msync."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._note: dict[str, Any] = file.note()

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self._note["port"])

    def fence(self, fabric: str) -> int:
        """Return the highest fence the port has seen from a fabric; 0 for none."""
        return int(self._note["fences"].get(fabric, 0))

    def store_fence(self, fabric: str, fence: int) -> None:
        """Remember a fence durably. Raises OSError, ValueError: the header does not take it."""
        fences = {name: n for name, n in self._note["fences"].items() if name != fabric}
        self._store(fences=dict(list(fences.items())[-(_MAX_FABRICS - 1) :]) | {fabric: fence})

    @property
    def line(self) -> Any:
        """The serial line's settings as they were before it was touched, or None when they are restored."""
        return self._note["line"]

    def store_line(self, line: Any) -> None:
        """Remember the line's settings before they are touched; None once they are restored."""
        self._store(line=line)

    def _store(self, **changed: Any) -> None:
        self._file.write_note(note := self._note | changed)
        self._note = note  # what could not be written was not noted
