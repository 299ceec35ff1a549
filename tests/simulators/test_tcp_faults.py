from __future__ import annotations

import asyncio
import socket
import struct
import sys

import pytest

from printfabric_sim import Condition
from tests.simulators.test_zpl import label

LABELS = b"".join(label(n) for n in range(2000))


async def connect(printer):
    return await asyncio.open_connection("127.0.0.1", printer.tcp.port)


async def status(printer, timeout_s=2.0):
    """Ask ~HI on a connection of its own and return the answer."""
    async with asyncio.timeout(timeout_s):
        reader, writer = await connect(printer)
        writer.write(b"~HI")
        answer = await reader.readuntil(b"\r\n")
        writer.close()
        return answer


async def test_reset_at_a_unit_stops_the_paper_there_and_the_sender_hears_it(start):
    printer = await start("zpl", units_per_second=500, faults="reset@unit:17")
    reader, writer = await connect(printer)
    writer.write(LABELS)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    await printer.wait_idle()
    assert printer.record.serials() == [f"{n:05d}" for n in range(17)]
    assert b"SIM" in await status(printer)


async def test_reset_that_keeps_the_buffer_prints_what_had_arrived(start):
    printer = await start("zpl", faults="reset=keep@byte:1000")
    reader, writer = await connect(printer)
    writer.write(LABELS)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    await printer.wait_idle()
    assert len(printer.record.units) == 1000 // len(label(1))
    assert printer.core.intake.received == 1000


async def test_fin_at_a_byte_is_an_orderly_end(start):
    printer = await start("zpl", faults="fin@byte:500")
    reader, writer = await connect(printer)
    writer.write(LABELS[:400])
    await printer.wait_units(400 // len(label(1)))
    writer.write(LABELS[400:600])
    assert await reader.read() == b""
    writer.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs SO_ATTACH_FILTER")
async def test_a_frozen_printer_acknowledges_nothing_and_wakes(start):
    printer = await start("zpl")
    _reader, writer = await connect(printer)
    writer.write(label(1))
    await printer.wait_units(1)
    printer.fault("freeze")
    sock = writer.get_extra_info("socket")
    writer.write(label(2))
    await asyncio.sleep(0.3)
    # tcpi_unacked, the sixth word after eight bytes: the kernel of the frozen side has not answered.
    unacked = struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)[0]
    assert unacked == 1
    assert printer.record.printed == 1
    with pytest.raises(TimeoutError):
        await status(printer, 0.4)
    printer.clear("freeze")
    await printer.wait_units(2)
    writer.close()


async def test_a_closed_window_stalls_the_sender_and_loses_nothing(start):
    printer = await start("zpl", faults="zero-window=0.5@byte:2000")
    _reader, writer = await connect(printer)
    writer.write(LABELS)
    await asyncio.sleep(0.2)
    before = printer.record.printed
    assert before < 2000
    await printer.wait_units(2000)
    writer.close()


async def test_a_power_cut_loses_the_buffer_and_resets_the_old_connection_afterwards(start):
    printer = await start("zpl", units_per_second=100, faults="power-cut=0.4@unit:5")
    reader, writer = await connect(printer)
    writer.write(LABELS)
    await printer.wait_units(5)
    assert Condition.POWER_OFF in printer.core.conditions
    with pytest.raises(TimeoutError):
        await status(printer, 0.2)
    # What the sender still tries during the dark is answered with a RST when the power is back.
    writer.write(b"x")
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 30)
    writer.close()
    await printer.wait_idle()
    assert printer.record.printed == 5
    assert b"SIM" in await status(printer)


async def test_a_reboot_resets_at_once_and_is_deaf_for_a_while(start):
    printer = await start("zpl", warm_up_s=0.2)
    reader, writer = await connect(printer)
    writer.write(label(1))
    await printer.wait_units(1)
    printer.fault("reboot=0.3")
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 30)
    writer.close()
    assert b"SIM" in await status(printer, 3)


async def test_busy_refuses_and_takes_nothing(start):
    printer = await start("zpl")
    _, writer = await connect(printer)
    await asyncio.sleep(0.05)
    printer.fault("busy")
    writer.write(label(1))
    with pytest.raises(ConnectionRefusedError):
        await connect(printer)
    await asyncio.sleep(0.1)
    assert printer.record.printed == 0
    printer.clear("busy")
    await printer.wait_units(1)
    writer.close()


async def test_a_slow_drain_takes_its_time(start):
    printer = await start("zpl", faults="slow=5000")
    _, writer = await connect(printer)
    began = asyncio.get_running_loop().time()
    writer.write(LABELS[: len(label(1)) * 100])
    await printer.wait_units(100)
    assert asyncio.get_running_loop().time() - began > 100 * len(label(1)) / 5000 * 0.8
    writer.close()


async def test_the_media_ends_after_so_many_units_and_a_new_roll_goes_on(start):
    printer = await start("zpl", media=3)
    _, writer = await connect(printer)
    writer.write(LABELS[: len(label(1)) * 5])
    await printer.wait_units(3)
    await asyncio.sleep(0.05)
    assert printer.core.conditions == {Condition.MEDIA_OUT}
    assert printer.record.printed == 3
    printer.load_media(100)
    await printer.wait_units(5)
    writer.close()


async def test_faults_of_the_back_channel_compose(start):
    printer = await start("zpl", faults="status-twice@reply:1; status-missing@reply:2; status-wrong@reply:3")
    reader, writer = await connect(printer)
    answers = []
    for _ in range(4):
        writer.write(b"~HI")
        await asyncio.sleep(0.03)
        try:
            answers.append(await asyncio.wait_for(reader.read(1000), 0.1))
        except TimeoutError:
            answers.append(b"")
    writer.close()
    good = answers[3]
    assert good.startswith(b"\x02SIM")
    assert answers[0] == good + good
    assert answers[1] == b""
    assert answers[2] != good
    assert len(answers[2]) == len(good)


async def test_late_status_comes_late(start):
    printer = await start("zpl", faults="status-late=0.3@reply:1")
    began = asyncio.get_running_loop().time()
    assert b"SIM" in await status(printer)
    assert asyncio.get_running_loop().time() - began >= 0.3


async def test_the_same_seed_gives_the_same_life(start):
    lives = []
    for _ in range(2):
        printer = await start("zpl", seed=7, faults="garbage=8@unit:3..9*4; fin@unit:20..40")
        reader, writer = await connect(printer)
        writer.write(LABELS[: len(label(1)) * 100])
        garbage = await reader.read()
        writer.close()
        await printer.wait_idle()
        faults = [event["fault"] for event in printer.record.events if event["event"] == "fault"]
        lives.append((garbage, faults))
    assert lives[0] == lives[1]
    assert lives[0][0]


async def test_a_repeated_fault_strikes_again_and_again(start):
    printer = await start("zpl", faults="pause=0.02@unit:10*")
    _, writer = await connect(printer)
    writer.write(LABELS[: len(label(1)) * 45])
    await printer.wait_units(45)
    assert printer.record.counts["event.fault"] == 4
    writer.close()
