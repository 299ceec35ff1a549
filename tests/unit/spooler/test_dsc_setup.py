"""A page of PostScript and the prolog it needs: what is sent before it, and what no page can be sent of."""

import pytest

from spooler.units.pjl_pcl import PjlPclSplitter

UEL = b"\x1b%-12345X"
HEAD = b"%!PS-Adobe-3.0\n%%Pages: 3\n%%EndComments\n%%BeginProlog\n/p {show} def\n%%EndProlog\n%%BeginSetup\n<< >> setpagedevice\n%%EndSetup\n"
TRAILER = b"%%Trailer\nend\n%%EOF\n"


def pages(*contents):
    return b"".join(
        b"%%%%Page: %d %d\n%b\nshowpage\n" % (at, at, content) for at, content in enumerate(contents, 1)
    )


def setup_at(document, number):
    splitter = PjlPclSplitter()
    end = [0, *splitter.feed(document), *splitter.finish()][number - 1]
    splitter = PjlPclSplitter(collect=True)
    for at in range(0, end, 7):
        splitter.feed(document[at : min(at + 7, end)])
    found = splitter.setup(document[end : end + 1024])
    pieces = (one if isinstance(one, bytes) else document[slice(*one)] for one in found.prefix.pieces())
    return b"".join(pieces), document[end:], found.refusal


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("number", [2, 3])
def test_all_before_the_first_page_goes_before_a_later_one(end, number):
    head, body = HEAD.replace(b"\n", end), (pages(b"one", b"two", b"three") + TRAILER).replace(b"\n", end)
    prefix, rest, refusal = setup_at(head + body, number)
    assert (prefix, refusal) == (head, "")
    assert rest == body[body.index(b"%%%%Page: %d" % number) :]


def test_the_prolog_is_sent_from_the_document_and_pjl_goes_before_it():
    pjl = UEL + b'@PJL JOB NAME="a"\r\n@PJL SET DUPLEX=ON\r\n@PJL ENTER LANGUAGE=POSTSCRIPT\r\n'
    document = pjl + HEAD + pages(b"one", b"two") + TRAILER + UEL + b"@PJL EOJ\r\n" + UEL
    assert setup_at(document, 2)[0] == pjl + HEAD
    splitter = PjlPclSplitter(collect=True)
    splitter.feed(document[: document.index(b"%%Page: 2")])
    assert splitter.setup(b"%%Page: 2 2").prefix.taken == ((len(pjl), len(pjl), len(pjl + HEAD)),)


@pytest.mark.parametrize("prolog", [
    b"%%BeginResource: procset x 1 0\n%!PS-Adobe-3.0 Resource-ProcSet\n%%Page: 1 1\n%%EndResource\n",
    b"%%BeginFont: F\n%!PS-AdobeFont-1.0: F\n%%EndFont\n",
    b"%%BeginDocument: logo.eps\n%!PS-Adobe-3.0 EPSF-3.0\n%%Page: 1 1\n%%Trailer\n%%EndDocument\n",
    b"%%BeginBinary: 12\n\n%%Page: 1 1\n%%EndBinary\n",
    b"%%BeginData: 12 Binary Bytes\n\n%%Page: 1 1\n%%EndData\n",
    b"%%PageOrder: Ascend\n",
])  # fmt: skip
def test_what_only_looks_like_structure_is_part_of_the_prolog(prolog):
    head = HEAD.replace(b"%%BeginProlog\n", b"%%BeginProlog\n" + prolog)
    if b"ProcSet" in prolog:  # not hidden by anything: a page of the document
        head = head.replace(b"%%Page: 1 1\n", b"")
    document = head + pages(b"one", prolog.replace(b"%%PageOrder: Ascend", b""), b"three") + TRAILER
    number = 3 if b"ProcSet" not in prolog else 2
    assert setup_at(document, number)[0] == head


def test_a_second_document_has_a_prolog_of_its_own():
    other = HEAD.replace(b"show}", b"pop}")
    document = HEAD + pages(b"one", b"two") + TRAILER + b"\x04" + other + pages(b"three", b"four") + TRAILER
    assert setup_at(document, 2)[0] == HEAD
    prefix, rest, _ = setup_at(document, 3)
    assert prefix == HEAD
    assert rest.startswith(TRAILER + b"\x04" + other), "it begins behind the last page of the first"
    assert setup_at(document, 4)[0] == other


@pytest.mark.parametrize(("old", "new", "why"), [
    (b"%%Pages: 3\n", b"%%PageOrder: Special\n", "lean on each other (%%PageOrder: Special)"),
    (b"%%Pages: 3\n", b"%%PageOrder: (atend)\n", "only at its end"),
    (b"-3.0", b"-1.0", "a version of DSC"),
    (b"-3.0", b"-3.0 ExitServer", "for good"),
    (b"%%Pages: 3\n", b"%%BeginExitServer: 0\n", "for good"),
    (b"showpage\n", b"showpage\n%!PS-Adobe-3.0 EPSF-3.0\n%%EndComments\n", "in one of its pages"),
    (b"%%EndSetup\n", b"%%Trailer\n%%Page: 0 0\n%!PS-Adobe-3.0\n", "in one of its pages"),
    (b"/p {show} def\n", b"/p {show} def\n%" + b"x" * (2 << 20) + b"\n", "2,097,152 are the most"),
])  # fmt: skip
def test_a_document_whose_pages_do_not_stand_alone_is_refused_with_the_reason(old, new, why):
    document = (HEAD + pages(b"one", b"two", b"three") + TRAILER).replace(old, new)
    prefix, _, refusal = setup_at(document, 3)
    assert why in refusal
    assert not prefix
