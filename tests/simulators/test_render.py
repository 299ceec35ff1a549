"""Pictures: what is on them where, not every pixel of them; the kept pictures in docs/images were looked at."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops

from printfabric_sim.render.barcodes import linear_modules
from printfabric_sim.render.fonts import cell_of
from printfabric_sim.render.label import draw_label
from printfabric_sim.render.page import draw_text_page, page_text
from printfabric_sim.render.receipt import draw_receipt
from printfabric_sim.render.receipt_pieces import receipt_text
from printfabric_sim.render.zpl_graphics import unpack


def dark(image: Image.Image, box: tuple[int, int, int, int]) -> float:
    """Return the share of dark pixels in a box."""
    histogram = image.crop(box).histogram()
    return sum(histogram[:128]) / sum(histogram)


def test_a_label_has_its_size_text_boxes_and_codes_where_they_belong():
    image = draw_label(
        b"^XA^PW600^LL400^FO10,10^GB580,380,4^FS^FO50,50^A0N,60,60^FDHELLO^FS"
        b"^FO50,150^BY2^BCN,100,N^FDABC-123^FS^FO400,150^BQN,2,5^FDMA,hello^FS^XZ"
    )
    assert image.size == (600, 400)
    assert dark(image, (10, 10, 14, 390)) == 1.0
    assert 0.1 < dark(image, (50, 50, 250, 110)) < 0.6
    assert 0.3 < dark(image, (50, 150, 50 + 2 * len(linear_modules("code128", "ABC-123") or ""), 250)) < 0.7
    assert 0.3 < dark(image, (400, 160, 505, 265)) < 0.7
    assert dark(image, (20, 280, 380, 380)) == 0.0


def test_reversed_text_is_white_on_a_black_box():
    image = draw_label(b"^XA^PW300^LL100^FO0,0^GB300,100,100^FS^FO20,20^FR^A0N,60,60^FDEXPRESS^FS^XZ")
    assert 0.5 < dark(image, (20, 20, 260, 90)) < 0.95


@pytest.mark.parametrize(
    ("data", "rows"),
    [(b"FF00", "ff00"), (b"HF,", "ff00"), (b"F,:", "f000f000"), (b"!", "ffff"), (b"JF0,", "ffff0000")],
)
def test_compressed_graphics_unpack_as_the_guide_says(data, rows):
    assert unpack(data, 2).hex().startswith(rows[:8])


def test_a_receipt_is_as_wide_as_its_paper_and_wraps_long_lines():
    short = draw_receipt(b"one line\n")
    long = draw_receipt(b"x" * 60 + b"\n")
    assert short.width == 576
    assert long.height > short.height
    assert (
        receipt_text(b"\x1b@\x1ba\x01Hello\n\x1dv0\x00\x01\x00\x01\x00\xffworld\n\x1dV\x00")
        == "Hello\nworld\n"
    )


def test_double_size_letters_are_twice_as_high():
    normal, double = draw_receipt(b"A\n"), draw_receipt(b"\x1d!\x11A\n")
    assert double.height - normal.height == 48 - 30  # a line is no lower than its spacing


@pytest.mark.parametrize(
    "content", [b"", b"\x1d", b"\x1b*", b"\x1dv0\x00\xff\xff\xff\xff", b"\x1d(L\x02\x00\x30\x32"]
)
def test_a_torn_receipt_is_drawn_as_far_as_it_goes(content):
    assert draw_receipt(content).width == 576


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"^XA",
        b"^FDx",
        b"^XA^GFA,1,2",
        b"^XA^GFA,a,b,c,zz^FS",
        b"^XA^BQN^FD^FS",
        b"^XA^LL99999999^XZ",
        b"^A",
        b"^XA^A0,0,0^FDx^FS^CF0,0^FDy^FS^BY99^BCN,9999^FDz^FS^XZ",
    ],
)
def test_a_torn_or_wrong_label_is_drawn_as_far_as_it_goes(content):
    assert draw_label(content).width > 0


def test_page_text_leaves_the_language_out():
    assert page_text(b"\x1bE\x1b&l0O\x1b(s10HHello\r\n\x1b*b3Wabcworld\x0c").split() == ["Hello", "world"]
    assert page_text(b"%!PS\n(Hello \\(you\\)) show showpage") == "Hello (you)"


def test_positioned_lines_of_pcl_do_not_run_together():
    assert page_text(b"\x1bE\x1b*p300x300YPositioned\x1b*p300x600YLower\x1b&a5R\x1b&a9Lend\x0c").split("\n")[:3] == [
        "Positioned", "Lower", "end\x0c",
    ]  # fmt: skip
    assert page_text(b"one\x1b*p300Xtwo") == "onetwo"


def test_a_page_has_lines_at_fixed_pitch():
    image = draw_text_page("a\n\n\nb\n")
    assert image.width == 880
    assert dark(image, (40, 40, 60, 60)) > 0
    assert dark(image, (40, 60, 60, 98)) == 0


@pytest.mark.parametrize("letter", ["M", "i", "é", "ß", "─", "│", "┼", "█"])
def test_every_letter_of_the_code_page_has_a_cell_of_its_own_and_ink_in_it(letter):
    missing = cell_of("\uffff", 12, 24).tobytes()
    mask = cell_of(letter, 12, 24)
    assert mask.size == (12, 24)
    assert mask.getbbox() is not None
    assert mask.tobytes() != missing


def test_letters_stand_in_columns_whatever_they_are():
    narrow, wide = draw_text_page("iiiii|\n"), draw_text_page("MMMMM|\n")
    column = (40 + 5 * 10, 40, 40 + 6 * 10, 60)
    assert narrow.crop(column).tobytes() == wide.crop(column).tobytes()
    assert dark(narrow, column) > 0


@pytest.mark.parametrize("content", ["Größe │ 3".encode(), "Größe │ 3".encode("cp437")])
async def test_a_line_printer_reads_utf_8_and_its_own_code_page(start, content):
    printer = await start("plain")
    assert printer.personality.text(content) == "Größe │ 3"


def inked(image: Image.Image) -> tuple[int, int, int, int]:
    box = ImageChops.invert(image).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize(("turn", "tall"), [("N", False), ("R", True), ("I", False), ("B", True)])
@pytest.mark.parametrize("command", ["FO", "FT"])
def test_turned_text_is_turned_and_stands_where_its_field_is(turn, tall, command):
    upright = inked(draw_label(b"^XA^PW800^LL800^FO400,400^A0N,40,40^FDLONG TEXT^FS^XZ"))
    long, high = upright[2] - upright[0], upright[3] - upright[1]
    label = f"^XA^PW800^LL800^{command}400,400^A0{turn},40,40^FDLONG TEXT^FS^XZ"
    left, top, right, bottom = inked(draw_label(label.encode()))
    assert (right - left, bottom - top) == ((high, long) if tall else (long, high))
    if command == "FO":  # the corner of the field, however it is turned
        assert 400 <= left <= 412
        assert 400 <= top <= 412
    else:  # the first letter's foot
        ends = {"N": (left, bottom), "R": (left, top), "I": (right, top), "B": (right, bottom)}
        assert all(abs(place - 400) <= 4 for place in ends[turn])


def test_fields_are_turned_by_default_as_the_format_says():
    by_field = draw_label(b"^XA^PW300^LL300^FO40,40^A0R,30,30^FDABC^FS^XZ")
    by_format = draw_label(b"^XA^PW300^LL300^FWR^FO40,40^A0,30,30^FDABC^FS^XZ")
    assert by_field.tobytes() == by_format.tobytes()


def test_an_ellipse_touches_its_box_and_leaves_its_corners():
    image = draw_label(b"^XA^PW400^LL300^FO50,50^GE200,100,4,B^FS^XZ")
    assert inked(image) == (50, 50, 251, 151)
    assert dark(image, (50, 50, 60, 60)) == 0
    assert dark(image, (145, 95, 155, 105)) == 0
