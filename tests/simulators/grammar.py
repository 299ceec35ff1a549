"""What a unit is in the languages that `lives.make_unit` writes, told without the simulator."""

from __future__ import annotations

import re

UEL = rb"\x1b%-12345X"
# One whole unit, as the languages define it; `body` of a page may end without its form feed, at a UEL.
WHOLE = {
    "zpl": re.compile(rb"\^XA(?:(?!\^X[AZ]).)*\^XZ", re.DOTALL),
    "escpos": re.compile(rb"\x1b@Receipt(?:(?!\x1b@|\x1dV\x00).)*\x1dV\x00", re.DOTALL),
    "pjl": re.compile(rb"page no(?:(?!%b|\x0c|page no).)*\x0c" % UEL, re.DOTALL),
    "plain": re.compile(rb"page no(?:(?!page no)[^\x0c])*\x0c"),
}
# What a printer takes for a unit where the sender itself began or stopped in the middle of one.
OPEN = {
    "zpl": WHOLE["zpl"],
    "escpos": re.compile(rb"(?:(?!\x1dV\x00).)*\x1dV\x00", re.DOTALL),
    "pjl": re.compile(rb"(?:(?!%b|\x0c).)*\x0c" % UEL, re.DOTALL),
    "plain": re.compile(rb"[^\x0c]*\x0c"),
}
# A page that has no form feed: the end of the job ejects it.
EJECTED = {"pjl": re.compile(rb"(?:(?!%b|\x0c).)+" % UEL, re.DOTALL)}
# What shows that a unit is finished: its end, or all of it where an end alone means nothing.
END = {
    "zpl": WHOLE["zpl"],
    "escpos": re.compile(rb"\x1dV\x00"),
    "pjl": re.compile(rb"\x0c"),
    "plain": re.compile(rb"\x0c"),
}
# What is allowed between two units, and is in none.
GAP = {
    "zpl": re.compile(rb"(?:\s|~HI)*"),
    "escpos": re.compile(rb"(?:\x1b@|\x1dV\x00)*"),
    "pjl": re.compile(rb"(?:%b|@PJL[^\n]*\n|[\r\n ])*" % UEL),
    "plain": re.compile(rb""),
}
COPIES = re.compile(rb"\^PQ(\d+)")
SERIAL = re.compile(rb"(?:SERIAL|Receipt no|page no) (\d{5})")
INK = re.compile(rb"SERIAL|Receipt|page no|[0-9]{5} ")


def copies_of(whole: bytes) -> int:
    """Return how many copies a unit asks for."""
    found = COPIES.search(whole)
    return int(found[1]) if found is not None else 1
