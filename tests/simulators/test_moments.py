"""When faults strike: moments that have passed, and the days of a fleet."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from printfabric_sim.fault_script import Fault
from printfabric_sim.fleet import Fleet
from printfabric_sim.plan import Plan
from tests.simulators.test_zpl import label, plug
from tests.simulators.virtual_time import printer_of, run


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


RANDOM = (
    "pause=0.001@unit:2..9*",
    "cover-open=0.001@byte:40..300*",
    "garbage=5@chance:0.2*",
    "garbage=4@time:0.01..0.09*",
    "head-hot=0.001@start:1..7*3",
    "jam=0.001@chance:0.1..0.3*",
)


async def moments(script: str, pause_s: float, size: int) -> dict[str, list[object]]:
    """Return where each fault has struck in a life of 60 labels, sent in packets of `size` with pauses, and all garbage."""
    struck: dict[str, list[object]] = {}
    async with printer_of("zpl", faults=script, seed=7, units_per_second=1000) as printer:
        strike, places = (
            printer.engine._strike,
            {"byte": lambda: printer.core.intake.received, "time": lambda: "-"},
        )

        def seen(fault: Fault) -> None:
            place = places.get(fault.when, lambda: printer.record.made)
            struck.setdefault(str(fault), []).append(place())
            strike(fault)

        printer.engine._strike = seen
        inlet, link = plug(printer)

        def heard(data: bytes) -> bool:
            struck.setdefault(f"garbage of {len(data)}", []).append(data)
            return True

        link.write = heard  # type: ignore[method-assign]
        data = b"".join(label(n) for n in range(60))
        for at in range(0, len(data), size):
            printer.core.feed(inlet, data[at : at + size])
            await asyncio.sleep(pause_s)
        await printer.wait_units(60)
    return struck


def test_every_random_fault_has_dice_of_its_own():
    # What strikes by time strikes as often as the life is long; its garbage is the same as far as it goes.
    alone = [run(moments(script, 0.002, 24)) for script in RANDOM]
    for script in ("; ".join(RANDOM), "; ".join(reversed(RANDOM))):
        for pause_s, size in ((0.002, 24), (0, 24), (0.01, 7), (0.001, 500)):
            together = run(moments(script, pause_s, size))
            for own in alone:
                for name, places in own.items():
                    seen, timed = together[name], "time" in name or name == "garbage of 4"
                    length = min(len(seen), len(places)) if timed else len(places)
                    assert places
                    assert seen[:length] == places[:length], (
                        f"{name} with {script}, {size} bytes, {pause_s} s"
                    )


def test_faults_of_the_same_words_do_not_strike_together():
    struck = run(moments("garbage=5@unit:2..9*; garbage=5@unit:2..9*", 0, 24))["garbage=5@unit:2..9*"]
    assert len(set(struck)) > len(struck) // 2 + 2
