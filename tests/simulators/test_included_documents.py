"""PostScript documents with other documents in them: `%%BeginDocument` to `%%EndDocument` of Adobe's DSC 3.0."""

from __future__ import annotations

import pytest

from tests.simulators.test_zpl import plug

INCLUDED = (
    b"%!PS-Adobe-3.0\n%%Pages: 2\n%%Page: 1 1\n%%BeginDocument: a.eps\n%!PS-Adobe-3.0 EPSF-3.0\n%%Page: 1 1\n"
    b"%%BeginDocument: b.eps\n%%Page: 1 1\n%%EOF\n%%EndDocument\nshowpage\n%%Trailer\n%%EOF\n%%EndDocument\n"
    b"(No 1) show showpage\n%%Page: 2 2\n(No 2) show showpage\n%%Trailer\n%%EOF\n"
)


@pytest.mark.parametrize("size", [1, 40, 10_000])
@pytest.mark.parametrize("more", [b"", b"0 0 moveto\n" * 1000])
async def test_pages_of_an_included_document_are_none_of_the_printers(start, size, more):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    document = INCLUDED.replace(b"EPSF-3.0\n", b"EPSF-3.0\n" + more)
    for at in range(0, len(document), size):
        printer.core.feed(inlet, document[at : at + size])
    printer.core.end(inlet, "fin")
    assert [unit.outcome.value for unit in printer.record.units] == ["printed", "printed"]
