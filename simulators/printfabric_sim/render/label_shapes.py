"""Boxes, circles, lines and graphics of a ZPL label. After the "ZPL II Programming Guide": ^GB ^GC ^GE ^GD ^GF (A).

Each draws itself with its top left corner at `at` and returns the row below its last one.
"""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageChops, ImageDraw

from printfabric_sim.render.zpl_graphics import unpack
from printfabric_sim.render.zpl_parameters import MAX_DOTS, number, numbers

Shape = Callable[[Image.Image, tuple[int, int], bytes], int]


def _box(image: Image.Image, at: tuple[int, int], rest: bytes) -> int:
    width, height, border = numbers(rest, 1, 1, 1)
    width, height = max(width, border), max(height, border)
    x, y = at
    corners = (x, y, x + width - 1, y + height - 1)
    if border * 2 >= min(width, height):
        ImageDraw.Draw(image).rectangle(corners, fill=_color(rest))
    else:
        ImageDraw.Draw(image).rectangle(corners, outline=_color(rest), width=border)
    return y + height


def _circle(image: Image.Image, at: tuple[int, int], rest: bytes) -> int:
    diameter, border = numbers(rest, 3, 1)
    return _round(image, at, (diameter, diameter), border, _color(rest))


def _ellipse(image: Image.Image, at: tuple[int, int], rest: bytes) -> int:
    width, height, border = numbers(rest, 3, 3, 1)
    return _round(image, at, (width, height), border, _color(rest))


def _round(image: Image.Image, at: tuple[int, int], size: tuple[int, int], border: int, color: int) -> int:
    box = (*at, at[0] + size[0], at[1] + size[1])
    ImageDraw.Draw(image).ellipse(box, outline=color, width=border)
    return at[1] + size[1]


def _diagonal(image: Image.Image, at: tuple[int, int], rest: bytes) -> int:
    width, height, border = numbers(rest, 3, 3, 1)
    x, y = at
    left = b",L" in rest.upper()
    ends = (x, y, x + width, y + height) if left else (x, y + height, x + width, y)
    ImageDraw.Draw(image).line(ends, fill=_color(rest), width=border)
    return y + height


def _graphic(image: Image.Image, at: tuple[int, int], rest: bytes) -> int:
    """^GFA,b,c,d,data: hexadecimal rows of d bytes."""
    parts = rest.split(b",", 4)
    if len(parts) < 5 or parts[0].strip().upper() != b"A":
        return 0
    row = max(1, number(parts[3].decode("latin-1"), 1))
    data = unpack(parts[4], row)
    rows, shown = min(MAX_DOTS, len(data) // row), min(row, MAX_DOTS // 8)
    if rows:
        dots = b"".join(data[first : first + shown] for first in range(0, rows * row, row))
        picture = Image.frombytes("1", (shown * 8, rows), bytes(byte ^ 0xFF for byte in dots))
        image.paste(0, at, ImageChops.invert(picture.convert("L")))
    return at[1] + rows


def _color(rest: bytes) -> int:
    return 255 if b",W" in rest.upper() else 0


SHAPES: dict[str, Shape] = {
    "GB": _box,
    "GC": _circle,
    "GE": _ellipse,
    "GD": _diagonal,
    "GF": _graphic,
}
