"""A picture of an ESC/POS receipt. After Epson's "ESC/POS Command Reference".

Drawn are text with its alignment, sizes, fonts A and B, bold, underline, reverse, tabs and positions; images of every kind but
those kept in the printer's memory; bar codes and QR. Not drawn, and stepped over: page mode, turned and upside-down text (ESC V,
ESC {), characters of one's own, other code pages than Python's, spaces between letters and margins.
"""

from __future__ import annotations

from PIL import Image

from printfabric_sim.render.barcodes import LINEAR_ESCPOS, draw_linear, qr_image
from printfabric_sim.render.receipt_line import HEIGHT, WIDTH, Line
from printfabric_sim.render.receipt_pieces import Piece, pieces

_MAX_DOTS = 12000
# ESC 2: 1/6 inch
_LINE_SPACING = 30


def draw_receipt(content: bytes) -> Image.Image:
    """Return the receipt as a greyscale picture, one dot a pixel."""
    receipt = _Receipt()
    for piece in pieces(content):
        receipt.take(piece)
    return receipt.finish()


class _Receipt:
    """The state of the printer while one receipt is drawn."""

    def __init__(self) -> None:
        self._image = Image.new("L", (WIDTH, _MAX_DOTS), 255)
        self._y = 16
        self._initialize()

    def _initialize(self) -> None:
        self._line = Line()
        self._align, self._spacing = 0, _LINE_SPACING
        self._bar_height, self._bar_width, self._bar_text = 162, 3, 0
        self._qr, self._qr_module, self._qr_level = b"", 3, "L"
        self._graphics: Image.Image | None = None

    def take(self, piece: Piece) -> None:
        """Draw or remember one piece."""
        if not piece.command:
            self._text(piece.text)
            return
        data = piece.data
        lead, third = piece.command, data[2] if len(data) > 2 else 0
        if lead == b"\x1b@":
            self._initialize()
        elif lead == b"\x1ba":
            self._align = third % 48
        elif lead in (b"\x1b2", b"\x1b3"):
            self._spacing = third if lead == b"\x1b3" else _LINE_SPACING
        elif lead in (b"\x1bd", b"\x1bJ"):
            # Lines, or dots, counted from the line that is printed with it.
            self._feed(third * self._spacing if lead == b"\x1bd" else third)
        elif lead in (b"\x1bi", b"\x1bm", b"\x1dV"):
            self._feed()
        elif lead == b"\x1b*" and len(data) >= 5:
            self._line.columns(data[5:], third)
        elif not self._line.set(lead, data, third):
            self._graphic(lead, data, third)

    def _text(self, text: str) -> None:
        for letter in text:
            if letter == "\n":
                self._feed(self._spacing)
            elif letter == "\t":
                self._line.tab()
            elif letter >= " ":
                if not self._line.fits():
                    self._feed(self._spacing)  # a full line is printed and the rest goes on below
                self._line.write(letter)

    def _graphic(self, lead: bytes, data: bytes, third: int) -> None:
        if lead == b"\x1dh":
            self._bar_height = third
        elif lead == b"\x1dw":
            self._bar_width = third
        elif lead == b"\x1dH":
            self._bar_text = third % 48
        elif lead == b"\x1dk":
            self._barcode(data, third)
        elif lead == b"\x1dv" and len(data) >= 8:
            self._raster(data[8:], data[4] + 256 * data[5], 1 + (data[3] & 1), 1 + (data[3] >> 1 & 1))
        elif lead == b"\x1d(" and data[2:3] == b"k":
            self._two_dimensional(data)
        elif lead in (b"\x1d(", b"\x1d8"):
            self._stored(data[5:] if lead == b"\x1d(" else data[7:])

    def _feed(self, dots: int = 0) -> None:
        """Print the line in the buffer, and move on by so many dots, or as far as the line is high."""
        high = self._line.height
        if high:
            x = {1: (WIDTH - self._line.width) // 2, 2: WIDTH - self._line.width}.get(self._align, 0)
            self._line.draw(self._image, x, self._y)
        self._move(max(high, dots))

    def _place(self, picture: Image.Image) -> None:
        """Put a picture on the paper as the alignment says."""
        self._feed()
        space = WIDTH - picture.width
        self._image.paste(picture, ({1: space // 2, 2: space}.get(self._align, 0), self._y))
        self._move(picture.height)

    def _move(self, dots: int) -> None:
        self._y = min(_MAX_DOTS - 600, self._y + dots)

    def _raster(self, data: bytes, row: int, wide: int, high: int) -> None:
        if (picture := _picture(data, row)) is not None:
            self._place(_stretched(picture, wide, high))

    def _barcode(self, data: bytes, kind: int) -> None:
        text = (data[4:] if kind >= 65 else data[3:].rstrip(b"\x00")).decode("latin-1")
        if kind == 73 and text.startswith("{"):
            text = text[2:]
        strip = Image.new("L", (WIDTH, self._bar_height), 255)
        width = draw_linear(
            strip, (0, 0), LINEAR_ESCPOS.get(kind, "code128"), text, self._bar_width, self._bar_height
        )
        above, below = self._bar_text in (1, 3), self._bar_text in (2, 3) or not width
        self._readable(text if above else "", width)
        if width:
            self._place(strip.crop((0, 0, min(width, WIDTH), self._bar_height)))
        self._readable(text if below else "", width)

    def _readable(self, text: str, width: int) -> None:
        """Write what a bar code says, in the middle of its `width`."""
        if text:
            self._feed()
            self._line.plain(text, width)
            self._feed(HEIGHT)

    def _two_dimensional(self, data: bytes) -> None:
        """GS ( k: QR code by its functions 67 (size), 69 (level), 80 (store), 81 (print)."""
        if len(data) < 7 or data[5] != 49:
            return
        function, rest = data[6], data[7:]
        if function == 67 and rest:
            self._qr_module = rest[0]
        elif function == 69 and rest:
            self._qr_level = {48: "L", 49: "M", 50: "Q", 51: "H"}.get(rest[0], "L")
        elif function == 80:
            self._qr = rest[1:]
        elif function == 81 and self._qr:
            code = qr_image(self._qr, self._qr_module, self._qr_level)
            if code is not None:  # a printer leaves out what no code can hold
                self._place(code)

    def _stored(self, data: bytes) -> None:
        """GS ( L, GS 8 L: function 112 stores raster graphics, 50 prints them."""
        if len(data) >= 10 and data[1] == 112:
            width = data[6] + 256 * data[7]
            picture = _picture(data[10:], (width + 7) // 8)
            self._graphics = picture and _stretched(picture, 1 + (data[3] == 2), 1 + (data[4] == 2))
        elif len(data) >= 2 and data[1] in (2, 50) and self._graphics is not None:
            self._place(self._graphics)

    def finish(self) -> Image.Image:
        """Return what is on the paper."""
        self._feed()
        return self._image.crop((0, 0, WIDTH, self._y + 24))


def _stretched(picture: Image.Image, wide: int, high: int) -> Image.Image:
    return picture.resize((picture.width * wide, picture.height * high), Image.Resampling.NEAREST)


def _picture(data: bytes, row: int) -> Image.Image | None:
    """Return rows of `row` bytes, a set bit a black dot; None without a whole row."""
    rows = len(data) // row if row else 0
    if not rows:
        return None
    return Image.frombytes("1", (row * 8, rows), bytes(byte ^ 0xFF for byte in data[: rows * row])).convert(
        "L"
    )
