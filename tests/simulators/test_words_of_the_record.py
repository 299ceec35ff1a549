"""What the record and the fixtures say is said in words, and no clean job is said to have lost anything."""

from __future__ import annotations

import pytest
import serial

from printfabric_sim.inlet import Damage
from tests.simulators.test_zpl import label, plug

UEL = b"\x1b%-12345X"
LOSSES = ("discarded", "cancelled", "overrun")


def losses(printer):
    return [event for event in printer.record.events if event["event"] in LOSSES]


@pytest.mark.parametrize(
    ("personality", "job"),
    [
        ("pjl", UEL + b"@PJL ENTER LANGUAGE=PCL\r\n\x1bEpage 1\x0c\x1bE" + UEL),
        ("pjl", b"\x1bEpage 1\x0c\x1b&l0H\x1bE"),
        ("zpl", label(1) + b"~HS"),
    ],
)
async def test_a_clean_job_loses_nothing(start, personality, job):
    printer = await start(personality)
    inlet, _ = plug(printer)
    printer.core.feed(inlet, job)
    printer.core.end(inlet, "fin")
    await printer.wait_units(1)
    await printer.wait_idle()
    assert losses(printer) == []


async def test_a_job_without_its_page_is_still_told(start):
    printer = await start("pjl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, UEL + b"@PJL ENTER LANGUAGE=POSTSCRIPT\r\n%!\n(x) show\n" + UEL)
    assert [(event["reason"], event["bytes"]) for event in losses(printer)] == [("nothing to print", 12)]


@pytest.mark.parametrize(
    ("personality", "settings", "told"),
    [
        ("zpl", b"^XA^MMT^PW812^JUS^XZ", ["a format without a field"]),
        ("zpl", b"^XA^BY2,3,10^XZ", ["a format without a field"]),
        ("escpos", b"\x1b@\x1bt\x13\x1da\xff\x1b3\x30", []),
        ("escpos", b"\x1b@\x1bp\x00\x19\xfa", []),
        ("escpos", b"\x1b@\n\n\x1dV\x00", ["a receipt with nothing on it"]),
        ("escpos", b"\x1dV\x00", ["a receipt with nothing on it"]),
        ("escpos", b"\x1b@\n\n", ["a receipt with nothing on it"]),
    ],
)
async def test_settings_alone_are_not_lost(start, personality, settings, told):
    printer = await start(personality)
    inlet, _ = plug(printer)
    printer.core.feed(inlet, settings)
    printer.core.end(inlet, "fin")
    assert losses(printer) == []
    assert [e["reason"] for e in printer.record.events if e["event"] == "nothing to print"] == told
    assert printer.record.units == []


@pytest.mark.parametrize(
    ("personality", "half", "end", "rest"),
    [
        ("zpl", b"^XA^MMT", "fin", b"^XZ"),  # two senders
        ("zpl", b"^XA^MMT", "reset", b"^XZ"),
        ("zpl", b"^XA^MMT", "", b"^XZ"),
        ("escpos", b"\x1b@", "reset", b""),
        ("escpos", b"\x1b@\x1bE", "fin", b""),  # half a command
        ("escpos", b"\x1b@", "", b"\x1dV\x00"),
    ],
)
async def test_what_may_have_been_more_than_settings_is_lost(start, personality, half, end, rest):
    printer = await start(personality)
    inlet, _ = plug(printer)
    printer.core.feed(inlet, half)
    if end:
        printer.core.end(inlet, end)
        inlet, _ = plug(printer)
    else:
        inlet.damage.append(Damage(inlet.received, 0, "parity error"))
    printer.core.feed(inlet, rest)
    assert sum(event["bytes"] for event in losses(printer)) == len(half + rest)


@pytest.mark.parametrize("fault", ["power-cut", "reset", "reboot"])
async def test_a_fault_that_finds_nothing_inside_loses_nothing(start, fault):
    printer = await start("zpl")
    plug(printer)
    printer.fault(fault)
    assert losses(printer) == []


@pytest.mark.parametrize(("personality", "unit", "question"), [
    ("zpl", label(1), b"~HS"),
    ("escpos", b"Receipt 1\n\x1dV\x00", b"\x10\x04\x01"),
])  # fmt: skip
async def test_an_answered_question_is_not_lost_with_the_units_around_it(start, personality, unit, question):
    printer = await start(personality, faults="pause", path_depth=2)
    inlet, link = plug(printer)
    printer.core.feed(inlet, unit * 3 + question + unit + question)
    assert link.data
    printer.core.cancel("test")
    (event,) = losses(printer)
    assert (event["units"], event["copies"]) == (2, 0)
    assert event["bytes"] == 4 * len(unit)
    assert sorted(event["unread"]) == [
        [inlet.number, 2 * len(unit), 3 * len(unit)],
        [inlet.number, 3 * len(unit) + len(question), 4 * len(unit) + len(question)],
    ]


async def test_a_torn_unit_is_not_counted_as_lost(start):
    printer = await start("zpl", units_per_second=1, path_depth=3)
    inlet, _ = plug(printer)
    printer.core.feed(inlet, label(1) + label(2) + label(3) + label(4))
    printer.core.cancel("test")
    (event,) = losses(printer)
    assert (event["units"], event["copies"], len(event["unread"])) == (2, 0, 1)
    assert [unit.outcome for unit in printer.record.units] == ["truncated"]


async def test_modem_lines_have_their_usual_names(start):
    printer = await start("plain", rfc2217=0)
    printer.fault("cts-low; dsr-low; dcd-low")
    lines = [event["line"] for event in printer.record.events if event["event"] == "modem line"]
    assert lines == ["cts", "dsr", "dcd"]


def test_a_wrong_baud_rate_is_told_with_the_first_byte_it_hurts(sim_printer, tmp_path):
    printer = sim_printer("plain", pty=str(tmp_path / "tty"), line="9600,8,N,1")
    with serial.Serial(str(tmp_path / "tty"), 19200, timeout=5) as port:
        port.write(b"no page ends here")
        assert printer.wait_event("line settings differ", 30)["host"] == "19200,8,N,1"
    assert printer.units() == []


async def test_waiting_in_vain_says_how_many_came_and_why(start):
    printer = await start("zpl", faults="media-out@unit:2")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, label(1) + label(2) + label(3))
    with pytest.raises(TimeoutError, match=r"2 of 3 units are printed after 0.1 s: .*media-out"):
        await printer.wait_units(3, 0.1)


def test_a_printer_without_a_port_says_where_it_is(sim_printer, tmp_path):
    printer = sim_printer("zpl", pty=str(tmp_path / "tty"))
    with pytest.raises(LookupError, match=r"zpl has no TCP port; it is at \{'pty': "):
        _ = printer.port
