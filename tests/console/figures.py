"""Figures that the tests measure, kept beside the pictures: build/screens/figures.json."""

from __future__ import annotations

import fcntl
import json
import os

from tests.console.visit import SCREENS

_FILE = SCREENS / "figures.json"


def note(name: str, **figures: object) -> None:
    """Keep what was measured under a name; a later measurement replaces it."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    with _FILE.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other tests measure beside this one
        file.seek(0)
        found = json.loads(file.read() or "{}")
        found[name] = figures
        file.truncate(0)
        file.write(json.dumps(found, indent=1, sort_keys=True) + "\n")


def load() -> float:
    """Return how many programs have wanted a core in the last minute: a time means little without it."""
    return round(os.getloadavg()[0], 1)
