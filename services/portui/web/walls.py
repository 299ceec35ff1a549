"""Screens on the wall, which nobody signs in at: keys that open the wall and nothing else, and change nothing.

An administrator makes them in a file, one a line: the key's SHA-256 in hexadecimal, the screen's name, and, if it is to
end by itself, the day from which on it is not let in any more (UTC). The key is nowhere but at the screen. Who takes a
line out, or lets its day pass, closes that screen within seconds.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from chassis import logs
from portui.person import Person

SHOWN = frozenset({"/wall", "/live"})  # what a screen may ask for, beside what everybody may
_LEAST_KEY = 32  # characters: it is made, and not thought of
_MOST_NAME = 40
log = logs.get(__name__)


class Wall(NamedTuple):
    """A screen that is let in. `ends`: None: until its line is taken out."""

    name: str
    key_hash: str
    ends: datetime | None = None

    @property
    def person(self) -> Person:
        """Who looks, as far as pages know."""
        return Person(self.name, "wall", frozenset({"viewer"}), ends=self.ends)


class Walls:
    """The screens of a file, read anew when it was changed. `file` None: there are none."""

    def __init__(self, file: Path | None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._file, self._clock = file, clock
        self._read_at: int | None = None  # the file's time of change
        self._known: dict[str, Wall] = {}

    def all(self) -> list[Wall]:
        """Return those that are let in now, by name."""
        now = self._clock()
        return sorted(one for one in self._lines().values() if one.ends is None or now < one.ends)

    def by_key(self, key: str) -> Wall | None:
        """Return the screen that a key is of; None: of none that is let in."""
        wanted = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
        if len(key) < _LEAST_KEY:
            return None
        return self.by_hash(wanted)

    def by_hash(self, key_hash: str) -> Wall | None:
        """Return the screen whose key has this hash, as its sealed cookie says, if it is let in still."""
        return next((one for one in self.all() if hmac.compare_digest(one.key_hash, key_hash)), None)

    def _lines(self) -> Mapping[str, Wall]:
        if self._file is None:
            return {}
        try:
            changed_at = self._file.stat().st_mtime_ns
            if changed_at != self._read_at:
                self._known = _walls(self._file.read_text("utf-8"))
                self._read_at = changed_at
        except (OSError, UnicodeDecodeError) as error:
            if self._known or self._read_at is None:
                log.warning("the file of walls cannot be read: no screen is let in", why=str(error))
            self._known, self._read_at = {}, 0
        return self._known


def _walls(text: str) -> dict[str, Wall]:
    found: dict[str, Wall] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        wall = _wall(words)
        if wall is None:
            log.warning("a line of the file of walls lets nobody in", line=number)
        else:
            found[wall.key_hash] = wall
    return found


def _wall(words: list[str]) -> Wall | None:
    """Return what a line says: `<sha256> <name> [<day>]`; None: it is none, and an end that is none lets nobody in."""
    if len(words) not in (2, 3) or len(words[0]) != 64 or not set(words[0]) <= set("0123456789abcdef"):
        return None
    name, ends = words[1], None
    if len(words) == 3:
        try:
            ends = datetime.strptime(words[2], "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            return None
    return Wall(name, words[0], ends) if name.isprintable() and len(name) <= _MOST_NAME else None
