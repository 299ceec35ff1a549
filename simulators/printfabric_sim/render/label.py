"""A picture of a ZPL label: text, boxes, lines, graphics, bar codes; good enough to look at.

After the "ZPL II Programming Guide": ^FO ^FT ^FW ^LH ^A ^CF ^FD ^FH ^FB ^FR ^GB ^GD ^GC ^GE ^GF (A, uncompressed and with repeat
counts) ^BY, codes, ^PW ^LL.
What is not known is skipped: ^PO, ^PM, ^LR, ^LS, ^LT, ^FP, stored graphics, ^GFB and ^GFC among it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

from PIL import Image, ImageChops, ImageDraw

from printfabric_sim.render.fonts import above_baseline, font, text_mask
from printfabric_sim.render.label_codes import draw_code
from printfabric_sim.render.label_shapes import SHAPES
from printfabric_sim.render.zpl_parameters import MAX_DOTS, number, numbers, parameters

_COMMAND = re.compile(rb"\^([A-Za-z@][A-Za-z0-9@]?)([^\^~]*)", re.DOTALL)
# What turns fields clockwise by 90, 180 and 270 degrees.
_TURNS = {"R": Image.Transpose.ROTATE_270, "I": Image.Transpose.ROTATE_180, "B": Image.Transpose.ROTATE_90}


def draw_label(content: bytes, width: int = 812, length: int = 0) -> Image.Image:
    """Return the label as a greyscale picture, one dot a pixel (8 dots/mm).

    The size is that of ^PW and ^LL, else `width` by what is printed on it.
    """
    return _Label(content, width, length).draw()


class _Label:
    """The state of one format while it is drawn."""

    def __init__(self, content: bytes, width: int, length: int) -> None:
        self._content = content
        self._width = self._number(rb"\^PW *(\d+)", width)
        self._length = self._number(rb"\^LL *(\d+)", length)
        self._image = Image.new("L", (self._width, MAX_DOTS), 255)
        self._home = (0, 0)
        self._at = (0, 0)
        self._baseline = False
        self._default = (30, 30)
        self._size = self._default
        self._turning = self._turn = "N"
        self._module, self._bar_height = 2, 100
        self._code: tuple[str, list[str]] | None = None
        self._block: list[str] | None = None
        self._hex: bytes | None = None
        self._reverse = False
        self._lowest = 0

    def _number(self, pattern: bytes, otherwise: int) -> int:
        found = re.search(pattern, self._content)
        return min(MAX_DOTS, int(found[1])) if found else otherwise

    def draw(self) -> Image.Image:
        """Go through the commands in order."""
        for match in _COMMAND.finditer(self._content):
            name, rest = match[1].decode("latin-1").upper(), match[2]
            if name[0] == "A" and name != "A@":  # ^Afo,h,w: the font's name is part of the command
                self._font(name[1:] + rest.decode("latin-1", "replace"))
            elif name[0] == "B" and name != "BY":
                self._code = (name[1:], parameters(rest))
            elif name in SHAPES:
                self._reach(SHAPES[name](self._image, self._at, rest))
            else:
                action = _ACTIONS.get(name)
                if action is not None:
                    action(self, rest)
        height = self._length or min(MAX_DOTS, self._lowest + 40) or 400
        return self._image.crop((0, 0, self._width, height))

    def origin(self, rest: bytes) -> None:
        """^FO."""
        self._at, self._baseline = self._point(rest), False

    def typeset(self, rest: bytes) -> None:
        """^FT: the point is on the baseline."""
        self._at, self._baseline = self._point(rest), True

    def label_home(self, rest: bytes) -> None:
        """^LH."""
        self._home = (0, 0)
        self._home = self._point(rest)

    def _point(self, rest: bytes) -> tuple[int, int]:
        values = numbers(rest, 0, 0)
        return self._home[0] + values[0], self._home[1] + values[1]

    def _font(self, rest: str) -> None:
        parts = rest.split(",")
        self._turn = parts[0][1:].strip().upper() or self._turning
        height = number(parts[1], self._default[0]) if len(parts) > 1 else self._default[0]
        width = number(parts[2], height) if len(parts) > 2 else height
        self._size = (max(1, height), max(1, width))

    def default_font(self, rest: bytes) -> None:
        """^CF."""
        parts = rest.decode("latin-1").split(",")
        height = max(1, number(parts[1], 30)) if len(parts) > 1 else 30
        width = max(1, number(parts[2], height)) if len(parts) > 2 else height
        self._default = self._size = (height, width)

    def turned(self, rest: bytes) -> None:
        """^FW: how fields are turned that do not say it themselves."""
        self._turning = self._turn = rest[:1].decode("latin-1").upper()

    def bars(self, rest: bytes) -> None:
        """^BY."""
        parts = parameters(rest)
        self._module = max(1, number(parts[0], 2)) if parts else 2
        self._bar_height = number(parts[2], self._bar_height) if len(parts) > 2 else self._bar_height

    def field_block(self, rest: bytes) -> None:
        """^FB."""
        self._block = parameters(rest)

    def hexadecimal(self, rest: bytes) -> None:
        """^FH."""
        self._hex = rest[:1].strip() or b"_"

    def reversed(self, rest: bytes) -> None:
        """^FR."""
        self._reverse = True

    def separator(self, rest: bytes) -> None:
        """^FS ends a field."""
        self._code = self._block = self._hex = None
        self._reverse = False
        self._size, self._turn = self._default, self._turning

    def data(self, rest: bytes) -> None:
        """^FD."""
        if self._hex is not None:
            rest = re.sub(re.escape(self._hex) + rb"([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), rest)
        text = rest.decode("utf-8", "replace").rstrip("\r\n")
        if self._code is not None:
            self._draw_code(self._code[0], self._code[1], text)
        elif self._block is not None:
            self._draw_block(text)
        else:
            self._draw_line(text)

    def _draw_line(self, text: str) -> None:
        height, width = self._size
        self._lay(text_mask(text, height, width / height), height, above_baseline(height))

    def _draw_block(self, text: str) -> None:
        assert self._block is not None
        block = [*self._block, "", "", "", ""]
        width, lines = number(block[0], self._width), max(1, number(block[1], 1))
        lines = min(lines, MAX_DOTS // self._size[0] + 1)  # more are below any label
        justify = (block[3] or "L").strip().upper()
        height = self._size[0]
        stretch = self._size[1] / height
        draw, face = ImageDraw.Draw(self._image), font(height)
        rows = list(islice(_wrap(text, width / stretch, lambda t: draw.textlength(t, font=face)), lines))
        mask = Image.new(
            "L", (max(1, width), text_mask("", height, stretch).height + (len(rows) - 1) * height)
        )
        for row, line in enumerate(rows):
            written = text_mask(line, height, stretch)
            space = width - written.width
            mask.paste(255, ({"C": space // 2, "R": space}.get(justify, 0), row * height), written)
        self._lay(mask, len(rows) * height, above_baseline(height))

    def _lay(self, mask: Image.Image, height: int, above: int) -> None:
        """Print what is `height` high and may reach below that, turned as the field is, where the field is.

        So many dots of it are `above` its baseline.
        """
        beyond, below = mask.height - height, mask.height - above
        x, y = self._at
        if self._baseline:  # where the text begins, on its baseline
            places = {"R": (x - below, y), "I": (x - mask.width, y - below), "B": (x - above, y - mask.width)}
            place = places.get(self._turn, (x, y - above))
        else:  # the top left corner of the field, however it is turned
            place = {"R": (x - beyond, y), "I": (x, y - beyond)}.get(self._turn, (x, y))
        mask = mask.transpose(_TURNS[self._turn]) if self._turn in _TURNS else mask
        if self._reverse:
            whole = Image.new("L", self._image.size, 0)
            whole.paste(mask, place)
            self._image.paste(ImageChops.difference(self._image, whole))
        else:
            self._image.paste(0, place, mask)
        self._reach(place[1] + mask.height - (beyond if self._turn not in _TURNS else 0))

    def _draw_code(self, kind: str, parameters: list[str], text: str) -> None:
        code = draw_code(kind, parameters, text, self._module, self._bar_height)
        own = parameters[0].strip().upper()[:1] if parameters else ""
        # Of a QR code the guide says: normal only.
        self._turn = "N" if kind == "Q" else own or self._turning
        self._lay(code.mask, code.mask.height, code.above)

    def _reach(self, y: int) -> None:
        self._lowest = max(self._lowest, y)


_ACTIONS: dict[str, Callable[[_Label, bytes], None]] = {
    "FO": _Label.origin,
    "FT": _Label.typeset,
    "LH": _Label.label_home,
    "CF": _Label.default_font,
    "FW": _Label.turned,
    "BY": _Label.bars,
    "FB": _Label.field_block,
    "FH": _Label.hexadecimal,
    "FR": _Label.reversed,
    "FS": _Label.separator,
    "FD": _Label.data,
    "FV": _Label.data,
}


def _wrap(text: str, width: float, measure: Callable[[str], float]) -> Iterator[str]:
    for paragraph in text.split("\\&"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and measure(longer) > width:
                yield line
                line = word
            else:
                line = longer
        yield line
