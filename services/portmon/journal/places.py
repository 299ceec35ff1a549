"""Which document has which slot of a journal, and which are free. `FILE:` has many openings, whose threads take them at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from portmon.document import DocKey
from portmon.journal import slot
from portmon.journal.file import USED, JournalFile

_REMEMBERED = 128  # settled documents that can still be asked about


class Places:
    """The slots of one file by their documents. What takes and gives them is under one lock; looking needs none."""

    def __init__(self, file: JournalFile) -> None:
        self._file, self._words = file, file.words
        self._of: dict[DocKey, int] = {}
        self._free: deque[int] = deque()
        self._lock = threading.Lock()

    def find(self, key: DocKey) -> int | None:
        """Return the place of a document, or None."""
        return self._of.get(key)

    def all(self) -> list[int]:
        """Return the places of all documents, settled ones included."""
        return list(self._of.values())

    def enter(self, key: DocKey, at: int) -> None:
        """Say that a place is a document's."""
        self._of[key] = at

    def free(self, places: Iterable[int]) -> None:
        """Say that places may be taken, in this order, when the journal is opened."""
        self._free.extend(places)

    def take(self) -> int | None:
        """Return a place that no document needs; None: there is none. What was settled there longest ago is forgotten."""
        with self._lock:
            used = self._words[USED]
            if len(self._free) < _REMEMBERED and used < self._file.slots:
                # One after the other, so that a quiet port costs a page or two and not the whole file.
                self._words[USED] = used + 1
                return self._file.slot(used)
            if not self._free:
                return None
            at = self._free.popleft()
            if self._words[at] & 0xFF == slot.SETTLED:
                self._of.pop(slot.key_of(self._words, at), None)
            return at

    def settle(self, key: DocKey, fabric_word: int, generation: int) -> bool:
        """Let go of a fabric's document that has ended, or was interrupted; tell whether it was, and had not been yet."""
        words = self._words
        with self._lock:
            at = self._of.get(key)
            if at is None or words[at + slot.FABRIC] != fabric_word:
                return False
            state = words[at] & 0xFF
            interrupted = state == slot.IN_PROGRESS and words[at + slot.ENDED] != generation
            if state != slot.DONE and not interrupted:
                return False
            words[at] = words[at] & ~0xFF | slot.SETTLED
            self._free.append(at)
            return True

    @property
    def taken(self) -> int:
        """How many slots documents have that are not settled."""
        return self._words[USED] - len(self._free)
