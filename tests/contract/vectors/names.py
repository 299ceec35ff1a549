"""The vectors' words for names: `<installed COM>`, `<temp file>`, a directory."""

from __future__ import annotations

from typing import Any

from tests.contract.vectors.world import PRINTER, World

NULL = ("NULL", "null", "none")
KNOWN = {"IN_USE": "in-use.prn"}


def port_named(world: World, text: Any) -> Any:
    """Return the port or file that a vector's words stand for; what is no word of theirs stays as it is."""
    if not isinstance(text, str):
        return text
    words = text.lower()
    if not (text.startswith("<") and text.endswith(">")):
        return {"new file name": world.new_name(), "any": world.new_name()}.get(words, text)
    if "com" in words.split() or words.strip("<>").endswith(" com"):
        return "COM1:"
    if "lpt" in words:
        return "LPT1:"
    if "in use" in words:
        return KNOWN["IN_USE"]
    if "dir" in words or "folder" in words:
        return "folder"
    if "printer" in words:
        return PRINTER
    return world.new_name()
