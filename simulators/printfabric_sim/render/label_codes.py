"""The codes of a ZPL label: bars with what they say below them, QR, and a named box for what is not drawn.

After the "ZPL II Programming Guide": ^BC ^B3 ^BE ^B8 ^BU ^B2 ^BK ^BQ ^BX ^B7 ^BF ^BO ^B0 ^BD.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw
from zxingcpp import BarcodeFormat

from printfabric_sim.render.barcodes import LINEAR_ZPL, draw_linear, enlarged, matrix_image, qr_image
from printfabric_sim.render.fonts import draw_text, text_length
from printfabric_sim.render.zpl_parameters import MAX_DOTS, number

# Which code it is, and how many dots zxing-cpp makes a row high; 0: its modules are square, and ^B says how large.
_MATRIX = {
    "X": (BarcodeFormat.DataMatrix, 0),
    "O": (BarcodeFormat.Aztec, 0),
    "0": (BarcodeFormat.Aztec, 0),
    "7": (BarcodeFormat.PDF417, 3),
    "F": (BarcodeFormat.MicroPDF417, 2),
}
_BOX = (161, 101)
_LETTERS, _LINE = 22, 30
# A QR code stands so much lower than other fields.
_QR_SHIFT = 10


class Code(NamedTuple):
    """An upright code as a mask; `above` of its rows are above the baseline of ^FT."""

    mask: Image.Image
    above: int


def draw_code(kind: str, parameters: list[str], text: str, module: int, height: int) -> Code:
    """Draw what ^B`kind` says of `text`; ^BY has set the width of a `module` and the `height` of bars."""
    if kind == "Q":
        return _qr(parameters, text)
    if kind in LINEAR_ZPL:
        return _bars(kind, parameters, text, module, height)
    if kind in _MATRIX:
        return _matrix(kind, parameters, text, module)
    if kind == "D":
        code = matrix_image(BarcodeFormat.MaxiCode, text)
        return _named_box("MaxiCode", text) if code is None else Code(ImageChops.invert(code), code.height)
    return _named_box(f"^B{kind}", text)


def _matrix(kind: str, parameters: list[str], text: str, module: int) -> Code:
    """Draw a code of square modules, or of rows whose height is told apart from the width of their modules."""
    form, row = _MATRIX[kind]
    code = matrix_image(form, text)
    if code is None:
        return _named_box(f"{form.name}: cannot encode", text)
    high = number(parameters[1], 0) if len(parameters) > 1 else 0
    if row:
        code = code.resize((code.width, code.height // row))
        code = enlarged(code, module, high or module * row)
    else:
        code = enlarged(code, high or module, high or module)
    return Code(ImageChops.invert(code), code.height)


def _qr(parameters: list[str], text: str) -> Code:
    data = text[3:] if re.match(r"[HQML][AM],", text) else text
    module = number(parameters[2], 3) if len(parameters) > 2 else 3
    code = qr_image(data.encode(), module, text[0] if text[:1] in ("L", "M", "Q", "H") else "M")
    if code is None:
        return _named_box("QR: too long", text)
    mask = Image.new("L", (code.width, code.height + _QR_SHIFT), 0)
    mask.paste(ImageChops.invert(code), (0, _QR_SHIFT))
    return Code(mask, mask.height)


def _bars(kind: str, parameters: list[str], text: str, module: int, height: int) -> Code:
    # The height is the second parameter, except that ^B3 differs by a check digit first.
    index = 2 if kind == "3" else 1
    height = max(1, number(parameters[index], height) if len(parameters) > index else height)
    data = text[2:] if kind == "C" and text.startswith((">:", ">;", ">9")) else text
    paper = Image.new("L", (MAX_DOTS, height + _LINE), 255)
    width = min(MAX_DOTS, draw_linear(paper, (0, 0), LINEAR_ZPL[kind], data, module, height))
    if not width:
        return _named_box(f"{LINEAR_ZPL[kind]}: cannot encode", text)
    line = parameters[index + 1].strip().upper() if len(parameters) > index + 1 else "Y"
    if line == "N":
        return Code(ImageChops.invert(paper.crop((0, 0, width, height))), height)
    length = min(MAX_DOTS, round(text_length(data, _LETTERS)))
    draw_text(paper, (max(0, (width - length) // 2), height + 4), data, _LETTERS)
    return Code(ImageChops.invert(paper.crop((0, 0, max(width, length), height + _LINE))), height)


def _named_box(name: str, text: str) -> Code:
    paper = Image.new("L", _BOX, 255)
    ImageDraw.Draw(paper).rectangle((0, 0, _BOX[0] - 1, _BOX[1] - 1), outline=0, width=2)
    draw_text(paper, (8, 8), name, 18)
    draw_text(paper, (8, 40), text[:14], 16)
    return Code(ImageChops.invert(paper), _BOX[1])
