"""What the host's journals say of each attempt once a batch is over: when it was, how far it got, on which port."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from portmon.journal import slot
from portmon.journal.file import USED, JournalFile


class Try(NamedTuple):
    """One attempt at one port. Times are Unix seconds; `ended` None when it never ended orderly."""

    port: str
    attempt: int
    pipe: bool
    base: int
    accepted: int
    started: float
    ended: float | None
    win32: int
    evidence: int


def read_tries(state_dir: Path) -> dict[bytes, list[Try]]:
    """Return all attempts that the journals below a port monitor's state directory remember, by job uid."""
    tries: dict[bytes, list[Try]] = defaultdict(list)
    for path in sorted(state_dir.rglob("*.journal")):
        file = JournalFile(path)
        try:
            port, words = str(file.note()["port"]), file.words
            for number in range(min(words[USED], file.slots)):
                at = file.slot(number)
                if words[at] & 0xFF == slot.FREE:
                    continue
                key, over = slot.key_of(words, at), words[at + slot.ENDED]
                tries[key.uid].append(
                    Try(
                        port,
                        key.attempt,
                        bool(words[at + slot.ATTEMPT] & slot.PIPE),
                        words[at + slot.BASE],
                        words[at + slot.ACCEPTED],
                        words[at + slot.STARTED] / 1e9,
                        over / 1e9 if over > 1e15 else None,  # of one that never ended: the run's number
                        words[at] >> 32,
                        words[at] >> 8 & 0xFF,
                    )
                )
        finally:
            file.words.release()
            file._map.close()
    for each in tries.values():
        each.sort(key=lambda one: (one.attempt, one.started))
    return tries
