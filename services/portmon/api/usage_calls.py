"""The part of MonitorService by which spoolers tell of ports: which ones printers use, and what is the matter with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chassis.errors import PortNotFound
from portmon.api import convert
from portmon.api.calls import Calls
from portmon.api.convert_port import port_to_pb, report_from
from portmon.port_name import same
from printfabric.monitor.v1 import monitor_service_pb2 as pb


class UsageCalls(Calls):
    """NotifyUsedPorts, NotifyUnusedPorts, SetPort."""

    async def NotifyUsedPorts(
        self, request: pb.NotifyUsedPortsRequest, context: Any
    ) -> pb.NotifyUsedPortsResponse:
        """Look after these ports from now on."""
        owner, notices = convert.owner_from(request.owner), self._notices(request.ports)
        used = {same(one.port) for one in notices if not one.result}
        for port in self._ports:
            if same(port.name) in used or request.full:
                self._ports.use(port, owner.fabric, same(port.name) in used)
        return pb.NotifyUsedPortsResponse(ports=notices)

    async def NotifyUnusedPorts(
        self, request: pb.NotifyUnusedPortsRequest, context: Any
    ) -> pb.NotifyUnusedPortsResponse:
        """Look after them no longer, unless another fabric uses them too."""
        owner, notices = convert.owner_from(request.owner), self._notices(request.ports)
        for one in notices:
            if not one.result:
                self._ports.use(self._ports.get(one.port), owner.fabric, False)
        return pb.NotifyUnusedPortsResponse(ports=notices)

    def _notices(self, names: Iterable[str]) -> list[pb.PortNotice]:
        return [
            pb.PortNotice(port=name, result=0 if name in self._ports else PortNotFound.win32)
            for name in names
        ]

    async def SetPort(self, request: pb.SetPortRequest, context: Any) -> pb.SetPortResponse:
        """Keep what somebody says about a port."""
        convert.owner_from(request.owner)
        port = self._ports.get(request.port)
        await self._ports.set_port(port, *report_from(request.status))
        return pb.SetPortResponse(port=port_to_pb(self._host, port))
