"""A served host for tests of MonitorService and XcvService over gRPC."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis import server
from chassis.settings import AccessSettings, ServerSettings, ServerTlsSettings
from chassis.status import error_from_rpc
from chassis.tasks import Tasks
from portmon.api.monitor_servicer import MonitorServicer, served
from portmon.api.recorder_servicer import RecorderServicer, served_recorder
from portmon.api.xcv_servicer import XcvServicer, served_xcv
from portmon.handles import Handles
from portmon.host_token import HostToken
from portmon.language_registry import GROUP as LANGUAGES
from portmon.language_registry import Languages
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import GROUP as MONITORS
from portmon.registry import Registry
from portmon.xcv.channel import Xcv
from portmon.xcv.commands import COMMANDS
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import monitor_service_pb2_grpc as rpc
from printfabric.monitor.v1 import recorder_service_pb2_grpc as recorder_rpc
from printfabric.monitor.v1 import xcv_service_pb2_grpc as xrpc
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_rigs import RawRig

OWNER = pb.PortOwner(fabric_id="fabric", spooler_id="spooler-1")


class Host:
    """A served host with one raw port, and stubs for it."""

    def __init__(self, folder: Path, address: str, channel: grpc.aio.Channel, rig: RawRig) -> None:
        self.folder, self.address, self.rig = folder, address, rig
        self.monitor: rpc.MonitorServiceAsyncStub = rpc.MonitorServiceStub(channel)
        self.xcv: xrpc.XcvServiceAsyncStub = xrpc.XcvServiceStub(channel)
        self.recorder: Any = recorder_rpc.RecorderServiceStub(channel)
        self.fence = 0
        self.ports: Ports

    async def open(self, **what: object) -> pb.OpenPortResponse:
        self.fence += 1
        request = pb.OpenPortRequest(owner=OWNER, port="IP_1", fence=self.fence)
        return await self.monitor.OpenPort(request)


async def greet(monitor: Any) -> None:
    """Shake hands as a spooler does whose clock is a second behind this one."""
    hello = await monitor.Initialize(pb.InitializeRequest(owner=OWNER))
    request = pb.InitializeRequest(owner=OWNER, instance_id=hello.instance_id)
    request.fabric_time.FromMilliseconds(int(time.time() * 1000) - 1000)
    await monitor.Initialize(request)


@asynccontextmanager
async def served_host(
    tmp_path: Path,
    access: AccessSettings | None = None,
    third_parties: Sequence[EntryPoint] = (),
    *,
    greeted: bool = True,
    name: str = "edge-7",
    tls: ServerTlsSettings | None = None,
    host_token: HostToken | None = None,
) -> AsyncIterator[Host]:
    """Serve a host with one raw port on loopback, and monitors and languages of third parties.

    greeted: a spooler has told it what time it is. Not with `tls`: the host's own stubs speak plain.
    """
    rig = RawRig(tmp_path)
    ports = await _ports(tmp_path, name, rig, _of_group(third_parties, MONITORS))
    async with Tasks("host") as tasks:
        handles = Handles(ports, tasks)
        servicer = MonitorServicer(name, ports, handles, tasks)
        servicer.languages = Languages(_of_group(third_parties, LANGUAGES))
        servicer.host_token = host_token or servicer.host_token
        tasks.spawn("expire", handles.expire())
        one = server.Server(
            ServerSettings(listen=("127.0.0.1:0",), access=access or AccessSettings(), grace_s=1, tls=tls),
            servicers=[
                served(servicer),
                served_xcv(XcvServicer(Xcv(ports, COMMANDS))),
                served_recorder(RecorderServicer(ports)),
            ],
        )
        async with one:
            async with grpc.aio.insecure_channel(one.addresses[0]) as channel:
                host = Host(tmp_path, one.addresses[0], channel, rig)
                host.ports = ports
                if greeted:
                    await greet(host.monitor)
                yield host
            await handles.shutdown(None, 0)
    await ports.own.shutdown()
    ports.close()
    rig.go_on()
    rig.stop()


async def _ports(folder: Path, host: str, rig: RawRig, monitors: Sequence[EntryPoint]) -> Ports:
    registry = Registry(MonitorInit(host, folder / "files"), monitors)
    ports = Ports(registry, LocalPortStore(folder / "ports"), folder)
    await ports.add("IP_1", "Standard TCP/IP Port", rig.settings())
    return ports


def _of_group(entries: Sequence[EntryPoint], group: str) -> list[EntryPoint]:
    return [one for one in entries if one.group == group]


def whole(data: bytes, key: tuple[bytes, int] | None = None) -> pb.DocumentSlice:
    found = pb.DocumentSlice(data=data)
    found.document.job_uid, found.document.attempt = key or new_key()
    found.start.SetInParent()
    found.end.size_bytes = len(data)
    return found


async def ended(stream: Any) -> grpc.aio.AioRpcError:
    """Read a stream to its end and return the error it ends with."""
    try:
        while await stream.read() is not grpc.aio.EOF:
            continue
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the stream ended well")


async def refusal(call: Awaitable[object]) -> tuple[str, int, str]:
    """Return gRPC code, Win32 code and reason of a call that fails."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    error = error_from_rpc(raised.value)
    return raised.value.code().name, error.win32, error.reason
