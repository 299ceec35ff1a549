from __future__ import annotations

import asyncio

import pytest

from printfabric_sim import Condition
from tests.simulators.test_zpl import plug

CUT = b"\x1dV\x00"


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_a_cut_ends_a_receipt_wherever_packets_end(start, size):
    printer = await start("escpos")
    inlet, _ = plug(printer)
    image = b"\x1dv0\x00\x02\x00\x03\x00" + b"\x1dV\x00\x1b@\x10"  # the raster holds what looks like a cut
    data = (
        b"\x1b@Receipt no 1\n"
        + image
        + CUT
        + b"Receipt no 2\n\x1dVB\x05"
        + b"\x1b@"
        + CUT
        + b"Receipt no 3\n\x1bi"
    )
    for at in range(0, len(data), size):
        printer.core.feed(inlet, data[at : at + size])
    assert printer.record.serials() == ["1", "2", "3"]


async def test_an_image_larger_than_the_buffer_is_part_of_its_receipt(start):
    printer = await start("escpos", buffer_bytes=4096)
    inlet, _ = plug(printer)
    data = b"\x1dv0\x00\x48\x00\xe8\x03" + bytes(72000) + CUT
    printer.core.feed(inlet, data)
    assert [unit.bytes for unit in printer.record.units] == [len(data)]


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        (None, [0x16, 0x12, 0x12, 0x12]),
        (Condition.COVER_OPEN, [0x1E, 0x16, 0x12, 0x12]),
        (Condition.MEDIA_OUT, [0x1E, 0x32, 0x12, 0x7E]),
        (Condition.CUTTER, [0x1E, 0x52, 0x1A, 0x12]),
        (Condition.JAM, [0x1E, 0x52, 0x32, 0x12]),
    ],
)
async def test_real_time_status_is_answered_in_every_condition(start, condition, answers):
    printer = await start("escpos")
    inlet, link = plug(printer)
    if condition is not None:
        printer.core.hold(condition)
    for n in range(1, 5):
        printer.core.feed(inlet, b"\x10\x04" + bytes([n]))
    assert list(link.data) == answers


async def test_automatic_status_comes_with_every_change(start):
    printer = await start("escpos")
    inlet, link = plug(printer)
    printer.core.feed(inlet, b"\x1da\xff")
    printer.core.hold(Condition.COVER_OPEN)
    printer.core.release(Condition.COVER_OPEN)
    printer.core.feed(inlet, b"\x1bp\x00\x32\xfa")
    assert [link.data[i : i + 4].hex() for i in range(0, len(link.data), 4)] == [
        "1400000f", "3c00000f", "1400000f", "1000000f",
    ]  # fmt: skip
    assert printer.record.counts["event.drawer opened"] == 1


async def test_the_process_id_comes_back_when_the_receipt_is_out_and_not_before(start):
    printer = await start("escpos", units_per_second=10)
    inlet, link = plug(printer)
    printer.core.feed(inlet, b"Receipt no 1\n" + CUT + b"\x1d(H\x06\x00000042")
    await asyncio.sleep(0.03)
    assert link.data == b""
    await printer.wait_units(1)
    assert link.data == b"\x37\x220042\x00"


async def test_text_without_a_cut_comes_out_torn_when_the_power_goes(start):
    printer = await start("escpos")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"Receipt no 5\nhalf of it")
    printer.fault("power-cut=0.01")
    (unit,) = printer.record.units
    assert (unit.outcome.value, unit.serial) == ("truncated", "5")


async def test_what_a_broken_sender_left_is_on_the_next_receipt(start):
    printer = await start("escpos")
    first, _ = plug(printer)
    printer.core.feed(first, b"Receipt no 1\nhalf")
    printer.core.end(first, "reset")
    second, _ = plug(printer)
    printer.core.feed(second, b"Receipt no 2\n" + CUT)
    (unit,) = printer.record.units
    assert (unit.outcome.value, unit.reason) == ("garbled", "inlet 1 broke off inside")
    assert [span.inlet for span in unit.spans] == [1, 2]


async def test_recovery_clears_the_error_and_the_buffer(start):
    printer = await start("escpos", units_per_second=100)
    inlet, link = plug(printer)
    printer.core.hold(Condition.CUTTER)
    printer.core.feed(inlet, b"Receipt no 1\n" + CUT + b"\x10\x05\x02")
    assert printer.core.conditions == set()
    printer.core.feed(inlet, b"Receipt no 2\n" + CUT + b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08")
    assert link.data == b"\x37\x25\x00"
    await printer.wait_idle()
    assert printer.record.printed == 0


@pytest.mark.parametrize(
    ("selected", "heard"),
    [
        (0x01, {"drawer"}),
        (0x02, {"cover-open", "media-out", "cutter"}),  # each takes the printer off-line
        (0x04, {"cutter"}),
        (0x08, {"media-out"}),
        (0x00, set()),
        (0xFF, {"drawer", "cover-open", "media-out", "cutter"}),
    ],
)
async def test_automatic_status_tells_the_changes_that_were_selected(start, selected, heard):
    changes = {
        "drawer": b"\x1bp\x00\x20\x20",
        "cover-open": None,
        "media-out": None,
        "cutter": None,
    }
    came = set()
    for name, command in changes.items():
        printer = await start("escpos")
        inlet, link = plug(printer)
        printer.core.feed(inlet, b"\x1da" + bytes([selected]))
        assert len(link.data) == (4 if selected else 0)
        link.data = b""
        if command is None:
            printer.fault(name)
        else:
            printer.core.feed(inlet, command)
        if link.data:
            assert len(link.data) == 4
            came.add(name)
    assert came == heard


async def test_a_status_request_between_or_inside_receipts_hides_no_duplicate(start):
    printer = await start("escpos")
    inlet, link = plug(printer)
    receipt = b"Receipt no 2\nab\n\x1dV\x00"
    asked = b"Receipt no 2\n\x10\x04\x01ab\n\x1dV\x00"
    printer.core.feed(
        inlet, receipt + b"\x10\x04\x01" + receipt + b"\x1dr\x01" + asked + b"\x10\x05\x01" + receipt
    )
    assert [unit.duplicate_of for unit in printer.record.units] == [None, 1, 1, 1]
    assert len(link.data) == 3


@pytest.mark.parametrize(
    ("command", "left"),
    [
        (b"\x1bD\x08\x10\x18\x00", b""),
        (b"\x1bD\x08\x10", b"\x08"),  # a column that is not beyond the last ends the list
        (b"\x1bD" + bytes(range(1, 33)), b"\x21"),  # 32 are the most
        (b"\x1bD" + bytes(range(1, 33)) + b"\x00", b""),
        (
            b"\x1b&\x03\x20\x21\x02\x1dV\x00\x1dV\x00\x01\x1dV\x00",
            b"",
        ),  # two characters, 2 and 1 columns of 3 bytes
        (b"\x1b&\x01\x20\x20\x00", b""),
        # two stored images of 8 bytes, with what looks like a cut in them
        (b"\x1cq\x02" + b"\x01\x00\x01\x00\x1dV\x00image" * 2, b""),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
async def test_lists_and_characters_end_where_they_end(start, command, left, size):
    printer = await start("escpos")
    inlet, _ = plug(printer)
    data = command + left + b"Receipt no 1\n\x1dV\x00" + b"Receipt no 2\n\x1dV\x00"
    for at in range(0, len(data), size):
        printer.core.feed(inlet, data[at : at + size])
    assert printer.record.serials() == ["1", "2"]
    assert printer.record.units[0].bytes == len(command + left) + len(b"Receipt no 1\n\x1dV\x00")


@pytest.mark.parametrize("command", [b"\x10\x14\x07\x01", b"\x10\x14\x03\x01\x02\x00\x0a\x0a"])
async def test_a_real_time_command_ends_where_its_function_says(start, command):
    printer = await start("escpos")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, command + b"ABC\n" + CUT)
    (unit,) = printer.record.units
    assert unit.spans == ((inlet.number, len(command), len(command) + 4 + len(CUT)),)
