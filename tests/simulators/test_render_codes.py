"""Codes on labels stand where ZPL puts them, whichever way they are turned."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops

from printfabric_sim.render.label import draw_label
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
