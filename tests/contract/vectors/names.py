"""The vectors' words for names: `<installed COM>`, `<temp file>`, a directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.contract.vectors.world import NOBODY_SPECIAL, PRINTER, World

NULL = ("NULL", "null", "none")
FILE_PORT = "in-use.prn"  # a file port that a printer uses
PORTS = ("COM1:", "LPT1:", "FILE:", "IP_1", "IP_STALLED", "IP_PJL", FILE_PORT)


def caller_of(given: Mapping[str, Any]) -> Any:
    """Return the metadata of the caller that a row names; an administrator when it names none."""
    return NOBODY_SPECIAL if "not" in str(given.get("caller", "")) else None


def port_named(world: World, text: Any) -> Any:
    """Return the port or file that a vector's words stand for; what is no word of theirs stays as it is."""
    if not isinstance(text, str):
        return text
    words = text.lower()
    if not (text.startswith("<") and text.endswith(">")):
        return {"new file name": world.new_name(), "any": world.new_name()}.get(words, text)
    for part, name in (("lpt", "LPT1:"), ("in use", FILE_PORT), ("printer", PRINTER), ("dir", "folder")):
        if part in words and "missing" not in words:
            return name
    if "com" in words.split() or words.strip("<>").endswith(" com"):
        return "COM1:"
    return "no-such-folder/x.prn" if "missing" in words or "no such" in words else world.new_name()
