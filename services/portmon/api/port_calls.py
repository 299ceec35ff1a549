"""The part of MonitorService that is about holding a port: open, read, time-outs, close."""

from __future__ import annotations

from typing import Any

from chassis.errors import InvalidArgument, NotSupported, Verdict, WrongState
from portmon.api import convert
from portmon.api.calls import Calls
from portmon.api.document_stream import known_documents
from portmon.handles import Hold
from printfabric.monitor.v1 import monitor_service_pb2 as pb

# COMMTIMEOUTS of Windows' local monitor: a read waits 5 s.
_READ_S = 5.0


class PortCalls(Calls):
    """OpenPort, KeepAlive, SetPortTimeOuts, ReadPort, ClosePort."""

    async def OpenPort(self, request: pb.OpenPortRequest, context: Any) -> pb.OpenPortResponse:
        """Acquire a port, or take it over."""
        owner = convert.owner_from(request.owner)
        if not request.HasField("port"):
            raise InvalidArgument("no port is named", fields=[("port", "is required")])
        lease = request.lease.ToTimedelta().total_seconds() if request.HasField("lease") else None
        hold = await self._handles.open(request.port, owner, request.fence, request.printer, lease)
        return opened(self._host, hold)

    async def KeepAlive(self, request: pb.KeepAliveRequest, context: Any) -> pb.KeepAliveResponse:
        """Renew a hold."""
        return pb.KeepAliveResponse(lease=convert.seconds(self._hold(request.handle).lease_s))

    async def ClosePort(self, request: pb.ClosePortRequest, context: Any) -> pb.ClosePortResponse:
        """Release a port."""
        await self._handles.close(self._hold(request.handle))
        return pb.ClosePortResponse()

    async def SetPortTimeOuts(
        self, request: pb.SetPortTimeOutsRequest, context: Any
    ) -> pb.SetPortTimeOutsResponse:
        """Change the write time-out of an open port until it is closed."""
        hold = self._hold(request.handle)
        if request.reserved:
            raise InvalidArgument("the reserved argument is not 0", fields=[("reserved", "must be 0")])
        if not hold.port.monitor.talks:
            raise InvalidArgument(f"port {hold.port.name} is no device", port=hold.port.name)
        if request.HasField("write_total"):
            value = request.write_total.ToTimedelta().total_seconds()
            if value <= 0:
                raise InvalidArgument(
                    "a write time-out is above 0", fields=[("write_total", "must be above 0")]
                )
            hold.session.set_write_timeout(value)
        if request.HasField("read_total"):
            hold.read_timeout_s = max(0.0, request.read_total.ToTimedelta().total_seconds())
        return pb.SetPortTimeOutsResponse()

    async def ReadPort(self, request: pb.ReadPortRequest, context: Any) -> pb.ReadPortResponse:
        """Return what the device sent, waiting for the first byte if there is none."""
        hold = self._hold(request.handle)
        self._refuse_unreadable(hold)
        timeout = (
            request.timeout.ToTimedelta().total_seconds()
            if request.HasField("timeout")
            else hold.read_timeout_s
        )
        data = await hold.session.read(request.max_bytes or 4096, _READ_S if timeout is None else timeout)
        return pb.ReadPortResponse(data=data)

    def _refuse_unreadable(self, hold: Hold) -> None:
        """Refuse to read where nothing ever comes back: code 6 from a monitor that reads its other types of port."""
        monitor, name = hold.port.monitor, hold.port.name
        if monitor.readable:
            return
        text = f"port {name} cannot be read"
        if any(other.readable for other in self._ports.registry if other.name == monitor.name):
            raise WrongState(text, win32=6, verdict=Verdict.NONE, port=name)
        raise NotSupported(text, port=name)


def opened(host: str, hold: Hold) -> pb.OpenPortResponse:
    """Return the answer to whoever has opened a port."""
    return pb.OpenPortResponse(
        handle=pb.PortHandle(token=hold.token, fence=hold.fence),
        lease=convert.seconds(hold.lease_s),
        documents=map(convert.progress_to_pb, known_documents(hold)),
        port=convert.port_to_pb(host, hold.port),
    )
