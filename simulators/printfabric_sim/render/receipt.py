"""A picture of an ESC/POS receipt, and its text. After Epson's "ESC/POS Command Reference"; what is unknown is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image, ImageDraw

from printfabric_sim.personalities._escpos_commands import command_length
from printfabric_sim.render.barcodes import LINEAR_ESCPOS, draw_linear, qr_image
from printfabric_sim.render.fonts import cell_of

# 80 mm paper at 8 dots/mm prints 576 dots: 48 characters of font A.
_WIDTH, _CELL = 576, (12, 24)
_MAX_DOTS = 12000
_LEADS = b"\x10\x1b\x1c\x1d"


class Piece(NamedTuple):
    """A run of text (`command` empty) or one whole command."""

    command: bytes
    data: bytes


def pieces(content: bytes) -> Iterator[Piece]:
    """Take a receipt apart."""
    buffer = bytearray(content)
    at = 0
    while at < len(buffer):
        if buffer[at] in _LEADS:
            size = command_length(buffer, at) or len(buffer) - at
            yield Piece(bytes(buffer[at : at + 2]), bytes(buffer[at : at + size]))
            at += size
            continue
        end = next((i for i in range(at, len(buffer)) if buffer[i] in _LEADS), len(buffer))
        yield Piece(b"", bytes(buffer[at:end]))
        at = end


def receipt_text(content: bytes) -> str:
    """Return the text with line ends; code page 437, as after power-on."""
    return "".join(piece.data.decode("cp437") for piece in pieces(content) if not piece.command)


def draw_receipt(content: bytes) -> Image.Image:
    """Return the receipt as a greyscale picture, one dot a pixel."""
    receipt = _Receipt()
    for piece in pieces(content):
        receipt.take(piece)
    return receipt.finish()


class _Receipt:
    """The state of the printer while one receipt is drawn."""

    def __init__(self) -> None:
        self._image = Image.new("L", (_WIDTH, _MAX_DOTS), 255)
        self._y = 16
        self._line: list[tuple[str, int, int, bool]] = []  # letter, width and height factors, bold
        self._align = self._wide = self._high = 0
        self._bold = False
        self._bar_height, self._bar_width, self._bar_text = 162, 3, 0
        self._qr, self._qr_module, self._qr_level = b"", 3, "L"
        self._graphics: Image.Image | None = None

    def take(self, piece: Piece) -> None:
        """Draw or remember one piece."""
        if not piece.command:
            self._text(piece.data)
            return
        data = piece.data
        lead, third = piece.command, data[2] if len(data) > 2 else 0
        if lead == b"\x1b@":
            self._align = self._wide = self._high = 0
            self._bold = False
        elif lead == b"\x1ba":
            self._align = third % 48
        elif lead == b"\x1bE":
            self._bold = bool(third & 1)
        elif lead == b"\x1b!":
            self._bold, self._high, self._wide = bool(third & 8), (third >> 4) & 1, (third >> 5) & 1
        elif lead == b"\x1d!":
            self._high, self._wide = third & 7, (third >> 4) & 7
        elif lead == b"\x1bd":
            self._feed()
            self._y += third * _CELL[1] if third > 1 else 0
        elif lead in (b"\x1bJ", b"\x1bi", b"\x1bm"):
            self._feed(force=False)
            self._y += third if lead == b"\x1bJ" else 0
        else:
            self._graphic(lead, data, third)

    def _text(self, data: bytes) -> None:
        for letter in data.decode("cp437"):
            if letter == "\n":
                self._feed()
            elif letter >= " ":
                if sum(wide for _, wide, _, _ in self._line) + self._wide + 1 > _WIDTH // _CELL[0]:
                    self._feed()  # a full line is printed and the rest goes on below
                self._line.append((letter, self._wide + 1, self._high + 1, self._bold))

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
            width = data[4] + 256 * data[5]
            self._raster(data[8:], width)
        elif lead == b"\x1b*" and len(data) >= 5:
            self._columns(data[5:], third)
        elif lead == b"\x1d(" and data[2:3] == b"k":
            self._two_dimensional(data)
        elif lead in (b"\x1d(", b"\x1d8"):
            self._stored(data[5:] if lead == b"\x1d(" else data[7:])

    def _feed(self, *, force: bool = True) -> None:
        """Print the line in the buffer and move on."""
        if not self._line and not force:
            return
        height = max((high for _, _, high, _ in self._line), default=1) * _CELL[1]
        width = sum(wide for _, wide, _, _ in self._line) * _CELL[0]
        x = {1: (_WIDTH - width) // 2, 2: _WIDTH - width}.get(self._align, 0)
        for letter, wide, high, bold in self._line:
            # Drawn at the greater factor, then pressed together: letters stay sharp.
            size = max(wide, high)
            mask = cell_of(letter, _CELL[0] * size, _CELL[1] * size, bold=bold)
            mask = mask.resize((_CELL[0] * wide, _CELL[1] * high)) if wide != high else mask
            self._image.paste(0, (x, self._y + height - _CELL[1] * high), mask)
            x += _CELL[0] * wide
        self._line.clear()
        self._move(height + 6)

    def _place(self, picture: Image.Image) -> None:
        """Put a picture on the paper as the alignment says."""
        self._feed(force=False)
        space = _WIDTH - picture.width
        self._image.paste(picture, ({1: space // 2, 2: space}.get(self._align, 0), self._y))
        self._move(picture.height)

    def _move(self, dots: int) -> None:
        self._y = min(_MAX_DOTS - 600, self._y + dots)

    def _raster(self, data: bytes, row: int) -> None:
        rows = len(data) // row if row else 0
        if rows:
            inverted = bytes(byte ^ 0xFF for byte in data[: rows * row])
            self._place(Image.frombytes("1", (row * 8, rows), inverted).convert("L"))

    def _columns(self, data: bytes, mode: int) -> None:
        """ESC *: columns of 8 or 24 dots, from the top down."""
        size = 3 if mode in (32, 33) else 1
        picture = Image.new("L", (max(1, len(data) // size), size * 8), 255)
        draw = ImageDraw.Draw(picture)
        for index, byte in enumerate(data):
            for bit in range(8):
                if byte & (0x80 >> bit):
                    draw.point((index // size, index % size * 8 + bit), fill=0)
        self._place(picture)

    def _barcode(self, data: bytes, kind: int) -> None:
        text = (data[4:] if kind >= 65 else data[3:].rstrip(b"\x00")).decode("latin-1")
        if kind == 73 and text.startswith("{"):
            text = text[2:]
        strip = Image.new("L", (_WIDTH, self._bar_height), 255)
        width = draw_linear(
            strip, (0, 0), LINEAR_ESCPOS.get(kind, "code128"), text, self._bar_width, self._bar_height
        )
        if width:
            self._place(strip.crop((0, 0, min(width, _WIDTH), self._bar_height)))
        if self._bar_text or not width:
            self._line.extend((letter, 1, 1, False) for letter in text)
            self._feed()

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
            self._place(qr_image(self._qr, self._qr_module, self._qr_level))

    def _stored(self, data: bytes) -> None:
        """GS ( L, GS 8 L: function 112 stores raster graphics, 50 prints them."""
        if len(data) >= 10 and data[1] == 112:
            width = data[6] + 256 * data[7]
            row = (width + 7) // 8
            rows = len(data[10:]) // row if row else 0
            inverted = bytes(byte ^ 0xFF for byte in data[10 : 10 + rows * row])
            self._graphics = Image.frombytes("1", (row * 8, rows), inverted).convert("L") if rows else None
        elif len(data) >= 2 and data[1] in (2, 50) and self._graphics is not None:
            self._place(self._graphics)

    def finish(self) -> Image.Image:
        """Return what is on the paper."""
        self._feed(force=False)
        return self._image.crop((0, 0, _WIDTH, self._y + 24))
