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
        of_ports, absent = PortCalls(inside, ports), AbsentCalls(inside, handles)
        of_printers = PrinterCalls(inside, handles, printers, XcvSessions(inside, use))
        of_jobs = JobCalls(inside, handles, prints)
        self.calls: Mapping[str, Call] = {
            "AddJob": of_jobs.add_job,
            "AddMonitor": of_ports.add_monitor,
            "AddPort": of_ports.add_port,
            "AddPortEx": of_ports.add_port_ex,
            "AddPrinter": of_printers.add_printer,
            "ClosePrinter": of_printers.close_printer,
            "ConfigurePort": of_ports.configure_port,
            "DeleteMonitor": of_ports.delete_monitor,
            "DeletePort": of_ports.delete_port,
            "DeletePrinter": of_printers.delete_printer,
            "EndDocPrinter": of_jobs.end_doc,
            "EnumForms": absent.enum_forms,
            "EnumJobs": of_jobs.enum_jobs,
            "EnumMonitors": of_ports.enum_monitors,
            "EnumPorts": of_ports.enum_ports,
            "EnumPrintProcessors": absent.enum_processors,
            "EnumPrinterDrivers": absent.enum_drivers,
            "EnumPrinters": of_printers.enum_printers,
            "GetDefaultPrinter": of_printers.get_default,
            "GetPrintProcessorDirectory": absent.directory,
            "GetPrinter": of_printers.get_printer,
            "GetPrinterData": of_printers.get_data,
            "GetPrinterDataEx": of_printers.get_data,
            "GetPrinterDriver": absent.get_driver,
            "GetPrinterDriverDirectory": absent.directory,
            "OpenPrinter": of_printers.open_printer,
            "ScheduleJob": of_jobs.schedule,
            "SetDefaultPrinter": of_printers.set_default,
            "SetJob": of_jobs.set_job,
            "SetPrinter": of_printers.set_printer,
            "SetPrinterData": of_printers.set_data,
            "SetPrinterDataEx": of_printers.set_data,
            "StartDocPrinter": of_jobs.start_doc,
            "WritePrinter": of_jobs.write,
            "XcvData": of_printers.xcv_data,
        }

    async def Call(self, request: pb.CallRequest, _context: Any) -> pb.CallResponse:
        """See the contract."""
        call = self.calls.get(request.function)
        if call is None:
            raise NotSupported(f"there is no call {request.function!r}", win32=120, function=request.function)
        output, needed, *status = await call(Arguments(request.arguments_json))
        text = json.dumps(output, separators=(",", ":"), ensure_ascii=False)
        return pb.CallResponse(output_json=text.encode(), needed_bytes=needed, status=sum(status))
