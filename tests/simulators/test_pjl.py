from __future__ import annotations

import asyncio
from typing import Literal

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
        (b"\x1bE\x1b(s9Va\x0cb\x0c\x1b*c9Vc\x0c\x1bE", "PCL", 3),  # heights, of letters and of a rectangle
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


def asked(link, inlet, printer, line):
    """Return the one line that comes back for a question."""
    link.data = b""
    printer.core.feed(inlet, b"@PJL " + line.encode() + b"\r\n")
    head, value, end = link.data.decode().split("\r\n")
    assert (head, end) == (f"@PJL {line}", "\f")
    return value


async def test_variables_have_defaults_and_obey_set_default_reset_and_initialize(start):
    printer = await start("pjl")
    inlet, link = plug(printer)
    printer.core.feed(inlet, UEL)

    def values(name: str) -> tuple[str, ...]:
        return tuple(asked(link, inlet, printer, f"{word} {name}") for word in ("INQUIRE", "DINQUIRE"))

    assert [values(name)[0] for name in ("COPIES", "PAPER", "TIMEOUT", "RESOLUTION", "LPARM:PCL PITCH")] == [
        "1", "LETTER", "15", "600", "10.00"
    ]  # fmt: skip
    printer.core.feed(
        inlet, b"@PJL SET COPIES = 3\r\n@PJL DEFAULT PAPER=A4\r\n@PJL SET LPARM : PCL PITCH=12\r\n"
    )
    assert (values("COPIES"), values("PAPER")) == (("3", "1"), ("LETTER", "A4"))
    assert values("LPARM:PCL PITCH") == ("12.00", "10.00")
    printer.core.feed(inlet, b"@PJL RESET\r\n")
    assert (values("COPIES"), values("PAPER")) == (("1", "1"), ("A4", "A4"))
    printer.fault("power-cut=0.01")  # user defaults outlive it
    await asyncio.sleep(0.1)
    inlet, link = plug(printer)
    printer.core.feed(inlet, UEL)
    assert values("PAPER") == ("A4", "A4")
    printer.core.feed(inlet, b"@PJL INITIALIZE\r\n")
    assert values("PAPER") == ("LETTER", "LETTER")


async def test_what_a_variable_cannot_be_is_passed_over_and_what_there_is_not_is_a_question_mark(start):
    printer = await start("pjl")
    inlet, link = plug(printer)
    printer.core.feed(inlet, UEL + b"@PJL SET COPIES=1000\r\n@PJL SET PAPER=WALL\r\n@PJL SET DENSITY=5\r\n")
    assert [asked(link, inlet, printer, f"INQUIRE {name}") for name in ("COPIES", "PAPER", "DENSITY", "NONE")] == [
        "1", "LETTER", "3", '"?"'
    ]  # fmt: skip
    link.data = b""
    printer.core.feed(inlet, b"@PJL INFO VARIABLES\r\n")
    assert b"PAPER=LETTER [3 ENUMERATED]\r\n\tLETTER\r\n\tLEGAL\r\n\tA4\r\n" in link.data
    assert b"DENSITY=3 [2 RANGE READONLY]\r\n\t1\r\n\t5\r\n" in link.data


async def test_default_copies_hold_for_every_job_and_set_copies_for_one(start):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, UEL + b"@PJL DEFAULT COPIES=2\r\n")
    printer.core.feed(inlet, job(b"page no 1\x0c") + job(b"page no 2\x0c", more=b"@PJL SET COPIES=3\r\n"))
    printer.core.feed(inlet, job(b"page no 3\x0c"))
    assert printer.record.serials() == ["1", "1", "2", "2", "2", "3", "3"]


def pclxl(pages: list[int], order: Literal["little", "big"]) -> bytes:
    """Return a PCL XL stream: for every page an image full of EndPage bytes, and so many copies."""

    def number(value: int, width: int) -> bytes:
        return value.to_bytes(width, order)

    out = (b")" if order == "little" else b"(") + b" HP-PCL XL;2;0;Comment sim\n"
    out += b"\xd1" + number(600, 2) * 2 + b"\xf8\x89\xc0\x00\xf8\x86\x41"  # BeginSession
    for copies in pages:
        out += b"\xc0\x00\xf8\x28\x43"  # BeginPage
        out += b"\xc8\xc1" + number(3, 2) + b"\x44\x44\x44\xf8\xa8\xa8"  # an array: text
        out += b"\xb1\xfa" + number(300, 4) + b"\x44" * 300  # ReadImage with its data
        out += b"\xb1\xfb\x05" + b"\x44" * 5
        out += b"\xc1" + number(copies, 2) + b"\xf8\x31\x44"  # PageCopies, EndPage
    return out + b"\x42"


@pytest.mark.parametrize("size", [1, 16, 10_000])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    "payload",
    [
        POSTSCRIPT,
        b"%!PS-Adobe-3.0\n%%Page: 1 1\n(No 1) show\n%%Trailer\nend\n%%EOF\n",
        b"%!\n(No 1) show showpage\nend % all of them\n\x04",
        PDF,
        b"\x1bENo 1\x0c\x1bE",
        b") HP-PCL XL;2;0\n\x43\x44\x49\x42",  # BeginPage EndPage CloseDataSource EndSession
    ],
)
async def test_what_tidies_up_behind_the_last_page_is_not_told_as_lost(start, size, wrapped, payload):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    data = job(payload, language="AUTO") if wrapped else payload
    for at in range(0, len(data), size):
        printer.core.feed(inlet, data[at : at + size])
    printer.core.end(inlet, "fin")
    assert printer.record.printed > 0
    assert printer.record.lost_bytes == 0


@pytest.mark.parametrize("size", [1, 16, 10_000])
@pytest.mark.parametrize(
    ("begin", "rest"),
    [
        (b"%!\n(No 1) show showpage", b"\n(No 2) show\n"),
        (b"%!\n(No 1) show showpage", b"\n(No 2) show\n" + b" " * 5000),
        (b"", b"%!PS-Adobe-3.0\nno page of it has come\n%%EOF\n"),
        (b"%!PS-Adobe\n%%Page: 1 1\n(No 1) show\n%%Trailer", b"\n%%EOF\n%!\n(No 2) show showpage\n"),
        (b"%!PS-Adobe\n%%Page: 1 1\n(No 1) show\n%%Trailer", b"\n%%EOF\n%!\nshowpage\n%%EOF\n"),
        (b"%!\n(No 1) show showpage", b"\n" + b"%" * 60 + b"\n(No 2) show\n"),
        (b") HP-PCL XL;2;0\n\x43\x44", b"\x43\xb1\xfb\x05half a pa"),
        (b") HP-PCL XL;2;0\n\x43\x44", b"\xc1\x03"),
        (b") HP-PCL XL;2;0\n\x43\x44", b"\xfb\x05half"),
        (b") HP-PCL XL;2;0\n\x43\x44", b"\x49\x42\x1b%-"),
        (b"No 1\x0c", b"\x1b%-12345"),
        (b"No 1\x0c", b"\x1bE\x1b"),
        (b"No 1\x0c", b"\r\n\x1b*b"),
        (b"No 1\x0c", b"\x1b)s50Whalf a font"),
        (b"%!PS-Adobe\n%%Page: 1 1\n(No 1) show\n%%Trailer", b"\n%%EOF\n\x1b%-123"),
        (b") HP-PCL XL;2;0\n\x43\x44", b"this is no PCL XL"),
        (b"", b") HP-PCL XL;2;0\nxxxxxxxx"),  # operators of a page, and no page
    ],
)
async def test_what_did_not_come_to_its_page_is_told_as_lost(start, size, begin, rest):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    data = begin + rest
    for at in range(0, len(data), size):
        printer.core.feed(inlet, data[at : at + size])
    printer.core.end(inlet, "fin")
    lost = [event for event in printer.record.events if event["event"] == "discarded"]
    assert [(event["reason"], event["spans"]) for event in lost] == [
        ("nothing to print", [[inlet.number, len(begin), len(data)]])
    ]


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("language", ["PCLXL", "AUTO"])
async def test_pages_of_pcl_xl_end_at_its_operators(start, size, order, language):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    pages = pclxl([1, 3, 1], order)
    data = pages if language == "AUTO" else job(pages, language=language)
    for at in range(0, len(data), size):
        printer.core.feed(inlet, data[at : at + size])
    printer.core.end(inlet, "fin")
    assert [unit.copy for unit in printer.record.units] == [1, 1, 2, 3, 1]
    assert printer.record.counts["printed"] == 5


async def test_a_slow_printer_takes_a_uel_for_what_it_is_though_the_sender_has_gone(start):
    printer = await start("pjl", faults="slow=2000")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"".join(job(b"page no %d\n\x0c" % n) for n in range(4)))
    printer.core.end(inlet, "fin")
    await printer.wait_units(4)
    await printer.wait_idle()
    assert printer.record.serials() == ["0", "1", "2", "3"]


async def test_a_page_behind_eoj_is_none_of_the_job(start):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    enter = b"@PJL ENTER LANGUAGE=PCL\r\n"
    printer.core.feed(inlet, UEL + b'@PJL JOB NAME="x"\r\n' + enter + b"page 1\x0c" + UEL)
    printer.core.feed(inlet, b"@PJL EOJ\r\n" + enter + b"page 2\x0c" + UEL)
    assert [(unit.job_name, unit.job) for unit in printer.record.units] == [("x", 2), ("", 1)]
