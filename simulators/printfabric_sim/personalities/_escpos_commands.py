"""How long ESC/POS commands are, and which of them mark paper. After Epson's "ESC/POS Command Reference"."""

from __future__ import annotations

_ESC, _GS, _FS, _DLE = 0x1B, 0x1D, 0x1C, 0x10

_MOST_TABS = 32
# Lengths of DLE DC4 fn: buzzer, status and clearing the buffers; pulse (1) and power-off (2) have five bytes.
_DC4 = {3: 8, 7: 4, 8: 10}


def _sizes(two: str, three: str, four: str, more: dict[str, int]) -> dict[int, int]:
    table = {ord(char): length for length, chars in ((2, two), (3, three), (4, four)) for char in chars}
    table.update({ord(char): length for char, length in more.items()})
    return table


# Total length by the second byte; commands with lengths of their own are below.
_FIXED: dict[int, dict[int, int]] = {
    _ESC: _sizes("@2<LSimv\x0c", "! %-3=?EGJKMQRTUVaderst{xk", "$\\fcB", {"p": 5, "W": 10, "C": 3}),
    _GS: _sizes(":c", "!/BEHITabfhjrw", "$LPW\\", {"^": 5, "z": 5, "g": 6, "l": 4}),
    _FS: _sizes("&.", "!-CW", "Sp", {"2": 76}),
}
_DRAWS = frozenset({b"\x1b*", b"\x1dv", b"\x1d/", b"\x1dk", b"\x1d8", b"\x1cp", b"\x1b\x0c"})


def command_length(buffer: bytearray, at: int) -> int:
    """Return the length in bytes of the command at `at`; 0 while that cannot be told yet.

    An unknown command is one byte: its lead is stepped over and the rest is text, as on a real printer.
    """
    have = len(buffer) - at
    if have < 2:
        return 0
    lead, second = buffer[at], buffer[at + 1]
    if lead == _DLE:
        return _dle(buffer, at, have)
    if second == 0x28:  # ( fn pL pH: the general form
        return 0 if have < 5 else 5 + buffer[at + 3] + 256 * buffer[at + 4]
    if (lead, second) in _VARIABLE:
        return _VARIABLE[lead, second](buffer, at, have)
    return _FIXED.get(lead, {}).get(second, 1)


def draws(buffer: bytearray, at: int) -> bool:
    """Say whether the command at `at` marks paper: images, bar codes, GS ( L and GS ( k."""
    lead = bytes(buffer[at : at + 2])
    return lead in _DRAWS or (lead == b"\x1d(" and buffer[at + 2] in b"Lk")


def ends_receipt(buffer: bytearray, at: int) -> bool:
    """Say whether the command at `at` cuts the paper."""
    return bytes(buffer[at : at + 2]) in (b"\x1dV", b"\x1bi", b"\x1bm")


def _dle(buffer: bytearray, at: int, have: int) -> int:
    second = buffer[at + 1]
    if second in (0x04, 0x05):  # DLE EOT n [a], DLE ENQ n
        if have < 3:
            return 0
        return 4 if second == 0x04 and buffer[at + 2] in (7, 8, 18) else 3
    if second == 0x14:  # DLE DC4 fn …
        return 0 if have < 3 else _DC4.get(buffer[at + 2], 5)
    return 1


def _cut(buffer: bytearray, at: int, have: int) -> int:
    if have < 3:
        return 0
    return 3 if buffer[at + 2] in (0, 1, 48, 49) else 4


def _bit_image(buffer: bytearray, at: int, have: int) -> int:
    """ESC * m nL nH: one or three bytes per column."""
    if have < 5:
        return 0
    columns = buffer[at + 3] + 256 * buffer[at + 4]
    return 5 + columns * (3 if buffer[at + 2] in (32, 33) else 1)


def _raster(buffer: bytearray, at: int, have: int) -> int:
    """GS v 0 m xL xH yL yH."""
    if have < 8:
        return 0
    width = buffer[at + 4] + 256 * buffer[at + 5]
    return 8 + width * (buffer[at + 6] + 256 * buffer[at + 7])


def _graphics(buffer: bytearray, at: int, have: int) -> int:
    """GS 8 L p1 p2 p3 p4."""
    return 0 if have < 7 else 7 + int.from_bytes(buffer[at + 3 : at + 7], "little")


def _downloaded(buffer: bytearray, at: int, have: int) -> int:
    """GS * x y."""
    return 0 if have < 4 else 4 + buffer[at + 2] * buffer[at + 3] * 8


def _barcode(buffer: bytearray, at: int, have: int) -> int:
    """GS k m d1…dk NUL (function A), GS k m n d1…dn (function B)."""
    if have < 4:
        return 0
    if buffer[at + 2] >= 65:
        return 4 + buffer[at + 3]
    end = buffer.find(b"\x00", at + 3)
    return 0 if end < 0 else end + 1 - at


def _tabs(buffer: bytearray, at: int, have: int) -> int:
    """ESC D n1…nk NUL: up to 32 columns, each beyond the last; one that is not ends the list and is data again."""
    last = 0
    for place in range(2, min(have, 2 + _MOST_TABS)):
        column = buffer[at + place]
        if column == 0:
            return place + 1
        if column <= last:
            return place
        last = column
    if have < 3 + _MOST_TABS:
        return 0
    return 2 + _MOST_TABS + (buffer[at + 2 + _MOST_TABS] == 0)


def _characters(buffer: bytearray, at: int, have: int) -> int:
    """ESC & y c1 c2 and, for every character from c1 to c2, its width x and x columns of y bytes."""
    if have < 5:
        return 0
    height, first, last = buffer[at + 2 : at + 5]
    length = 5
    for _ in range(first, last + 1):
        if have <= length:
            return 0
        length += 1 + height * buffer[at + length]
    return length


def _stored_images(buffer: bytearray, at: int, have: int) -> int:
    """FS q n and, n times, xL xH yL yH and x * y * 8 bytes."""
    if have < 3:
        return 0
    length = 3
    for _ in range(buffer[at + 2]):
        if have < length + 4:
            return 0
        wide, high = (
            int.from_bytes(buffer[place : place + 2], "little") for place in (at + length, at + length + 2)
        )
        length += 4 + wide * high * 8
    return length


def _counter(buffer: bytearray, at: int, have: int) -> int:
    """GS C 0|1|2|;."""
    if have < 3:
        return 0
    return {0x30: 5, 0x31: 9, 0x32: 5}.get(buffer[at + 2], 3)


_VARIABLE = {
    (_ESC, 0x2A): _bit_image,
    (_ESC, 0x44): _tabs,
    (_ESC, 0x26): _characters,
    (_GS, 0x56): _cut,
    (_GS, 0x76): _raster,
    (_GS, 0x38): _graphics,
    (_GS, 0x2A): _downloaded,
    (_GS, 0x6B): _barcode,
    (_GS, 0x43): _counter,
    (_FS, 0x71): _stored_images,
}
