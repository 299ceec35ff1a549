"""The part of MonitorService that is about holding a port: open, read, time-outs, close."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.duration_pb2 import Duration

from chassis.errors import DeviceNotConnected, InvalidArgument, NotSupported, Verdict, WrongState
from portmon.api import convert
from portmon.api.calls import Calls
from portmon.api.convert_port import port_to_pb
from portmon.api.staged_documents import known_documents
from portmon.hold import Hold
from portmon.port_state import PortState
from portmon.staging.area import Staging
from printfabric.monitor.v1 import monitor_service_pb2 as pb

# COMMTIMEOUTS, and whether each may be 0.
_TIME_OUTS = {
    "read_interval": True,
    "read_total": True,
    "read_per_byte": True,
    "write_total": False,
    "write_per_byte": True,
}


class PortCalls(Calls):
    """OpenPort, KeepAlive, SetPortTimeOuts, ReadPort (and as a stream), ClosePort."""

    async def OpenPort(self, request: pb.OpenPortRequest, context: Any) -> pb.OpenPortResponse:
        """Acquire a port, or take it over."""
        owner = convert.owner_from(request.owner)
        self._registrations.refuse_ended(owner)
        if not request.HasField("port"):
            raise InvalidArgument("no port is named", fields=[("port", "is required")])
        lease = request.lease.ToTimedelta().total_seconds() if request.HasField("lease") else None
        hold = await self._handles.open(request.port, owner, request.fence, request.printer, lease)
        return opened(self._host, hold, self._ports.staging)

    async def KeepAlive(self, request: pb.KeepAliveRequest, context: Any) -> pb.KeepAliveResponse:
        """Renew a hold."""
        return pb.KeepAliveResponse(lease=convert.seconds(self._hold(request.handle).lease_s))

    async def ClosePort(self, request: pb.ClosePortRequest, context: Any) -> pb.ClosePortResponse:
        """Release a port, after the printer's word that EndDocPort did not wait for, if that comes in time."""
        hold = self._hold(request.handle)
        if hold.awaited is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(hold.lease_s / 2):
                    await hold.session.quiet(hold.awaited)
            hold = self._hold(request.handle)
        await self._handles.close(hold)
        return pb.ClosePortResponse()

    async def SetPortTimeOuts(
        self, request: pb.SetPortTimeOutsRequest, context: Any
    ) -> pb.SetPortTimeOutsResponse:
        """Change the time-outs of an open port until it is closed; return those that hold now."""
        hold = self._hold(request.handle)
        if request.reserved:
            raise InvalidArgument("the reserved argument is not 0", fields=[("reserved", "must be 0")])
        if not hold.port.monitor.talks:
            raise InvalidArgument(f"port {hold.port.name} is no device", port=hold.port.name)
        given = {
            field.name: _seconds(field.name, value)
            for field, value in request.ListFields()
            if field.name in _TIME_OUTS
        }
        session = hold.session
        if session.state is PortState.FAILED:
            raise DeviceNotConnected(f"port {hold.port.name} lost its device", port=hold.port.name)
        reading = session.reading.time_outs
        reading.total_s = given.get("read_total", reading.total_s)
        reading.interval_s = given.get("read_interval", reading.interval_s)
        reading.per_byte_s = given.get("read_per_byte", reading.per_byte_s)
        session.feed.write_per_byte_s = given.get("write_per_byte", session.feed.write_per_byte_s)
        if "write_total" in given:
            session.set_write_timeout(given["write_total"])
        port = session.port
        return pb.SetPortTimeOutsResponse(
            read_interval=convert.seconds(reading.interval_s),
            read_total=convert.seconds(reading.total_s),
            write_total=None if port is None else convert.seconds(port.write_timeout_s),
            read_per_byte=convert.seconds(reading.per_byte_s),
            write_per_byte=convert.seconds(session.feed.write_per_byte_s),
        )

    async def ReadPort(self, request: pb.ReadPortRequest, context: Any) -> pb.ReadPortResponse:
        """Return what the device sent, waiting for the first byte if there is none."""
        hold = self._hold(request.handle)
        self._refuse_unreadable(hold)
        timeout_s = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else None
        data = await hold.session.reading.read(request.max_bytes or 4096, timeout_s)
        return pb.ReadPortResponse(data=data)

    async def StreamReadPort(
        self, request: pb.StreamReadPortRequest, context: Any
    ) -> AsyncIterator[pb.StreamReadPortResponse]:
        """Return what the device sends as it comes."""
        self._refuse_unreadable(self._hold(request.handle))
        while True:
            hold = self._hold(request.handle)  # which renews its lease
            if data := await hold.session.reading.read(request.max_bytes or 4096, hold.lease_s / 2):
                yield pb.StreamReadPortResponse(data=data)

    def _refuse_unreadable(self, hold: Hold) -> None:
        """Refuse to read where nothing ever comes back: code 6 from a monitor that reads its other ports."""
        monitor, name, opened = hold.port.monitor, hold.port.name, hold.session.port
        if monitor.readable and not (opened is not None and opened.one_way):
            return
        text = f"port {name} cannot be read"
        if any(other.readable for other in self._ports.registry if other.name == monitor.name):
            raise WrongState(text, win32=6, verdict=Verdict.NONE, port=name)
        raise NotSupported(text, port=name)


def _seconds(name: str, value: Duration) -> float:
    """Return a time-out. Raises InvalidArgument: it is none."""
    seconds = value.ToTimedelta().total_seconds()
    least = "0 or above" if _TIME_OUTS[name] else "above 0"
    if seconds < 0 or (not seconds and not _TIME_OUTS[name]):
        raise InvalidArgument(f"{name} is {least}", fields=[(name, f"must be {least}")])
    return seconds


def opened(host: str, hold: Hold, staging: Staging) -> pb.OpenPortResponse:
    """Return the answer to whoever has opened a port."""
    return pb.OpenPortResponse(
        handle=pb.PortHandle(token=hold.token, fence=hold.fence),
        lease=convert.seconds(hold.lease_s),
        documents=map(convert.progress_to_pb, known_documents(hold, staging)),
        port=port_to_pb(host, hold.port),
    )
