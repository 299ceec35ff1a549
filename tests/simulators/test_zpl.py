from __future__ import annotations

import asyncio

import pytest

from printfabric_sim import Condition, Outcome, SimulatedPrinter
from printfabric_sim.inlet import Inlet, NoLink


class Answers(NoLink):
    """A link that keeps what comes back."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> bool:
        self.data += data
        return True


def label(number: int, more: bytes = b"") -> bytes:
    return b"^XA^FO20,20^FDSERIAL %05d^FS%s^XZ" % (number, more)


def plug(printer: SimulatedPrinter) -> tuple[Inlet, Answers]:
    link = Answers()
    return printer.core.open_inlet("test", "", link), link


async def test_every_format_is_a_label_with_its_serial(start):
    printer = await start("zpl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"".join(label(n) for n in range(5)))
    assert printer.record.serials() == ["00000", "00001", "00002", "00003", "00004"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_packets_may_cut_formats_and_commands_anywhere(start, size):
    printer = await start("zpl")
    inlet, link = plug(printer)
    data = label(1) + b"~HI" + label(2, b"^PQ3") + b"\r\n~HS" + label(3)
    for at in range(0, len(data), size):
        printer.core.feed(inlet, data[at : at + size])
    assert printer.record.serials() == ["00001", "00002", "00002", "00002", "00003"]
    assert [unit.copy for unit in printer.record.units] == [1, 1, 2, 3, 1]
    assert link.data.count(b"\x02") == 4


async def test_copies_are_not_duplicates_but_a_second_sending_is(start):
    printer = await start("zpl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, label(1, b"^PQ2") + label(1, b"^PQ2"))
    assert [unit.duplicate_of for unit in printer.record.units] == [None, None, 1, 2]


async def test_a_format_without_anything_to_print_feeds_no_label(start):
    printer = await start("zpl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"^XA^MMT^PW800^XZ^XA^DFR:A.ZPL^FDx^FS^XZ" + label(1))
    assert printer.record.serials() == ["00001"]


async def test_a_format_larger_than_the_buffer_prints_whole(start):
    printer = await start("zpl", buffer_bytes=4096)
    inlet, _ = plug(printer)
    graphic = b"^GFA,60000,60000,100," + b"A5" * 60000
    printer.core.feed(inlet, label(1, graphic + b"^FS^PQ2"))
    (first, second) = printer.record.units
    assert first.bytes == len(label(1, graphic + b"^FS^PQ2"))
    assert second.copy == 2


async def test_an_unfinished_format_is_dropped_when_the_next_begins(start):
    printer = await start("zpl")
    first, _ = plug(printer)
    printer.core.feed(first, b"^XA^FDSERIAL 1^FS")
    printer.core.end(first, "reset")
    second, _ = plug(printer)
    printer.core.feed(second, label(2))
    assert printer.record.serials() == ["00002"]
    (event,) = (e for e in printer.record.events if e["event"] == "discarded")
    assert (event["reason"], event["bytes"]) == ("^XA inside a format", len(b"^XA^FDSERIAL 1^FS"))


async def test_host_status_shows_conditions_and_keeps_silent_where_the_manual_says_so(start):
    printer = await start("zpl", units_per_second=0.1)
    inlet, link = plug(printer)
    printer.core.hold(Condition.PAUSED)
    printer.core.feed(inlet, label(1, b"^PQ7^LL0500") + b"~HS")
    first, second, third = (line.strip(b"\x02\x03") for line in link.data.split(b"\r\n")[:3])
    assert first.split(b",")[2:5] == [b"1", b"0500", b"001"]
    assert second.split(b",")[8] == b"00000007"
    assert third == b"1234,0"
    link.data = b""
    printer.core.hold(Condition.MEDIA_OUT)
    printer.core.feed(inlet, b"~HS~HQES")
    assert b"ERRORS:         1 00000000 00010001" in link.data
    assert b"1234,0" not in link.data


async def test_pause_cancel_and_feed_are_obeyed_ahead_of_the_buffer(start):
    printer = await start("zpl", path_depth=1, units_per_second=20)
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"~PP" + b"".join(label(n) for n in range(10)))
    await asyncio.sleep(0.1)
    assert printer.record.made == 0
    printer.core.feed(inlet, b"~JA~PS" + label(77))
    await printer.wait_units(1)
    assert printer.record.serials() == ["00077"]
    printer.core.feed(inlet, b"~PH")
    await printer.wait_units(2)
    assert printer.record.units[-1].kind == "blank"


async def test_a_reset_command_loses_the_buffer_and_tears_what_moves(start):
    printer = await start("zpl", units_per_second=5)
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"".join(label(n) for n in range(4)) + b"~JR")
    assert [unit.outcome for unit in printer.record.units] == [Outcome.TRUNCATED]
    printer.core.feed(inlet, label(9))
    await printer.wait_units(1)
    assert printer.record.serials() == ["00009"]


async def test_a_label_spoiled_by_an_error_is_printed_again(start):
    printer = await start("zpl", units_per_second=5)
    inlet, _ = plug(printer)
    printer.core.feed(inlet, label(1))
    printer.core.hold(Condition.JAM)
    printer.core.release(Condition.JAM)
    await printer.wait_units(1)
    assert [unit.outcome.value for unit in printer.record.units] == ["truncated", "printed"]


async def test_variables_answer_with_the_odometer(start):
    printer = await start("zpl")
    inlet, link = plug(printer)
    printer.core.feed(inlet, label(1) + label(2) + b'! U1 getvar "odometer.total_label_count"\r\n')
    assert link.data == b'"2"'


# Where Zebra's Browser Print sample looks in the answer to ~HQES.
ERROR, PAUSE, HEAD, MEDIA = 70, 84, 87, 88


@pytest.mark.parametrize(
    ("condition", "column", "digit"),
    [
        (Condition.MEDIA_OUT, MEDIA, "1"),
        (Condition.RIBBON_OUT, MEDIA, "2"),
        (Condition.COVER_OPEN, MEDIA, "4"),
        (Condition.CUTTER, MEDIA, "8"),
        (Condition.HEAD_HOT, HEAD, "1"),
        (Condition.PAUSED, PAUSE, "1"),
    ],
)
async def test_error_flags_stand_where_clients_look_for_them(start, condition, column, digit):
    printer = await start("zpl")
    inlet, link = plug(printer)
    printer.core.feed(inlet, b"~HQES")
    assert {link.data.decode()[at] for at in (ERROR, PAUSE, HEAD, MEDIA)} == {"0"}
    link.data = b""
    printer.core.hold(condition)
    printer.core.feed(inlet, b"~HQES")
    assert (link.data.decode()[ERROR], link.data.decode()[column]) == ("1", digit)


COUNTED = [b"^GFB,12,12,4,", b"^gfc,12,12,4,", b"~DYR:A,B,G,12,4,", b"~DYR:LOGO,P,P,12,,"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
@pytest.mark.parametrize("head", COUNTED)
async def test_nothing_in_counted_data_is_a_command(start, head, size):
    printer = await start("zpl", units_per_second=1000, path_depth=50)
    inlet, link = plug(printer)
    data = b"".join(label(n) for n in range(5)) + b"^XA^FDSERIAL 00005^FS"
    if head.startswith(b"~"):  # a download stands by itself
        data += b"^XZ" + head + b"ab~JA^XZ~HS1" + b"^XA^FDSERIAL 00006^FS^XZ"
    else:
        data += head + b"ab~JA^XZ~HS1" + b"^FS^XZ^XA^FDSERIAL 00006^FS^XZ"
    for at in range(0, len(data), size):
        printer.core.feed(inlet, data[at : at + size])
    await printer.wait_units(7)
    assert printer.record.serials() == [f"{n:05d}" for n in range(7)]
    assert link.data == b""
    assert printer.record.counts["event.cancelled"] == 0
    printer.core.feed(inlet, b"~HI")
    assert link.data != b""


@pytest.mark.parametrize("size", [1, 4, 1000])
async def test_encoded_data_is_not_counted(start, size):
    printer = await start("zpl")
    inlet, link = plug(printer)
    data = b"^XA^GFB,9000,9000,90,:B64:SGVsbG8=:1234^FS^FDSERIAL 00001^FS^XZ~HI" + label(2)
    for at in range(0, len(data), size):
        printer.core.feed(inlet, data[at : at + size])
    assert printer.record.serials() == ["00001", "00002"]
    assert link.data.count(b"\x02") == 1


async def test_a_status_request_between_or_inside_labels_hides_no_duplicate(start):
    printer = await start("zpl")
    inlet, link = plug(printer)
    inside = label(1).replace(b"^FD", b"~HI^FD")
    printer.core.feed(inlet, label(1) + b"~HS" + label(1) + b"\r\n~HI\r\n" + inside + label(1))
    assert [unit.duplicate_of for unit in printer.record.units] == [None, 1, 1, 1]
    assert link.data.count(b"\x02") == 5


async def test_text_outside_formats_is_told_as_lost(start):
    printer = await start("zpl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"hello world\r\n" + label(1) + b"\r\n\r\n~HS more" + label(2) + b" ^FO1")
    printer.core.end(inlet, "fin")
    told = [(e["bytes"], e["reason"], e["spans"]) for e in printer.record.events if e["event"] == "discarded"]
    first = 13 + len(label(1)) + 7
    assert told == [
        (13, "outside a format", [[1, 0, 13]]),
        (4, "outside a format", [[1, first + 1, first + 5]]),
        (4, "outside a format", [[1, first + 6 + len(label(2)), first + 10 + len(label(2))]]),
    ]
    assert printer.status()["lost_bytes"] == 21


async def test_a_cancel_in_the_middle_of_a_packet_moves_no_offset(start):
    printer = await start("zpl", faults="jam")
    inlet, _ = plug(printer)
    data = label(1) + label(2) + b"~JA"
    printer.core.feed(inlet, data + label(3))
    printer.clear()
    (unit,) = printer.record.units
    assert (unit.serial, unit.spans) == ("00003", ((1, len(data), len(data + label(3))),))


@pytest.mark.parametrize("beginning", [b"~", b"~H", b"^X", b"~DYR:A", b'! U1 getvar "me'])
async def test_the_beginning_of_a_command_is_waited_for_as_long_as_it_takes(start, beginning):
    printer = await start("zpl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, beginning)
    for _ in range(300):
        printer.core.intake.pump()
    assert printer.status()["buffered_bytes"] == len(beginning)
    assert not {"personality failed", "discarded"} & {event["event"] for event in printer.record.events}
    printer.core.end(inlet, "fin")
    assert printer.record.events[-1]["reason"] == "a command cut short"


@pytest.mark.parametrize("head", [b"^GFB,6,6,1,", b"^GFB, 6, 6, 1,", b"^GFC,6 ,6 ,1 ,"])
async def test_nothing_in_counted_data_is_a_command_however_its_head_is_written(start, head):
    printer = await start("zpl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"^XA" + head + b"~JA^XZ" + b"^FS^FDSERIAL 00001^FS^XZ")
    assert printer.record.serials() == ["00001"]
    assert printer.record.lost_bytes == 0


async def test_jr_warms_up_as_power_on_does(start):
    printer = await start("zpl", warm_up_s=0.2)
    inlet, _ = plug(printer)
    printer.core.feed(inlet, label(1))
    await printer.wait_units(1, 30)
    printer.core.feed(inlet, b"~JR" + label(2))
    assert printer.core.conditions == {"warming-up"}
    await printer.wait_units(2, 30)
