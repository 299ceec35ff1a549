"""The fault `status-wrong` is a lie that a client would believe: of the same form, and not true."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.simulators.test_zpl import plug

# What a client makes of a reply; it raises if the form is wrong.
Reader = Callable[[bytes], object]


def host_status(reply: bytes) -> object:
    lines = reply.decode().split("\x03\r\n")[:3]
    flags = [line.removeprefix("\x02").split(",") for line in lines]
    assert [len(row) for row in flags] == [12, 11, 2]
    return flags[0][1]  # paper out


def error_status(reply: bytes) -> object:
    found = re.search(rb"ERRORS: +([01]) ([0-9A-F]{8}) ([0-9A-F]{8})\r\n", reply)
    assert found is not None
    assert (found[1] == b"1") == (int(found[3], 16) != 0)
    return found[3]


def pjl_status(reply: bytes) -> object:
    found = re.search(rb'CODE=(\d{5})\r\nDISPLAY="([^"]+)"\r\nONLINE=(TRUE|FALSE)\r\n\f$', reply)
    assert found is not None
    assert (found[1] == b"10001") == (found[3] == b"TRUE")
    return found[1]


def value_of(*possible: bytes) -> Reader:
    def read(reply: bytes) -> object:
        value = reply.split(b"\r\n")[1]
        assert value in possible
        return value

    return read


def bits_of(fixed: int, value: int, mask: int) -> Reader:
    def read(reply: bytes) -> object:
        assert len(reply) == 1
        assert reply[0] & fixed == value
        return reply[0] & mask

    return read


def automatic(reply: bytes) -> object:
    assert len(reply) == 4
    assert reply[0] & 0x93 == 0x10
    return reply[2] & 0x0C


def text(pattern: bytes) -> Reader:
    def read(reply: bytes) -> object:
        found = re.fullmatch(pattern, reply)
        assert found is not None, reply
        return found[1]

    return read


def subscriptions(reply: bytes) -> object:
    values = dict(re.findall(rb"^(DEVICE|JOB|PAGE)=(\S+) \[", reply, re.MULTILINE))
    assert set(values.values()) <= {b"OFF", b"ON"}
    assert reply.endswith(b"TIMED=0 [2 RANGE]\r\n\t5\r\n\t300\r\n\f")
    return values


def variables(reply: bytes) -> object:
    rows = re.findall(
        rb"^([A-Z: 0-9]+)=(\S+) \[\d+ ENUMERATED[^\r]*\r\n((?:\t[^\r]*\r\n)+)", reply, re.MULTILINE
    )
    assert len(rows) > 10
    for name, value, values in rows:
        assert value in values.split(), name
    return rows


UEL = b"\x1b%-12345X"
QUESTIONS: list[tuple[str, bytes, Reader]] = [
    ("zpl", b"~HS", host_status),
    ("zpl", b"~HQES", error_status),
    ("zpl", b'! U1 getvar "media.status"\r\n', lambda reply: {b'"ok"': 0, b'"out"': 1}[reply]),
    ("zpl", b'! U1 getvar "head.latch"\r\n', lambda reply: {b'"ok"': 0, b'"open"': 1}[reply]),
    ("zpl", b"~HI", text(rb"\x02SIM ZD621-203dpi,V93.21.26Z,8,(\d+)KB\x03\r\n")),
    ("zpl", b"~HQSN", text(rb"\x02\s+SERIAL NUMBER\s+(SIM\d{7})\r\n\x03\r\n")),
    ("zpl", b'! U1 getvar "odometer.total_label_count"\r\n', text(rb'"(\d+)"')),
    ("pjl", UEL + b"@PJL INFO STATUS\r\n", pjl_status),
    ("pjl", UEL + b"@PJL INFO PAGECOUNT\r\n", text(rb"@PJL INFO PAGECOUNT\r\nPAGECOUNT=(\d+)\r\n\f")),
    ("pjl", UEL + b"@PJL INFO MEMORY\r\n", text(rb"@PJL INFO MEMORY\r\nTOTAL=(\d{8})\r\nLARGEST=\d+\r\n\f")),
    ("pjl", UEL + b"@PJL INFO VARIABLES\r\n", variables),
    ("pjl", UEL + b"@PJL INQUIRE PAPER\r\n", value_of(b"LETTER", b"LEGAL", b"A4")),
    ("pjl", UEL + b"@PJL INFO USTATUS\r\n", subscriptions),
    *(
        ("escpos", b"\x10\x04" + bytes([n]), bits_of(0x93, 0x12, mask))
        for n, mask in ((1, 0x08), (2, 0x20), (3, 0x08), (4, 0x60))
    ),
    ("escpos", b"\x1dr\x01", bits_of(0xF0, 0, 0x0C)),
    ("escpos", b"\x1dr\x02", bits_of(0xFC, 0, 0x01)),
    ("escpos", b"\x1da\x08", automatic),
    ("escpos", b"\x1dIC", text(rb"_TM-T(\d\d)VI\x00")),
]


@pytest.mark.parametrize(("personality", "question", "read"), QUESTIONS)
async def test_a_wrong_status_is_believable_and_not_true(start, personality, question, read):
    printer = await start(personality)
    inlet, link = plug(printer)
    replies = []
    for fault in ("", "status-wrong"):
        if fault:
            printer.fault(fault)
        link.data = b""
        printer.core.feed(inlet, question)
        replies.append(link.data)
    true, lie = (read(reply) for reply in replies)
    assert true != lie
    assert printer.record.counts["event.fault without effect"] == 0


async def test_unasked_status_lies_too(start):
    printer = await start("pjl")
    inlet, link = plug(printer)
    printer.core.feed(inlet, UEL + b"@PJL USTATUS DEVICE=ON\r\n")
    printer.fault("status-wrong")
    printer.fault("media-out")
    assert pjl_status(link.data) == b"10001"
    printer = await start("escpos")
    inlet, link = plug(printer)
    printer.core.feed(inlet, b"\x1da\x08")
    link.data = b""
    printer.fault("status-wrong")
    printer.fault("media-out")
    assert automatic(link.data) == 0


@pytest.mark.parametrize(
    ("personality", "question", "reply"),
    [
        ("escpos", b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08", b"\x37\x25\x00"),
        ("escpos", b"\x1dIB", b"_EPSON\x00"),
        ("pjl", UEL + b"@PJL USTATUS JOB=ON\r\n@PJL JOB\r\n", b"@PJL USTATUS JOB\r\nSTART\r\n\f"),
        (
            "pjl",
            UEL + b'@PJL USTATUS JOB=ON\r\n@PJL JOB NAME="a=7"\r\n',
            b'@PJL USTATUS JOB\r\nSTART\r\nNAME="a=7"\r\n\f',
        ),
        (
            "pjl",
            UEL + b"@PJL INQUIRE LPARM:PCL FONTSOURCE\r\n",
            b"@PJL INQUIRE LPARM:PCL FONTSOURCE\r\nI\r\n\f",
        ),
        ("pjl", UEL + b"@PJL INQUIRE NONSENSE\r\n", b'@PJL INQUIRE NONSENSE\r\n"?"\r\n\f'),
        ("pjl", UEL + b"@PJL INFO LOG\r\n", b'@PJL INFO LOG\r\n"?"\r\n\f'),
        ("pjl", UEL + b"@PJL ECHO 7\r\n", b"@PJL ECHO 7\r\n\f"),
        ("zpl", b'! U1 getvar "nonsense"\r\n', b'"?"'),
        ("zpl", b'{}{"nonsense":null}', b'{"nonsense":"?"}'),
    ],
)
async def test_a_reply_of_which_there_is_no_lie_stays_and_that_is_told(start, personality, question, reply):
    printer = await start(personality, faults="status-wrong")
    inlet, link = plug(printer)
    printer.core.feed(inlet, question)
    assert link.data == reply
    assert printer.record.counts["event.fault without effect"] == 1


async def test_a_personality_says_itself_what_its_lies_are(start, tmp_path):
    (tmp_path / "parrot.py").write_text(
        "from printfabric_sim.personality import Personality, Step\n"
        "class Parrot(Personality):\n"
        "    '''Answers.'''\n"
        "    name, kind = 'parrot', 'page'\n"
        "    def parse(self, buffer, inlet):\n"
        "        self.machine.reply(b'yes', inlet)\n"
        "        return Step(len(buffer))\n"
        "    def wrong_status(self, data):\n"
        "        return {b'yes': b'no'}[data]\n"
        "    def render(self, content):\n"
        "        raise NotImplementedError\n"
    )
    printer = await start(str(tmp_path / "parrot.py"), faults="status-wrong")
    inlet, link = plug(printer)
    printer.core.feed(inlet, b"?")
    printer.core.feed(inlet, b"?")
    assert link.data == b"noyes"
