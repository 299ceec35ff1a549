"""Figures that the tests measure, kept beside the pictures: build/screens/figures.json."""

from __future__ import annotations

import json

from tests.console.visit import SCREENS

_FILE = SCREENS / "figures.json"


def note(name: str, **figures: object) -> None:
    """Keep what was measured under a name; a later measurement replaces it."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    found = json.loads(_FILE.read_text("utf-8")) if _FILE.exists() else {}
    found[name] = figures
    _FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", "utf-8")
