"""WinspoolService: Windows' spooler calls by name, for those who were written against them (docs/winspool.md)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from chassis.errors import NotSupported
from printfabric.spooler.v1 import winspool_service_pb2 as pb
from printfabric.spooler.v1 import winspool_service_pb2_grpc as pb_grpc
from spooler.api.inside import Inside
from spooler.api.port_servicer import PortServicer
from spooler.api.port_use import PortUse
from spooler.api.print_servicer import PrintServicer
from spooler.api.printer_servicer import PrinterServicer
from spooler.api.winspool.absent import AbsentCalls
from spooler.api.winspool.arguments import Arguments
from spooler.api.winspool.handles import Handles
from spooler.api.winspool.jobs import JobCalls
from spooler.api.winspool.ports import PortCalls
from spooler.api.winspool.printers import PrinterCalls
from spooler.api.xcv_sessions import XcvSessions

Call = Callable[[Arguments], Awaitable[tuple[Any, ...]]]


class WinspoolServicer(pb_grpc.WinspoolServiceServicer):
    """A table of names; each leads to the same rooms as the modern services."""

    def __init__(
        self,
        inside: Inside,
        use: PortUse,
        ports: PortServicer,
        printers: PrinterServicer,
        prints: PrintServicer,
    ) -> None:
        handles = Handles()
        sessions = XcvSessions(inside, use)
        self.calls: Mapping[str, Call] = {
            **_of_ports(PortCalls(inside, ports)),
            **_of_printers(PrinterCalls(inside, handles, printers, sessions)),
            **_of_jobs(JobCalls(inside, handles, prints)),
            **_of_what_is_absent(AbsentCalls(inside, handles)),
        }

    async def Call(self, request: pb.CallRequest, _context: Any) -> pb.CallResponse:
        """See the contract."""
        call = self.calls.get(request.function)
        if call is None:
            raise NotSupported(f"there is no call {request.function!r}", win32=120, function=request.function)
        output, needed, *status = await call(Arguments(request.arguments_json))
        text = json.dumps(output, separators=(",", ":"), ensure_ascii=False)
        return pb.CallResponse(output_json=text.encode(), needed_bytes=needed, status=sum(status))


def _of_ports(calls: PortCalls) -> Mapping[str, Call]:
    return {
        "AddMonitor": calls.add_monitor,
        "AddPort": calls.add_port,
        "AddPortEx": calls.add_port_ex,
        "ConfigurePort": calls.configure_port,
        "DeleteMonitor": calls.delete_monitor,
        "DeletePort": calls.delete_port,
        "EnumMonitors": calls.enum_monitors,
        "EnumPorts": calls.enum_ports,
    }


def _of_printers(calls: PrinterCalls) -> Mapping[str, Call]:
    return {
        "AddPrinter": calls.add_printer,
        "ClosePrinter": calls.close_printer,
        "DeletePrinter": calls.delete_printer,
        "EnumPrinters": calls.enum_printers,
        "GetDefaultPrinter": calls.get_default,
        "GetPrinter": calls.get_printer,
        "GetPrinterData": calls.get_data,
        "GetPrinterDataEx": calls.get_data,
        "OpenPrinter": calls.open_printer,
        "SetDefaultPrinter": calls.set_default,
        "SetPrinter": calls.set_printer,
        "SetPrinterData": calls.set_data,
        "SetPrinterDataEx": calls.set_data,
        "XcvData": calls.xcv_data,
    }


def _of_jobs(calls: JobCalls) -> Mapping[str, Call]:
    return {
        "AddJob": calls.add_job,
        "EndDocPrinter": calls.end_doc,
        "EnumJobs": calls.enum_jobs,
        "ScheduleJob": calls.schedule,
        "SetJob": calls.set_job,
        "StartDocPrinter": calls.start_doc,
        "WritePrinter": calls.write,
    }


def _of_what_is_absent(calls: AbsentCalls) -> Mapping[str, Call]:
    return {
        "EnumForms": calls.enum_forms,
        "EnumPrintProcessors": calls.enum_processors,
        "EnumPrinterDrivers": calls.enum_drivers,
        "GetPrintProcessorDirectory": calls.directory,
        "GetPrinterDriver": calls.get_driver,
        "GetPrinterDriverDirectory": calls.directory,
    }
