"""The content of the last units is kept to be looked at, and no more of it than was asked for."""

from __future__ import annotations

import pytest

from tests.simulators.test_zpl import plug

SIZE = 10_000


async def test_contents_are_kept_up_to_so_many_bytes(start):
    printer = await start("zpl", keep_content_bytes=4 * SIZE)
    inlet, _ = plug(printer)
    for number in range(40):
        printer.core.feed(inlet, b"^XA^FD%05d^FS^FX" % number + b"x" * (SIZE - 20) + b"^XZ")
    await printer.wait_units(40)
    kept = [number for number in range(1, 41) if printer.content(number) is not None]
    assert kept == [37, 38, 39, 40]


async def test_of_small_units_the_last_thirty_two_are_kept(start):
    printer = await start("zpl")
    inlet, _ = plug(printer)
    printer.core.feed(inlet, b"^XA^FDone^FS^XZ" * 40)
    await printer.wait_units(40)
    assert [number for number in range(1, 41) if printer.content(number) is not None] == list(range(9, 41))


@pytest.mark.parametrize("size", [8100, 8190, 9000, 20_000, 262_140, 262_150, 300_000, 1_000_000])
@pytest.mark.parametrize("packet", [4096, 2**20])
async def test_a_serial_text_is_found_at_the_end_of_a_label_of_any_size(start, size, packet):
    printer = await start("zpl")
    inlet, _ = plug(printer)
    picture = b"^XA^GFA,1,1,1," + b"F" * size + b"^FS"
    data = picture + b"^FDSERIAL 0000000017^FS^XZ"
    for at in range(0, len(data), packet):
        printer.core.feed(inlet, data[at : at + packet])
    await printer.wait_units(1)
    (unit,) = printer.record.units
    assert unit.serial == "0000000017"
    assert unit.bytes == len(data)


async def test_of_a_large_label_no_more_than_its_head_and_its_end_is_kept(start):
    printer = await start("zpl", units_per_second=1)
    inlet, _ = plug(printer)
    for number in range(64):
        printer.core.feed(inlet, b"^XA^FDx" if number == 0 else b"F" * 65536)
    printer.core.feed(inlet, b"^FDSERIAL 5^FS^XZ")
    draft = printer.core.intake.assembly.draft
    assert draft.size == 0
    (unit,) = (item for item in printer.core.path._items)
    assert len(unit.content) == 2**18
    assert len(unit.tail) == 8192
