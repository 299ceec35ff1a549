"""Each language by the words of its maker's documentation: where units end, and what goes before one."""

from typing import NamedTuple

import pytest

from spooler.ledger import Ledger, Offsets, Span, UnitKind, Units, UnitSpan
from spooler.units.choose import choose
from spooler.units.escpos import EscPosSplitter
from spooler.units.pjl_pcl import PjlPclSplitter
from spooler.units.tally import Tally, counted, tally_of
from spooler.units.text import TextSplitter
from spooler.units.whole import WholeSplitter
from spooler.units.zpl import ZplSplitter

UEL = b"\x1b%-12345X"


class Said(NamedTuple):
    prefix: bytes
    refusal: str


def units(kind, document):
    """Return the units of a document, and what is left behind the last."""
    splitter = kind()
    ends = splitter.feed(document) + splitter.finish()
    starts = [0, *ends]
    return [document[a:b] for a, b in zip(starts, ends, strict=False)], document[starts[-1] :]


def before(found, document):
    """Return the bytes of a prefix, and the refusal."""
    pieces = (one if isinstance(one, bytes) else document[slice(*one)] for one in found.prefix.pieces())
    return Said(b"".join(pieces), found.refusal)


def setup(kind, document, number):
    """Return what is needed before unit `number`."""
    splitter = kind()
    end = [0, *splitter.feed(document), *splitter.finish()][number - 1]
    splitter = kind(collect=True)
    splitter.feed(document[:end])
    return before(splitter.setup(document[end : end + 64]), document)


# --- ZPL


@pytest.mark.parametrize(("document", "count"), [
    (b"^XA\n^LH30,30\n^FO20,10\n^ADN,90,50\n^FDTest^FS\n^XZ\n", 1),
    (b"^XA^FDa^FS^XZ^XA^FDb^FS^XZ", 2),
    (b"^xa^fda^fs^xz", 1),
    (b"\x02^FDa^FS\x03", 1),  # ^XA: "STX … can be substituted"; ^XZ: "ETX"
    (b"^XA^FX a comment with ^XZ", 0),  # a comment ends at the next caret; and nothing was to be printed
    (b"^XA^FDa^FS^FX note ^XZ", 1),
    (b"^XA^DFR:STOREFMT.ZPL^FS^FO25,25^FN1^FS^FDx^FS^XZ^XA^XFR:STOREFMT.ZPL^FS^FN1^FDa^FS^XZ", 1),  # storing prints nothing
    (b"^XA^JUS^XZ^XA^MMT^PW400^XZ^XA^FDa^FS^XZ", 1),
    (b"^XA^CC/ /XZ/XA/FDa^XZ/FS/XZ", 1),  # the guide's example of ^CC
    (b"~CC/XA^FDno^XZ/XA/FDyes/XZ", 1),
    (b"^XA^GFB,9,9,3,^XZ^XA^XZ^FS^XZ", 1),  # binary: nine bytes, whatever they look like
    (b"^XA^GFA,9,9,3,FFFFFF^FS^XZ", 1),
    (b"~CD;^XA^GFB;6;6;3;^XZ^XZ^FS^XZ", 1),
    (b"~CD;" + b"^XA^GFB;9;9;3;^XA^XZ^FD^FS^XZ" * 2, 2),
    (b"~DYR:LOGO,B,G,14,1,^XA^FDa^FS^XZ!^XA^FDb^XZ", 1),
    (b"~DGR:SAMPLE.GRF,00080,010,FFFF^XA^XGR:SAMPLE.GRF,1,1^FS^XZ", 1),
    (b"^XA^FDa_5EXZ^FS^FH^FD_5EXZ^FS^XZ", 1),
    (b"^XA^FDa^FS^PQ5^XZ", 1),  # five labels, one unit
    (b"^XA^FDa^FS", 0),  # without its ^XZ it prints nothing
    (b"^XA^FDa^XA^FDb^FS^XZ", 1),
    (b"^XZ^XZ", 0),
    (b"plain text", 0),
])  # fmt: skip
def test_labels(document, count):
    assert len(units(ZplSplitter, document)[0]) == count


def test_what_stands_between_labels_belongs_to_the_one_that_follows():
    found, rest = units(ZplSplitter, b"~SD15\n^XA^FDa^FS^XZ\r\n~SD20^XA^FDb^XZ\r\n")
    assert found == [b"~SD15\n^XA^FDa^FS^XZ", b"\r\n~SD20^XA^FDb^XZ"]
    assert rest == b"\r\n"


def test_a_label_that_comes_out_several_times_is_known():
    for document, several in ((b"^XA^FDa^FS^PQ3,0,1,Y^XZ", True), (b"^XA^FDa^FS^PQ1^XZ", False)):
        splitter = ZplSplitter()
        splitter.feed(document)
        assert splitter.repeats is several


LABEL = b"^XA^FDa^FS^XZ\n"


@pytest.mark.parametrize(("before", "prefix"), [
    (b"", b"~JX"),
    (b"~DGR:A.GRF,3,1,FFFFFF\n", b"~JX~DGR:A.GRF,3,1,FFFFFF\n"),
    (b"^XA^DFR:F^FS^FN1^FS^XZ\n", b"~JX^XA^DFR:F^FS^FN1^FS^XZ\n"),
    (b"^XA^PW400^LL200^FDx^FS^XZ", b"~JX^XA^PW400^LL200^XZ\n"),
    (b"^XA^PW400^FDx^FS^XZ^XA^PW800^FDx^FS^XZ", b"~JX^XA^PW800^XZ\n"),
    (b"~SD15^XA^FDx^XZ~SD20^XA^FDx^XZ~SD15" + LABEL, b"~JX~SD15\n"),
    (b"~DYR:A,B,T,5,0,^XZ^X^XA^FDx^XZ", b"~JX~DYR:A,B,T,5,0,^XZ^X\n"),
])  # fmt: skip
def test_a_label_is_preceded_by_what_earlier_bytes_have_set(before, prefix):
    document = before + LABEL * 2
    number = len(units(ZplSplitter, before + LABEL)[0]) + 1
    assert setup(ZplSplitter, document, number) == (prefix, "")


@pytest.mark.parametrize(
    "change", [b"~CC/", b"^XA^CC//XZ", b"^XA^FDx^CC//XZ", b"^XA^PW4^FDx^CC//LL9/XZ", b"^XA^CC//FDx/XZ"]
)
def test_a_changed_prefix_is_changed_again(change):
    document = change + b"/XA/FDa/XZ" * 3
    count = len(units(ZplSplitter, document)[0])
    answer = setup(ZplSplitter, document, count)
    printed, _ = units(ZplSplitter, answer.prefix + b"/XA/FDa/XZ")
    assert len(printed) == 1
    assert units(ZplSplitter, answer.prefix)[0] == []


def test_what_is_needed_before_a_label_has_a_limit():
    document = b"~DGR:A.GRF,40000,10," + b"FF" * 40_000 + b"\n" + LABEL * 2
    answer = setup(ZplSplitter, document, 2)
    assert answer.prefix == b""
    assert "65536 bytes" in answer.refusal
    assert setup(ZplSplitter, LABEL * 2, 1).refusal == ""


def test_a_preamble_before_each_label_is_said_once():
    document = (b"CT~~CD,~CC^~CT~\r\n^XA~TA000~JSN^LT0^MNW^XZ\r\n" + LABEL) * 5000
    answer = setup(ZplSplitter, document, 5000)
    assert answer.refusal == ""
    assert len(answer.prefix) < 200


# --- ESC/POS


@pytest.mark.parametrize(("document", "count"), [
    (b"\x1b@Hello\n\x1dV\x00", 1),
    (b"a\x1dV\x41\x03b\x1dV\x01c\x1bid\x1bm", 4),
    (b"a\x1dV\x00\x1dV\x00", 1),  # the second cut cuts nothing
    (b"a\x1dV\x00b", 2),  # printed after the last cut
    (b"a\x1dV\x00\x1bp\x00\x19\xfa", 1),  # the drawer is no receipt
    (b"a\x1bD\x20\x08\x1dV\x00b\x1dV\x00", 2),  # a column that is not beyond the last ends the list
    (b"\x1d(Q\x0c\x00\x30" + bytes(11) + b"\x1dV\x00", 1),  # a line that is drawn
    (b"\x1dv0\x00\x02\x00\x03\x00\x1dV\x00\x1bi!\x1dV\x00", 1),  # 1D 56 in a raster image
    (b"\x1b*\x00\x03\x00\x1dV\x00\x1dV\x00", 1),
    (b"\x1b*\x21\x02\x00\x1dV\x00\x1bi\x00\x1dV\x00", 1),
    (b"\x1d(k\x05\x00\x1dV\x00ab" + b"a\x1dV\x00", 1),
    (b"\x1d8L\x06\x00\x00\x000p\x1dV\x00a" + b"\x1dV\x00", 1),
    (b"\x1dk\x49\x03\x1dV\x00" + b"\x1dV\x00", 1),
    (b"\x1d*\x01\x01\x1dV\x00\x1dV\x00\x1bi" + b"a\x1dV\x00", 1),
    (b"\x1b&\x03AB\x01\x1dV\x00\x01\x1bi\x1b" + b"a\x1dV\x00", 1),
    (b"\x1cq\x01\x01\x00\x01\x00\x1dV\x00\x1bi\x1bm!" + b"a\x1dV\x00", 1),
    (b"\x1b@\x1dV\x00", 0),
])  # fmt: skip
def test_receipts(document, count):
    assert len(units(EscPosSplitter, document)[0]) == count


def test_a_receipt_is_preceded_by_the_code_page_that_an_earlier_one_chose():
    document = b"\x1b@\x1bt\x13\x1bR\x02Gr\xfc\xdfe\x1dV\x00" * 2
    assert setup(EscPosSplitter, document, 2).prefix == b"\x1b@\x1bt\x13\x1bR\x02"
    assert setup(EscPosSplitter, b"\x1bt\x13a\x1b@\x1dV\x00b", 2).prefix == b"\x1b@"
    assert setup(EscPosSplitter, b"\x1bt\x13a\x1d*\x01\x01\x1b@123456\x1b@a\x1dV\x00b", 2).prefix == b"\x1b@"


# --- page printers


def pjl(language, payload):
    return (
        UEL + b"@PJL JOB\r\n@PJL ENTER LANGUAGE=" + language + b"\r\n" + payload + UEL + b"@PJL EOJ\r\n" + UEL
    )


@pytest.mark.parametrize(("document", "count"), [
    (b"\x1bEone\x0ctwo\x0c\x1bE", 2),
    (b"\x1bEone\x0ctwo\x1bE", 2),
    (b"\x1bEone\x0c\x1bE", 1),
    (pjl(b"PCL", b"\x1bEone\x0ctwo\x0c\x1bE"), 2),
    (pjl(b"PCL", b"\x1bEone") + pjl(b"PCL", b"two"), 2),
    (b"\x1bE\x1b*r1A\x1b*b3W\x0c\x0c\x0c\x1b*b2m2W\x0c\x0c\x1b*rB\x0c\x1bE", 1),  # rows of raster, a combined sequence
    (b"\x1bE\x1b*r1A\x1b*b3m2v\x0c\x0c2w\x0c\x0cw1v\x0c0M\x1b*rC\x1bE", 1),  # rows combined with rows
    (b"\x1bE\x1b*r1A\x1b*b9Y0v2v\x0c\x0c1w\x0c\x1b*rC\x1bE", 1),  # and rows of a driver that leaves ESC*b out
    (b"\x1bE\x1b*g3W\x0c\x0c\x0c\x1b&k1Wa\x0c", 1),  # DeskJets: what rows are like; &k#W counts nothing
    (b"\x1bE\x1b(s4W\x0c\x0c\x0c\x0ca\x0c", 1),  # a downloaded font
    (b"\x1bE\x1b&p2X\x0c\x0c\x0c", 1),  # transparent data
    (b"\x1bE\x1b(s9Va\x0cb\x0c\x1b*c9Vc\x0c\x1bE", 3),  # a height of letters, and of a rectangle, counts nothing out
    (b"\x1bE\x1b&f1y0Xhead\x0c\x1b&f1Xone\x0c\x1b&f4X\x1bE", 1),  # what a macro will print is no page yet
    (b"\x1bE\x1b&f3X\x1bE", 1),  # and now it is
    (pjl(b"PDF", b"%PDF-1.7 /Type /Page /Type /Page \x0c"), 1),
    (pjl(b"PCLXL", b") HP-PCL XL;2;0\n\x0c\x0c"), 1),
    (b"%!PS-Adobe-3.0\n%%Pages: 2\n%%EndSetup\n%%Page: 1 1\na\n%%Page: 2 2\nb\n%%Trailer\n%%EOF\n", 2),
    (b"%!PS-Adobe-3.0\n%%Page: 1 1\n%%BeginDocument: x\n%%Page: 1 1\n%%EndDocument\nshowpage\n", 1),
    (b"%!PS-Adobe-3.0\n%%Page: 1 1\n%%BeginBinary: 11\n%%Page: 2 2\n%%Page: 2 2\nb\n", 2),
    (b"%!PS\n/a {showpage} def a a\n", 1),
    (pjl(b"POSTSCRIPT", b"%!PS-Adobe-3.0\n%%Page: 1 1\na\n%%Page: 2 2\nb\n"), 2),
    (pjl(b"PCL", b""), 0),
])  # fmt: skip
def test_pages(document, count):
    assert len(units(PjlPclSplitter, document)[0]) == count


def test_a_page_before_which_the_printer_is_reset_needs_little():
    two_jobs = pjl(b"PCL", b"\x1bEone\x0c\x1bE") * 2
    assert setup(PjlPclSplitter, two_jobs, 2) == (b"", "")
    assert setup(PjlPclSplitter, b"\x1bEone\x1bEtwo\x1bE", 2) == (b"\x1bE", "")


SETS = b"@PJL SET DUPLEX=ON\r\n@PJL SET COPIES=2\r\n@PJL SET PAPER=A5\r\n"
PCL = b"@PJL ENTER LANGUAGE=PCL\r\n"
PAGES = b"\x1bEone\x0c\x1bEtwo\x0c\x1bEthree\x0c\x1bE"


def test_pjl_that_is_in_force_is_said_again_before_a_page():
    job = b'@PJL JOB NAME="a"\r\n'
    head = UEL + job + b"@PJL COMMENT x\r\n@PJL SET PAPER=A4\r\n" + SETS + PCL
    order = job + SETS + PCL
    assert setup(PjlPclSplitter, head + PAGES, 3) == (UEL + order, "")
    assert setup(PjlPclSplitter, UEL + SETS + PCL + PAGES, 2) == (UEL + SETS + PCL, "")
    assert setup(PjlPclSplitter, UEL + SETS + PCL + b"\x1bEone\x1bEtwo\x1bE", 2) == (
        UEL + SETS + PCL + b"\x1bE",
        "",
    )


@pytest.mark.parametrize(("first", "then", "prefix"), [
    (SETS, b"", b""),  # a UEL without a job ends what was set
    (b"@PJL JOB\r\n" + SETS, b"", UEL + b"@PJL JOB\r\n" + SETS),
    (b"@PJL JOB\r\n" + SETS, b"@PJL EOJ\r\n" + UEL, b""),
    (b"@PJL JOB\r\n" + SETS, b"@PJL JOB\r\n", b""),
    (b"@PJL JOB\r\n" + SETS + b"@PJL RESET\r\n", b"", UEL + b"@PJL JOB\r\n"),
])  # fmt: skip
def test_a_uel_within_a_job_leaves_its_pjl_in_force(first, then, prefix):
    document = UEL + first + PCL + b"one\x0c" + UEL + then + PCL + b"two\x0c" + UEL
    assert setup(PjlPclSplitter, document, 2) == (prefix, "")


@pytest.mark.parametrize(("line", "why"), [
    (b"@PJL XCPT <staple/>\r\n", "XCPT"),
    (b"@PJL JOB START=2 END=7\r\n", "counted anew"),
    (b"@PJL SET X=" + b"x" * 1100, "too long"),
    (b"".join(b"@PJL SET X%d=%b\r\n" % (n, b"x" * 900) for n in range(40)), "more than"),
])  # fmt: skip
def test_pjl_that_cannot_be_said_again_is_a_reason_not_to_go_on(line, why):
    assert why in setup(PjlPclSplitter, UEL + line + b"\r\n" + PCL + PAGES, 2).refusal


@pytest.mark.parametrize(("line", "repeats"), [
    (b"@PJL SET COPIES=2", True),
    (b"@pjl set qty = 03", True),
    (b"@PJL SET LPARM:PCL COPIES=5", True),
    (b"@PJL SET COPIES=1", False),
    (b"@PJL SET NCOPIES=2", False),
])  # fmt: skip
def test_pjls_copies_make_a_unit_come_out_several_times(line, repeats):
    splitter = PjlPclSplitter()
    splitter.feed(UEL + line + b"\r\n" + PCL + PAGES)
    assert splitter.repeats is repeats


@pytest.mark.parametrize(("document", "end"), [
    (b"\x1bE\x1b&l1Oone\r\x0ctwo\x0c", b"\x1bE"),
    (UEL + SETS + PCL + PAGES, UEL),
    (UEL + b"@PJL JOB\r\n" + SETS + PCL + PAGES, UEL + b"@PJL EOJ\r\n" + UEL),
    (pjl(b"POSTSCRIPT", b"%!PS-Adobe-3.0\n%%Page: 1 1\na\n%%Page: 2 2\nb\n"), UEL + b"@PJL EOJ\r\n" + UEL),
    (b"%!PS-Adobe-3.0\n%%Page: 1 1\na\n%%Page: 2 2\nb\n", b""),
    (b"one\x0ctwo\x0c", b""),
])  # fmt: skip
def test_a_document_that_is_left_behind_a_page_leaves_nothing_in_force(document, end):
    splitter = choose("", document, collect=True)
    whole = choose("", document)
    splitter.feed(document[: (whole.feed(document) + whole.finish())[0]])
    assert splitter.leave() == end


# --- text and the rest


def test_text_has_pages_where_it_has_form_feeds():
    assert units(TextSplitter, b"one\x0ctwo\x0c") == ([b"one\x0c", b"two\x0c"], b"")
    assert units(TextSplitter, b"one\x0ctwo\n")[0] == [b"one\x0c", b"two\n"]
    assert units(TextSplitter, b"one\x0c\n") == ([b"one\x0c"], b"\n")
    assert len(units(TextSplitter, b"one\x0c\x1bXtwo\x0cthree\x0c")[0]) == 2, (
        "behind an escape nothing is sure"
    )
    assert setup(TextSplitter, b"one\x0ctwo\x0c", 2) == (b"", "")


def test_letters_that_were_condensed_are_condensed_again():
    assert setup(TextSplitter, b"\x0fone\x0ctwo\x0c", 2) == (b"\x0f", "")
    assert setup(TextSplitter, b"\x0f\x12\x0eone\x0f\x12\x0ctwo\x0c", 2) == (b"\x0f\x12", "")
    assert "(SO)" in setup(TextSplitter, b"\x0f\x0eone\x12\x0ctwo\x0c", 2).refusal


def test_a_document_without_visible_units_is_one():
    assert units(WholeSplitter, b"abc") == ([b"abc"], b"")
    assert units(WholeSplitter, b"") == ([], b"")
    for splitter in (TextSplitter(), WholeSplitter(), ZplSplitter()):
        tally = Tally()
        tally.add(splitter.feed(b"some text\n") + splitter.finish())
        assert counted(tally, splitter) == (Units(UnitKind.DOCUMENT, 1), None)


@pytest.mark.parametrize(("media_type", "head", "kind"), [
    ("application/vnd.zebra-zpl", b"", ZplSplitter),
    ("application/zpl; charset=utf-8", b"x", ZplSplitter),
    ("", b"\r\n^XA^FDa^FS^XZ", ZplSplitter),
    ("text/plain", b"^XA^FDa^FS^XZ", ZplSplitter),
    ("", b"\x10CT~~CD,~CC^~CT~\r\n^XA", ZplSplitter),
    ("", b"~DGR:A.GRF,1,1,FF", ZplSplitter),
    ("application/octet-stream", b"\x1b@\x1bt\x13Hello\n", EscPosSplitter),
    ("", b"\x1bE\x01bold\x1dV\x00", EscPosSplitter),
    ("application/x-escpos", b"abc", EscPosSplitter),
    ("", b"\x1bE\x1b&l1O", PjlPclSplitter),
    ("", b"\x1b&l1O", PjlPclSplitter),
    ("", UEL + b"@PJL", PjlPclSplitter),
    ("", b"%!PS-Adobe-3.0", PjlPclSplitter),
    ("application/vnd.hp-pcl", b"abc", PjlPclSplitter),
    ("application/pdf", b"%PDF-1.7", WholeSplitter),
    ("", b"%PDF-1.7\n^XA", WholeSplitter),
    ("image/png", b"\x89PNG", WholeSplitter),
    ("", b"plain text\x0c", TextSplitter),
    ("", b"\x00\x01\x02", WholeSplitter),
    ("", b"", WholeSplitter),
    ("application/vnd.hp-pclxl", b"", WholeSplitter),
])  # fmt: skip
def test_the_media_type_chooses_the_language_and_else_the_first_bytes(media_type, head, kind):
    assert type(choose(media_type, head)) is kind


# --- what it says about a ledger


def told(kind, document, accepted, acked, uncertain=None):
    splitter, tally = kind(), tally_of(Ledger(Offsets(len(document), accepted, acked), uncertain=uncertain))
    tally.add(splitter.feed(document))
    tally.add(splitter.finish())
    return counted(tally, splitter)


def test_a_label_is_uncertain_when_its_end_may_have_arrived_and_that_is_not_proven():
    ten = b"^XA^FDa^FS^XZ" * 10  # 13 bytes each
    assert told(ZplSplitter, ten, 70, 30, Span(30, 70)) == (
        Units(UnitKind.LABEL, 10, 5, 2, 0),
        UnitSpan(3, 5),
    )
    assert told(ZplSplitter, ten, 70, 30, Span(26, 78))[1] == UnitSpan(3, 6)
    assert told(ZplSplitter, ten, 38, 30, Span(30, 38))[1] is None, (
        "label 3 cannot have come out without its end"
    )
    assert told(ZplSplitter, ten, 30, 30) == (Units(UnitKind.LABEL, 10, 2, 2, 0), None)


def test_a_label_that_was_accepted_and_never_left_the_host_is_still_to_be_printed():
    """A kernel had all of it, and the connection broke: whoever goes on behind what is accepted goes on at label 3."""
    ten = b"^XA^FDa^FS^XZ" * 10
    assert told(ZplSplitter, ten, 130, 30, Span(30, 38)) == (Units(UnitKind.LABEL, 10, 2, 2, 0), None)
    assert told(ZplSplitter, ten, 130, 0, Span(0, 12)) == (Units(UnitKind.LABEL, 10, 0, 0, 0), None)
    assert told(ZplSplitter, ten, 130, 30, Span(30, 70)) == (
        Units(UnitKind.LABEL, 10, 5, 2, 0),
        UnitSpan(3, 5),
    )


def test_a_receipt_is_uncertain_from_its_first_byte_on():
    ten = b"text text\n\x1dV\x00" * 10
    assert told(EscPosSplitter, ten, 70, 30, Span(30, 70))[1] == UnitSpan(3, 6)
    assert told(EscPosSplitter, ten, 38, 30, Span(30, 38))[1] == UnitSpan(3, 3)
    assert told(EscPosSplitter, ten, 30, 30)[1] == UnitSpan(3, 3), "it was begun, and its end did not come"
    assert told(EscPosSplitter, ten, 26, 26)[1] is None
    assert told(EscPosSplitter, ten, 130, 130, Span(100, 130))[1] == UnitSpan(8, 10)
