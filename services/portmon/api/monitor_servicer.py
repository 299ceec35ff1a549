"""MonitorService: one method per function of the table. What is missing here answers UNIMPLEMENTED."""

from __future__ import annotations

from typing import Any, NoReturn

from chassis.errors import NotBuiltYet
from chassis.server import Servicer
from portmon.api.document_calls import DocumentCalls
from portmon.api.host_calls import HostCalls
from portmon.api.port_calls import PortCalls
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import monitor_service_pb2_grpc as rpc

SERVICE = "printfabric.monitor.v1.MonitorService"


class MonitorServicer(HostCalls, PortCalls, DocumentCalls, rpc.MonitorServiceServicer):
    """The monitors of one host, as a spooler sees them."""

    async def OpenPortEx(self, request: pb.OpenPortExRequest, context: Any) -> NoReturn:
        """Open through a language monitor: there is none yet."""
        raise NotBuiltYet("OpenPortEx")

    async def StageDocument(self, request_iterator: Any, context: Any) -> NoReturn:
        """Put a whole document on the host first."""
        raise NotBuiltYet("StageDocument")

    async def GetPrinterDataFromPort(
        self, request: pb.GetPrinterDataFromPortRequest, context: Any
    ) -> NoReturn:
        """Pass a device control through."""
        raise NotBuiltYet("GetPrinterDataFromPort")

    async def SendRecvBidiDataFromPort(
        self, request: pb.SendRecvBidiDataFromPortRequest, context: Any
    ) -> NoReturn:
        """Ask or set device data by schema path."""
        raise NotBuiltYet("SendRecvBidiDataFromPort")

    async def PowerEvent(self, request: pb.PowerEventRequest, context: Any) -> NoReturn:
        """Prepare for suspend, come back from it."""
        raise NotBuiltYet("PowerEvent")


def served(servicer: MonitorServicer) -> Servicer:
    """Return what a server needs to serve it."""
    return rpc.add_MonitorServiceServicer_to_server, servicer, SERVICE
