"""SetPortTimeOuts and ReadPort over gRPC: all of COMMTIMEOUTS is kept, shown and applied, until ClosePort."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.monitor_host import OWNER, Host, ended, refusal, served_host, whole
from tests.contract.monitor_rigs import FifoRig, SerialRig
from tests.rig.until import until

NAMES = ("read_interval", "read_total", "write_total", "read_per_byte", "write_per_byte")


def _ms(answer: pb.SetPortTimeOutsResponse) -> tuple[int, ...]:
    return tuple(getattr(answer, name).ToMilliseconds() for name in NAMES)


async def test_time_outs_are_kept_and_shown_until_the_port_is_closed(tmp_path: Path) -> None:
    async with served_host(tmp_path) as host:
        handle = (await host.open()).handle
        first = _ms(await host.monitor.SetPortTimeOuts(pb.SetPortTimeOutsRequest(handle=handle)))
        assert (first[:2], first[3:]) == ((200, 5000), (0, 0))
        for name, value in zip(NAMES, (70, 1234, 4321, 3, 5), strict=True):
            change = pb.SetPortTimeOutsRequest(handle=handle)
            getattr(change, name).FromMilliseconds(value)
            await host.monitor.SetPortTimeOuts(change)
        last = _ms(await host.monitor.SetPortTimeOuts(pb.SetPortTimeOutsRequest(handle=handle)))
        assert last == (70, 1234, 4321, 3, 5)
        await host.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
        handle = (await host.open()).handle
        assert _ms(await host.monitor.SetPortTimeOuts(pb.SetPortTimeOutsRequest(handle=handle))) == first


@pytest.mark.parametrize(
    ("name", "milliseconds"),
    [
        ("read_interval", -1),
        ("read_total", -1),
        ("write_total", 0),
        ("write_total", -1),
        ("read_per_byte", -1),
        ("write_per_byte", -1),
    ],
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


async def test_a_read_lasts_longer_for_each_byte_that_is_asked_for(tmp_path: Path) -> None:
    async with served_host(tmp_path) as host:
        handle = await _in_document(host)
        change = pb.SetPortTimeOutsRequest(handle=handle)
        change.read_total.FromMilliseconds(1)
        change.read_per_byte.FromSeconds(15)
        await host.monitor.SetPortTimeOuts(change)
        reading = asyncio.ensure_future(host.monitor.ReadPort(pb.ReadPortRequest(handle=handle, max_bytes=2)))
        await asyncio.to_thread(host.rig.say, b"ab")
        assert (await reading).data == b"ab"


async def test_a_write_waits_for_each_byte_of_its_piece_as_long_as_it_was_told(tmp_path: Path) -> None:
    async with served_host(tmp_path) as host:
        handle = (await host.open()).handle
        change = pb.SetPortTimeOutsRequest(handle=handle)
        change.write_total.FromMilliseconds(100)
        change.write_per_byte.FromMicroseconds(10)
        await host.monitor.SetPortTimeOuts(change)
        host.rig.stall()
        key = whole(b"").document
        await host.monitor.StartDocPort(pb.StartDocPortRequest(handle=handle, document=key))

        def pieces() -> Iterator[pb.WritePortRequest]:
            for n in range(4096):  # more than any socket holds
                yield pb.WritePortRequest(handle=handle, document=key, offset=n << 16, data=bytes(1 << 16))

        error = await ended(host.monitor.WritePort(pieces()))
        found = re.search(r"took nothing for ([0-9.]+) s", error.details() or "")
        assert found, error.details()
        assert 0.1 < float(found[1]) <= 0.1 + 1e-5 * (1 << 16)


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


async def test_what_comes_is_streamed_until_the_port_is_closed(tmp_path: Path) -> None:
    async with served_host(tmp_path) as host:
        handle = await _in_document(host)
        change = pb.SetPortTimeOutsRequest(handle=handle)
        change.read_interval.FromMilliseconds(1)
        await host.monitor.SetPortTimeOuts(change)
        reading: Any = host.monitor.StreamReadPort(pb.StreamReadPortRequest(handle=handle, max_bytes=2))
        found = b""
        for piece in (b"abc", b"d"):
            await asyncio.to_thread(host.rig.say, piece)
            while len(found) < (3 if piece == b"abc" else 4):
                answer = await reading.read()
                assert 0 < len(answer.data) <= 2
                found += answer.data
        assert found == b"abcd"
        await host.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
        assert "INVALID_HANDLE" in str((await ended(reading)).trailing_metadata())
        late = host.monitor.StreamReadPort(pb.StreamReadPortRequest(handle=handle))
        assert (await ended(late)).code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_after_a_reader_that_hung_up_others_read(tmp_path: Path) -> None:
    async with served_host(tmp_path) as host:
        handle = await _in_document(host)
        reading: Any = host.monitor.StreamReadPort(pb.StreamReadPortRequest(handle=handle))
        await asyncio.to_thread(host.rig.say, b"first")
        assert (await reading.read()).data == b"first"
        reading.cancel()
        look = pb.ReadPortRequest(handle=handle, max_bytes=1)
        look.timeout.FromMilliseconds(200)
        found, deadline = b"", time.monotonic() + 30
        while not found and time.monotonic() < deadline:
            await asyncio.to_thread(host.rig.say, b"x")  # what was under way to who hung up is gone with them
            found = (await host.monitor.ReadPort(look)).data
        assert found == b"x"
