"""A picture of a page of text, and the text of a page in a printer language."""

from __future__ import annotations

import re

from PIL import Image

from printfabric_sim.personalities._pdl_pages import BINARY
from printfabric_sim.render.fonts import draw_cells

_CELL = (10, 20)
_MARGIN = 40
_COLUMNS, _LINES = 80, 66
_PCL = re.compile(rb"\x1b[!-/][`-~]?(?:[-+]?[0-9.]*[`-~])*([-+]?[0-9]*)\.?[0-9]*([@-Z^])|\x1b.", re.DOTALL)
# ESC *p and ESC &a with a vertical position: what comes next is on another line.
_MOVES = re.compile(rb"\x1b(?:\*p|&a)[^@-Z]*[RVYrvy]")
_SHOWN = re.compile(rb"\(((?:[^()\\]|\\.)*)\)\s*(?:show|ashow|widthshow|Tj)", re.DOTALL)


def draw_text_page(text: str, columns: int = _COLUMNS, lines: int = _LINES) -> Image.Image:
    """Return a page with `text` in a fixed pitch, cut off where the paper ends."""
    rows = text.replace("\f", "").replace("\r\n", "\n").split("\n")
    height = min(lines, max(20, len(rows) + 1))
    image = Image.new("L", (columns * _CELL[0] + 2 * _MARGIN, height * _CELL[1] + 2 * _MARGIN), 255)
    for number, row in enumerate(rows[:lines]):
        # CR without LF prints over the same line.
        for part in row.expandtabs(8).split("\r"):
            draw_cells(image, (_MARGIN, _MARGIN + number * _CELL[1]), part[:columns], _CELL)
    return image


def page_text(content: bytes) -> str:
    """Return the readable text of a PCL, PostScript or PDF page (uncompressed text only)."""
    if content.lstrip().startswith((b"%!", b"%PDF-", b"%%Page:")) or b" show" in content:
        return "\n".join(
            re.sub(rb"\\(.)", rb"\1", found).decode("latin-1", "replace") for found in _SHOWN.findall(content)
        )
    out, position = bytearray(), 0
    while (found := _PCL.search(content, position)) is not None:
        out += content[position : found.start()]
        position = found.end()
        if _MOVES.match(found[0]) and out and not out.endswith(b"\n"):
            out += b"\n"
        if found[1] and BINARY.match(found[0]):
            position += abs(int(found[1]))
    out += content[position:]
    return out.decode("latin-1", "replace")
