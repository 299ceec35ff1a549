"""The content of the last units is kept to be looked at, and no more of it than was asked for."""

from __future__ import annotations

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
