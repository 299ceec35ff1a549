"""OpenPortEx and SendRecvBidiDataFromPort over gRPC: what is refused, what is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.status import error_from_rpc
from portmon.api.language_calls import NEEDED
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.monitor_host import OWNER, Host, refusal, served_host, whole


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


def opening(fence: int = 1, **more: Any) -> pb.OpenPortExRequest:
    ask = pb.OpenPortRequest(owner=OWNER, port="IP_1", fence=fence, printer="labels")
    return pb.OpenPortExRequest(open=ask, language_monitor="zpl", bidirectional=True, **more)


@pytest.mark.parametrize("missing", NEEDED, ids=pb.MonitorFunction.Name)
async def test_a_port_monitor_that_lacks_a_function_is_refused_and_nothing_is_opened(
    host: Host, missing: pb.MonitorFunction.ValueType
) -> None:
    have = [one for one in NEEDED if one != missing]
    request = opening(port_monitor=pb.PortMonitorRef(capabilities=have))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await host.monitor.OpenPortEx(request)
    error = error_from_rpc(raised.value)
    assert (error.reason, error.win32) == ("INVALID_PRINT_MONITOR", 3007)
    name = pb.MonitorFunction.Name(missing).removeprefix("MONITOR_FUNCTION_").replace("_", "").casefold()
    assert error.metadata["missing"].casefold() == name
    [port] = (await host.monitor.EnumPorts(pb.EnumPortsRequest())).ports
    assert not port.HasField("hold")
    assert not host.rig.connections


async def test_what_no_language_monitor_can_do_has_windows_codes(host: Host) -> None:
    m = host.monitor
    unknown = opening()
    unknown.language_monitor = "BRAILLE"
    assert await refusal(m.OpenPortEx(unknown)) == ("NOT_FOUND", 3000, "UNKNOWN_PRINT_MONITOR")
    nobody = opening()
    nobody.open.printer = ""
    assert (await refusal(m.OpenPortEx(nobody)))[:2] == ("INVALID_ARGUMENT", 87)
    nowhere = opening()
    nowhere.open.port = "COM9:"
    assert await refusal(m.OpenPortEx(nowhere)) == ("NOT_FOUND", 1796, "PORT_NOT_FOUND")
    other = opening(port_monitor=pb.PortMonitorRef(monitor="Local Port"))
    assert (await refusal(m.OpenPortEx(other)))[:2] == ("NOT_FOUND", 3000)


async def test_a_hold_shows_its_path_and_another_path_is_another_opening(host: Host) -> None:
    m = host.monitor
    first = (await m.OpenPortEx(opening(1))).open
    assert (first.port.hold.language_monitor, first.port.hold.printer) == ("ZPL", "labels")
    again = (await m.OpenPortEx(opening(1))).open
    assert again.handle == first.handle
    stranger = opening(1)
    stranger.open.owner.fabric_id = "another"
    assert await refusal(m.OpenPortEx(stranger)) == ("ABORTED", 170, "PORT_BUSY")
    straight = await m.OpenPort(pb.OpenPortRequest(owner=OWNER, port="IP_1", fence=2, printer="raw"))
    assert straight.port.hold.language_monitor == ""
    assert (await refusal(m.KeepAlive(pb.KeepAliveRequest(handle=first.handle))))[1] == 6


async def test_a_channel_is_a_conversation_with_the_device_and_no_document_of_the_language(
    host: Host,
) -> None:
    handle, said = (await host.monitor.OpenPortEx(opening(1))).open.handle, b"~HI"
    talk = whole(said)
    talk.start.info.level, talk.start.info.channel = 2, True
    stream = host.monitor.StreamDocuments()
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=[talk]))
    await stream.done_writing()
    [*_, last] = [one async for one in stream]
    assert [(one.phase, one.acked) for one in last.progress] == [(pb.DOCUMENT_PHASE_ENDED, len(said))]
    assert await asyncio.to_thread(host.rig.received, len(said)) == said, "nothing goes around it"


async def test_another_path_waits_for_the_document_that_goes_through_the_present_one(host: Host) -> None:
    m = host.monitor
    handle = (await m.OpenPortEx(opening(1))).open.handle
    stream = m.StreamDocuments()
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=[whole(b"^XA^XZ")]))
    await stream.read()
    other = opening(2)
    other.language_monitor = "PJL"
    code, win32, reason = await refusal(m.OpenPortEx(other))
    assert (code, win32, reason) == ("ABORTED", 170, "PORT_BUSY")
    stream.cancel()
    await m.ClosePort(pb.ClosePortRequest(handle=handle))
    assert (await m.OpenPortEx(other)).open.port.hold.language_monitor == "PJL"


async def test_every_language_monitor_is_registered_with_its_functions(host: Host) -> None:
    found = (await host.monitor.Initialize(pb.InitializeRequest(owner=OWNER))).monitors
    languages = [one for one in found if one.kind == pb.MONITOR_KIND_LANGUAGE]
    assert sorted(one.name for one in languages) == ["ESC/POS", "PJL", "ZPL"]
    for one in languages:
        own = {*NEEDED, pb.MONITOR_FUNCTION_OPEN_PORT_EX} - {pb.MONITOR_FUNCTION_OPEN_PORT}
        assert own <= set(one.capabilities)
        ports = {pb.MONITOR_FUNCTION_ENUM_PORTS, pb.MONITOR_FUNCTION_OPEN_PORT}
        assert not ports & set(one.capabilities), "ports are the port monitor's"
