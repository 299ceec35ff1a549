"""Letters: the font inside Pillow, so that pictures look the same everywhere.

It has little beyond ASCII: an accented letter is drawn without its accent, others as a box.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font with letters of about `size` dots."""
    return ImageFont.load_default(size=max(6, size))


@lru_cache(maxsize=1024)
def drawable(letter: str) -> str:
    """Return `letter`, or what it is without its accent if the font has it only so."""
    if letter < "\x7f":
        return letter
    face = font(20)
    missing = bytes(face.getmask("\uffff"))
    base = unicodedata.normalize("NFKD", letter)[:1]
    return base if bytes(face.getmask(letter)) == missing and bytes(face.getmask(base)) != missing else letter


def draw_text(
    image: Image.Image, at: tuple[int, int], text: str, size: int, width: float = 1.0, fill: int = 0
) -> int:
    """Write one line with its top left corner at `at`; `width` stretches it. Return its width in dots."""
    text = "".join(map(drawable, text))
    face = font(size)
    natural = max(1, round(ImageDraw.Draw(image).textlength(text, font=face)))
    if abs(width - 1.0) < 0.05:
        ImageDraw.Draw(image).text(at, text, font=face, fill=fill)
        return natural
    line = Image.new("L", (natural, round(size * 1.4)), 0)
    ImageDraw.Draw(line).text((0, 0), text, font=face, fill=255)
    line = line.resize((max(1, round(natural * width)), line.height))
    image.paste(fill, at, line)
    return line.width


def draw_cells(
    image: Image.Image, at: tuple[int, int], text: str, cell: tuple[int, int], *, bold: bool = False
) -> None:
    """Write one line with every character in a cell of its own, as a printer's built-in font does."""
    draw = ImageDraw.Draw(image)
    face = font(round(cell[1] * 0.72))
    for index, character in enumerate(text):
        letter = drawable(character)
        if letter == " ":
            continue
        left = at[0] + index * cell[0] + (cell[0] - draw.textlength(letter, font=face)) / 2
        draw.text((left, at[1]), letter, font=face, fill=0)
        if bold:
            draw.text((left + 1, at[1]), letter, font=face, fill=0)
