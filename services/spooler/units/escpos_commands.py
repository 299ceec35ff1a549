"""How long ESC/POS commands are, which draw and which cut. Pure.

After Epson's "ESC/POS Command Reference" (download4.epson.biz/sec_pubs/pos/reference_en/escpos). Star's and other dialects
that share these codes are read alike. A command that is not in these tables is its two lead bytes.
"""

from __future__ import annotations

from collections.abc import Callable

ESC, GS, FS, DLE = 0x1B, 0x1D, 0x1C, 0x10
MORE = 0  # not enough is here to say
_MOST_TABS = 32
TEXT_BYTES = 300  # a command that ends with NUL ends within so many bytes, or it is not believed


def _lengths(by_size: dict[int, str]) -> dict[int, int]:
    return {ord(char): size for size, chars in by_size.items() for char in chars}


# Whole lengths in bytes by the second byte, of commands without a length of their own.
_FIXED: dict[int, dict[int, int]] = {
    ESC: _lengths({2: "@<2LSimv\x0c", 3: " !%-3=?EFGJKMRTUVadert{uC", 4: "$\\cf", 5: "p", 10: "W"}),
    GS: _lengths({2: ":c\x0c", 3: "!/BEHITabfhjrwx", 4: "$LPW\\l", 5: "^z", 6: "g"}),
    DLE: {0x05: 3},  # DLE ENQ n
    FS: _lengths({2: "&.", 3: "!-CW", 4: "Sp?", 76: "2"}),
}

_DRAWS = frozenset({b"\x1b*", b"\x1dv", b"\x1d/", b"\x1dk", b"\x1d8", b"\x1cp", b"\x1b\x0c", b"\x1d\x0c"})
CUTS = frozenset({b"\x1dV", b"\x1bi", b"\x1bm"})


def draws(lead: bytes, buffer: bytes, at: int) -> bool:
    """Say whether the command at `at` marks paper: images, bar codes, GS ( L, GS ( k and GS ( Q."""
    return lead in _DRAWS or (lead == b"\x1d(" and buffer[at + 2 : at + 3] in (b"L", b"k", b"Q"))


def length_of(buffer: bytes, at: int) -> int:
    """Return how many bytes the command at `at` has, its data included, or MORE."""
    have = len(buffer) - at
    if have < 2:
        return MORE
    lead, second = buffer[at], buffer[at + 1]
    if second == 0x28 and lead != DLE:  # ( fn pL pH
        return MORE if have < 7 else 5 + buffer[at + 3] + 256 * buffer[at + 4]
    special = _SPECIAL.get((lead, second))
    if special is not None:
        return special(buffer, at, have)
    return _FIXED.get(lead, {}).get(second, 2)


def _status(buffer: bytes, at: int, have: int) -> int:
    """DLE EOT n [a]."""
    if have < 3:
        return MORE
    return 4 if buffer[at + 2] in (7, 8, 18) else 3


def _realtime(buffer: bytes, at: int, have: int) -> int:
    """DLE DC4 fn and its parameters."""
    if have < 3:
        return MORE
    return {1: 5, 2: 5, 3: 5, 7: 4, 8: 10}.get(buffer[at + 2], 3)


def _cut(buffer: bytes, at: int, have: int) -> int:
    """GS V m, GS V m n."""
    if have < 3:
        return MORE
    return 4 if buffer[at + 2] in (65, 66, 97, 98, 103, 104) else 3


def _bit_image(buffer: bytes, at: int, have: int) -> int:
    """ESC * m nL nH: one or three bytes a column."""
    if have < 5:
        return MORE
    columns = buffer[at + 3] + 256 * buffer[at + 4]
    return 5 + columns * (3 if buffer[at + 2] in (32, 33) else 1)


def _raster(buffer: bytes, at: int, have: int) -> int:
    """GS v 0 m xL xH yL yH."""
    if have < 8:
        return MORE
    if buffer[at + 2] != 0x30:
        return 2
    return 8 + (buffer[at + 4] + 256 * buffer[at + 5]) * (buffer[at + 6] + 256 * buffer[at + 7])


def _graphics(buffer: bytes, at: int, have: int) -> int:
    """GS 8 L p1 p2 p3 p4."""
    return MORE if have < 9 else 7 + int.from_bytes(buffer[at + 3 : at + 7], "little")


def _downloaded(buffer: bytes, at: int, have: int) -> int:
    """GS * x y."""
    return MORE if have < 4 else 4 + buffer[at + 2] * buffer[at + 3] * 8


def _barcode(buffer: bytes, at: int, have: int) -> int:
    """GS k m d1…dk NUL (m to 6), GS k m n d1…dn (m from 65)."""
    if have < 4:
        return MORE
    if buffer[at + 2] >= 65:
        return 4 + buffer[at + 3]
    return _to_nul(buffer, at + 3, at, have)


def _tabs(buffer: bytes, at: int, have: int) -> int:
    """ESC D n1…nk NUL: up to 32 columns, each beyond the last; one that is not ends the list and is data again."""
    last = 0
    for place in range(2, min(have, 2 + _MOST_TABS)):
        column = buffer[at + place]
        if column <= last:
            return place + (column == 0)
        last = column
    return MORE if have < 3 + _MOST_TABS else 2 + _MOST_TABS + (buffer[at + 2 + _MOST_TABS] == 0)


def _to_nul(buffer: bytes, start: int, at: int, have: int) -> int:
    end = buffer.find(b"\x00", start, at + TEXT_BYTES)
    if end >= 0:
        return end + 1 - at
    return MORE if have < TEXT_BYTES else start - at


def _counter(buffer: bytes, at: int, have: int) -> int:
    """GS C 0, GS C 1, GS C 2; GS C ; a;b;c;d;e; is text."""
    if have < 3:
        return MORE
    return {0x30: 5, 0x31: 9, 0x32: 5}.get(buffer[at + 2], 3)


def _user_memory(buffer: bytes, at: int, have: int) -> int:
    """FS g 1 m a1 a2 a3 a4 nL nH d…, FS g 2 m a1 a2 a3 a4 nL nH."""
    if have < 10:
        return MORE
    return 10 + (buffer[at + 8] + 256 * buffer[at + 9] if buffer[at + 2] == 0x31 else 0)


_SPECIAL: dict[tuple[int, int], Callable[[bytes, int, int], int]] = {
    (DLE, 0x04): _status,
    (DLE, 0x14): _realtime,
    (ESC, ord("*")): _bit_image,
    (ESC, ord("D")): _tabs,
    (GS, ord("V")): _cut,
    (GS, ord("v")): _raster,
    (GS, ord("8")): _graphics,
    (GS, ord("*")): _downloaded,
    (GS, ord("k")): _barcode,
    (GS, ord("C")): _counter,
    (FS, ord("g")): _user_memory,
}
