"""The line that an ESC/POS printer has in its buffer: letters in their styles, column images, gaps. One dot a pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from printfabric_sim.render.fonts import cell_of

# 80 mm paper at 8 dots/mm prints 576 dots: 48 characters of font A, 64 of font B.
WIDTH = 576
_FONT_A, _FONT_B = (12, 24), (9, 17)
HEIGHT = _FONT_A[1]
_TAB_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class Style:
    """How letters look; `wide` and `high` are factors, `underline` is in dots."""

    wide: int = 1
    high: int = 1
    bold: bool = False
    underline: int = 0
    reverse: bool = False
    font: tuple[int, int] = _FONT_A

    @property
    def advance(self) -> int:
        """Dots from one letter to the next."""
        return self.font[0] * self.wide

    def letter(self, letter: str) -> Image.Image:
        """Return a letter as a mask: what is set is printed."""
        width, height = self.font
        # Drawn at the greater factor, then pressed together: letters stay sharp.
        size = max(self.wide, self.high)
        mask = cell_of(letter, width * size, height * size, bold=self.bold)
        mask = mask.resize((width * self.wide, height * self.high))
        if self.underline:
            box = (0, mask.height - self.underline * self.high, mask.width, mask.height)
            ImageDraw.Draw(mask).rectangle(box, fill=255)
        return mask.point([255 - value for value in range(256)]) if self.reverse else mask


class Line:
    """What is printed with the next line feed. Letters and images stand on one baseline; a new line keeps the style."""

    def __init__(self) -> None:
        self._style = Style()
        self._tabs = [column * _FONT_A[0] for column in range(_TAB_COLUMNS, 256, _TAB_COLUMNS)]
        self._at = 0
        self._things: list[tuple[int, Image.Image]] = []  # from left to right, as masks

    @property
    def width(self) -> int:
        """Dots from the left to where the next letter goes."""
        return self._at

    @property
    def height(self) -> int:
        """Dots from top to bottom; 0 of an empty line."""
        return max((mask.height for _, mask in self._things), default=0)

    def fits(self) -> bool:
        """Say whether one more letter has room."""
        return self._at + self._style.advance <= WIDTH

    def write(self, letter: str) -> None:
        """Add a letter in the present style."""
        self._add(self._style.letter(letter))

    def plain(self, text: str, width: int) -> None:
        """Write `text` without a style, in the middle of `width` dots."""
        self._at += max(0, (width - len(text) * _FONT_A[0]) // 2)
        for letter in text[: WIDTH // _FONT_A[0]]:
            self._add(Style().letter(letter))
        self._at = max(self._at, width)

    def tab(self) -> None:
        """HT: go on at the next stop; without one nothing happens."""
        self._at = next((stop for stop in self._tabs if self._at < stop < WIDTH), self._at)

    def columns(self, data: bytes, mode: int) -> None:
        """ESC *: columns of 8 or 24 dots from the top down; those of low density are stretched."""
        size = 3 if mode in (32, 33) else 1
        mask = Image.new("L", (max(1, len(data) // size), size * 8), 0)
        for index, byte in enumerate(data):
            for bit in range(8):
                if byte & (0x80 >> bit) and index // size < mask.width:
                    mask.putpixel((index // size, index % size * 8 + bit), 255)
        self._add(mask.resize((mask.width * (1 if mode & 1 else 2), 24), Image.Resampling.NEAREST))

    def set(self, lead: bytes, data: bytes, third: int) -> bool:
        """Obey a command about letters and their places; False if it is none."""
        style, low = self._style, bool(third & 1)
        if lead == b"\x1b!":
            self._style = replace(
                style,
                wide=1 + (third >> 5 & 1),
                high=1 + (third >> 4 & 1),
                bold=bool(third & 8),
                underline=third >> 7,
                font=_FONT_B if low else _FONT_A,
            )
        elif lead == b"\x1d!":
            self._style = replace(style, wide=1 + (third >> 4 & 7), high=1 + (third & 7))
        elif lead in (b"\x1bE", b"\x1bG"):
            self._style = replace(style, bold=low)
        elif lead == b"\x1b-":
            self._style = replace(style, underline=third % 48 if third % 48 < 3 else 0)
        elif lead == b"\x1dB":
            self._style = replace(style, reverse=low)
        elif lead == b"\x1bM":
            self._style = replace(style, font=_FONT_B if third in (1, 49) else _FONT_A)
        elif lead == b"\x1bD":
            self._tabs = [column * style.advance for column in data[2:].rstrip(b"\x00")]
        elif lead in (b"\x1b$", b"\x1b\\") and len(data) >= 4:
            dots = int.from_bytes(data[2:4], "little", signed=lead == b"\x1b\\")
            self._at = min(WIDTH, max(0, dots + (self._at if lead == b"\x1b\\" else 0)))
        else:
            return False
        return True

    def draw(self, image: Image.Image, x: int, y: int) -> None:
        """Put it on `image` with its top left corner there, and begin the next line."""
        height = self.height
        for at, mask in self._things:
            image.paste(0, (x + at, y + height - mask.height), mask)
        self._things.clear()
        self._at = 0

    def _add(self, mask: Image.Image) -> None:
        self._things.append((self._at, mask))
        self._at += mask.width
