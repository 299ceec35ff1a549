"""The paper depends on the bytes, not on the packets they come in."""

from __future__ import annotations

import asyncio
import base64
import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulators.test_zpl import plug
from tests.simulators.virtual_time import printer_of, run

UEL = b"\x1b%-12345X"
_LONG = b"^FX" + b"x" * 1500  # more than an interpreter waits for
# What documents are put together from; the smaller pieces are cut short and out of place as well.
PARTS: dict[str, list[bytes]] = {
    "zpl": [
        b"^XA", b"^XZ", b"^FO1,1^FDSERIAL 7^FS", b"^PQ2", b"^PQ3,0,1,Y", b"^pq 2", b"^PQ0", b"^PQ", b"^LL300", b"^LL1200", _LONG,
        b"~HS", b"~HI", b"\r\n", b"^GFB,4,4,1,^XZ~", b"^GFB, 4 , 4, 1,~JA~", b"^GFA,4,4,1,FFFF^FS", b"^GFA,8,8,1,:B64:" + base64.b64encode(b"\1" * 9) + b":01",
        b"^DFR:A.ZPL^FS", b"~DYR:A,B,G,4,1,^XA~", b"text", b"^", b"~",
    ],
    "escpos": [
        b"\x1b@", b"Receipt 7\n", b"\x1dV\x00", b"\x1dVB\x10", b"\x1bi", b"\x1d!\x11", b"\x1bE\x01", b"\x1d(k\x04\x001A2\x00",
        b"\x1dv0\x00\x02\x00\x02\x00\x1dV\x00\x10", b"\x1b*!\x08\x00" + b"\x1bi" * 12, b"\x1dk\x04A1\x00", b"\x1dkI\x05{B123",
        b"\x10\x04\x01", b"\x1dr\x01", b"\x1dI\x43", b"\x1d(H\x06\x000\x30ABCD", b"\x1bD\x08\x10\x00", b"\x1bp\x00\x19\xfa", b"\x1d", b"\x10",
    ],
    "pjl": [
        UEL, b"@PJL JOB NAME=\"a\"\r\n", b"@PJL SET COPIES=2\r\n", b"@PJL ENTER LANGUAGE=PCL\r\n", b"@PJL EOJ\r\n", b"@PJL\r\n",
        b"page 7\r\n", b"\x0c", b"\x1bE", b"\x1b&l2X", b"\x1b&l0o1H", b"\x1b*b4W\x0c\x1b\x0c\x0c", b"\x1b*p300x30Y", b"\x1b",
        b"%!PS-Adobe-3.0\n%%Page: 1 1\n(a) show showpage\n%%Page: 2 2\nshowpage\n%%EOF\n", b"%!\nshowpage showpage ",
        b"%PDF-1.4 /Type /Page /Type /Pages /Count 2 /Type/Page ", b") HP-PCL XL;2;0\n\xc1\x02\x00\xf8\x31\x44\x43\x44",
        b"x" * 5000,
    ],
    "plain": [b"line\n", b"\n" * 40, b"\n" * 66, b"\x0c", b"page 7", b"\r", b"x" * 1500],
}  # fmt: skip


async def printed(personality: str, packets: list[bytes]) -> dict[str, Any]:
    """Return what came of these packets: the paper, what was lost, and what was answered."""
    async with printer_of(personality) as printer:
        inlet, link = plug(printer)
        for packet in packets:
            printer.core.feed(inlet, packet)
        printer.core.end(inlet, "fin")
        await asyncio.sleep(1)
        units = [(u.outcome, u.sha256, u.spans, u.copy, u.serial, u.kind) for u in printer.record.units]
        lost = {
            offset
            for event in printer.record.events
            for _, start, end in event.get("spans", ())
            for offset in range(start, end)
            if not b"".join(packets)[offset : offset + 1].isspace()  # may be a gap as well
        }
        return {"units": units, "lost": lost, "answered": link.data}


@pytest.mark.parametrize("personality", list(PARTS))
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_segmentation_gives_the_same_paper(personality, data):
    document = b"".join(data.draw(st.lists(st.sampled_from(PARTS[personality]), min_size=1, max_size=14)))
    dice = random.Random(data.draw(st.integers(0, 2**32)))
    count = min(len(document), dice.choice([1, 3, 20, 200]))
    cuts = sorted({0, len(document), *(dice.randrange(len(document)) for _ in range(count))})
    packets = [document[a:b] for a, b in itertools.pairwise(cuts)]
    assert run(printed(personality, packets)) == run(printed(personality, [document]))


@pytest.mark.parametrize("size", [1, 100, 700, 10_000])
def test_the_last_quantity_counts_however_it_comes(size):
    label = b"^XA^PQ2^FO1,1^FD" + b"x" * 1500 + b"^FS^FO1,1^FDy^FS^PQ3^XZ"
    paper = run(printed("zpl", [label[at : at + size] for at in range(0, len(label), size)]))
    assert [unit[3] for unit in paper["units"]] == [1, 2, 3]
