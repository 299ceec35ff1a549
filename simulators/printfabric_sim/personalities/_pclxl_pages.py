"""Where pages end in PCL XL (PCL 6 Enhanced): at its EndPage operators, of which images and fonts may hold the byte.

After HP's "PCL XL Feature Reference Protocol Class 2.0": the stream header, data types, attributes, embedded data, and the
operators BeginPage (0x43), EndPage (0x44) and its attribute PageCopies (49).
"""

from __future__ import annotations

from printfabric_sim.personalities._pages import Pages, Piece

# The first byte of the stream header says in which order the bytes of a number come.
_BIG, _LITTLE = b"(", b")"
_HEADER = b" HP-PCL XL;"
_BEGIN_PAGE, _END_PAGE, _PAGE_COPIES = 0x43, 0x44, 49
# 0xC0 ubyte, C1 uint16, C2 uint32, C3 sint16, C4 sint32, C5 real32; +0x08 array, +0x10 xy, +0x20 box.
_SIZES = (1, 2, 4, 2, 4, 4)
_VALUES, _ARRAY, _MOST_COPIES = {0xC0: 1, 0xD0: 2, 0xE0: 4}, 0xC8, 999
_ATTRIBUTE_1, _ATTRIBUTE_2, _DATA_4, _DATA_1 = 0xF8, 0xF9, 0xFA, 0xFB
_MAX_HEADER_BYTES = 1024
# Operators that stand outside of pages: sessions, comments, data sources, fonts, streams.
_OF_SESSIONS = frozenset({0x41, 0x42, *range(0x46, 0x4C), *range(0x4F, 0x57), *range(0x5B, 0x60)})


def is_pclxl(start: bytes) -> bool:
    """Say whether a payload begins as PCL XL."""
    return start[:1] in (_BIG, _LITTLE) and start[1:].startswith(_HEADER)


class PclXlPages(Pages):
    """The binary encoding, in either order of bytes; what is not PCL XL ends the counting, as it ends a real job."""

    def __init__(self) -> None:
        self._little: bool | None = None  # in which order the bytes of a number come
        self._skip = 0  # of embedded data that is still to come
        self._value = 0  # of the last number, which an attribute names
        self._copies = 1
        self._begun = False  # a page
        self._odd = False  # an operator that belongs into a page stands outside of one
        self._lost = False

    def take(self, buffer: bytearray, end: int) -> Piece:
        """Take up to the end of a page."""
        position = min(self._skip, end)
        self._skip -= position
        if self._little is None:
            position = self._header(buffer, end)
            if position == 0:
                return Piece(0)
        while position < end:
            if self._lost:
                return Piece(end)
            tag = buffer[position]
            length = self._length(buffer, position, end)
            if length == 0:
                return Piece(position)
            position += length
            if position > end:
                self._skip, position = position - end, end
            if tag == _BEGIN_PAGE:
                self._begun = True
            elif not self._begun and 0x41 <= tag <= 0xBF and tag not in _OF_SESSIONS:
                self._odd = True
            if tag == _END_PAGE:
                copies, self._copies, self._begun, self._odd = self._copies, 1, False, False
                return Piece(position, copies)
        return Piece(position)

    def _header(self, buffer: bytearray, end: int) -> int:
        """Read the stream header, which ends with a line feed; 0 while it has not all arrived."""
        stop = buffer.find(b"\n", 0, end)
        if stop < 0 and end < _MAX_HEADER_BYTES:
            return 0
        self._lost = stop < 0 or not is_pclxl(bytes(buffer[:16]))
        self._little = buffer[:1] != _BIG
        return stop + 1 if stop >= 0 else end

    def _length(self, buffer: bytearray, at: int, end: int) -> int:
        """Return the length of what the tag at `at` begins, and note what it says; 0 while that cannot be told."""
        tag = buffer[at]
        if tag == 0 or 0x09 <= tag <= 0x0D or tag == 0x20 or 0x41 <= tag <= 0xBF:  # white space, operators
            return 1
        if tag in (_ATTRIBUTE_1, _ATTRIBUTE_2):
            return self._attribute(buffer, at, end, tag - _ATTRIBUTE_1 + 1)
        if tag in (_DATA_4, _DATA_1):
            width = 4 if tag == _DATA_4 else 1
            return 1 + width + self._number(buffer, at + 1, width) if at + 1 + width <= end else 0
        base, kind = tag & 0xF8, tag & 0x07
        if kind >= len(_SIZES) or base not in (*_VALUES, _ARRAY):
            self._lost = True
            return 1
        if base == _ARRAY:
            return self._array(buffer, at, end, _SIZES[kind])
        length = 1 + _VALUES[base] * _SIZES[kind]
        if at + length > end:
            return 0
        self._value = self._number(buffer, at + 1, _SIZES[kind]) if base == 0xC0 else 0
        return length

    def _attribute(self, buffer: bytearray, at: int, end: int, width: int) -> int:
        if at + 1 + width > end:
            return 0
        if self._number(buffer, at + 1, width) == _PAGE_COPIES:
            self._copies = min(max(self._value, 1), _MOST_COPIES)
        return 1 + width

    def _array(self, buffer: bytearray, at: int, end: int, size: int) -> int:
        """An array: its length is a number with a tag of its own, a ubyte or uint16."""
        if at + 2 > end:
            return 0
        width = {0xC0: 1, 0xC1: 2}.get(buffer[at + 1])
        if width is None:
            self._lost = True
            return 1
        return 2 + width + size * self._number(buffer, at + 2, width) if at + 2 + width <= end else 0

    def _number(self, buffer: bytearray, at: int, width: int) -> int:
        return int.from_bytes(buffer[at : at + width], "little" if self._little else "big")

    def last(self, buffer: bytearray, end: int) -> Piece:
        """Take half an operator, or half a header."""
        self._lost = True
        return Piece(end)

    def finish(self) -> int:
        """A page begun and not ended is not printed: the session was broken off."""
        return 0

    @property
    def void(self) -> bool:
        """Between pages a session is opened and closed."""
        return not (self._begun or self._lost or self._odd or self._skip)
