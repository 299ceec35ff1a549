"""The part of MonitorService that is about a device's own controls (GetPrinterDataFromPort)."""

from __future__ import annotations

from typing import Any

from chassis.errors import DeviceNotConnected, InvalidArgument, PortInUse
from chassis.tasks import Tasks
from portmon.api.calls import Calls
from portmon.devices.controls import BETWEEN_DOCUMENTS, READING
from portmon.handles import Handles
from portmon.hold import Hold
from portmon.once import Once
from portmon.ports import Ports
from printfabric.monitor.v1 import monitor_service_pb2 as pb

_MOST = 65536
_MOST_REMEMBERED = 1024


class ControlCalls(Calls):
    """GetPrinterDataFromPort."""

    def __init__(self, host: str, ports: Ports, handles: Handles, tasks: Tasks) -> None:
        super().__init__(host, ports, handles, tasks)
        self._once = Once[tuple[str, str, str], bytes](_MOST_REMEMBERED)

    async def GetPrinterDataFromPort(
        self, request: pb.GetPrinterDataFromPortRequest, context: Any
    ) -> pb.GetPrinterDataFromPortResponse:
        """Pass a device control through; control 0 asks the language monitor for a value by its name."""
        hold = self._hold(request.handle)
        if not request.request_id:
            return _answer(request, await self._asked(hold, request))
        key = (hold.owner.fabric, hold.port.name, request.request_id)
        words = (request.control_id, request.value_name, request.input)
        return _answer(request, await self._once.do(key, lambda: self._asked(hold, request), words))

    async def _asked(self, hold: Hold, request: pb.GetPrinterDataFromPortRequest) -> bytes:
        if not request.control_id:
            return await self._by_name(hold, request.value_name)
        if not hold.port.monitor.talks:
            raise InvalidArgument(f"port {hold.port.name} is no device", port=hold.port.name)
        if len(request.input) > _MOST:
            raise InvalidArgument(f"the input has more than {_MOST} bytes", fields=[("input", "is too long")])
        if hold.session.port is None:
            raise DeviceNotConnected(f"port {hold.port.name} lost its device", port=hold.port.name)
        if request.control_id in BETWEEN_DOCUMENTS and hold.session.in_progress() is not None:
            text = f"port {hold.port.name} is in a document, of which this control would lose some"
            raise PortInUse(text, port=hold.port.name)
        # On the port's own thread: nothing is being written meanwhile, and only what reads may come into a document.
        quiet = request.control_id in READING
        code, given = request.control_id, request.input
        return await hold.session.ask(lambda port: port.control(code, given), quiet=quiet)

    async def _by_name(self, hold: Hold, name: str) -> bytes:
        """Ask the printer for a value, after the present document; a port without a language monitor has none."""
        if hold.way is None:
            wrong = "0 asks for a value by its name, which port monitors have none of"
            raise InvalidArgument(f"port {hold.port.name}: control {wrong}", fields=[("control_id", wrong)])
        return await hold.session.ask(lambda port: port.printer_data(name))


def _answer(request: pb.GetPrinterDataFromPortRequest, output: bytes) -> pb.GetPrinterDataFromPortResponse:
    most = request.max_output_bytes if request.HasField("max_output_bytes") else _MOST
    if len(output) > most:
        raise InvalidArgument(f"{len(output)} bytes are needed", win32=122, needed=len(output))
    return pb.GetPrinterDataFromPortResponse(output=output, needed_bytes=len(output))
