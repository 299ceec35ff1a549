"""Letters, from fonts that come with the libraries, so that pictures look the same everywhere.

Scalable text is in Pillow's own font, which has little beyond ASCII: an accented letter is drawn without its accent, others
as a box. Text of a fixed pitch is in DejaVu Sans Mono, which python-barcode brings for the lines below its codes; it has
all of code page 437, frames included.
"""

from __future__ import annotations

import io
import unicodedata
from functools import lru_cache
from importlib.resources import files

from PIL import Image, ImageDraw, ImageFont

from printfabric_sim.render.zpl_parameters import MAX_DOTS

# Of DejaVu Sans Mono: a letter's width in parts of its size, and the share of a cell above the baseline.
_ADVANCE = 0.602
_BASELINE = 0.79
# Capitals of scalable text begin a little below the top of the field.
_ABOVE_BASELINE = 0.8


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


def above_baseline(size: int) -> int:
    """Return how far below the top of scalable text of `size` dots its baseline is."""
    return round(size * _ABOVE_BASELINE)


def text_length(text: str, size: int) -> float:
    """Return how many dots wide a line of scalable text of `size` dots is."""
    return ImageDraw.Draw(Image.new("L", (1, 1))).textlength(text, font=font(size))


def _as_much_as_fits(text: str, size: int) -> str:
    """Return `text` without most of what is farther than MAX_DOTS from its beginning: no label shows that."""
    text = text[:MAX_DOTS]
    while len(text) > 1 and (length := text_length(text, size)) > MAX_DOTS + size:
        text = text[: min(len(text) - 1, int(len(text) * MAX_DOTS / length) + 1)]
    return text


def text_mask(text: str, size: int, width: float = 1.0) -> Image.Image:
    """Return one line of text as a mask with room for what reaches below; `width` stretches it."""
    text = _as_much_as_fits("".join(map(drawable, text)), size)
    face = font(size)
    natural = max(1, min(round(text_length(text, size)), round(MAX_DOTS / width)))
    line = Image.new("L", (natural, round(size * 1.4)), 0)
    ImageDraw.Draw(line).text((0, above_baseline(size)), text, font=face, fill=255, anchor="ls")
    return line if abs(width - 1.0) < 0.05 else line.resize((max(1, round(natural * width)), line.height))


def draw_text(image: Image.Image, at: tuple[int, int], text: str, size: int) -> None:
    """Write one line with its top left corner at `at`."""
    image.paste(0, at, text_mask(text, size))


@lru_cache(maxsize=16)
def fixed_font(width: int) -> ImageFont.FreeTypeFont:
    """Return the fixed-pitch font with letters `width` dots wide."""
    file = files("barcode") / "fonts" / "DejaVuSansMono.ttf"
    return ImageFont.truetype(io.BytesIO(file.read_bytes()), width / _ADVANCE)


@lru_cache(maxsize=4096)
def cell_of(letter: str, width: int, height: int, *, bold: bool = False) -> Image.Image:
    """Return a letter as a mask of its cell's size, at the height that goes with its width in print."""
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    baseline = round(height * _BASELINE)
    for shift in (0, max(1, width // 12)) if bold else (0,):
        draw.text((shift, baseline), letter, font=fixed_font(width), fill=255, anchor="ls")
    return mask


def draw_cells(
    image: Image.Image, at: tuple[int, int], text: str, cell: tuple[int, int], *, bold: bool = False
) -> None:
    """Write one line with every character in a cell of its own, as a printer's built-in font does."""
    for index, letter in enumerate(text):
        if letter > " ":  # a control character has no shape, and the layout engine chokes on some
            image.paste(0, (at[0] + index * cell[0], at[1]), cell_of(letter, *cell, bold=bold))
