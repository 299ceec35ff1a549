"""TapPort over gRPC: what passed and what passes through a port, both ways, counted when it is too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import recorder_service_pb2 as tap_pb
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_host import Host, refusal, served_host, whole


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


async def print_whole(host: Host, data: bytes) -> None:
    """Print one document and wait for its end."""
    handle = (await host.open()).handle
    stream = host.monitor.StreamDocuments()
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=[whole(data, new_key())]))
    await stream.done_writing()
    assert [one async for one in stream]


async def read_until(call: object, word: str) -> list[tap_pb.TapPortResponse]:
    """Read a tap until an annotation has come."""
    found: list[tap_pb.TapPortResponse] = []
    async with asyncio.timeout(30):
        async for message in call:  # type: ignore[attr-defined]
            found.append(message)
            if any(word in one for one in message.annotations):
                return found
    raise AssertionError(f"{word} never came")


def sent(messages: list[tap_pb.TapPortResponse]) -> bytes:
    return b"".join(one.data for one in messages if one.direction == tap_pb.TAP_DIRECTION_OUT)


async def test_the_past_is_there_for_who_comes_late(host: Host) -> None:
    await print_whole(host, b"^XA^FDone^FS^XZ")
    tap = host.recorder.TapPort(tap_pb.TapPortRequest(port="IP_1", include_recorded=True))
    messages = await read_until(tap, "EndDocPort")
    words = [word for one in messages for word in one.annotations]
    assert words == ["OpenPort", "StartDocPort", "^XA", "^XZ label 1", "EndDocPort"]
    assert sent(messages) == b"^XA^FDone^FS^XZ"
    assert messages[2].document.job_uid
    assert messages[2].time.seconds > 0
    tap.cancel()


async def test_both_directions_are_seen_as_they_pass(host: Host) -> None:
    tap = host.recorder.TapPort(tap_pb.TapPortRequest(port="ip_1"))
    await tap.initial_metadata()
    handle, key = (await host.open()).handle, new_key()
    stream = host.monitor.StreamDocuments()
    first = whole(b"~HS", key)
    first.ClearField("end")
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=[first]))
    await read_until(tap, "~HS")
    await asyncio.to_thread(host.rig.say, b"\x02030,1,0\x03\x13")
    messages = await read_until(tap, "XOFF")
    assert messages[-1].direction == tap_pb.TAP_DIRECTION_IN
    assert list(messages[-1].annotations) == ["~HS answer 030,1,0", "XOFF"]
    tap.cancel()
    stream.cancel()


async def test_line_signals_are_told_with_what_happened(host: Host) -> None:
    """A pty has no signals: what its driver would say is put into the port's own recorder."""
    tap = host.recorder.TapPort(tap_pb.TapPortRequest(port="IP_1"))
    await tap.initial_metadata()
    host.ports.get("IP_1").counters.recorder.event("stalled: xoff", ("RTS", "DTR"))
    (message,) = await read_until(tap, "stalled")
    assert list(message.signals) == ["RTS", "DTR"]
    assert message.direction == tap_pb.TAP_DIRECTION_EVENT
    tap.cancel()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b'\x1b%-12345X@PJL JOB NAME="x"\r\n', ["UEL", "@PJL JOB NAME"]),
        (b"\x1b@total\x1dV\x00", ["ESC @ reset", "GS V cut, receipt 1"]),
        (b"^XA^FDx^FS^XZ", ["^XA", "^XZ label 1"]),
    ],
)
async def test_each_language_is_read_as_it_passes(host: Host, document: bytes, words: list[str]) -> None:
    await print_whole(host, document)
    tap = host.recorder.TapPort(tap_pb.TapPortRequest(port="IP_1", include_recorded=True))
    messages = await read_until(tap, "EndDocPort")
    assert [word for one in messages if one.data for word in one.annotations] == words
    tap.cancel()


async def test_a_masked_tap_shows_nothing_of_documents(host: Host) -> None:
    await print_whole(host, b"^XA^FDMiss Secret^FS^XZ\n")
    tap = host.recorder.TapPort(tap_pb.TapPortRequest(port="IP_1", include_recorded=True, mask=True))
    messages = await read_until(tap, "EndDocPort")
    assert sent(messages) == b"." * 23 + b"\n"
    assert b"Secret" not in b"".join(one.SerializeToString() for one in messages)
    tap.cancel()


async def test_a_masked_tap_shows_no_document_that_a_device_sends_back(host: Host) -> None:
    host.ports.get("IP_1").counters.recorder.came(b"^XA^FDMiss Secret^FS^XZ\n@PJL SMITHSON \x0c")
    host.ports.get("IP_1").counters.recorder.event("echoed", ())
    tap = host.recorder.TapPort(tap_pb.TapPortRequest(port="IP_1", include_recorded=True, mask=True))
    messages = await read_until(tap, "echoed")
    told = b"".join(one.SerializeToString() for one in messages)
    assert not {word for word in (b"Secret", b"SMITH") if word in told}
    tap.cancel()


async def test_more_than_the_rate_is_skipped_and_counted(host: Host) -> None:
    tap = host.recorder.TapPort(tap_pb.TapPortRequest(port="IP_1", max_bytes_per_second=1000))
    await tap.initial_metadata()
    data = bytes(300_000)
    await print_whole(host, data)
    await asyncio.sleep(1.2)
    await print_whole(host, b"^XA^XZ")
    messages = await read_until(tap, "^XZ")
    assert len(sent(messages)) + sum(one.skipped_bytes for one in messages) == len(data) + 6
    assert len(sent(messages)) < 10_000
    tap.cancel()


async def test_an_unknown_port_is_not_tapped(host: Host) -> None:
    call = host.recorder.TapPort(tap_pb.TapPortRequest(port="COM9:"))
    assert await refusal(call.read()) == ("NOT_FOUND", 1796, "PORT_NOT_FOUND")
    assert isinstance(call, grpc.aio.Call)
