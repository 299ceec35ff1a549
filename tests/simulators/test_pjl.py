from __future__ import annotations

import asyncio

import pytest

from printfabric_sim import Condition
from printfabric_sim.personalities import _pjl_status
from tests.simulators.test_zpl import plug

UEL = b"\x1b%-12345X"


def job(payload: bytes, name: str = "list", language: str = "PCL", more: bytes = b"") -> bytes:
    head = (
        f'@PJL\r\n@PJL JOB NAME="{name}"\r\n'.encode() + more + f"@PJL ENTER LANGUAGE={language}\r\n".encode()
    )
    return UEL + head + payload + UEL + f'@PJL EOJ NAME="{name}"\r\n'.encode() + UEL


POSTSCRIPT = (
    b"%!PS-Adobe-3.0\n%%Pages: 2\n/showpage {systemdict /showpage get exec} def\n"
    b"%%Page: 1 1\n(No 1) show showpage\n%%Page: 2 2\n(No 2) show showpage\n%%Trailer\n%%EOF\n"
)
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type /Catalog /Pages 2 0 R>>endobj\n2 0 obj<</Type /Pages /Count 3>>endobj\n"
    b"3 0 obj<</Type /Page>>endobj 4 0 obj<</Type/Page>>endobj 5 0 obj<</Type /Page >>endobj\n%%EOF\n"
)


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    ("payload", "language", "pages"),
    [
        (b"\x1bEpage no 1\x0cpage no 2\x1bE", "PCL", 2),
        (b"\x1bE\x1b*b5W\x0c\x0c\x0c\x0c\x0ctext\x0c\x1bE", "PCL", 1),
        (b"\x1b&l3Xthree copies\x0c", "PCL", 3),
        (POSTSCRIPT, "POSTSCRIPT", 2),
        (b"%!\n(a) show showpage\n(b) show showpage\n", "POSTSCRIPT", 2),
        (PDF, "PDF", 3),
    ],
)
async def test_pages_are_counted_in_every_language(start, size, payload, language, pages):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    data = job(payload, language=language)
    for at in range(0, len(data), size):
        printer.core.feed(inlet, data[at : at + size])
    assert printer.record.printed == pages
    assert {unit.job_name for unit in printer.record.units} == {"list"}


@pytest.mark.parametrize(
    ("payload", "pages"), [(b"plain text", 1), (POSTSCRIPT, 2), (PDF, 3), (b"a\x0cb\x0c", 2)]
)
async def test_raw_data_is_recognised_and_ends_with_the_connection(start, payload, pages):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, payload)
    printer.core.end(inlet, "fin")
    assert printer.record.printed == pages


async def test_copies_multiply_pages(start):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, job(b"one\x0ctwo\x0c", more=b"@PJL SET COPIES=2\r\n") + job(b"one\x0c"))
    assert printer.record.printed == 5


async def test_job_and_page_messages_follow_the_paper(start):
    printer = await start("pjl", units_per_second=20)
    inlet, link = plug(printer)
    ask = UEL + b"@PJL USTATUS JOB=ON\r\n@PJL USTATUS PAGE=ON\r\n@PJL USTATUS DEVICE=ON\r\n"
    printer.core.feed(inlet, ask + job(b"a\x0cb\x0c", name="n7"))
    await asyncio.sleep(0.02)
    assert b"END" not in link.data
    await printer.wait_units(2)
    printer.core.hold(Condition.COVER_OPEN)
    messages = link.data.decode().split("\f")
    assert messages == [
        '@PJL USTATUS JOB\r\nSTART\r\nNAME="n7"\r\n',
        "@PJL USTATUS PAGE\r\n1\r\n",
        "@PJL USTATUS PAGE\r\n2\r\n",
        '@PJL USTATUS JOB\r\nEND\r\nNAME="n7"\r\nPAGES=2\r\n',
        '@PJL USTATUS DEVICE\r\nCODE=40021\r\nDISPLAY="12 PRINTER OPEN"\r\nONLINE=FALSE\r\n',
        "",
    ]


async def test_echo_and_info_answer_at_once(start):
    printer = await start("pjl")
    inlet, link = plug(printer)
    printer.core.feed(inlet, UEL + b"@PJL ECHO 4711 hello\r\n@PJL INFO STATUS\r\n@PJL INFO PAGECOUNT\r\n")
    assert link.data.split(b"\x0c")[:3] == [
        b"@PJL ECHO 4711 hello\r\n",
        b'@PJL INFO STATUS\r\nCODE=10001\r\nDISPLAY="READY"\r\nONLINE=TRUE\r\n',
        b"@PJL INFO PAGECOUNT\r\nPAGECOUNT=0\r\n",
    ]


async def test_a_broken_job_ejects_its_page(start):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, UEL + b"@PJL ENTER LANGUAGE=PCL\r\npage no 1\x0cpage no 2, half")
    printer.core.end(inlet, "reset")
    assert [unit.outcome.value for unit in printer.record.units] == ["printed", "garbled"]


async def test_timed_status_comes_by_the_clock_until_it_is_taken_off(start, monkeypatch):
    monkeypatch.setattr(_pjl_status, "_TIMED_MIN_S", 0.05)
    monkeypatch.setattr(_pjl_status, "_TIMED_MAX_S", 0.05)
    printer = await start("pjl")
    inlet, link = plug(printer)
    printer.core.feed(inlet, UEL + b"@PJL USTATUS TIMED=30\r\n")
    await asyncio.sleep(0.4)
    message = b'@PJL USTATUS TIMED\r\nCODE=10001\r\nDISPLAY="READY"\r\nONLINE=TRUE\r\n\x0c'
    assert link.data.startswith(message * 2)
    printer.core.feed(inlet, b"@PJL USTATUSOFF\r\n")
    link.data = b""
    await asyncio.sleep(0.15)
    assert link.data == b""
