"""PortService: hosts, their ports, and the only door to a port monitor's configuration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

from chassis import logs
from chassis.errors import FabricError, HostUnreachable, InvalidLevel, PortNotFound
from printfabric.monitor.v1 import monitor_service_pb2 as monitor_pb
from printfabric.monitor.v1 import xcv_service_pb2 as xcv_pb
from printfabric.spooler.v1 import port_service_pb2 as pb
from printfabric.spooler.v1 import port_service_pb2_grpc as pb_grpc
from printfabric.types.v1 import port_pb2
from spooler.api import paging, rights
from spooler.api.convert import put_port
from spooler.api.convert_port import host_to_pb, words_of
from spooler.api.inside import Inside
from spooler.api.look import Look
from spooler.api.names import (
    XcvObject,
    check_port_id,
    host_of,
    monitor_of,
    open_name,
    port_name,
    port_of,
    printer_of,
)
from spooler.api.port_setup import PortSetup, setting_names
from spooler.api.port_use import PortUse
from spooler.api.repeats import once
from spooler.api.submission import invalid, reason_of
from spooler.api.xcv_sessions import Act, XcvSessions, act_of
from spooler.hosts import HostInfo
from spooler.port_info import PortInfo
from spooler.printer import PortName
from spooler.printer_steering import AtHost

log = logs.get(__name__)
_MONITORS_S = 5.0  # for all hosts together when all are asked
_MOST_PATHS = 200  # characters of what was set, in a line of history
_SERVER_OFFLINE = 13003  # ERROR_BIDI_SERVER_OFFLINE


class PortServicer(pb_grpc.PortServiceServicer):
    """Looks at what hosts told of; what is to be changed, their monitors are asked to change."""

    def __init__(self, inside: Inside, look: Look, use: PortUse) -> None:
        self._hosts = inside.hosts
        self._hub = inside.hub
        self._steering = inside.printers
        self._link_to = inside.xcv
        self._look = look
        self._setup = PortSetup(inside, use)
        self._sessions = XcvSessions(inside, use)

    # --- looking

    async def ListHosts(self, request: pb.ListHostsRequest, _context: Any) -> pb.ListHostsResponse:
        """See the contract."""
        hosts, token = paging.page(
            self._hosts.all(), lambda host: host.name, request.page_size, request.page_token
        )
        return pb.ListHostsResponse(hosts=[host_to_pb(host) for host in hosts], next_page_token=token)

    async def ListPorts(self, request: pb.ListPortsRequest, _context: Any) -> pb.ListPortsResponse:
        """See the contract."""
        host = host_of(request.parent)
        if host:
            self._host(host)
        await self._look.managed.look_up()
        ports, token = paging.page(
            self._hosts.ports(host), lambda port: "\0".join(port.name), request.page_size, request.page_token
        )
        return pb.ListPortsResponse(
            ports=[self._look.port_to_pb(port) for port in ports], next_page_token=token
        )

    async def GetPort(self, request: pb.GetPortRequest, _context: Any) -> pb.GetPortResponse:
        """See the contract."""
        port = self._port(request.name)
        await self._look.managed.look_up()
        return pb.GetPortResponse(port=self._look.port_to_pb(port))

    async def ListMonitors(self, request: pb.ListMonitorsRequest, _context: Any) -> pb.ListMonitorsResponse:
        """See the contract. When all hosts are asked, those that do not answer are left out."""
        name = host_of(request.parent)
        if name:
            host = self._host(name)
            monitors = await self._link_to(host.name).monitors()
            return pb.ListMonitorsResponse(
                hosts=[pb.HostMonitors(host=f"hosts/{host.name}", monitors=monitors)]
            )
        online = [host for host in self._hosts.all() if host.state == "online"]
        async with asyncio.timeout(_MONITORS_S):
            found = await asyncio.gather(*(self._monitors(host) for host in online))
        return pb.ListMonitorsResponse(hosts=[one for one in found if one is not None])

    async def _monitors(self, host: HostInfo) -> pb.HostMonitors | None:
        try:
            monitors = await self._link_to(host.name).monitors()
        except FabricError:
            return None
        return pb.HostMonitors(host=f"hosts/{host.name}", monitors=monitors)

    # --- setting up

    async def AddPort(self, request: pb.AddPortRequest, _context: Any) -> pb.AddPortResponse:
        """See the contract."""
        host = host_of(request.parent)
        if not host:
            raise invalid("parent", "is required: hosts/<host>")
        name = PortName(self._host(host).name, check_port_id(request.port_id))
        how = request.monitor, request.settings
        if request.validate_only:
            added = await self._setup.add(name, *how, request_id=request.request_id, validate_only=True)
        else:
            async with self._at_host(Act(name, "port-added", request.monitor)):
                added = await self._setup.add(name, *how, request_id=request.request_id, validate_only=False)
        return pb.AddPortResponse(port=self._as_told(added, request.monitor))

    async def ConfigurePort(
        self, request: pb.ConfigurePortRequest, _context: Any
    ) -> pb.ConfigurePortResponse:
        """See the contract."""
        port = self._port(request.name)
        how = port.name, request.settings, request.settings_revision
        if request.validate_only:
            done = await self._setup.configure(*how, validate_only=True)
        else:
            # Names only: a value may be a secret.
            names = ", ".join(setting_names(request.settings))
            async with self._at_host(Act(port.name, "port-configured", names)) as act:
                done = await self._setup.configure(*how, validate_only=False)
                if not done.changed:
                    act.line = None
        message = self._look.port_to_pb(done.port or port)
        # The host's own answer; what it tells of the port may lag behind.
        message.settings_revision = done.revision
        return pb.ConfigurePortResponse(port=message, changed=done.changed)

    async def DeletePort(self, request: pb.DeletePortRequest, _context: Any) -> pb.DeletePortResponse:
        """See the contract."""
        name = self._port(request.name).name
        async with self._at_host(Act(name, "port-deleted", "")):
            await self._setup.delete(name)
        if name.key in self._look.paused_ports:  # another port of the same name is not paused
            await self._steering.resume_port(name, rights.caller())
        return pb.DeletePortResponse()

    async def SetPort(self, request: pb.SetPortRequest, _context: Any) -> pb.SetPortResponse:
        """See the contract."""
        if request.HasField("level") and request.level != 3:
            raise InvalidLevel(f"SetPort has no level {request.level}", level=request.level)
        name = self._port(request.name).name
        async with self._at_host(Act(name, "port-reported", words_of(request.status))):
            told = await self._link_to(name.host).set_port(name.port, request.status)
            self._hosts.heard(told)  # before any job that comes after the answer
        return pb.SetPortResponse(port=self._look.port_to_pb(told))

    async def PausePort(self, request: pb.PausePortRequest, _context: Any) -> pb.PausePortResponse:
        """See the contract."""
        port = self._port(request.name)
        await self._steering.pause_port(port.name, rights.caller(), reason_of(request.reason))
        self._hub.port(port)
        return pb.PausePortResponse(port=self._look.port_to_pb(port))

    async def ResumePort(self, request: pb.ResumePortRequest, _context: Any) -> pb.ResumePortResponse:
        """See the contract."""
        port = self._port(request.name)
        await self._steering.resume_port(port.name, rights.caller(), reason_of(request.reason))
        self._hub.port(port)
        return pb.ResumePortResponse(port=self._look.port_to_pb(port))

    # --- Xcv

    async def XcvOpen(self, request: pb.XcvOpenRequest, _context: Any) -> pb.XcvOpenResponse:
        """See the contract."""
        handle = await self._sessions.open(_object(request), request.desired_access)
        return pb.XcvOpenResponse(handle=handle)

    async def XcvData(self, request: pb.XcvDataRequest, _context: Any) -> pb.XcvDataResponse:
        """See the contract."""
        session = self._sessions.find(request.handle)
        answer = await self._sessions.data(
            session,
            request.data_name,
            request.input_data,
            request.max_output_bytes if request.HasField("max_output_bytes") else None,
            request.request_id,
        )
        return pb.XcvDataResponse(
            result=xcv_pb.XcvDataPortResponse(
                status=answer.status,
                output_data=answer.output,
                needed_bytes=answer.needed_bytes,
                message=answer.message,
            )
        )

    async def StreamXcvData(
        self, request: pb.StreamXcvDataRequest, _context: Any
    ) -> AsyncIterator[pb.StreamXcvDataResponse]:
        """See the contract."""
        command = request.command
        session = self._sessions.find(command.handle)
        if command.data_name in ("AddPort", "DeletePort"):  # the spooler has a word in these
            done = await self.XcvData(command, _context)
            yield pb.StreamXcvDataResponse(
                step=xcv_pb.StreamXcvDataPortResponse(fraction=1.0, result=done.result)
            )
            return
        await self._sessions.check_managed(session, command.data_name, command.input_data)
        act = act_of(session.object, command.data_name, command.input_data)
        if act is not None:  # first: some of it is done, whatever becomes of the rest
            await self._steering.note_port(act.port, rights.caller(), act.what, act.detail)
        async for step in session.link.stream(
            session.handle, command.data_name, command.input_data, command.request_id
        ):
            yield pb.StreamXcvDataResponse(step=step)

    async def XcvClose(self, request: pb.XcvCloseRequest, _context: Any) -> pb.XcvCloseResponse:
        """See the contract."""
        await self._sessions.close(request.handle)
        return pb.XcvCloseResponse()

    async def SendRecvBidiData(
        self, request: pb.SendRecvBidiDataRequest, _context: Any
    ) -> pb.SendRecvBidiDataResponse:
        """See the contract."""
        if request.name.startswith("printers/"):
            name = self._look.first_port(printer_of(request.name))
        else:
            name = self._port(request.name).name
        access = 1 if rights.is_administrator() else 2
        asked = name.port, request, access, once(request.request_id)
        try:
            if request.action == monitor_pb.BIDI_ACTION_SET or request.action_name.casefold() == "set":
                paths = ", ".join(item.schema for item in request.items)
                async with self._at_host(Act(name, "device-set", paths[:_MOST_PATHS])):
                    found = await self._link_to(name.host).bidi(*asked)
            else:
                found = await self._link_to(name.host).bidi(*asked)
        except HostUnreachable:
            return pb.SendRecvBidiDataResponse(result=_SERVER_OFFLINE)
        return pb.SendRecvBidiDataResponse(result=found.result, items=found.items)

    async def TapPort(self, request: pb.TapPortRequest, _context: Any) -> AsyncIterator[pb.TapPortResponse]:
        """See the contract."""
        name, who = self._port(request.name).name, rights.caller()
        shown = "masked" if request.mask else "documents in the clear"
        log.info("port tapped", port=str(name), who=who, shown=shown)
        await self._steering.note_port(name, who, "tapped", shown)
        async with aclosing(self._link_to(name.host).tap(name.port, request, who)) as moments:  # type: ignore[type-var]
            async for moment in moments:
                yield pb.TapPortResponse(moment=moment)

    # --- how

    def _at_host(self, act: Act) -> AbstractAsyncContextManager[AtHost]:
        return self._steering.at_host(act.port, rights.caller(), act.what, act.detail)

    def _host(self, name: str) -> HostInfo:
        host = self._hosts.get(name)
        if host is None:
            raise PortNotFound(f"there is no host {name}", host=name)
        return host

    def _port(self, text: str) -> PortInfo:
        name = port_of(text)
        port = self._hosts.port(name)
        if port is None:
            raise PortNotFound(f"there is no port {name}", port=name)
        return port

    def _as_told(self, name: PortName, monitor: str) -> port_pb2.Port:
        """Return a port as its host tells of it; a host that is slow to tell leaves the name."""
        port = self._hosts.port(name)
        if port is not None:
            return self._look.port_to_pb(port)
        message = port_pb2.Port(name=port_name(name), monitor=monitor, state=port_pb2.PORT_STATE_UNKNOWN)
        put_port(message.port, name)
        return message


def _object(request: pb.XcvOpenRequest) -> XcvObject:
    kind = request.WhichOneof("object")
    if kind == "open_name":
        return open_name(request.open_name)
    if kind == "port":
        name = port_of(request.port, "port")
        return XcvObject(name.host, port=name.port)
    if kind == "monitor":
        return monitor_of(request.monitor)
    raise invalid("object", "is required: a port, a monitor or an open name")
