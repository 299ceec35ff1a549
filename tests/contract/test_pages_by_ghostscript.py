"""Ghostscript draws a page of PostScript behind its set-up as it draws it in the whole document; and writes PCL itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from spooler.units.pjl_pcl import PjlPclSplitter
from tests.surroundings import require_tool

RESOLUTION = 75  # dots per inch
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


def run(device: str, document: bytes, folder: Path, name: str) -> list[Path]:
    """Have Ghostscript write a document for a device."""
    folder.mkdir()
    source = folder / "document.ps"
    source.write_bytes(document)
    output = f"-sOutputFile={folder / name}"
    options = ["-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", f"-sDEVICE={device}", f"-r{RESOLUTION}", output]
    subprocess.run([require_tool("gs"), *options, source], check=True, timeout=60, capture_output=True)
    return sorted(path for path in folder.iterdir() if path != source)


def drawn(document: bytes, folder: Path) -> list[bytes]:
    """Return the pages as pictures."""
    return [path.read_bytes() for path in run("pgmraw", document, folder, "page-%02d.pgm")]


def later_pages(document: bytes) -> list[bytes]:
    """Return what is sent where printing goes on, for each page but the first."""
    splitter = PjlPclSplitter()
    ends = splitter.feed(document) + splitter.finish()
    found = []
    for end in ends[:-1]:
        splitter = PjlPclSplitter(collect=True)
        splitter.feed(document[:end])
        prefix, refusal = splitter.setup(document[end : end + 1024])
        assert not refusal
        sent = (one if isinstance(one, bytes) else document[slice(*one)] for one in prefix.pieces())
        found.append(b"".join(sent) + document[end:])
    return found


@pytest.mark.parametrize("written_by", ["hand", "ps2write"])
def test_a_page_behind_its_prolog_looks_as_it_does_in_the_whole_document(
    tmp_path: Path, written_by: str
) -> None:
    document = DOCUMENT
    if written_by != "hand":
        [path] = run(written_by, DOCUMENT, tmp_path / written_by, "written.ps")
        document = path.read_bytes()
    whole = drawn(document, tmp_path / "whole")
    assert len(set(whole)) == len(PAGES), "every page looks different"
    later = later_pages(document)
    assert len(later) == len(PAGES) - 1
    for number, sent in enumerate(later, 2):
        assert drawn(sent, tmp_path / str(number)) == whole[number - 1 :]


@pytest.mark.parametrize("driver", ["ljet4", "ljet3d", "deskjet", "pcl3", "cdj550", "cdj850", "cdj1600"])
def test_what_drivers_of_pcl_write_has_as_many_pages_and_goes_on_at_each(tmp_path: Path, driver: str) -> None:
    [path] = run(driver, DOCUMENT, tmp_path / driver, "written.pcl")
    assert len(later_pages(path.read_bytes())) == len(PAGES) - 1
