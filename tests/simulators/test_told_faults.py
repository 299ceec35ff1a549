"""What holds a printer up, and what was to happen to it and did not, is said."""

from __future__ import annotations

import asyncio

import pytest

from printfabric_sim.fault_script import parse_fault
from printfabric_sim.fault_table import FaultError
from tests.simulators.test_zpl import label, plug
from tests.simulators.virtual_time import printer_of, run


@pytest.mark.parametrize(
    "fault", ["freeze", "zero-window", "refuse", "blackhole", "accept-late", "slow=10", "xoff", "busy", "jam"]
)
def test_whoever_waits_in_vain_is_told_which_fault_lasts(fault):
    name = fault.partition("=")[0]

    async def life() -> None:
        async with printer_of("zpl", faults=f"{fault}@time:1") as printer:
            assert printer.status()["faults_lasting"] == []
            await asyncio.sleep(2)
            assert printer.status()["faults_lasting"] == [name]
            with pytest.raises(TimeoutError, match=rf"'faults_lasting': \['{name}'\]"):
                await printer.wait_units(1, 3)
            printer.clear()
            assert printer.status()["faults_lasting"] == []

    run(life())


def test_a_fault_that_never_struck_is_told_at_the_end():
    async def life() -> None:
        async with printer_of("zpl", faults="reset@unit:17; jam=1@unit:2*; jam=1@unit:3") as printer:
            inlet, _ = plug(printer)
            for number in range(10):
                printer.core.feed(inlet, label(number))
                await asyncio.sleep(2)
        told = [e["fault"] for e in printer.record.events if e["event"] == "fault never struck"]
        assert told == printer.never_struck == ["reset@unit:17"]
        assert printer.record.counts["event.fault never struck"] == 1

    run(life())


def test_a_chance_of_nothing_is_refused():
    for text in ("reset@chance:0", "reset@chance:0..0"):
        with pytest.raises(FaultError, match="would never strike"):
            parse_fault(text)
    assert parse_fault("reset@chance:0..0.1").high == 0.1
