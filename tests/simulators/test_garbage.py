"""No bytes, and no personality, bring the printer to a stop."""

from __future__ import annotations

import asyncio
import json

import pytest

from printfabric_sim.personality import Step
from tests.simulators.test_zpl import label, plug

NINES = b"9" * 5000
PAGE = b"SERIAL 00007\n\x0c"
RAISES = [RuntimeError("told to")]


async def send(printer, data):
    """Send `data` on a connection of its own and wait until the printer has closed it."""
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", printer.tcp.port)
        writer.write(data)
        writer.write_eof()
        await reader.read()
        writer.close()


@pytest.mark.parametrize(
    ("personality", "data", "job"),
    [
        ("zpl", b"^XA^PQ" + NINES + b"^FDx^FS^XZ", label(7)),
        ("zpl", b"^XA^LL" + NINES + b"^FDx^FS^XZ", label(7)),
        ("pjl", b"\x1b*b-Wxxxx\x0c", PAGE),
        ("pjl", b"\x1b*b" + NINES + b"Wx\x0c", PAGE),
        ("pjl", b"\x1b&l" + NINES + b"Xx\x0c", PAGE),
        ("pjl", b"\x1b%-12345X@PJL SET COPIES=\xb2\r\n@PJL USTATUS TIMED=\xb2\r\n\x1b%-12345X", PAGE),
        ("pjl", b"\x1b%-12345X@PJL SET COPIES=" + NINES + b"\r\n\x1b%-12345X", PAGE),
        ("pjl", b"%PDF-1.4 /Count " + NINES, PAGE),
    ],
)
async def test_a_garbage_number_counts_for_nothing_and_the_next_job_prints(start, personality, data, job):
    printer = await start(personality)
    await send(printer, data)
    await send(printer, job)
    assert printer.record.serials()[-1] == "00007"
    assert printer.record.made <= 2
    assert not printer.record.counts["event.personality failed"]


async def test_a_personality_that_raises_spoils_its_unit_and_the_next_prints(start, monkeypatch):
    printer = await start("zpl")
    parse = printer.personality.parse

    def breaks(buffer, inlet):
        if buffer.startswith(b"^FDboom"):
            raise RAISES[0]
        return parse(buffer, inlet)

    monkeypatch.setattr(printer.personality, "parse", breaks)
    await send(printer, b"^XA^FDboom^FS^XZ")
    await send(printer, label(7))
    assert [unit.outcome.value for unit in printer.record.units] == ["garbled", "printed"]
    assert printer.record.counts["event.personality failed"] == 1


@pytest.mark.parametrize("method", ["realtime", "end_of_input", "flush", "parse"])
async def test_whatever_raises_the_door_stays_open(start, monkeypatch, method):
    printer = await start("zpl")
    for _ in range(2):
        with monkeypatch.context() as patch:

            def breaks(*_: object) -> Step:
                raise RAISES[0]

            patch.setattr(printer.personality, method, breaks)
            if method == "flush":
                patch.setattr(printer.personality, "parse", breaks)
            await send(printer, b"^XA^FDx")
        assert printer.record.counts["event.personality failed"] >= 1
    await send(printer, b"^XZ" + label(7))
    assert printer.record.serials()[-1] == "00007"


async def test_a_command_that_raises_on_arrival_is_noted_and_the_rest_prints(start, monkeypatch):
    printer = await start("zpl")

    def breaks(*_: object) -> None:
        raise RAISES[0]

    monkeypatch.setattr(printer.core, "hold", breaks)
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"~PP" + label(7))
    assert printer.record.serials() == ["00007"]
    assert printer.record.counts["event.personality failed"] == 1


def discarded(folder):
    rows = [json.loads(row) for row in (folder / "events.jsonl").read_text().splitlines()]
    return [row for row in rows if row["event"] == "discarded"]


async def test_the_record_says_what_a_reset_has_thrown_away(start, tmp_path):
    printer = await start("zpl", record=str(tmp_path), units_per_second=1000, path_depth=2)
    data = b"".join(label(n) for n in range(40))
    inlet, _ = plug(printer)
    printer.core.feed(inlet, data)
    await printer.wait_units(17)
    assert discarded(tmp_path) == []
    printer.core.end(inlet, "reset", drop=True)
    await printer.wait_idle()
    (event,) = discarded(tmp_path)
    left = 40 - printer.record.made
    assert (event["bytes"], event["inlet"]) == (left * len(label(1)), inlet.number)
    assert 0 < event["units"] <= 2
    assert event["bytes"] == printer.record.lost_bytes


async def test_a_million_copies_leave_the_rest_of_the_program_its_turn(start):
    printer = await start("zpl")
    other = await start("zpl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"^XA^PQ99999999^FDx^FS^XZ")
    await send(other, label(7))
    assert other.record.serials() == ["00007"]
    printer.core.cancel("enough")
    printer.core.feed(inlet, label(8))
    await printer.wait_idle()
    assert printer.record.serials()[-1] == "00008"


def breaks(*_: object) -> None:
    raise RAISES[0]


@pytest.mark.parametrize("hook", ["unit_left", "condition_changed", "inlet_opened", "reset", "wrong_status"])
async def test_a_hook_that_raises_stops_neither_paper_nor_power(start, monkeypatch, hook):
    printer = await start("escpos", units_per_second=200)
    monkeypatch.setattr(printer.personality, hook, breaks)
    printer.fault("status-wrong=9")
    await send(printer, b"\x10\x04\x01Receipt no 1\n\x1dV\x00")
    printer.fault("cover-open=0.02")
    printer.fault("power-cut=0.02")
    await asyncio.sleep(0.1)
    await send(printer, b"Receipt no 2\n\x1dV\x00")
    assert printer.record.serials() == ["1", "2"]
    assert printer.core.conditions == set()
    assert printer.record.counts["event.personality failed"] >= 1


async def test_an_answer_that_raises_when_its_turn_has_come_is_noted(start, monkeypatch):
    printer = await start("escpos")
    inlet, link = plug(printer)
    monkeypatch.setattr(link, "write", breaks)
    printer.core.feed(inlet, b"Receipt no 1\n\x1dV\x00\x1d(H\x06\x00000042Receipt no 2\n\x1dV\x00")
    assert printer.record.serials() == ["1", "2"]
    assert printer.record.counts["event.personality failed"] == 1


@pytest.mark.parametrize("step", [None, Step(10**9), Step(-1), Step(0, copies=1), Step(0, drop=True)])
async def test_a_step_that_cannot_be_spoils_its_bytes_and_the_next_prints(start, monkeypatch, step):
    printer = await start("plain")
    with monkeypatch.context() as patch:
        patch.setattr(printer.personality, "parse", lambda *_: step)
        await send(printer, b"page no 1\x0c")
    await send(printer, b"page no 2\x0c")
    assert printer.record.serials()[-1] == "2"
    assert printer.record.counts["event.personality failed"] >= 1
