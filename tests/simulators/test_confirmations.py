"""A printer confirms what it has printed, and nothing that it has thrown away or cannot print yet."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulators.test_zpl import plug
from tests.simulators.virtual_time import printer_of, run

CUT = b"\n\x1dV\x00"
UEL = b"\x1b%-12345X"


def asks(number: bytes) -> bytes:
    """Return GS ( H, function 48, with a process id."""
    return b"\x1d(H\x06\x00\x30\x30" + number


def says(number: bytes) -> bytes:
    return b'7"' + number + b"\x00"


def test_what_is_dropped_is_not_confirmed():
    async def life() -> None:
        async with printer_of("escpos", units_per_second=2, path_depth=4) as printer:
            inlet, heard = plug(printer)
            two = b"Receipt no 1" + CUT + asks(b"0001") + b"Receipt no 2" + CUT + asks(b"0002")
            printer.core.feed(inlet, two + b"half" + asks(b"0003"))
            await asyncio.sleep(0.2)
            printer.core.intake.drop(inlet)  # as a fault does on a line, which goes on
            await asyncio.sleep(5)
            assert printer.record.serials() == ["1"]
            assert heard.data == says(b"0001")
            printer.core.feed(inlet, b"Receipt no 4" + CUT + asks(b"0004"))
            await asyncio.sleep(5)
            assert heard.data == says(b"0001") + says(b"0004")

    run(life())


@pytest.mark.parametrize("drop", ["reset", "fin"])
def test_the_end_of_a_job_that_is_dropped_is_told_to_nobody(drop):
    async def life() -> None:
        async with printer_of("pjl", units_per_second=2, path_depth=9) as printer:
            inlet, _ = plug(printer)
            _, other = plug(printer)
            printer.core.feed(inlet, UEL + b"@PJL USTATUS JOB=ON\r\n")
            job = b'@PJL JOB NAME="x"\r\n@PJL ENTER LANGUAGE=PCL\r\npage 1\x0cpage 2\x0c'
            printer.core.feed(inlet, job + UEL + b"@PJL EOJ\r\n")
            await asyncio.sleep(0.2)
            assert b"START" in other.data
            printer.core.end(inlet, drop, drop=True)
            await asyncio.sleep(5)
            assert printer.record.printed == 1
            assert b"END" not in other.data

    run(life())


@pytest.mark.parametrize("stop", ["media-out", "cover-open", "jam", "pause"])
def test_text_without_a_cut_is_confirmed_when_the_paper_can_move(stop):
    async def life() -> None:
        async with printer_of("escpos", faults=f"{stop}=3") as printer:
            inlet, heard = plug(printer)
            printer.core.feed(inlet, b"Receipt no 1\nmilk\n" + asks(b"0001"))
            await asyncio.sleep(2)
            assert heard.data == b""
            await asyncio.sleep(2)
            assert heard.data == says(b"0001")
            printer.fault("media-out; power-cut")
            assert [unit.outcome.value for unit in printer.record.units] == ["truncated"]

    run(life())


def test_text_behind_a_moving_receipt_is_confirmed_after_it():
    async def life() -> None:
        async with printer_of("escpos", units_per_second=1) as printer:
            inlet, heard = plug(printer)
            printer.core.feed(inlet, b"Receipt no 1" + CUT + b"Receipt no 2\n" + asks(b"0002"))
            await asyncio.sleep(0.5)
            assert heard.data == b""
            await asyncio.sleep(1)
            assert heard.data == says(b"0002")

    run(life())


def test_settings_alone_are_confirmed_at_once():
    async def life() -> None:
        async with printer_of("escpos", faults="media-out") as printer:
            inlet, heard = plug(printer)
            printer.core.feed(inlet, b"\x1b@" + asks(b"0001"))
            await asyncio.sleep(0.1)
            assert heard.data == says(b"0001")

    run(life())


@pytest.mark.parametrize(("personality", "half"), [("escpos", b"Receipt no 1\n"), ("plain", b"page no 1\n")])
def test_a_document_without_its_end_is_done_when_the_paper_can_move(personality, half):
    async def life() -> None:
        async with printer_of(personality, faults="media-out=3") as printer:
            inlet, _ = plug(printer)
            done: list[bool] = []
            inlet.on_done = done.append
            printer.core.feed(inlet, half)
            printer.core.end(inlet, "fin")
            await asyncio.sleep(2)
            assert done == []  # an IPP job is not completed, a connection stays open
            await asyncio.sleep(2)
            assert done == [True]

    run(life())


def test_a_document_whose_half_is_lost_is_not_done():
    async def life() -> None:
        async with printer_of("escpos", faults="media-out") as printer:
            inlet, _ = plug(printer)
            done: list[bool] = []
            inlet.on_done = done.append
            printer.core.feed(inlet, b"Receipt no 1\n")
            printer.core.end(inlet, "fin")
            printer.fault("power-cut")
            assert done == [False]

    run(life())
