"""A page of PCL comes out as it would have: for a printer that has read all before it, and for one that was only set up."""

from functools import partial

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from spooler.units.pjl_pcl import PjlPclSplitter
from tests.unit.spooler import set_up
from tests.unit.spooler.pcl_model import Printer

WORDS = [
    b"one ", b"two\r\n", b"\r", b"\n", b"\x0e", b"\x0f", b"\x1bE", b"\x1b9", b"\x1b&l0O", b"\x1b&l1O", b"\x1b&l1O", b"\x1b&l26A", b"\x1b&l2A",
    b"\x1b&l6D", b"\x1b&l8D", b"\x1b&l12C", b"\x1b&l3E", b"\x1b&l5E", b"\x1b&l40F", b"\x1b&l1o5e40F", b"\x1b&a5L", b"\x1b&a7L", b"\x1b&a60M", b"\x1b&a4l70M",
    b"\x1b&k10H", b"\x1b&k2G", b"\x1b&k0G", b"\x1b&u600D", b"\x1b&u300D", b"\x1b&d0D", b"\x1b&d@", b"\x1b&s1C", b"\x1b(8U", b"\x1b(0N", b"\x1b(s12V",
    b"\x1b(s0p10h12v0s3b3T", b"\x1b(s16H", b"\x1b)s3B", b"\x1b(3@", b"\x1b(5X", b"\x1b)5X", b"\x1b&a100H", b"\x1b&a3C", b"\x1b&a+3C", b"\x1b*p90X",
    b"\x1b*c5D", b"\x1b*c6D", b"\x1b)s4W\x0c\x1bE!", b"\x1b*c65E\x1b(s3Wxyz", b"\x1b*c66E\x1b(s3W\x0c\x0c\x0c", b"\x1b*c9G", b"\x1b*c2W\x1bE", b"\x1b*c3g2Wab",
    b"\x1b*v4T", b"\x1b*v0T", b"\x1b*c7R", b"\x1b(f2Wpq", b"\x1b&f1Y", b"\x1b&f2Y", b"\x1b&f0X\x1b&l1Omacro\x0c\x1b&f1X", b"\x1b&f4X", b"\x1b&f5X", b"\x1b&f3X", b"\x1b&f8X",
    b"\x1b*t300R", b"\x1b*b2M", b"\x1b*l252O", b"\x1b*c40A", b"\x1b*c2P", b"\x1b*r0A\x1b*b3W\x0c\x0c\x0c\x1b*rB", b"\x1b&p3X\x0c\x0c\x0c",
    b"\x1b*v6W012345", b"\x1b*v1a2b3c4I", b"\x1b*v9a0b9c4I", b"\x1b*v4S", b"\x1b*v1S", b"\x1b*p0P", b"\x1b*p1P",
]  # fmt: skip
PAGES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), max_size=12), st.sampled_from([b"\x0c", b"\r\n\x0c", b"\r\n\x0c"])
    ),
    min_size=2,
    max_size=6,
).map(lambda pages: b"".join(b"".join(words) + end for words, end in pages))
# The same documents each time; thousands of others, by hand, whenever the table of commands is changed.
CALM = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


ends_of = partial(set_up.ends_of, PjlPclSplitter)
setup_at = partial(set_up.setup_at, PjlPclSplitter, ahead=1024)


# What is undone stays undone.
@example(pages=b"\x1b&l1O\x1b(8U\x1b&k10H\x1b&l0O\x0c\r\n\x0c", again=False, too=False)
# What is said again resets nothing.
@example(pages=b"\x1b&l1O\x1b(8U\x1b&l1O\x0c\x0c", again=False, too=False)
# A font that is not in use.
@example(pages=b"\x0e\x1b&k10H\x1b&k2G\x1b(8U\x1b&a5L\x0e\x0c\x0c", again=False, too=False)
@given(pages=PAGES, again=st.booleans(), too=st.booleans())
@CALM
def test_a_page_comes_out_as_if_all_before_it_had_been_printed(pages, again, too):
    document = b"\x1bE" + pages
    for end in ends_of(document)[:-1]:
        prefix, refusal = setup_at(document, end)
        event(refusal or "printed")
        if refusal:
            assert not prefix
            continue
        whole, anew = Printer(again, too).read(document[:end]), Printer(again, too).read(prefix)
        assert anew.marks == [], "setting up prints nothing"
        if not document[end:].lstrip(b"\r\n").startswith(b"\x1bE"):
            assert anew.state == whole.state
            assert anew.y == whole.y
        whole.marks.clear()
        assert anew.read(document[end:]).marks == whole.read(document[end:]).marks


DRIVERS = {
    "text": b"\x1bE\x1b&l26A\x1b&l1O\x1b&l6D\x1b&k2G\x1b(8U\x1b(s0p16.67h8.5v0s0b0T"
    + b"line\nline\n\x0c" * 4,
    "placed": b"\x1bE\x1b&u600D\x1b&l1S"
    + b"\x1b&l26a0o0E\x1b*p300x400Y\x1b(s12Vtext\x1b*p90x800Ytext\x0c" * 4,
    "pictures": b"\x1bE\x1b*t300R" + b"\x1b*p0x0Y\x1b*r1A\x1b*b2m3Wabc\x1b*b3Wabc\x1b*rB\x0c" * 4,
    "font": b"\x1bE\x1b*c5D\x1b)s4WABCD\x1b*c65E\x1b(s3W\x0c\x0c\x0c\x1b(5X" + b"A\r\n\x0c" * 4,
    "macro": b"\x1bE\x1b&f1y0Xlogo\x1b&f1X" + b"\x1b&f1y3X\rtext\r\n\x0c" * 4,
    "colours": b"\x1bE\x1b*v6W012345" + b"\x1b*v1a2b3c4I\x1b*v4Sred\r\n\x1b*v0Sblack\r\n\x0c" * 4,
    "both ways": b"\x1bE" + (b"\x1b&l0o3e60F\x1b&a5Lup\r\n\x0c\x1b&l1o4e45F\x1b&a9Lacross\r\n\x0c") * 40,
}


@pytest.mark.parametrize("name", DRIVERS)
def test_what_drivers_send_can_go_on_at_every_page(name):
    document = DRIVERS[name] + b"\x1bE"
    ends = ends_of(document)
    for end in ends[:-1]:
        prefix, refusal = setup_at(document, end)
        assert not refusal
        assert len(prefix) < 150
    assert len(ends) in (4, 80)


@pytest.mark.parametrize(("before", "why"), [
    (b"one\x0c", "in the column"),
    (b"\x1b&a9Lone\r\x1b&a3L\x0c", "in the column"),
    (b"\x1b%0BIN;SP1;\x1b%0A\r\x0c", "HP-GL/2"),
    (b"\x1b&f1y0X\x1b&l1O\x1b&f1X\x1b&f2X\r\x0c", "runs a macro, whose commands nobody follows (ESC &f2X)"),
    (b"\x1b&f0S\r\x0c", "pushed"),
    (b"\x1b*r1A\x1b*b1W!\r\x0c", "in the middle of a picture"),
    (b"\x1b&l3T\r\x0c", "nobody follows ESC &l3T"),
    (b"\x1bY\r\x0c", "nobody follows ESC Y"),
    (b"\x1b*c5d5F\x1bEone\r\x0c", "for good"),
    (b"\x1b*p0P\x1b*v1S\x1b*p1P\r\x0c", "a colour was chosen in a palette that was popped"),
    (b"".join(b"\x1b*c%dg4Wabcd" % number for number in range(1025)) + b"\r\x0c", "more than 1024 stretches"),
    (b"\x1b)s2200000W" + b"f" * 2_200_000 + b"\r\x0c", "2,200,013 bytes would have to go before it, and 2,097,152 are the most"),
])  # fmt: skip
def test_what_cannot_be_made_again_is_refused_with_its_reason(before, why):
    document = b"\x1bE" + before + b"two\r\x0c"
    prefix, refusal = setup_at(document, ends_of(document)[-2])
    assert why in refusal
    assert not prefix
    document = b"\x1b%-12345X@PJL SET COPIES=2\r\n@PJL ENTER LANGUAGE=PCL\r\n" + document
    prefix, refusal = setup_at(document, ends_of(document)[-2])
    assert refusal
    assert not prefix, "nor is the PJL sent alone"
    document = b"\x1bE" + before + b"\x1bEtwo\r\x0c"
    assert setup_at(document, ends_of(document)[-2]) == (b"", ""), (
        "a page that begins with a reset needs nothing"
    )


def test_a_page_that_names_its_own_place_may_begin_where_the_last_one_ended():
    for place in (b"\r", b"\x1b&a0C", b"\x1b&l1O\x1b(s3B\x1b&a9R\x1b*p9X", b"\n\x1b&d0D\r"):
        assert setup_at(b"\x1bEone\x0c" + place + b"two\x0c", 6) == (b"\x1bE", "")
    for no_place in (b"\x1b&a+3C", b"\x1b*c9P\r", b"\n", b" \r", b"\x1b*b1W!\r"):
        assert setup_at(b"\x1bEone\x0c" + no_place + b"two\x0c", 6)[1]


def test_a_download_is_sent_from_the_document_and_takes_no_memory():
    font = b"\x1b*c5D\x1b)s1000000W" + bytes(1_000_000)
    splitter = PjlPclSplitter(collect=True)
    splitter.feed(b"\x1bE" + font + b"\x1b(5X\r\x0c")
    prefix = splitter.setup(b"two").prefix
    assert prefix.said == b"\x1bE\x1b(5X"
    assert prefix.taken == ((2, 2, 2 + len(font)),)
