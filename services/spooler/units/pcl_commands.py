"""What each command of PCL 5 leaves in force. Pure data.

After HP's "PCL 5 Printer Language Technical Reference Manual" (bpl13210), its Color supplement (bpl13212) and the PCL 5
Comparison Guide. A command is its family (what stands between ESC and the first value) and the letter behind the value.
Each sets a *property* of the printer; a property is a word of ours. What is not here nobody follows.
"""

from __future__ import annotations

from typing import NamedTuple

MARGINS = ("top", "length", "left", "right")
FONT = ("symbols", "spacing", "pitch", "height", "style", "weight", "typeface", "density")
COLOURING = ("palette", "foreground", "gamma", "render", "lookup", "light", "dither", "red", "green", "blue")


class Sets(NamedTuple):
    """A command that stays in force.

    `needs`: properties as they are when it comes give it its meaning. `resets`: these go back to their defaults when it
    changes what it sets. `touches`: these may change with it; not all printers agree.
    """

    what: tuple[str, ...]
    needs: tuple[str, ...] = ()
    resets: tuple[str, ...] = ()
    touches: tuple[str, ...] = ()


_PAGE = (*MARGINS, "overlay")
_ONE: dict[bytes, dict[bytes, str]] = {
    b"&l": {
        b"X": "copies", b"S": "sides", b"U": "shift-long", b"Z": "shift-short", b"G": "bin", b"M": "media",
        b"H": "source", b"C": "line", b"D": "line",
    },
    b"&k": {b"H": "advance", b"G": "line-ends", b"W": "passes"},
    b"&a": {b"N": "motion"},
    b"&u": {b"D": "unit"},
    b"&d": {b"D": "underline", b"@": "underline"},
    b"&s": {b"C": "wrap"},
    b"&t": {b"P": "parsing"},
    b"&c": {b"T": "path"},
    b"&b": {b"M": "monochrome"},
    b"*t": {b"R": "resolution", b"H": "picture-width", b"V": "picture-height", b"I": "gamma", b"J": "render"},
    b"*r": {b"F": "presentation", b"S": "row-width", b"T": "rows"},
    b"*b": {b"M": "compression"},
    b"*c": {b"G": "pattern-id", b"R": "symbols-id", b"H": "area-width", b"V": "area-height"},
    b"*v": {b"N": "source-mode", b"O": "pattern-mode", b"A": "red", b"B": "green", b"C": "blue"},
    b"*l": {b"O": "logic", b"R": "placement", b"W": "lookup"},
    b"*i": {b"W": "light"},
    b"*m": {b"W": "dither"},
    b"*o": {b"M": "quality", b"D": "depletion", b"Q": "shingling"},
    b"*g": {b"W": "row-kind"},
    b"&f": {b"Y": "macro-id"},
}  # fmt: skip
SETS: dict[tuple[bytes, bytes], Sets] = {
    (family, letter): Sets((what,)) for family, letters in _ONE.items() for letter, what in letters.items()
} | {
    (b"&l", b"A"): Sets(("size",), (), _PAGE, ("advance", "line")),
    (b"&l", b"P"): Sets(("size",), ("line",), _PAGE, ("advance", "line")),
    (b"&l", b"O"): Sets(("orientation",), (), (*_PAGE, "advance", "line"), ("direction",)),
    (b"&l", b"L"): Sets(("perforation",), (), ("top", "length")),
    (b"&l", b"E"): Sets(("top", "length"), ("line", "size", "orientation")),
    (b"&l", b"F"): Sets(("length",), ("line", "top", "size", "orientation")),
    (b"&a", b"L"): Sets(("left",), ("advance", "size", "orientation")),
    (b"&a", b"M"): Sets(("right",), ("advance", "size", "orientation")),
    (b"&a", b"P"): Sets(("direction",), (), (), MARGINS),
    (b"*c", b"A"): Sets(("area-width",), ("unit",)),
    (b"*c", b"B"): Sets(("area-height",), ("unit",)),
    (b"*v", b"T"): Sets(("pattern",), ("pattern-id",)),
    (b"*v", b"W"): Sets(("palette",), (), (), ("gamma", "render", "lookup", "light", "dither")),
    (b"*r", b"U"): Sets(("palette",), (), (), ("gamma", "render", "lookup", "light", "dither")),
}
ATTRIBUTES = {  # of a font, in the families "(s" and ")s"
    b"P": "spacing", b"H": "pitch", b"V": "height", b"S": "style", b"B": "weight", b"T": "typeface", b"Q": "density",
}  # fmt: skip
# Ids and control of what is downloaded, in the order in which it came; the property without which it means nothing.
STORES: dict[tuple[bytes, bytes], str] = {
    (b"*c", b"D"): "", (b"*c", b"E"): "", (b"*c", b"F"): "", (b")s", b"W"): "", (b"(s", b"W"): "",
    (b"*c", b"W"): "pattern-id", (b"*c", b"Q"): "pattern-id", (b"(f", b"W"): "symbols-id", (b"*c", b"S"): "symbols-id",
}  # fmt: skip
KEEPS_FOR_GOOD = frozenset(
    {(b"*c", b"F", b"5"), (b"*c", b"Q", b"5"), (b"*c", b"S", b"5"), (b"&f", b"X", b"10")}
)
# They print, move the cursor or ask something: nothing stays.
LEAVES_NOTHING = frozenset(
    {(b"&a", bytes((letter,))) for letter in b"RVG"}
    | {(b"*b", bytes((letter,))) for letter in b"VWYX"}
    | {(b"*s", bytes((letter,))) for letter in b"TUIMX"}
    | {(b"&r", b"F"), (b"*c", b"P"), (b"&p", b"X"), (b"*p", b"Y")}
)
HP_GL = frozenset({(b"*c", bytes((letter,))) for letter in b"KLTXY"} | {(b"%", b"A"), (b"%", b"B")})
# By their value: what stands in a horizontal place, and what that is measured in.
ACROSS = {(b"&a", b"H"): "", (b"&a", b"C"): "advance", (b"*p", b"X"): "unit"}
