"""A slow printer prints, slowly, whatever the document; in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from printfabric_sim.inlet import NoLink
from tests.simulators.virtual_time import printer_of, run

# One document each of which the interpreter makes nothing before it has seen hundreds of bytes.
DOCUMENTS = {
    "zpl": ("zpl", b"^XA" + b"^FO10,10^FDhello world^FS" * 15 + b"^XZ"),
    "escpos, a bar code": ("escpos", b"\x1dk\x49\x96" + b"A" * 150 + b"\n" + b"text\n" * 60 + b"\x1dV\x00"),
    "postscript": (
        "pjl",
        b"%!PS-Adobe-3.0\n%%Page: 1 1\n" + b"0 0 moveto\n" * 40 + b"showpage\n%%EOF\n",
    ),
    "pdf": ("pjl", b"%PDF-1.4\n1 0 obj <</Type /Page>> endobj\n" + b"x" * 400),
    "plain": ("plain", b"x" * 400 + b"\x0c"),
}
SLACK_S = 0.2  # the budget of a rest, and the timer's step


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("bytes_per_s", [100, 1000])
@pytest.mark.parametrize("piece", [7, 4096])
def test_a_document_takes_its_time_and_no_more(name, bytes_per_s, piece):
    personality, document = DOCUMENTS[name]

    async def life() -> float:
        async with printer_of(personality, faults=f"slow={bytes_per_s}") as printer:
            began = printer.core.loop.time()
            inlet = printer.core.open_inlet("test", "test", NoLink())
            for at in range(0, len(document), piece):
                printer.core.feed(inlet, document[at : at + piece])
            printer.core.end(inlet, "fin")
            await printer.wait_units(1, 60)
            assert printer.record.units[0].outcome.value == "printed"
            return printer.core.loop.time() - began

    took = run(life())
    tail = 8  # %%EOF may come behind the page
    assert (len(document) - tail) / bytes_per_s - SLACK_S < took < len(document) / bytes_per_s + SLACK_S


def test_what_was_thrown_away_is_no_credit_for_what_comes():
    async def life() -> None:
        async with printer_of("zpl", faults="slow=100") as printer:
            inlet = printer.core.open_inlet("test", "test", NoLink())
            printer.core.feed(inlet, b"^XA^FD" + b"A" * 500)
            await asyncio.sleep(4)  # 400 of its bytes have been looked at
            printer.core.feed(inlet, b"~JA")
            began = printer.core.loop.time()
            printer.core.feed(inlet, b"^XA^FD" + b"B" * 100 + b"^XZ")
            await printer.wait_units(1, 60)
            assert printer.core.loop.time() - began > 0.8

    run(life())
