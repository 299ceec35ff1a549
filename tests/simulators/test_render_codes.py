"""Codes on labels stand where ZPL puts them, whichever way they are turned."""

from __future__ import annotations

import warnings

import pytest
import zxingcpp
from PIL import Image, ImageChops

from printfabric_sim.render.label import draw_label
from printfabric_sim.render.receipt import draw_receipt
from tests.simulators.virtual_time import printer_of, run

TURNS = {"R": Image.Transpose.ROTATE_270, "I": Image.Transpose.ROTATE_180, "B": Image.Transpose.ROTATE_90}
CODES = [b"^BY3^BC%s,80", b"^BY3^BC%s,80,N", b"^BY2^B3%s,N,90,Y", b"^BX%s,5"]


def ink(commands: bytes) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """Return what a label of 800 by 800 dots has on it, and where."""
    image = ImageChops.invert(draw_label(b"^XA^PW800^LL800" + commands + b"^FDAB12^FS^XZ"))
    box = image.getbbox()
    assert box is not None
    return image.crop(box), box


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and ImageChops.difference(one, other).getbbox() is None


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("turn", list(TURNS))
def test_a_turned_code_is_the_upright_one_turned(code, turn):
    upright, _ = ink(b"^FO300,300" + code % b"N")
    turned, box = ink(b"^FO300,300" + code % turn.encode())
    assert same(turned, upright.transpose(TURNS[turn]))
    assert box[0] >= 300
    assert box[1] >= 300
    by_default, there = ink(b"^FW%s^FO300,300" % turn.encode() + code % b"")
    assert same(by_default, turned)
    assert there == box


@pytest.mark.parametrize(("turn", "corner"), [("N", (0, 3)), ("R", (0, 1)), ("I", (2, 1)), ("B", (2, 3))])
def test_bars_stand_on_their_baseline_where_they_begin(turn, corner):
    _, box = ink(b"^FT400,400^BY3^BC%s,80,N" % turn.encode())
    assert (box[corner[0]], box[corner[1]]) == (400, 400)


def test_a_turned_field_turns_no_code_behind_it_and_a_qr_code_never_turns():
    upright, _ = ink(b"^FO300,300^BQN,2,4")
    turned, _ = ink(b"^FWR^FO300,300^BQ,2,4")
    assert same(upright, turned)
    _, box = ink(b"^FO300,300^A0R,30,30^FS^FO300,300^BCN,80")
    assert box[2] - box[0] > box[3] - box[1]


def test_a_code_that_is_reversed_is_white_on_black():
    black, _ = ink(b"^FO200,200^GB300,300,300^FS")
    mixed, _ = ink(b"^FO200,200^GB300,300,300^FS^FO300,300^FR^BCR,80,N")
    assert mixed.size == black.size
    assert sum(mixed.histogram()[:128]) > 1000


@pytest.mark.parametrize(
    ("personality", "content"),
    [
        ("zpl", b"^XA^FO0,0^BQN,2,9^FDQA," + b"x" * 4000 + b"^FS^XZ"),
        ("escpos", b"\x1d(k\xa3\x0f1P0" + b"x" * 4000 + b"\x1d(k\x03\x001Q0A\n"),
        ("plain", bytes(range(256)) * 4),
    ],
)
def test_one_field_that_cannot_be_drawn_spoils_no_picture(personality, content):
    async def drawn() -> tuple[int, int]:
        async with printer_of(personality) as printer:
            size: tuple[int, int] = printer.personality.render(content).size
            return size

    assert min(run(drawn())) > 0


@pytest.mark.parametrize(
    ("code", "form"),
    [
        (b"^BXN,6,200", "DataMatrix"),
        (b"^BY3^B7N,8", "PDF417"),
        (b"^BY2^B7R,8", "PDF417"),
        (b"^BON,6", "Aztec"),
        (b"^B0N,6", "Aztec"),
        (b"^BY4^BFN,10", "MicroPDF417"),
        (b"^BQN,2,6", "QRCode"),
        (b"^BY3^BCN,80", "Code128"),
    ],
)
def test_a_reader_reads_what_the_label_says(code, form):
    text = b"MA," if form == "QRCode" else b""
    image = draw_label(b"^XA^PW800^LL600^FO100,100" + code + b"^FD" + text + b"SERIAL 00017^FS^XZ")
    read = zxingcpp.read_barcodes(image)
    assert [(found.text, found.format) for found in read] == [
        ("SERIAL 00017", getattr(zxingcpp.BarcodeFormat, form))
    ]


WIDE = {
    "letters": b"^A0N,4000,4000^FD" + b"W" * 200,
    "letters drawn out": b"^A0N,200,4000^FD" + b"W" * 100_000,
    "a block": b"^A0N,400,400^FB4000,4000,0,L^FD" + b"W x " * 20_000,
    "a graphic": b"^GFA,9,99999999,9999," + b"zF" * 2000 + b":" * 100_000,
    "words below bars": b"^BY4000,3,4000^BCN,4000^FD" + b"1" * 3000,
    "a QR code": b"^BQN,2,4000^FDQA," + b"1" * 1000,
    "rows": b"^BY4000^B7N,4000^FD" + b"1" * 1000,
}


@pytest.mark.parametrize("what", WIDE)
def test_no_picture_is_larger_than_a_label_can_be(what):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's, of pictures that may be bombs
        assert draw_label(b"^XA^FO0,0" + WIDE[what] + b"^FS^XZ").size <= (812, 4000)


def test_no_receipt_is_larger_than_paper():
    image = b"\x1d(L\xff\xff0p0\xff\xff1\xff\xff\xff\xff" + b"\xff" * 65000 + b"\x1d(L\x02\x0002"
    code = b"\x1d(k\x03\x001C\xff\x1d(k\xe3\x031P0" + b"1" * 992 + b"\x1d(k\x03\x001Q0"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for content in (image, code):
            assert draw_receipt(content).height < 12_000
