"""What a lasting fault does to links that are opened after it struck."""

from __future__ import annotations

import asyncio
import os

import pytest

from printfabric_sim.connections.fifo import FifoConnection
from tests.simulators.test_zpl import label

STALLS = ["zero-window", "xoff", "cts-low"]


async def connect(port):
    return await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize("fault", STALLS)
async def test_a_stall_holds_for_links_opened_later_until_it_is_cleared(start, fault):
    printer = await start("zpl", faults=fault)
    for number in (1, 2):
        _, writer = await connect(printer.tcp.port)
        writer.write(label(number))
        await asyncio.sleep(0.2)
        assert printer.core.intake.received == (number - 1) * len(label(1))
        printer.clear(fault)
        await printer.wait_units(number)
        writer.close()
        await writer.wait_closed()
        printer.fault(fault)


@pytest.mark.parametrize("fault", ["freeze", *STALLS])
async def test_a_document_sent_by_lpd_waits_too(start, fault):
    printer = await start("zpl", lpd=0)
    (lpd,) = (plug for plug in printer.connections if "lpd" in plug.address())
    if fault != "freeze":  # a frozen port takes no connection
        printer.fault(fault)
    reader, writer = await connect(lpd.port)
    writer.write(b"\x02q\n\x03%d dfA001x\n" % len(label(1)) + label(1) + b"\0")
    if fault == "freeze":
        printer.fault(fault)
    await asyncio.sleep(0.2)
    assert printer.record.printed == 0
    printer.clear(fault)
    await printer.wait_units(1)
    writer.close()
    del reader


async def test_the_end_of_a_stall_does_not_open_a_full_buffer(start, tmp_path):
    printer = await start("zpl", lpd=0, buffer_bytes=2048, path_depth=1)
    (lpd,) = (plug for plug in printer.connections if "lpd" in plug.address())
    printer.fault("jam")
    data = b"".join(label(n) for n in range(9000))
    _, writer = await connect(lpd.port)
    writer.write(b"\x02q\n\x03%d dfA001x\n" % len(data) + data + b"\0")
    for _ in range(5):
        printer.fault("zero-window=0.01; freeze=0.01")
        await asyncio.sleep(0.05)
    assert printer.status()["buffered_bytes"] <= 2048
    printer.clear()
    await printer.wait_units(9000, 20)
    writer.close()


async def test_a_fifo_that_comes_back_is_still_held(start, tmp_path):
    printer = await start("zpl", fifo=str(tmp_path / "lp"))
    (fifo,) = (plug for plug in printer.connections if isinstance(plug, FifoConnection))
    printer.fault("zero-window; device-gone=0.05,same")
    await asyncio.sleep(0.15)
    writer = os.open(fifo.path, os.O_WRONLY | os.O_NONBLOCK)
    os.write(writer, label(1))
    await asyncio.sleep(0.1)
    assert printer.record.printed == 0
    printer.clear()
    await printer.wait_units(1)
    os.close(writer)


async def test_a_connection_accepted_late_meets_the_freeze(start):
    printer = await start("zpl", faults="accept-late=0.1")
    _, writer = await connect(printer.tcp.port)
    writer.write(label(1))
    await asyncio.sleep(0.02)
    printer.fault("freeze")
    await asyncio.sleep(0.3)
    assert printer.record.printed == 0
    printer.clear("freeze")
    await printer.wait_units(1)
    writer.close()
