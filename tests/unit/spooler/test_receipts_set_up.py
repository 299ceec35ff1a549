"""A receipt comes out as it would have: for a printer that has read all before it, and for one that was only set up."""

from functools import partial
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from PIL import ImageChops

from printfabric_sim.render.receipt import draw_receipt
from spooler.units.escpos import EscPosSplitter
from tests.unit.spooler import set_up
from tests.unit.spooler.escpos_model import Printer

CUT = b"\x1dV\x00"
# What the simulator's picture shows.
DRAWN = [
    b"ab", b"c\td", b"\n", b"line\n", b"\tx\n", b"\xe4\n", b"\x1b@", b"\x1bD\x05\x0c\x00", b"\x1bD\x14\x28\x00", b"\x1bD\x00", b"\x1b!\x00", b"\x1b!\x39", b"\x1b!\x81",
    b"\x1bM\x00", b"\x1bM\x01", b"\x1d!\x11", b"\x1d!\x00", b"\x1bE\x01", b"\x1bE\x00", b"\x1bG\x01", b"\x1b-\x02", b"\x1b-\x00", b"\x1dB\x01", b"\x1dB\x00",
    b"\x1ba\x00", b"\x1ba\x01", b"\x1ba\x02", b"\x1b2", b"\x1b3\x50", b"\x1b3\x20", b"\x1bt\x00", b"\x1bt\x10", b"\x1bd\x01", b"\x1bJ\x20", b"\x1b$\x40\x00", b"\x1b\\\x08\x00",
    b"\x1dh\x20", b"\x1dh\x50", b"\x1dw\x02", b"\x1dw\x04", b"\x1dH\x00", b"\x1dH\x02", b"\x1dk\x04A1\x00", b"\x1b*\x00\x01\x00\xff", b"\x1dv0\x00\x01\x00\x02\x00\xaa\xff",
    b"\x1d(k\x03\x00\x31\x43\x04", b"\x1d(k\x03\x00\x31\x45\x33", b"\x1d(k\x05\x00\x31\x50\x30ab", b"\x1d(k\x05\x00\x31\x50\x30cd", b"\x1d(k\x03\x00\x31\x51\x30",
    b"\x1d(L\x0c\x00\x30\x70\x30\x01\x01\x31\x08\x00\x02\x00\xaa\xff\x1d(L\x02\x00\x30\x32",
]  # fmt: skip
# What else lasts.
WORDS = [
    *DRAWN, b"\x0c", b"\x1bL", b"\x1bS", b"\x1b \x04", b"\x1b \x00", b"\x1b%\x01", b"\x1bR\x02", b"\x1bT\x01", b"\x1bW" + bytes(6) + b"\x40\x01", b"\x1bW\x08\x00" + bytes(4) + b"\x40\x01",
    b"\x1bU\x01", b"\x1bV\x01", b"\x1b{\x01", b"\x1b{\x00", b"\x1bc3\x01", b"\x1bc4\x02", b"\x1br\x01", b"\x1dL\x10\x00", b"\x1dL\x00\x00", b"\x1dW\x80\x01", b"\x1dP\x50\x50", b"\x1dP\x00\x00",
    b"\x1db\x01", b"\x1df\x01", b"\x1dE\x10", b"\x1c!\x04", b"\x1cW\x01", b"\x1c-\x01", b"\x1cC\x01", b"\x1cS\x02\x02", b"\x1c&", b"\x1c.", b"\x1c(A\x02\x00\x30\x01",
    b"\x1c(C\x02\x00\x30\x32", b"\x1c(C\x03\x00\x3c\x00\x0b", b"\x1d(K\x02\x00\x31\x06", b"\x1d(K\x02\x00\x32\x03", b"\x1d(N\x02\x00\x30\x32", b"\x1d(N\x02\x00\x32\x31",
    b"\x1d(P\x08\x00\x30\x00\x01\x00\x02\x01\x01\x01", b"\x1d(F\x04\x00\x01\x00\x10\x00", b"\x1d(D\x03\x00\x14\x01\x01", b"\x1b&\x03A\x41\x01abc", b"\x1b&\x03B\x42\x01def", b"\x1b?A", b"\x1d/\x00",
    b"\x1d*\x01\x01\x1dV\x0012345", b"\x1d(L\x0b\x00\x30\x53ab\x01\x08\x00\x01\x001\xff", b"\x1d(L\x04\x00\x30\x52ab", b"\x1d(L\x06\x00\x30\x55ab\x01\x01", b"\x1d(L\x04\x00\x30\x31\x33\x33",
    b"\x1b=\x02", b"\x1b=\x01", b"\x1b=\x01", b"\r",
]  # fmt: skip
CALM = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
FEW = settings(CALM, max_examples=50)


def receipts(words):
    body = st.lists(st.sampled_from(words), max_size=10).map(b"".join)
    return st.lists(body.map(lambda one: one + b"end\n" + CUT), min_size=2, max_size=5).map(b"".join)


ends_of = partial(set_up.ends_of, EscPosSplitter)
setup_at = partial(set_up.setup_at, EscPosSplitter, ahead=64)


@example(document=b"\x1bD\x14\x28\x00x\n" + CUT + b"item\tqty\n" + CUT, own=True, goes=True, anywhere=True)
@example(document=b"\x1bD\x05\x00\x1b!\x20x\n" + CUT + b"a\tb\n" + CUT, own=True, goes=True, anywhere=True)
@example(
    document=b"\x1dP\x50\x50\x1dL\x10\x00\x1dP\x00\x00x\n" + CUT + b"y\n" + CUT,
    own=True,
    goes=True,
    anywhere=True,
)
@example(document=b"\x1b3\x10\x1bL\x1b3\x20\x0cx\n" + CUT + b"y\n" + CUT, own=True, goes=True, anywhere=True)
@example(document=b"\x1b3\x10\x1bL\x1b3\x20\x0cx\n" + CUT + b"y\n" + CUT, own=False, goes=True, anywhere=True)
@example(document=b"ab\x1ba\x01x\n" + CUT + b"y\n" + CUT, own=True, goes=True, anywhere=False)
@given(document=receipts(WORDS), own=st.booleans(), goes=st.booleans(), anywhere=st.booleans())
@CALM
def test_a_receipt_comes_out_as_if_all_before_it_had_been_printed(document, own, goes, anywhere):
    document = b"\x1b@" + document
    for end in ends_of(document)[:-1]:
        prefix, refusal = setup_at(document, end)
        event(refusal or "printed")
        if refusal:
            assert not prefix
            continue
        whole = Printer(own, goes, anywhere).read(document[:end])
        anew = Printer(own, goes, anywhere).read(prefix)
        assert anew.marks == [], "setting up prints nothing"
        assert anew.state == whole.state
        whole.marks.clear()
        assert anew.read(document[end:]).marks == whole.read(document[end:]).marks


def drawn_behind(before, receipt):
    """Return the picture of a receipt as it comes out behind what was sent before."""
    above, all_of_it = draw_receipt(before), draw_receipt(before + receipt)
    return all_of_it.crop((0, above.height - 24, all_of_it.width, all_of_it.height))


@example(document=b"\x1bD\x14\x28\x00x\n" + CUT + b"item\tqty\n" + CUT)
@given(document=receipts(DRAWN))
@FEW
def test_a_receipt_looks_as_it_would_have(document):
    document = b"\x1b@" + document
    ends = ends_of(document)
    for start, end in list(pairwise(ends))[-2:]:
        prefix, refusal = setup_at(document, start)
        if not refusal:
            receipt = document[start:end]
            before, after = drawn_behind(document[:start], receipt), drawn_behind(prefix, receipt)
            assert before.size == after.size
            assert ImageChops.difference(before, after).getbbox() is None


@pytest.mark.parametrize(
    "drawn",
    [
        b"\x1bE\x00",
        b"\x1bD\x14\x28\x00",
        b"\x1b&\x03AB\x01abc\x01def",
        b"\x1d*\x01\x01\x1dV\x0012345",
        b"\x1d(k\x05\x00\x31\x50\x30ab",
    ],
)
def test_what_was_set_or_downloaded_is_sent_once_more_as_it_came(drawn):
    document = b"\x1b@" + drawn + (b"x\n" + CUT) * 4
    assert setup_at(document, ends_of(document)[2]) == (b"\x1b@" + drawn, "")


@pytest.mark.parametrize(("before", "why"), [
    (b"\x1bL\x1bW" + bytes(8) + b"text\n", "in page mode"),
    (b"text\x1bLmore\n\x0c", "ESC L stands in the middle of a line"),
    (b"text\x1ba\x01\n", "ESC a stands in the middle of a line"),
    (b"text\n\x1d:\n\x1d:", "a macro was defined"),
    (b"\x1d:\n\x1d:\x1b@", "a macro was defined"),
    (b"\x1b=\x02", "another device"),
    (b"\x1d(L\x0c\x00\x30\x70\x30\x01\x01\x31\x08\x00\x02\x00\xaa\xff", "graphics that were stored"),
    (b"\x1d(L\x0b\x00\x30\x43ab\x01\x08\x00\x01\x001\xff\x1b@", "for good"),
    (b"\x1cq\x01\x01\x00\x01\x0012345678\x1b@", "FS q leaves images in the printer for good"),
    (b"\x1d(E\x03\x00\x01IN", "GS ( E changes the printer for good"),
    (b"\x1dC0\x05\x00", "GS C counts receipts"),
    (b"\x1dc", "GS c counts receipts"),
    (b"\x1dD0", "GS D defines an image"),
    (b"\x1bZ", "nobody follows ESC Z"),
    (b"\x1d(z\x02\x00ab", "nobody follows GS ( z"),
    (b"\x1c2\x21\x21" + bytes(72) + b"\x1bZ", "nobody follows ESC Z"),
    (b"\x1d*\xff\xff" + bytes(255 * 255 * 8) + b"".join(b"\x1d*\xff\xff" + bytes(255 * 255 * 8) for _ in range(4)), "are the most"),
])  # fmt: skip
def test_what_cannot_be_made_again_is_refused_with_its_reason(before, why):
    document = b"\x1b@" + before + b"x\n" + CUT + b"y\n" + CUT
    prefix, refusal = setup_at(document, ends_of(document)[0])
    assert why in refusal
    assert not prefix


def test_what_the_middle_of_a_line_says_is_no_doubt_where_it_was_in_force_or_is_said_again():
    for words in (b"\x1ba\x01\ntext\x1ba\x01\n", b"text\x1ba\x01\n\x1ba\x02", b"text\x1ba\x01\x1b@"):
        document = words + b"x\n" + CUT + b"y\n" + CUT
        assert setup_at(document, ends_of(document)[0])[1] == ""


def test_the_printer_is_chosen_again_where_a_display_hangs_on_the_same_cable():
    document = (b"\x1b=\x02\x1bR\x05Total\r\n\x1b=\x01\x1bR\x02text\n" + CUT) * 3
    assert setup_at(document, ends_of(document)[1]) == (b"\x1b=\x01\x1b@\x1bR\x02", "")


def test_a_download_stays_in_the_document_and_takes_no_memory():
    image = b"\x1d*\xff\x80" + bytes(255 * 128 * 8)
    splitter = EscPosSplitter(collect=True)
    splitter.feed(b"\x1b@" + image + b"x\n" + CUT)
    prefix = splitter.setup(b"y").prefix
    assert prefix.said == b"\x1b@"
    assert prefix.taken == ((2, 2, 2 + len(image)),)
