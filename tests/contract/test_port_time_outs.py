"""SetPortTimeOuts and ReadPort over gRPC: all of COMMTIMEOUTS is kept, shown and applied, until ClosePort."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.monitor_host import OWNER, Host, refusal, served_host, whole
from tests.contract.monitor_rigs import FifoRig, SerialRig
from tests.rig.until import until


def _ms(answer: pb.SetPortTimeOutsResponse) -> tuple[int, int, int]:
    found = (answer.read_interval, answer.read_total, answer.write_total)
    return found[0].ToMilliseconds(), found[1].ToMilliseconds(), found[2].ToMilliseconds()


async def test_time_outs_are_kept_and_shown_until_the_port_is_closed(tmp_path: Path) -> None:
    async with served_host(tmp_path) as host:
        handle = (await host.open()).handle
        first = _ms(await host.monitor.SetPortTimeOuts(pb.SetPortTimeOutsRequest(handle=handle)))
        assert first[:2] == (200, 5000)
        for name, value in (("read_interval", 70), ("read_total", 1234), ("write_total", 4321)):
            change = pb.SetPortTimeOutsRequest(handle=handle)
            getattr(change, name).FromMilliseconds(value)
            await host.monitor.SetPortTimeOuts(change)
        last = _ms(await host.monitor.SetPortTimeOuts(pb.SetPortTimeOutsRequest(handle=handle)))
        assert last == (70, 1234, 4321)
        await host.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
        handle = (await host.open()).handle
        assert _ms(await host.monitor.SetPortTimeOuts(pb.SetPortTimeOutsRequest(handle=handle))) == first


@pytest.mark.parametrize(
    ("name", "milliseconds"),
    [("read_interval", -1), ("read_total", -1), ("write_total", 0), ("write_total", -1)],
)
async def test_time_outs_that_are_none_are_refused(tmp_path: Path, name: str, milliseconds: int) -> None:
    async with served_host(tmp_path) as host:
        change = pb.SetPortTimeOutsRequest(handle=(await host.open()).handle)
        getattr(change, name).FromMilliseconds(milliseconds)
        code = await refusal(host.monitor.SetPortTimeOuts(change))
        assert code == ("INVALID_ARGUMENT", 87, "INVALID_ARGUMENT")


async def _in_document(host: Host) -> pb.PortHandle:
    """Open the port and begin a document, since a raw port is connected within one."""
    handle = (await host.open()).handle
    await host.monitor.StartDocPort(pb.StartDocPortRequest(handle=handle, document=whole(b"").document))
    return handle


async def test_bytes_that_follow_within_the_interval_are_read_together(tmp_path: Path) -> None:
    async with served_host(tmp_path) as host:
        handle = await _in_document(host)
        change = pb.SetPortTimeOutsRequest(handle=handle)
        change.read_interval.FromSeconds(30)
        change.read_total.FromSeconds(30)
        await host.monitor.SetPortTimeOuts(change)
        reading = asyncio.ensure_future(host.monitor.ReadPort(pb.ReadPortRequest(handle=handle, max_bytes=4)))
        await asyncio.to_thread(host.rig.say, b"ab")
        await asyncio.sleep(0.3)  # longer than the 200 ms of a port that was just opened
        await asyncio.to_thread(host.rig.say, b"cd")
        assert (await reading).data == b"abcd"


async def test_a_pause_of_the_interval_ends_a_read_before_its_time(tmp_path: Path) -> None:
    async with served_host(tmp_path) as host:
        handle = await _in_document(host)
        change = pb.SetPortTimeOutsRequest(handle=handle)
        change.read_interval.FromMilliseconds(50)
        change.read_total.FromSeconds(60)
        await host.monitor.SetPortTimeOuts(change)
        await asyncio.to_thread(host.rig.say, b"ab")
        began = time.monotonic()
        assert (await host.monitor.ReadPort(pb.ReadPortRequest(handle=handle, max_bytes=4))).data == b"ab"
        assert time.monotonic() - began < 30


async def test_a_port_whose_device_is_gone_answers_with_that_once_what_it_sent_is_read(
    tmp_path: Path,
) -> None:
    line = SerialRig(tmp_path)
    async with served_host(tmp_path) as host:
        port = await host.ports.add(line.port, line.scheme, line.settings())
        handle = (
            await host.monitor.OpenPort(pb.OpenPortRequest(owner=OWNER, port=line.port, fence=1))
        ).handle
        read = pb.ReadPortRequest(handle=handle, max_bytes=4)
        read.timeout.FromSeconds(60)
        line.say(b"last")
        await until(lambda: port.counters.read_bytes == 4)
        try:
            assert (await host.monitor.ReadPort(read)).data == b"last"
            reading = asyncio.ensure_future(host.monitor.ReadPort(read))
            line.break_off()
            gone = ("UNAVAILABLE", 1167, "DEVICE_NOT_CONNECTED")
            began = time.monotonic()
            assert await refusal(reading) == gone, "who waits is told"
            assert time.monotonic() - began < 30
            assert await refusal(host.monitor.ReadPort(read)) == gone
            change = pb.SetPortTimeOutsRequest(handle=handle)
            assert await refusal(host.monitor.SetPortTimeOuts(change)) == gone
        finally:
            line.stop()


@pytest.mark.parametrize("language", ["", "ZPL"])
async def test_a_fifo_is_only_written_and_refuses_to_be_read(tmp_path: Path, language: str) -> None:
    fifo = FifoRig(tmp_path)
    async with served_host(tmp_path) as host:
        await host.ports.add(fifo.port, fifo.scheme, fifo.settings())
        ask = pb.OpenPortRequest(owner=OWNER, port=fifo.port, fence=1, printer="labels")
        if language:
            more = pb.OpenPortExRequest(open=ask, language_monitor=language, bidirectional=True)
            handle = (await host.monitor.OpenPortEx(more)).open.handle
        else:
            handle = (await host.monitor.OpenPort(ask)).handle
        code, win32, _ = await refusal(host.monitor.ReadPort(pb.ReadPortRequest(handle=handle)))
        assert (code, win32) == ("FAILED_PRECONDITION", 6)
    fifo.stop()
