"""What the record calls a duplicate, and how long it knows one."""

from __future__ import annotations

from printfabric_sim import Condition
from tests.simulators.test_zpl import label, plug


def duplicates(printer) -> list[int | None]:
    return [unit.duplicate_of for unit in printer.record.units]


def feed(printer, data: bytes) -> None:
    inlet, _ = plug(printer)
    printer.core.feed(inlet, data)
    printer.core.end(inlet, "fin")


async def test_what_is_sent_again_is_a_duplicate_of_the_first_copy_by_copy(start):
    printer = await start("zpl")
    feed(printer, label(1, b"^PQ2") + label(2))
    feed(printer, label(2) + label(1, b"^PQ2"))
    assert duplicates(printer) == [None, None, None, 3, 1, 2]
    assert printer.record.counts["duplicates"] == 3


async def test_what_a_printer_prints_again_after_an_error_is_nobodys_duplicate(start):
    printer = await start("zpl", faults="cover-open@start:1", units_per_second=1000)
    feed(printer, label(1))
    await printer.wait_for(lambda: Condition.COVER_OPEN in printer.core.conditions, 30)
    printer.core.release(Condition.COVER_OPEN)
    await printer.wait_units(1)
    assert [(unit.outcome.value, unit.duplicate_of) for unit in printer.record.units] == [
        ("truncated", None),
        ("printed", None),
    ]


async def test_what_came_among_the_units_that_are_kept_is_known_however_long_ago_it_came_first(start):
    printer = await start("zpl", keep_units=4)
    for other in (100, 200, 300):
        feed(printer, label(1) + label(other) + label(other + 1) + label(other + 2))
    assert printer.record.counts["duplicates"] == 2
    assert printer.record.forgotten_units > 0
    assert [unit.duplicate_of for unit in printer.record.units if unit.serial == "00001"][-1] == 1


async def test_what_the_printer_prints_for_itself_was_sent_by_nobody(start):
    printer = await start("zpl")
    feed(printer, b"~WC~WC")
    (own,) = {unit.sha256 for unit in printer.record.units}
    feed(printer, b"^XA^FO30,30^FDConfiguration^FS^XZ")
    assert [unit.sha256 for unit in printer.record.units] == [own] * 3
    assert duplicates(printer) == [None] * 3
