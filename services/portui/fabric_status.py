"""The wall: what printers say of themselves, by the spooler's SendRecvBidiData. Everything raises FabricError."""

from __future__ import annotations

from typing import Any

from chassis.client import Channels
from portui.fabric_convert import when, word
from portui.standing import Saying, Standing, standing
from printfabric.monitor.v1 import monitor_service_pb2
from printfabric.spooler.v1 import port_service_pb2 as pb
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric.types.v1 import port_pb2

_MOST_TEXT = 400


class Status:
    """Asks printers how they are. One instance per process."""

    def __init__(self, channels: Channels, address: str) -> None:
        self._stub: Any = PortServiceStub(channels.get(address))

    async def of(self, port: str) -> Standing:
        """Return all that is known of what hangs on a port, by its resource name."""
        everything = monitor_service_pb2.BidiRequestItem(request_number=1, schema="\\Printer")
        request = pb.SendRecvBidiDataRequest(name=port, action_name="GetAll", items=[everything])
        answer = await self._stub.SendRecvBidiData(request)
        return standing(answer.result, [_saying(one) for one in answer.items if one.result == 0])

    async def look(self, port: str) -> None:
        """Ask a port for its one word, by its resource name: its host then takes somebody to look at it."""
        word_ = monitor_service_pb2.BidiRequestItem(request_number=1, schema="\\Printer.Status.Summary:State")
        request = pb.SendRecvBidiDataRequest(name=port, action_name="Get", items=[word_])
        await self._stub.SendRecvBidiData(request)


def _saying(item: Any) -> Saying:
    kind = item.data.WhichOneof("kind") or "null_value"
    value = getattr(item.data, kind)
    text = f"{len(value)} bytes" if isinstance(value, bytes) else "" if kind == "null_value" else str(value)
    return Saying(
        item.schema,
        text[:_MOST_TEXT],
        kind.removesuffix("_value").upper(),
        word(port_pb2.StatusSource, item.source, "STATUS_SOURCE_").lower(),
        when(item, "time"),
    )
