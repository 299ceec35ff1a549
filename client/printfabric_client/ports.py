"""Ports and hosts: what is there, and how it is set up."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from printfabric.monitor.v1.recorder_service_pb2 import TapPortResponse
from printfabric.monitor.v1.xcv_service_pb2 import StreamXcvDataPortResponse, XcvDataPortResponse
from printfabric.spooler.v1 import port_service_pb2 as pb
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric.types.v1.port_pb2 import Port
from printfabric_client.connection import Connection
from printfabric_client.names import PortRef, host_name, port_resource
from printfabric_client.paging import PAGE_SIZE, pages
from printfabric_client.spec import new_request_id

if TYPE_CHECKING:
    from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceAsyncStub

Settings = Mapping[str, Any]

SERVER_ACCESS_ADMINISTER = 1
SERVER_ACCESS_ENUMERATE = 2
PRINTER_ACCESS_USE = 8


class Hosts:
    """Machines with a port-monitor service; `client.hosts`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = PortServiceStub(connection.channel)

    async def list(self) -> AsyncGenerator[pb.Host, None]:
        """Yield every host, whether it answers or not."""

        async def fetch(token: str) -> pb.ListHostsResponse:
            request = pb.ListHostsRequest(page_size=PAGE_SIZE, page_token=token)
            return await self._connection.call(self._stub.ListHosts, request, safe=True)

        async for page in pages(fetch):
            for host in page.hosts:
                yield host

    async def monitors(self, host: str = "-") -> Sequence[pb.HostMonitors]:
        """Return the monitors of one host, or of all (`-`)."""
        request = pb.ListMonitorsRequest(parent=host_name(host))
        return (await self._connection.call(self._stub.ListMonitors, request, safe=True)).hosts


class Xcv:
    """An open management session with a port or a monitor."""

    def __init__(self, connection: Connection, stub: PortServiceAsyncStub, handle: bytes) -> None:
        self._connection = connection
        self._stub = stub
        self._handle = handle

    async def data(
        self, data_name: str, value: object = None, *, request_id: str | None = None
    ) -> XcvDataPortResponse:
        """Execute one command and return the monitor's own result; `value` goes as a JSON document.

        `status` in the result is the monitor's Win32 code, 0 for success: only a command that could not be
        delivered raises.
        """
        request = pb.XcvDataRequest(
            handle=self._handle,
            data_name=data_name,
            input_data=b"" if value is None else json.dumps(value).encode(),
            request_id=request_id or new_request_id(),
        )
        return (await self._connection.call(self._stub.XcvData, request, safe=True)).result

    async def stream(
        self, data_name: str, value: object = None
    ) -> AsyncGenerator[StreamXcvDataPortResponse, None]:
        """Execute a long command and yield its steps; the last has its `result`. Ending the iteration cancels it."""
        command = pb.XcvDataRequest(
            handle=self._handle,
            data_name=data_name,
            input_data=b"" if value is None else json.dumps(value).encode(),
            request_id=new_request_id(),
        )
        request = pb.StreamXcvDataRequest(command=command)
        async for answer in self._connection.stream(self._stub.StreamXcvData, request):
            yield answer.step


class Ports:
    """Ports of all hosts; `client.ports`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = PortServiceStub(connection.channel)

    async def list(self, host: str = "-") -> AsyncGenerator[Port, None]:
        """Yield the ports of one host, or of all (`-`)."""
        parent = host_name(host)

        async def fetch(token: str) -> pb.ListPortsResponse:
            request = pb.ListPortsRequest(parent=parent, page_size=PAGE_SIZE, page_token=token)
            return await self._connection.call(self._stub.ListPorts, request, safe=True)

        async for page in pages(fetch):
            for port in page.ports:
                yield port

    async def get(self, port: PortRef) -> Port:
        """Return a port. Raises `PortNotFound`."""
        request = pb.GetPortRequest(name=port_resource(port))
        return (await self._connection.call(self._stub.GetPort, request, safe=True)).port

    async def add(
        self,
        port: PortRef,
        monitor: str,
        settings: Settings,
        *,
        validate_only: bool = False,
        request_id: str | None = None,
    ) -> Port:
        """Add a port (`edge-7/COM1:`) of a monitor ("Local Port") with its settings.

        Raises:
            PortExists: the host has one of that name, whatever its case.
            InvalidSettings: `fields` says which.
        """
        host, _, name = port_resource(port).removeprefix("hosts/").partition("/ports/")
        request = pb.AddPortRequest(
            parent=host_name(host),
            port_id=name,
            monitor=monitor,
            settings=json.dumps(dict(settings)).encode(),
            request_id=request_id or new_request_id(),
            validate_only=validate_only,
        )
        return (await self._connection.call(self._stub.AddPort, request, safe=True)).port

    async def configure(
        self, port: PortRef, settings: Settings, *, settings_revision: str = "", validate_only: bool = False
    ) -> tuple[Port, bool]:
        """Change settings; those not given stay. Return the port and whether anything changed."""
        request = pb.ConfigurePortRequest(
            name=port_resource(port),
            settings=json.dumps(dict(settings)).encode(),
            settings_revision=settings_revision,
            validate_only=validate_only,
        )
        answer = await self._connection.call(self._stub.ConfigurePort, request)
        return answer.port, answer.changed

    async def delete(self, port: PortRef) -> None:
        """Delete a port. Raises `PortInUse` while a printer or a job uses it."""
        await self._connection.call(self._stub.DeletePort, pb.DeletePortRequest(name=port_resource(port)))

    async def pause(self, port: PortRef, *, reason: str = "") -> Port:
        """Send it no more jobs until it is resumed."""
        request = pb.PausePortRequest(name=port_resource(port), reason=reason)
        return (await self._connection.call(self._stub.PausePort, request)).port

    async def resume(self, port: PortRef, *, reason: str = "") -> Port:
        """Send it jobs again."""
        request = pb.ResumePortRequest(name=port_resource(port), reason=reason)
        return (await self._connection.call(self._stub.ResumePort, request)).port

    async def tap(
        self, port: PortRef, *, recorded: bool = False, mask: bool = False
    ) -> AsyncGenerator[TapPortResponse, None]:
        """Yield what passes through a port, both ways; `recorded`: from what the recorder still holds on."""
        request = pb.TapPortRequest(name=port_resource(port), include_recorded=recorded, mask=mask)
        async for step in self._connection.stream(self._stub.TapPort, request):
            yield step.moment

    def xcv(
        self, port: PortRef, *, administer: bool = False, use: bool = False
    ) -> AbstractAsyncContextManager[Xcv]:
        """Open a management session with a port: `async with client.ports.xcv("edge-7/COM1:") as xcv:`.

        `use` asks for test pages alone, `administer` for everything.
        """
        return self._session(pb.XcvOpenRequest(port=port_resource(port)), administer, use)

    def xcv_monitor(
        self, host: str, monitor: str, *, administer: bool = False, use: bool = False
    ) -> AbstractAsyncContextManager[Xcv]:
        """Open a management session with a monitor of a host."""
        request = pb.XcvOpenRequest(monitor=f"{host_name(host)}/monitors/{monitor}")
        return self._session(request, administer, use)

    @asynccontextmanager
    async def _session(
        self, request: pb.XcvOpenRequest, administer: bool, use: bool
    ) -> AsyncGenerator[Xcv, None]:
        request.desired_access = (
            SERVER_ACCESS_ADMINISTER if administer else PRINTER_ACCESS_USE if use else SERVER_ACCESS_ENUMERATE
        )
        opened = await self._connection.call(self._stub.XcvOpen, request)
        try:
            yield Xcv(self._connection, self._stub, opened.handle)
        finally:
            closing = pb.XcvCloseRequest(handle=opened.handle)
            await self._connection.call(self._stub.XcvClose, closing, safe=True)
