"""Ghostscript draws a page of PostScript behind its set-up as it draws it in the whole document."""

from __future__ import annotations

import subprocess
from pathlib import Path

from spooler.units.pjl_pcl import PjlPclSplitter
from tests.surroundings import require_tool

RESOLUTION = 20  # dots per inch
HEAD = rb"""%!PS-Adobe-3.0
%%Pages: (atend)
%%EndComments
%%BeginProlog
/Own 8 dict def Own begin
/Latin /Helvetica findfont dup length dict copy dup /Encoding ISOLatin1Encoding put definefont pop
/title { /Latin findfont 60 scalefont setfont 72 600 moveto show } bind def
/box { 72 exch 200 100 rectfill } bind def
%%BeginResource: procset inner 1 0
%%BeginDocument: inner.eps
%!PS-Adobe-3.0 EPSF-3.0
/grey { .5 setgray } bind def
%%Page: 1 1
%%Trailer
%%EndDocument
%%EndResource
end
%%EndProlog
%%BeginSetup
Own begin
<< /PageSize [400 700] >> setpagedevice
%%EndSetup
"""
IMAGE = b"6 2 8 [6 0 0 2 0 0] {currentfile 12 string readstring pop} image\n\n%%Page: 5 5"  # 12 dots, grey and greyer
DATA = b"%%%%BeginData: %d Binary Bytes\n%b\n%%%%EndData" % (len(IMAGE), IMAGE)
PAGES = [
    b"%%Page: one 1\nsave (one) title restore showpage\n",
    b"%%Page: two 2\nsave grey 300 box (two) title\n%%BeginDocument: logo\n%!PS-Adobe-3.0 EPSF-3.0\n%%Page: 1 1\n50 box\n%%EndDocument\nrestore showpage\n",
    b"%%%%Page: three 3\nsave gsave 72 90 translate 200 100 scale\n%b\ngrestore (three) title restore showpage\n"
    % DATA,
    b"%%Page: four 4\nsave grey 90 box (four) title restore showpage\n",
]
DOCUMENT = HEAD + b"".join(PAGES) + b"%%Trailer\nend\n%%Pages: 4\n%%EOF\n"


def drawn(document: bytes, folder: Path) -> list[bytes]:
    """Return the pages as pictures."""
    folder.mkdir()
    source = folder / "document.ps"
    source.write_bytes(document)
    output = f"-sOutputFile={folder / 'page-%02d.pgm'}"
    subprocess.run(
        [require_tool("gs"), "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pgmraw", f"-r{RESOLUTION}", output, source],
        check=True, timeout=60, capture_output=True,
    )  # fmt: skip
    return [path.read_bytes() for path in sorted(folder.glob("page-*.pgm"))]


def test_a_page_behind_its_prolog_looks_as_it_does_in_the_whole_document(tmp_path: Path) -> None:
    whole = drawn(DOCUMENT, tmp_path / "whole")
    assert len(set(whole)) == len(PAGES), "every page looks different"
    splitter = PjlPclSplitter()
    ends = splitter.feed(DOCUMENT) + splitter.finish()
    assert len(ends) == len(PAGES)
    for number, end in enumerate(ends[:-1], 2):
        splitter = PjlPclSplitter(collect=True)
        splitter.feed(DOCUMENT[:end])
        ((_, start, stop),) = splitter.setup(DOCUMENT[end : end + 1024]).prefix.taken
        assert drawn(DOCUMENT[start:stop] + DOCUMENT[end:], tmp_path / str(number)) == whole[number - 1 :]
