from __future__ import annotations

import pytest

from tests.simulators.test_zpl import plug


@pytest.mark.parametrize("size", [1, 7, 5000])
async def test_form_feeds_and_full_forms_end_pages(start, size):
    printer = await start("plain", options={"lines": "10"})
    inlet, _ = plug(printer)
    data = b"page 1\n\x0c" + b"".join(b"line %d\n" % n for n in range(10)) + b"\x0c" + b"x\n" * 12 + b"\x0c"
    for at in range(0, len(data), size):
        printer.core.feed(inlet, data[at : at + size])
    # The form feed behind the full form ejects nothing.
    assert [unit.bytes for unit in printer.record.units] == [8, 70, 20, 5]


async def test_the_next_sender_goes_on_where_the_last_one_stopped(start):
    printer = await start("plain")
    first, _ = plug(printer)
    printer.core.feed(first, b"first\n")
    printer.core.end(first, "fin")
    second, _ = plug(printer)
    printer.core.feed(second, b"second\n\x0c")
    (unit,) = printer.record.units
    assert [span.inlet for span in unit.spans] == [1, 2]
    assert unit.outcome.value == "printed"


async def test_a_page_can_be_ejected_when_the_sender_goes(start):
    printer = await start("plain", options={"eject_on_close": "yes"})
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"text\n")
    printer.core.end(inlet, "fin")
    assert printer.record.printed == 1
