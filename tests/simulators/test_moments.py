"""When faults strike: moments that have passed, and the days of a fleet."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from printfabric_sim.fleet import Fleet
from printfabric_sim.plan import Plan
from tests.simulators.test_zpl import label, plug


@pytest.mark.parametrize("moment", ["byte:10", "unit:1", "start:2", "job:1", "connect:1", "reply:1"])
async def test_a_fault_whose_moment_has_passed_strikes_at_once(start, moment):
    printer = await start("zpl")
    inlet, _ = plug(printer)
    await asyncio.sleep(0)  # a connection is one after it has been made
    printer.core.feed(inlet, label(1) + label(2) + b"~HI")
    printer.fault(f"jam@{moment}")
    assert "jam" in printer.core.conditions
    assert printer.engine.waiting() == []


async def test_a_byte_that_has_not_passed_is_waited_for(start):
    printer = await start("zpl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, label(1))
    size = len(label(1))
    printer.fault(f"jam@byte:{size + 5}; cover-open@byte:{size}")
    assert sorted(printer.core.conditions) == ["cover-open"]
    printer.core.feed(inlet, b"\r\n\r\n")
    assert sorted(printer.core.conditions) == ["cover-open"]
    printer.core.feed(inlet, b"\r\n")
    assert sorted(printer.core.conditions) == ["cover-open", "jam"]


async def test_the_lines_of_a_day_count_from_their_own_time(tmp_path):
    days = ((0.0, "jam=0.001@unit:2; reset@unit:100000"),)
    fleet = Fleet([Plan(name="one", tcp=0, days=days)], day_s=0.2)
    await fleet.start()
    try:
        printer = fleet.printers["one"]
        async with asyncio.timeout(30):
            for day in range(1, 4):
                while printer.record.counts["event.fault"] < day:
                    inlet, _ = plug(printer)
                    printer.core.feed(inlet, label(day))
                    printer.core.end(inlet, "fin")
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.2)
        struck = [e["time"] for e in printer.record.events if e["event"] == "fault"]
        units = [u.time for u in printer.record.units]
        # Never by the first unit of a day: two units lie between one strike and the next.
        for before, after in itertools.pairwise(struck):
            assert sum(before < time <= after for time in units) >= 2
        assert len(printer.engine.waiting()) <= 2, "yesterday's lines are still in wait"
    finally:
        await fleet.stop()
