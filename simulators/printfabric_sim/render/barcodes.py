"""Bar codes as rows of modules: python-barcode for the linear ones, segno for QR, zxing-cpp for the other two-dimensional ones."""

from __future__ import annotations

import barcode  # type: ignore[import-untyped]
import segno
import zxingcpp
from barcode.errors import BarcodeError  # type: ignore[import-untyped]
from PIL import Image, ImageDraw

from printfabric_sim.render.zpl_parameters import MAX_DOTS

# ZPL command letters and ESC/POS numbers -> names of python-barcode
LINEAR_ZPL = {
    "C": "code128",
    "3": "code39",
    "E": "ean13",
    "8": "ean8",
    "U": "upca",
    "2": "itf",
    "K": "codabar",
}
LINEAR_ESCPOS = {
    0: "upca", 2: "ean13", 3: "ean8", 4: "code39", 5: "itf", 6: "codabar",
    65: "upca", 67: "ean13", 68: "ean8", 69: "code39", 70: "itf", 71: "codabar", 73: "code128",
}  # fmt: skip


def linear_modules(kind: str, text: str) -> str | None:
    """Return a linear code as a string of 0 and 1, one a module; None if `text` cannot be encoded so."""
    try:
        options = {"add_checksum": False} if kind == "code39" else {}
        built = barcode.get_barcode_class(kind)(text, **options).build()
    except (BarcodeError, KeyError, ValueError, IndexError):
        return None
    return built[0].replace("G", "1") if built else None


def draw_linear(
    image: Image.Image, at: tuple[int, int], kind: str, text: str, module: int, height: int
) -> int:
    """Draw a linear code with its top left corner at `at`; return its width in dots, 0 if it cannot be drawn."""
    modules = linear_modules(kind, text)
    if modules is None:
        return 0
    draw = ImageDraw.Draw(image)
    x, y = at
    for index, bit in enumerate(modules):
        if bit == "1":
            left = x + index * module
            draw.rectangle((left, y, left + module - 1, y + height - 1), fill=0)
    return len(modules) * module


def qr_image(data: bytes, module: int, level: str = "M") -> Image.Image | None:
    """Return a QR code without its quiet zone; None if it cannot hold `data`."""
    try:
        code = segno.make_qr(data, error=level, boost_error=False)
    except segno.DataOverflowError:
        return None
    rows = [list(row) for row in code.matrix]
    image = Image.new("L", (len(rows[0]), len(rows)), 255)
    image.putdata([0 if bit else 255 for row in rows for bit in row])
    return enlarged(image, module, module)


def matrix_image(kind: zxingcpp.BarcodeFormat, text: str) -> Image.Image | None:
    """Return a two-dimensional code, one module a dot, without its quiet zone; None if it cannot hold `text`."""
    try:
        drawn = zxingcpp.create_barcode(text, kind).to_image(add_quiet_zones=False)
    except ValueError:
        return None
    return Image.fromarray(drawn)


def enlarged(code: Image.Image, wide: int, high: int) -> Image.Image:
    """Return a code with modules of so many dots, fewer where it would be larger than any label."""
    wide = max(1, min(wide, MAX_DOTS // code.width))
    high = max(1, min(high, MAX_DOTS // code.height))
    return code.resize((code.width * wide, code.height * high), Image.Resampling.NEAREST)
