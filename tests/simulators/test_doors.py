"""How connections are received: refused, left waiting, unheard, closed at once; one at a time or several."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.simulators.test_tcp_faults import connect, status
from tests.simulators.test_zpl import label


async def test_refused_connections_meet_a_closed_port(start):
    printer = await start("zpl")
    printer.fault("refuse=0.3")
    with pytest.raises(ConnectionRefusedError):
        await connect(printer)
    await asyncio.sleep(0.35)
    assert b"SIM" in await status(printer)


async def test_a_black_hole_answers_no_syn(start):
    printer = await start("zpl")
    printer.fault("blackhole")
    with pytest.raises(TimeoutError):
        await status(printer, 0.5)
    printer.clear("blackhole")
    assert b"SIM" in await status(printer)


async def test_late_acceptance_leaves_the_client_waiting(start):
    printer = await start("zpl")
    printer.fault("accept-late=0.4")
    began = asyncio.get_running_loop().time()
    assert b"SIM" in await status(printer)
    assert asyncio.get_running_loop().time() - began >= 0.4


async def test_accept_then_close(start):
    printer = await start("zpl")
    printer.fault("accept-close")
    reader, writer = await connect(printer)
    assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()


async def test_one_connection_at_a_time_makes_the_second_wait(start):
    printer = await start("zpl")
    _reader, writer = await connect(printer)
    writer.write(label(1))
    await printer.wait_units(1)
    _second_reader, second = await connect(printer)
    second.write(label(2))
    await asyncio.sleep(0.1)
    assert printer.record.printed == 1
    writer.close()
    await printer.wait_units(2)
    second.close()


async def test_the_second_connection_can_be_refused(start):
    printer = await start("zpl", refuse_others=True)
    _, writer = await connect(printer)
    await asyncio.sleep(0.05)
    with pytest.raises(ConnectionRefusedError):
        await connect(printer)
    writer.close()
    await asyncio.sleep(0.05)
    assert b"SIM" in await status(printer)


async def test_several_connections_never_mix_inside_a_label(start):
    printer = await start("zpl", simultaneous=8)

    async def send(first: int) -> None:
        _, writer = await connect(printer)
        for n in range(first, first + 50):
            data = label(n)
            for at in range(0, len(data), 7):
                writer.write(data[at : at + 7])
                await asyncio.sleep(0)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(send(1000 * n) for n in range(1, 7)))
    await printer.wait_units(300)
    assert sorted(printer.record.serials()) == sorted(
        f"{1000 * a + n:05d}" for a in range(1, 7) for n in range(50)
    )
    assert all(len(unit.spans) == 1 for unit in printer.record.units)


async def test_a_port_that_refuses_is_still_the_printers(start):
    printer = await start("zpl")
    port = printer.tcp.port
    printer.fault("refuse")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):  # noqa: PT012 (one of them hears of it)
            other.bind(("127.0.0.1", port))
            other.listen()
    printer.clear("refuse")
    assert b"SIM" in await status(printer)


async def test_a_port_that_was_lost_is_told_and_taken_again(start):
    printer = await start("zpl")
    port = printer.tcp.port
    printer.tcp._port._keeper.close()  # as where the system cannot keep the port
    printer.tcp._port._keeper = None
    printer.fault("refuse")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        printer.clear("refuse")
        assert printer.record.counts["event.port lost"] == 1
    await asyncio.sleep(0.5)
    assert b"SIM" in await status(printer)
