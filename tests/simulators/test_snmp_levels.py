"""How bad things are, as SNMP says it: little paper is a warning, none of it stops the printer."""

from __future__ import annotations

import pytest

from printfabric_sim import SimulatedPrinter
from printfabric_sim.connections.snmp_tree import printer_tree
from printfabric_sim.plan import Plan, build

DEVICE_STATUS = (1, 3, 6, 1, 2, 1, 25, 3, 2, 1, 5, 1)
PRINTER_STATUS = (1, 3, 6, 1, 2, 1, 25, 3, 5, 1, 1, 1)


@pytest.mark.parametrize(
    ("fault", "media", "device", "printer"), [("", 50, 2, 3), ("", 9, 3, 3), ("jam", 50, 5, 1)]
)
async def test_the_state_of_device_and_printer(fault: str, media: int, device: int, printer: int):
    async with SimulatedPrinter("zpl", media=media) as one:
        if fault:
            one.fault(fault)
        rows = dict(printer_tree(one.core, 0))
        assert rows[DEVICE_STATUS] == ("Integer", device)
        assert rows[PRINTER_STATUS] == ("Integer", printer)


RIBBON = (1, 3, 6, 1, 2, 1, 43, 11, 1, 1, 9, 1, 1)
ROLL = (1, 3, 6, 1, 2, 1, 43, 8, 2, 1, 10, 1, 1)


async def test_a_roll_and_a_ribbon_that_were_used_before_are_not_full():
    async with build(Plan(media=300, media_left=60, ribbon=300, ribbon_left=59)) as one:
        rows = dict(printer_tree(one.core, 0))
        assert (rows[ROLL], rows[RIBBON]) == (("Integer", 60), ("Integer", 20))
        one.load_media(300)
        one.load_ribbon(300)
        rows = dict(printer_tree(one.core, 0))
        assert (rows[ROLL], rows[RIBBON]) == (("Integer", 300), ("Integer", 100))
