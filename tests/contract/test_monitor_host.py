"""What a host tells and refuses over gRPC: its ports, its handles, its changes, and hostile callers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2 as xpb
from tests.contract.monitor_host import OWNER, Host, ended, refusal, served_host, whole


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


async def test_the_host_tells_what_it_has(host: Host) -> None:
    found = await host.monitor.Initialize(pb.InitializeRequest(owner=OWNER))
    kinds = {one.name: one.kind for one in found.monitors}
    languages = {name for name, kind in kinds.items() if kind == pb.MONITOR_KIND_LANGUAGE}
    assert languages == {"ESC/POS", "PJL", "ZPL"}
    schemes = {one.name: set(one.schemes) for one in found.monitors if one.name not in languages}
    assert schemes["Local Port"] == {"device", "file", "serial"}
    assert "raw" in schemes["Standard TCP/IP Port"]
    assert found.host == "edge-7"
    again = await host.monitor.Initialize(pb.InitializeRequest(owner=OWNER))
    assert again.instance_id == found.instance_id


async def test_ports_are_listed_by_level_and_monitor(host: Host) -> None:
    full = await host.monitor.EnumPorts(pb.EnumPortsRequest())
    assert [(one.name, one.monitor, one.port.host) for one in full.ports] == [
        ("hosts/edge-7/ports/IP_1", "Standard TCP/IP Port", "edge-7")
    ]
    names = await host.monitor.EnumPorts(pb.EnumPortsRequest(level=1))
    assert (names.ports[0].monitor, names.needed_bytes) == ("", 8 + 2 * len("IP_1") + 2)
    assert not (await host.monitor.EnumPorts(pb.EnumPortsRequest(monitor="Local Port"))).ports
    exact = pb.EnumPortsRequest(level=1, max_output_bytes=names.needed_bytes)
    assert (await host.monitor.EnumPorts(exact)).ports
    small = pb.EnumPortsRequest(level=1, max_output_bytes=names.needed_bytes - 1)
    assert (await refusal(host.monitor.EnumPorts(small)))[:2] == ("OUT_OF_RANGE", 122)
    assert (await refusal(host.monitor.EnumPorts(pb.EnumPortsRequest(level=3))))[:2] == (
        "INVALID_ARGUMENT",
        124,
    )


async def test_handle_errors_have_windows_codes_and_reasons_of_their_own(host: Host) -> None:
    m, handle = host.monitor, (await host.open()).handle
    stranger = pb.OpenPortRequest(owner=pb.PortOwner(fabric_id="other"), port="IP_1", fence=1)
    assert await refusal(m.OpenPort(stranger)) == ("ABORTED", 170, "PORT_BUSY")
    late = pb.OpenPortRequest(owner=OWNER, port="IP_1", fence=0)
    assert (await refusal(m.OpenPort(late)))[:2] == ("INVALID_ARGUMENT", 87)
    absent = pb.OpenPortRequest(owner=OWNER, port="COM9:", fence=9)
    assert await refusal(m.OpenPort(absent)) == ("NOT_FOUND", 1796, "PORT_NOT_FOUND")
    newer = (await host.open()).handle
    assert await refusal(m.KeepAlive(pb.KeepAliveRequest(handle=handle))) == (
        "FAILED_PRECONDITION",
        6,
        "STALE_FENCE",
    )
    assert (await m.KeepAlive(pb.KeepAliveRequest(handle=newer))).lease.seconds == 30
    await m.ClosePort(pb.ClosePortRequest(handle=newer))
    assert await refusal(m.ClosePort(pb.ClosePortRequest(handle=newer))) == (
        "FAILED_PRECONDITION",
        6,
        "INVALID_HANDLE",
    )
    assert await refusal(m.ClosePort(pb.ClosePortRequest())) == ("FAILED_PRECONDITION", 6, "INVALID_HANDLE")
    assert not host.rig.connections


async def test_watchers_see_ports_come_change_and_go(host: Host) -> None:
    watch: Any = host.monitor.WatchPorts(pb.WatchPortsRequest(owner=OWNER))
    first = await watch.read()
    assert (first.sequence, [one.port.port for one in first.ports]) == (1, ["IP_1"])
    handle = (await host.open()).handle
    opened = await watch.read()
    assert (opened.sequence, opened.ports[0].hold.fabric_id) == (2, "fabric")
    await host.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
    closed = await watch.read()
    assert not closed.ports[0].HasField("hold")
    xcv = (await host.xcv.XcvOpenPort(xpb.XcvOpenPortRequest(port="IP_1", granted_access=1))).handle
    assert (
        await host.xcv.XcvDataPort(xpb.XcvDataPortRequest(handle=xcv, data_name="DeletePort"))
    ).status == 0
    assert (await watch.read()).deleted_ports == ["IP_1"]
    watch.cancel()


async def test_a_monitor_says_what_it_can_do(host: Host) -> None:
    capabilities = (await host.monitor.Initialize(pb.InitializeRequest(owner=OWNER))).monitors[0].capabilities
    assert pb.MONITOR_FUNCTION_OPEN_PORT_EX not in capabilities
    assert pb.MONITOR_FUNCTION_WRITE_PORT in capabilities


async def test_hostile_input_gets_a_clear_error(host: Host) -> None:
    handle = (await host.open()).handle
    for slices in (
        [pb.DocumentSlice(data=b"x")],
        [whole(bytes((1 << 20) + 1))],
        [whole(b"x", (b"short", 1))],
        [whole(b"x", (bytes(16), 0))],
    ):
        stream = host.monitor.StreamDocuments()
        await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=slices))
        assert (await ended(stream)).code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not host.rig.connections
