"""What each ESC/POS command leaves in force until it is given again or ESC @ resets it. Pure data.

After Epson's "ESC/POS Command Reference". A command is its lead (two bytes; three where the second is a bracket, the third
the letter of a family). Each sets *properties* of the printer; a property is a word of ours. A command that is in none of
these tables nobody follows.
"""

from __future__ import annotations

from typing import NamedTuple


class Sets(NamedTuple):
    """A command that stays in force.

    `needs`: properties as they are when it comes give it its meaning. `at_start`: some printers obey it only at the beginning
    of a line (in page mode everywhere). `key`: so many of its parameters say which of several it sets. `modal`: standard mode
    and page mode may each have one of their own.
    """

    what: tuple[str, ...]
    needs: tuple[str, ...] = ()
    at_start: bool = False
    key: int = 0
    modal: bool = False


_MOTION = ("motion",)
SETS: dict[bytes, Sets] = {
    # characters
    b"\x1b!": Sets(("font", "bold", "size", "underline")),
    b"\x1b ": Sets(("spacing",), _MOTION, modal=True),
    b"\x1b%": Sets(("own characters",)),
    b"\x1b-": Sets(("underline", "thickness")),
    b"\x1bE": Sets(("bold",)),
    b"\x1bG": Sets(("double strike",)),
    b"\x1bM": Sets(("font",)),
    b"\x1bR": Sets(("national characters",)),
    b"\x1bV": Sets(("turned",)),
    b"\x1br": Sets(("colour",)),
    b"\x1bt": Sets(("code page",)),
    b"\x1b{": Sets(("upside down",), at_start=True),
    b"\x1d!": Sets(("size",)),
    b"\x1dB": Sets(("reverse",)),
    b"\x1db": Sets(("smoothing",)),
    b"\x1d(N": Sets(("effect",), key=1),
    b"\x1c!": Sets(("kanji size", "kanji underline")),
    b"\x1c-": Sets(("kanji underline", "kanji thickness")),
    b"\x1cW": Sets(("kanji size",)),
    b"\x1cS": Sets(("kanji spacing",), _MOTION, modal=True),
    b"\x1cC": Sets(("kanji code",)),
    b"\x1c&": Sets(("kanji",)),
    b"\x1c.": Sets(("kanji",)),
    b"\x1c(A": Sets(("kanji font",), key=1),
    b"\x1c(C": Sets(("encoding",), key=2),
    # places
    b"\x1b2": Sets(("line spacing",), modal=True),
    b"\x1b3": Sets(("line spacing",), _MOTION, modal=True),
    b"\x1bD": Sets(("tabs",), ("font", "size", "spacing", "motion")),
    b"\x1bT": Sets(("direction",)),
    b"\x1bW": Sets(("area",), _MOTION),
    b"\x1ba": Sets(("justification",), at_start=True),
    b"\x1dL": Sets(("left margin",), _MOTION, at_start=True),
    b"\x1dW": Sets(("width",), _MOTION, at_start=True),
    b"\x1dP": Sets(_MOTION),
    b"\x1d(P": Sets(("page mode",), _MOTION, key=1),
    b"\x1d(F": Sets(("marked paper",), _MOTION, key=1),
    b"\x1c(L": Sets(("layout",), key=1),
    # bar codes, graphics
    b"\x1dH": Sets(("words of bar codes",)),
    b"\x1df": Sets(("font of bar codes",)),
    b"\x1dh": Sets(("height of bar codes",)),
    b"\x1dw": Sets(("module of bar codes",)),
    b"\x1d(k": Sets(("symbol",), key=2),
    b"\x1d(L": Sets(("density of graphics",)),
    # the printer
    b"\x1bF": Sets(("cut sheets",)),
    b"\x1bU": Sets(("one way",)),
    b"\x1bc": Sets(("paper",), key=1),
    b"\x1dE": Sets(("quality",)),
    b"\x1d(K": Sets(("control",), key=1),
    b"\x1d(D": Sets(("real time",), key=2),
}
# Characters and images in volatile memory, and their deletion. A font has characters of its own.
STORES = frozenset({b"\x1b&", b"\x1b?", b"\x1d*", b"\x1c2", b"\x1c?"})
STORES_NEED = ("font",)
# They print, feed, move, cut, ask or beep; nothing stays on paper's account.
LEAVES_NOTHING = frozenset(
    [b"\x1b" + bytes((code,)) for code in b"$*<JK\\defimpuv\x0c"]
    + [b"\x1d" + bytes((code,)) for code in b"$/ITV\\^agjkrvz\x0c"]
    + [b"\x1d(" + bytes((code,)) for code in b"ACHQV"]
    + [b"\x1cp", b"\x1cg", b"\x1c(e", b"\x1b(A"]
)
# What it does, and what cannot be made so again.
REFUSED: dict[bytes, str] = {
    b"\x1dC": "counts receipts",
    b"\x1dc": "counts receipts",
    b"\x1cq": "leaves images in the printer for good",
    b"\x1d(E": "changes the printer for good",
    b"\x1d(M": "changes the printer for good",
    b"\x1c(E": "changes the printer for good",
    b"\x1dD": "defines an image whose length is not told",
}
FEEDS = frozenset({b"\x1bd", b"\x1bJ", b"\x1be", b"\x1bK", b"\x1bi", b"\x1bm", b"\x1dV"})
MOVES = frozenset({b"\x1b*", b"\x1b$", b"\x1b\\"})
# GS ( k: functions that print a symbol or ask about it. FS ( L: those that set something.
PRINTS_SYMBOL = (b"Q", b"R")
SETS_LAYOUT = (b"!", b"P")
# Functions of GS ( L and GS 8 L.
DENSITY = (1, 49)
PRINTS_WAITING = (2, 50)
KEEPS_FOR_GOOD = (65, 66, 67, 68)
DOWNLOADS = (81, 82, 83, 84)
WAITS = (112, 113)


def name_of(lead: bytes) -> str:
    """Return a command for people."""
    names = {0x1B: "ESC", 0x1C: "FS", 0x1D: "GS"}
    rest = [chr(code) if 0x20 < code < 0x7F else f"{code:02X}" for code in lead[1:]]
    return " ".join([names.get(lead[0], f"{lead[0]:02X}"), *rest])
