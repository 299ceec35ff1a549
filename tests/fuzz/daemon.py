"""A line printer daemon that says what the fuzzer says, and takes whatever it is sent."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from portmon.lpd import message as lpd_message
from portmon.lpd.dialogue import LpdDialogue, LpdJob
from tests.fuzz.mutation import pieces

_MOST_TEXT = 600


class Daemon:
    """Stands for a link and for the waiting on it: there is something to read until all was said, then it hangs up."""

    where = "127.0.0.1:515"
    port = "LPR_1"

    def __init__(self, data: bytes, chance: random.Random) -> None:
        self._rest = list(pieces(data, chance))
        self.wait = _Wait()

    @property
    def open(self) -> bool:
        """Whether there is something to come."""
        return bool(self._rest)

    def fileno(self) -> None:
        """There is no descriptor."""

    def send(self, data: memoryview) -> int:
        """Take all of it."""
        return len(data)

    def take(self, hear: Callable[[bytes], object]) -> None:
        """Say the next piece."""
        if self._rest:
            hear(self._rest.pop(0))


def dialogue(data: bytes, chance: random.Random) -> None:
    """Print a document to it: every word of it may be a refusal, early, late, cut or endless."""
    daemon: Any = Daemon(data, chance)
    talk = LpdDialogue(daemon, daemon, "lp", "host", 0.05)
    talk.begin(LpdJob(7, "ann", "a page"), 1000, control_first=chance.random() < 0.5)
    for _ in range(3):
        talk.listen()
        if talk.objected:
            raise talk.refused()
    answer = talk.answer()
    assert answer is None or len(answer) < _MOST_TEXT
    talk.control_file(LpdJob())


class _Wait:
    """There is always something to be done at once."""

    def wait(self, _fd: int | None, events: int, _timeout_s: float | None) -> int:
        """Return all that was asked for."""
        return events


def control_file(data: bytes, chance: random.Random) -> None:
    """Name a document in any words: each stays on its line, and no line is made or lost."""
    words = data.decode("latin-1" if chance.random() < 0.5 else "utf-8", "replace")
    found = lpd_message.control_file(words, words[::-1], words, len(data))
    lines = found.split(b"\n")
    assert [line[:1] for line in lines] == [b"H", b"P", b"J", b"l", b"U", b"N", b""], found
    assert all(len(line) <= 132 for line in lines), found
    for command in (lpd_message.data_file_command, lpd_message.control_file_command):
        assert command(len(data), 7, words).count(b"\n") == 1
