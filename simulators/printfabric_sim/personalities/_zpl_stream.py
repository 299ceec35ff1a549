"""What stands out in a ZPL stream: brackets of formats, commands obeyed on receipt, and counted binary data.

After Zebra's "ZPL II Programming Guide": ^GF (B and C: so many bytes of binary data), ~DY (B, C and P likewise, unless
they come as :B64: or :Z64:). Nothing inside counted data is a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from printfabric_sim.inlet import Inlet, Recognised

_TOKEN = re.compile(
    rb"(?P<command>~(?:HS|HI|HQ[A-Z]{2}|JA|JX|JR|PH|PP|PS|WC)"
    rb'|! U1 getvar "[a-z._]{1,60}"\r?\n|\{\}\{"[a-z._]{1,60}":null\})'
    rb"|(?:\^GF[BC] {0,4}, {0,4}(?P<graphic>\d{1,8}) {0,4}, {0,4}\d{0,8} {0,4}, {0,4}\d{0,8} {0,4},"
    rb"|~DY[^,~^]{1,40},[BCP],[^,~^]{0,3},(?P<download>\d{1,8}),\d{0,8},)(?!:[BZ]64:)",
    re.IGNORECASE,
)
# One of these begins every token but ^GF. Looking for single bytes is much faster than for more or for the pattern.
_LEADS = (b"~", b"!", b"{")
_GRAPHIC = (b"Gg", b"Ff", b"BbCc")
_ENCODED = (b":B64:", b":Z64:")
# The beginning of a token or bracket at the end of what has arrived. No token is longer than 80 bytes.
_PARTIAL_BYTES = 80
_PARTIAL = re.compile(
    rb"(?:\^(?:X|GF?|GF[BC][0-9,:BZ64 ]*)?"
    rb"|~(?:[HJPWD]|HQ[A-Z]?|DY[^~^]*)?"
    rb'|! ?(?:U|U1 ?(?:g[a-z]{0,5}(?: "?[a-z._]*"?\r?)?)?)?'
    rb'|\{\}?(?:\{"?[a-z._]*"?:?n?u?l?l?)?)$',
    re.IGNORECASE,
)


def token(buffer: bytearray | bytes, start: int, end: int) -> re.Match[bytes] | None:
    """Return the first command obeyed on receipt, or head of counted data, that begins within `start`…`end`.

    None as well while it cannot be told yet whether what a head announces is counted or comes as :B64:.
    """
    if all(buffer.find(lead, start, end) < 0 for lead in _LEADS) and _caret(buffer, _GRAPHIC, start, end) < 0:
        return None
    found = _TOKEN.search(buffer, start, end)
    if found is None or counted(found) is None:
        return found
    data = bytes(buffer[found.end() : found.end() + len(_ENCODED[0])])
    return None if any(mark.startswith(data) for mark in _ENCODED) else found


def counted(found: re.Match[bytes]) -> int | None:
    """Return how many bytes of data follow the head that was found; None behind a command."""
    size = found["graphic"] or found["download"]
    return int(size) if size is not None else None


def partial(buffer: bytearray | bytes, start: int) -> int:
    """Return where at the end of `buffer`, from `start` on, a token may have begun; its length if nowhere."""
    found = _PARTIAL.search(buffer, max(start, len(buffer) - _PARTIAL_BYTES))
    return found.start() if found is not None else len(buffer)


def bracket(buffer: bytearray, letters: bytes, end: int) -> int:
    """Return where the first ^X or ^x before `end` is that one of `letters` follows, -1 if there is none."""
    return _caret(buffer, (b"Xx", letters), 0, end)


def _caret(buffer: bytearray | bytes, behind: tuple[bytes, ...], start: int, end: int) -> int:
    """Return where the first ^ within `start`…`end` is that one byte of each of `behind` follows; else -1."""
    at = buffer.find(b"^", start, end)
    last = len(buffer) - len(behind)
    while 0 <= at < last:
        if all(buffer[at + place] in possible for place, possible in enumerate(behind, 1)):
            return at
        at = buffer.find(b"^", at + 1, end)
    return -1


def arrived(data: bytes, inlet: Inlet) -> Iterator[tuple[int, bytes]]:
    """Return the commands in `data`, which has just arrived, each with the offset behind it.

    `inlet` keeps what must be remembered until more arrives: counted data, the beginning of a token.
    """
    known = len(inlet.tail)
    text = inlet.tail + data if known else data
    start = inlet.received - known  # of `text`, among the bytes of the inlet
    position = min(inlet.expected, len(text))
    inlet.tail = b""
    while (match := token(text, position, len(text))) is not None:
        position = match.end()
        size = counted(match)
        if size is None:
            yield position - known, match[0]
        elif size > 0:
            head = start + position
            inlet.recognised.append(Recognised(start + match.start(), head, head + size))
            position = min(position + size, len(text))
    inlet.tail = text[partial(text, position) :]
