"""Which document the device had bytes of last: where it was left is where the next one begins."""

from __future__ import annotations

from portmon.document import Evidence, Phase, Progress
from portmon.journal import slot
from portmon.journal.file import LAST, JournalFile


class LastDocument:
    """One word of the journal's header. `is_at` belongs to the port's thread."""

    def __init__(self, file: JournalFile) -> None:
        self._file, self._words = file, file.words
        self._at = file.words[LAST]

    def is_at(self, at: int) -> None:
        """Say that the document at a place is the one whose bytes the device gets now."""
        if self._at != at:
            self._at = self._words[LAST] = at

    def take_up(self, interrupted: int) -> None:
        """A former run died in this document: it is the last one, if anything of it may have left."""
        if self._words[interrupted + slot.INTENT] > self._words[interrupted + slot.BASE]:
            self.is_at(interrupted)

    def unfinished(self, generation: int, device: int) -> Progress | None:
        """Return the last document as far as the device got it; None when that is all of it, or nobody can tell.

        Also where the device looks like another one: an adapter that was plugged in anew says nothing of the printer.
        """
        at, words = self._at, self._words
        if not 0 < at < len(words) or words[at] & 0xFF == slot.FREE or slot.is_whole(words, at):
            return None
        found = slot.read(words, at, generation, device)
        if found.phase is Phase.IN_PROGRESS:
            return None
        if not found.win32 and found.evidence is Evidence.NONE:
            slot.judge_interrupted(words, at, found, device)  # also one that was settled since
        elif not found.win32:
            return None
        return found if found.accepted or found.uncertain_end else None

    def is_on_a_pipe(self) -> bool:
        """Tell whether it was sent through a byte pipe, and not over a connection of its own."""
        return bool(self._at and self._words[self._at + slot.ATTEMPT] & slot.PIPE)
