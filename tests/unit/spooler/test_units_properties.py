"""What holds for every splitter, whatever the bytes."""

import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spooler.units.choose import choose
from spooler.units.escpos import EscPosSplitter
from spooler.units.pjl_pcl import PjlPclSplitter
from spooler.units.splitter import SETUP_BYTES
from spooler.units.text import TextSplitter
from spooler.units.whole import WholeSplitter
from spooler.units.zpl import ZplSplitter

# Words of each language, cut ones and traps among them, so that random documents mean something.
WORDS = {
    ZplSplitter: [
        b"^XA", b"^XZ", b"^xa", b"^xz", b"^FDtext^FS", b"^FO1,2", b"^PQ3", b"^PW400", b"^FX ^XZ", b"\x02", b"\x03", b"^DFR:A.ZPL^FS",
        b"^GFB,9,9,3,^XA^XZ^FD", b"^GFA,6,6,3,FF00FF", b"^GFC,5,5,5,^XZ^F", b"~DYR:A,B,T,6,0,^XA^XZ", b"~DYR:A,A,T,6,0,001122", b"^GFB,",
        b"~CC/", b"/CC^", b"~CT+", b"+CT~", b"~CD;", b"~CD9", b"~CD,", b"/XA/FDx/XZ", b"~DGR:A.GRF,8,1,FF", b"^", b"~", b"^X", b"\r\n", b"^GFB;9;9;3;^XA^XZ^FD",
        b"~JA", b"^XFR:A^FS", b"^LH1,1", b"^LH1\x03", b"^CI28", b"/", b"^^XA",
    ],
    EscPosSplitter: [
        b"\x1b@", b"text", b"\n", b"\x1dV\x00", b"\x1dVA\x03", b"\x1dV1", b"\x1bi", b"\x1bm", b"\x1dv0\x00\x02\x00\x03\x00\x1dV\x00\x1bi!",
        b"\x1b*\x21\x02\x00\x1dV\x00\x1bi", b"\x1d(k\x04\x00\x1dV\x00\x00", b"\x1d8L\x0a\x00\x00\x000p\x1dV\x00\x1bm\x1dV\x00", b"\x1b&\x03AB\x01\x1dV\x00\x02\x1bi\x1bm\x1dV",
        b"\x1d*\x01\x01\x1dV\x00\x1dV\x00\x1bi", b"\x1dk\x04ABC\x00", b"\x1dk\x49\x05\x1dV\x00ab", b"\x1bD\x08\x10\x00", b"\x1cq\x01\x01\x00\x01\x00\x1dV\x00\x1bi\x1bm!",
        b"\x1bt\x13", b"\x1bR\x02", b"\x1dL\x10\x00", b"\x10\x04\x01", b"\x10\x14\x01\x00\x02", b"\x1b", b"\x1d", b"\x1d(", b"\x1dv0", b"\x1bp\x00\x19\xfa", b"\x1dk\x04",
    ],
    PjlPclSplitter: [
        b"\x1b%-12345X", b"@PJL\r\n", b"@PJL JOB NAME=\"a\"\r\n", b"@PJL ENTER LANGUAGE=PCL\r\n", b"@PJL ENTER LANGUAGE = POSTSCRIPT\n", b"@PJL ENTER LANGUAGE=PDF\n",
        b"@PJL ENTER LANGUAGE=PCLXL\n", b"\x1bE", b"text\r\n", b"\x0c", b"\x1b*b5W\x0c\x1bE\x0c!", b"\x1b(s7W\x0c\x0c\x0c\x0c\x0c\x0c\x0c", b"\x1b&l2X", b"\x1b&l1o5.4C", b"%!PS-Adobe-3.0\n",
        b"%!PS\n", b"\n%%Page: 1 1\n", b"\n%%Trailer\n", b"\n%%BeginDocument: a\n", b"\n%%EndDocument\n", b"\n%%BeginBinary: 9\n", b"\n%%BeginData: 4 Hex Bytes\n", b"showpage\n",
        b"%PDF-1.7\n", b") HP-PCL XL;2;0;", b"\x1b", b"\x1b*b", b"\x1b%-1234", b"@PJL EOJ\r\n", b"@PJL SET COPIES=2\r\n", b"@PJL SET QTY=1", b"@PJL RESET\n", b"\x00", b"\x1b&p3X\x0c\x0c\x0c",
    ],
    TextSplitter: [b"text", b"\x0c", b"\n", b"\x1b", b" ", b"\x0c\x0c", b"\x00"],
    WholeSplitter: [b"a", b"\x0c", b"^XA^FDx^XZ"],
}  # fmt: skip
ALL = pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
CALM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def documents(kind):
    words = st.sampled_from(WORDS[kind])
    return st.lists(st.one_of(words, words, words, st.binary(max_size=12)), max_size=25).map(b"".join)


def ends_of(splitter, data, cuts=()):
    ends, start = [], 0
    for cut in [*sorted(cuts), len(data)]:
        ends += splitter.feed(data[start:cut])
        start = cut
    return ends + splitter.finish()


@ALL
@given(data=st.data())
@CALM
def test_units_are_the_same_in_any_pieces(kind, data):
    document = data.draw(documents(kind))
    cuts = data.draw(st.lists(st.integers(0, len(document)), max_size=20))
    whole = ends_of(kind(), document)
    assert ends_of(kind(), document, cuts) == whole
    assert ends_of(kind(), document, range(len(document))) == whole
    assert ends_of(kind(collect=True), document, cuts) == whole, "remembering what sets up changes nothing"


@ALL
@given(data=st.data())
@CALM
def test_what_is_needed_before_a_unit_is_the_same_in_any_pieces(kind, data):
    document = data.draw(documents(kind))
    for end in kind().feed(document)[:5]:
        cuts = data.draw(st.lists(st.integers(0, end), max_size=6))
        setups = []
        pieces: list[list[int]] = [[], cuts, list(range(end))]
        for where in pieces:
            splitter = kind(collect=True)
            start = 0
            for cut in [*sorted(where), end]:
                splitter.feed(document[start:cut])
                start = cut
            setups.append(splitter.setup(document[end : end + 64]))
        assert setups[0] == setups[1] == setups[2]
        assert bool(setups[0].refusal) <= (not setups[0].prefix)


@ALL
@given(data=st.data())
@CALM
def test_ends_rise_and_lie_in_the_document(kind, data):
    document = data.draw(documents(kind))
    ends = ends_of(kind(), document)
    assert ends == sorted(set(ends))
    assert all(0 < end <= len(document) for end in ends)


@ALL
@given(data=st.data())
@CALM
def test_a_unit_ends_where_it_ends_whatever_follows(kind, data):
    document, more = data.draw(documents(kind)), data.draw(documents(kind))
    if kind is WholeSplitter:
        return  # its end is the document's
    known = kind().feed(document)
    assert ends_of(kind(), document + more)[: len(known)] == known


@ALL
def test_a_whole_unit_after_a_whole_unit_is_two_units(kind):
    one = {
        ZplSplitter: b"^XA^FDa^FS^XZ\r\n",
        EscPosSplitter: b"\x1b@text\n\x1dV\x00",
        PjlPclSplitter: b"\x1b%-12345X@PJL ENTER LANGUAGE=PCL\r\n\x1bEtext\x0c\x1bE",
        TextSplitter: b"text\x0c",
    }.get(kind, b"")
    for count in (1, 2, 7, 100) if one else ():
        assert len(ends_of(kind(), one * count)) == count


@ALL
@given(
    document=st.binary(max_size=4000),
    media_type=st.sampled_from(["", "application/zpl", "application/vnd.hp-pcl", "text/plain"]),
)
@CALM
def test_random_bytes_never_raise(kind, document, media_type):
    ends_of(kind(), document, range(0, len(document), 7))
    ends_of(choose(media_type, document[:1024]), document)


@ALL
@pytest.mark.parametrize("filler", [
    b"^", b"~", b"^GFB,1", b"^XA", b"^PW1", b"^XA^DFR:X^FS^FDx", b"\x1b", b"\x1d(", b"\x1dk\x04A", b"\x1bDa", b"\x1b*b1", b"@PJL ", b"\n%%BeginData: ",
    b"a", b"\x00", b"\x1b&p", b"\x1b&\xff\x00\xff", b"~DGR:A.GRF,9,9,", b"%!PS-Adobe-", b"^XA^CC/",
], ids=repr)  # fmt: skip
def test_memory_is_bounded(kind, filler):
    piece = filler * (20_000 // len(filler))
    splitter = kind(collect=True)
    tracemalloc.start()
    try:
        for _ in range(16):  # two and a half times what may be kept
            splitter.feed(piece)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2 * SETUP_BYTES
    assert peak < 12 * len(piece) + 2 * SETUP_BYTES


@ALL
def test_it_keeps_its_pace_on_hostile_bytes(kind):
    began = time.process_time()
    for word in WORDS[kind]:
        ends_of(kind(), word * 500, range(0, len(word) * 500, 4096))
        ends_of(kind(), word[:1] * 5_000, range(0, 5_000, 1000))
    assert time.process_time() - began < 10
