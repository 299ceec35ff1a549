"""What a journal keeps of its port beside the documents: fences it has seen, times it was told, its line as it was."""

from __future__ import annotations

import threading
from typing import Any

from portmon.document import MOST_OFFSET
from portmon.journal.file import SINCE_NS, JournalFile
from portmon.journal.slot import hash_word

_MAX_FABRICS = 16


class PortNote:
    """The note in the header of a port's journal. It is a `LineStore`. Every change of the fences is one msync.

    What changes it may come from any thread: fences, those of a port's openings.
    """

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._note: dict[str, Any] = file.note()
        # Fabrics of which this run dropped documents; the next one is told a later time.
        self._lacking = set[int]()
        self._changing = threading.Lock()
        self._twice = False  # both notes that may be found after a power cut have these fences

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self._note["port"])

    @property
    def highest_fence(self) -> int:
        """The highest fence the port has seen from anybody; 0 for none."""
        return max(self._note["fences"].values(), default=0)

    def fence(self, fabric: str) -> int:
        """Return the highest fence the port has seen from a fabric; 0 for none."""
        return int(self._note["fences"].get(fabric, 0))

    def store_fence(self, fabric: str, fence: int, told_ms: int | None = None) -> None:
        """Remember a fence durably, and with it what time the fabric had told since the journal is whole.

        Raises OSError, ValueError: the header does not take it.
        """
        with self._changing:
            told = self._told()
            if told_ms is not None and hash_word(fabric) not in self._lacking:
                told = {fabric: told_ms} | told
            fences = _newest(self._note["fences"], fabric) | {fabric: fence}
            kept = {name: told[name] for name in fences if name in told}
            self._twice = False
            self._store(fences=fences, told=[self._file.words[SINCE_NS], kept])

    def told_ms(self, fabric: str) -> int | None:
        """Return the time of a fabric since when the journal has all its documents; None: it was not told yet."""
        return MOST_OFFSET if hash_word(fabric) in self._lacking else self._told().get(fabric)

    def lacks(self, fabric_word: int) -> None:
        """Take note that documents of a fabric, known by its hash, are dropped. Raises OSError: the header does not take it."""
        with self._changing:
            if fabric_word in self._lacking:
                return
            self._lacking.add(fabric_word)
            told = {name: ms for name, ms in self._told().items() if hash_word(name) not in self._lacking}
            self._store(told=[self._file.words[SINCE_NS], told])

    def _told(self) -> dict[str, int]:
        # What was told before the journal lost something says nothing about it.
        since, told = self._note.get("told", (0, {}))
        return told if since == self._file.words[SINCE_NS] else {}

    @property
    def line(self) -> Any:
        """The serial line's settings as they were before it was touched, or None when they are restored."""
        return self._note["line"]

    def store_line(self, line: Any) -> None:
        """Remember the line's settings before they are touched; None once they are restored.

        No line keeps its settings over a power cut, so that this need not be kept either: only the fences beside it.
        """
        with self._changing:
            self._store(durable=not self._twice, line=line)
            self._twice = True

    def _store(self, *, durable: bool = True, **changed: Any) -> None:
        self._file.write_note(note := self._note | changed, durable=durable)
        self._note = note  # what could not be written was not noted


def _newest(fences: dict[str, int], but: str) -> dict[str, int]:
    """Return the fences of the fabrics that were heard of last, with room for one."""
    others = [(name, fence) for name, fence in fences.items() if name != but]
    return dict(others[-(_MAX_FABRICS - 1) :])
