"""Which language monitors a host has: its own, and those of installed distributions."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from chassis.errors import UnknownPrintMonitor
from portmon.language import Language, Wrapped
from portmon.language_registry import GROUP, Languages
from portmon.reports import Report


class Braille(Language):
    """Somebody else's."""

    name = "Braille"

    def begin(self, document: Wrapped, first: bytes) -> bytes:
        return b""

    def finish(self) -> bytes:
        return b"?"

    def hear(self, data: bytes) -> bool:
        return False

    def reports(self) -> list[Report]:
        return []


class Greedy(Braille):
    """One that wants a name that is taken."""

    name = "zpl"


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_the_built_in_ones_are_found_whatever_the_case() -> None:
    languages = Languages([])
    assert sorted(kind.name for kind in languages) == ["ESC/POS", "PJL", "ZPL"]
    assert languages.find("esc/POS").name == "ESC/POS"
    with pytest.raises(UnknownPrintMonitor, match="there are ESC/POS, PJL, ZPL"):
        languages.find("BRAILLE")


def test_those_of_others_are_loaded_and_a_broken_one_keeps_nobody_from_printing() -> None:
    here = f"{__name__}"
    languages = Languages(
        [
            entry("braille", f"{here}:Braille"),
            entry("greedy", f"{here}:Greedy"),
            entry("gone", "no_such_module_anywhere:Thing"),
            entry("wrong", f"{here}:nothing"),
        ]
    )
    assert sorted(kind.name for kind in languages) == ["Braille", "ESC/POS", "PJL", "ZPL"]
    assert languages.find("ZPL").__module__ == "portmon.languages.zpl"
