"""Pictures of receipts as python-escpos makes them."""

from __future__ import annotations

import pytest
from escpos.printer import Dummy  # type: ignore[import-untyped]
from PIL import Image, ImageChops, ImageDraw

from printfabric_sim.render.receipt import draw_receipt
from printfabric_sim.render.receipt_pieces import receipt_text
from tests.simulators.test_render import dark


def logo() -> Image.Image:
    """A picture that shows every stripe and every shift."""
    image = Image.new("1", (200, 96), 1)
    draw = ImageDraw.Draw(image)
    draw.ellipse((5, 5, 90, 90), outline=0, width=3)
    draw.line((0, 95, 199, 0), fill=0, width=2)
    return image.convert("L")


def paper(*commands: bytes) -> Image.Image:
    return draw_receipt(b"\x1b@" + b"".join(commands))


@pytest.mark.parametrize("way", ["bitImageRaster", "bitImageColumn", "graphics"])
def test_a_picture_is_the_same_whatever_command_brings_it(way):
    printer = Dummy()
    printer.image(logo(), impl=way)
    drawn = draw_receipt(printer.output).crop((0, 16, 200, 112))
    assert ImageChops.difference(drawn, logo()).getbbox() is None


@pytest.mark.parametrize("way", ["bitImageRaster", "bitImageColumn", "graphics"])
@pytest.mark.parametrize(("wide", "high"), [(1, 2), (2, 1)])
def test_low_density_stretches_a_picture(way, wide, high):
    printer = Dummy()
    printer.image(logo(), impl=way, high_density_horizontal=wide == 1, high_density_vertical=high == 1)
    high = 3 if way == "bitImageColumn" and high == 2 else high  # 8 dots stand where 24 would
    expected = logo().resize((200 * wide, 96 * high), Image.Resampling.NEAREST)
    drawn = draw_receipt(printer.output).crop((0, 16, 200 * wide, 16 + 96 * high))
    assert ImageChops.difference(drawn, expected).getbbox() is None


@pytest.mark.parametrize(("command", "dots"), [(b"", 30), (b"\x1b3\x3c", 60), (b"\x1b3\x3c\x1b2", 30), (b"\x1b3\x00", 24)])  # fmt: skip
def test_lines_follow_at_their_spacing_and_never_over_each_other(command, dots):
    image = paper(command, b"MMM\nMMM\n")
    line = image.crop((0, 16, 36, 40))
    assert ImageChops.difference(image.crop((0, 16 + dots, 36, 40 + dots)), line).getbbox() is None
    assert dark(image, (0, 40, 36, 16 + dots)) == 0 if dots > 24 else True


def test_a_tab_goes_to_the_next_stop():
    plain, tabbed = paper(b"a       b       c\n"), paper(b"a\tb\tc\n")
    assert ImageChops.difference(plain, tabbed).getbbox() is None
    own = paper(b"\x1bD\x03\x06\x00a\tb\tc\td\n")
    assert ImageChops.difference(own, paper(b"a  b  cd\n")).getbbox() is None


def test_positions_are_in_dots():
    there = paper(b"\x1b$\x24\x00x\x1b\\\x18\x00y\n")
    assert ImageChops.difference(there, paper(b"   x  y\n")).getbbox() is None


@pytest.mark.parametrize("size", [b"", b"\x1d!\x11"])
def test_underlined_reversed_and_small_letters_look_like_it(size):
    high = 48 if size else 24
    underlined = paper(size, b"\x1b-\x02ooo\x1b-\x00\n")
    assert dark(underlined, (0, 16 + high - high // 12, 30, 16 + high)) == 1.0
    plain, reverse = paper(size, b"ooo\n"), paper(size, b"\x1dB\x01ooo\n")
    box = (0, 16, high // 2 * 3, 16 + high)
    assert dark(plain, box) < 0.4
    assert dark(reverse, box) == pytest.approx(1 - dark(plain, box), abs=0.15)
    small = paper(size, b"\x1bM\x01ooo\n")
    assert dark(small, (high * 9 // 24 * 3, 16, high // 2 * 3, 16 + high)) == 0


def test_the_code_page_is_the_one_selected():
    printer = Dummy()
    printer.text("1 Café 3,50 €\n")
    assert receipt_text(printer.output) == "1 Café 3,50 €\n"
    assert receipt_text(b"\x1bt\x10\x80\x1b@\x80") == "€Ç"
    assert receipt_text(b"\x1bt\xff\x80") == "Ç"


def test_a_line_wraps_at_the_width_of_its_font():
    assert paper(b"x" * 48 + b"\n").height == paper(b"x\n").height
    assert paper(b"x" * 49 + b"\n").height > paper(b"x\n").height
    assert paper(b"\x1bM\x01" + b"x" * 64 + b"\n").height == paper(b"\x1bM\x01x\n").height
