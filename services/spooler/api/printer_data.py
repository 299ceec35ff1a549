"""GetPrinterData: what hangs on a printer's port is asked, through the lane that holds the port.

Values by name are kept, as Windows keeps them in its registry: while the printer cannot be asked, its last word is the
answer, with the time at which it said so.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime

from chassis.errors import (
    ConnectionRefused,
    DeadlineExceeded,
    DeviceNotConnected,
    DeviceOffline,
    FabricError,
    HostUnreachable,
    InvalidArgument,
    PortBusy,
    PortNotFound,
)
from printfabric.spooler.v1 import printer_service_pb2 as pb
from spooler.api import rights
from spooler.api.convert import port_from_pb
from spooler.api.inside import Inside
from spooler.api.names import printer_of
from spooler.api.repeats import once
from spooler.api.rights import Right
from spooler.api.submission import invalid
from spooler.port import DataQuestion
from spooler.printer import PortName, Printer

# GET_LPT_STATUS, GET_1284_ID, GET_PROTOCOL and GET_INTERFACE_TYPE of usbprint.h change nothing.
_LOOKS = frozenset({0x220030, 0x220034, 0x220044, 0x22004C})
_MOST_BYTES = 65536
_MOST_NAME = 255
_MOST_KEPT = 4096
_NOT_NOW = (
    ConnectionRefused, DeadlineExceeded, DeviceNotConnected, DeviceOffline, HostUnreachable, PortBusy,
)  # fmt: skip


class PrinterData:
    """Questions to printers, and the latest values of each while this spooler runs."""

    def __init__(self, inside: Inside) -> None:
        self._dispatch, self._hosts, self._steering = inside.dispatch, inside.hosts, inside.printers
        self._kept: OrderedDict[tuple[str, PortName, str], tuple[bytes, datetime]] = OrderedDict()

    async def get(self, request: pb.GetPrinterDataRequest) -> pb.GetPrinterDataResponse:
        """Answer a question. Raises what the contract says."""
        printer = self._dispatch.book.queue(printer_of(request.name)).printer
        changes = bool(request.control_id) and request.control_id not in _LOOKS
        rights.require_on(printer.name, Right.ADMINISTER if changes else Right.PRINT, "ask")
        question, port = _question(request, printer), self._port(request, printer)
        if changes:  # first: it is done, whatever becomes of the answer
            detail = f"{printer.name}: control {request.control_id:#x}"
            await self._steering.note_port(port, rights.caller(), "device-control", detail)
        answer = await self._asked(printer, port, question)
        most = request.max_output_bytes if request.HasField("max_output_bytes") else _MOST_BYTES
        if len(answer.output) > most:
            size = len(answer.output)
            raise InvalidArgument(f"{size} bytes are needed", win32=122, needed=size)
        return answer

    async def _asked(
        self, printer: Printer, port: PortName, question: DataQuestion
    ) -> pb.GetPrinterDataResponse:
        key = (printer.name, port, question.value_name)
        try:
            output = await self._dispatch.printer_data(printer, port, question)
        except _NOT_NOW as error:
            return self._last_word(key, error)
        if not question.control_id:
            self._keep(key, output)
        return pb.GetPrinterDataResponse(output=output, needed_bytes=len(output))

    def _last_word(self, key: tuple[str, PortName, str], error: FabricError) -> pb.GetPrinterDataResponse:
        """Return what a printer said the last time. Raises `error`: it never did, or a control was asked for."""
        if key not in self._kept:
            raise error
        output, at = self._kept[key]
        answer = pb.GetPrinterDataResponse(output=output, needed_bytes=len(output))
        answer.kept_time.FromDatetime(at)
        return answer

    def _keep(self, key: tuple[str, PortName, str], output: bytes) -> None:
        self._kept[key] = (output, datetime.now(UTC))
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def _port(self, request: pb.GetPrinterDataRequest, printer: Printer) -> PortName:
        """Return the port that is meant. Raises PortNotFound: it is none of the printer's, or its host has none such."""
        wanted = port_from_pb(request.port, "port").key if request.HasField("port") else None
        found = next((port for port in printer.ports if wanted in (None, port.key)), None)
        if found is None or self._hosts.port(found) is None:
            text = (
                f"printer {printer.name} has no such port" if found is None else f"there is no port {found}"
            )
            raise PortNotFound(text, printer=printer.name)
        return found


def _question(request: pb.GetPrinterDataRequest, printer: Printer) -> DataQuestion:
    """Return what is to be asked. Raises InvalidArgument (87): nobody there could answer."""
    if not request.control_id and not request.value_name:
        raise invalid("value_name", "is required, or a control")
    if len(request.value_name) > _MOST_NAME:
        raise invalid("value_name", f"must have at most {_MOST_NAME} characters")
    if not request.control_id and not printer.way.language:
        raise invalid("value_name", f"printer {printer.name} has no language monitor, which alone has values")
    return DataQuestion(request.value_name, request.control_id, request.input, once(request.request_id))
