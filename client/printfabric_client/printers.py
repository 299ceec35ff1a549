"""Printers: queues with one or more ports."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping

from google.protobuf.field_mask_pb2 import FieldMask

from printfabric.spooler.v1 import printer_service_pb2 as pb
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceStub
from printfabric_client.connection import Connection
from printfabric_client.names import PortRef, PrinterRef, port_name, printer_name
from printfabric_client.paging import PAGE_SIZE, pages
from printfabric_client.spec import new_request_id


class Printers:
    """Printers of the fabric; `client.printers`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = PrinterServiceStub(connection.channel)

    async def create(
        self,
        name: str,
        ports: Iterable[PortRef] = (),
        *,
        settings: pb.Printer | None = None,
        allow_unknown_ports: bool = False,
        validate_only: bool = False,
        request_id: str | None = None,
    ) -> pb.Printer:
        """Add a printer that uses `ports`, preferred first. `settings` holds everything else; it accepts jobs.

        Raises:
            PrinterExists: there is one of that name.
            PortNotFound: a port is not known; nothing was added.
        """
        printer = pb.Printer(accepting=True)
        if settings is not None:
            printer.CopyFrom(settings)
        printer.ports.extend(pb.PrinterPort(port=port_name(port)) for port in ports)
        request = pb.CreatePrinterRequest(
            printer_id=name.removeprefix("printers/"),
            printer=printer,
            request_id=request_id or new_request_id(),
            validate_only=validate_only,
            allow_unknown_ports=allow_unknown_ports,
        )
        return (await self._connection.call(self._stub.CreatePrinter, request, safe=True)).printer

    async def get(self, printer: PrinterRef) -> pb.Printer:
        """Return a printer. Raises `PrinterNotFound`."""
        request = pb.GetPrinterRequest(name=printer_name(printer))
        return (await self._connection.call(self._stub.GetPrinter, request, safe=True)).printer

    async def list(
        self, *, labels: Mapping[str, str] | None = None, port: PortRef | None = None
    ) -> AsyncGenerator[pb.Printer, None]:
        """Yield printers by name; only those with these labels, only those that use this port."""
        used = None if port is None else port_name(port)

        async def fetch(token: str) -> pb.ListPrintersResponse:
            request = pb.ListPrintersRequest(
                page_size=PAGE_SIZE, page_token=token, labels=dict(labels or {}), port=used
            )
            return await self._connection.call(self._stub.ListPrinters, request, safe=True)

        async for page in pages(fetch):
            for printer in page.printers:
                yield printer

    async def update(
        self, printer: pb.Printer, *fields: str, allow_unknown_ports: bool = False
    ) -> pb.Printer:
        """Write the named fields of `printer`, or all that can be set.

        Raises:
            EtagMismatch: somebody changed it since it was read; an empty `etag` overwrites.
        """
        request = pb.UpdatePrinterRequest(
            printer=printer,
            update_mask=FieldMask(paths=fields) if fields else None,
            allow_unknown_ports=allow_unknown_ports,
        )
        return (await self._connection.call(self._stub.UpdatePrinter, request)).printer

    async def delete(self, printer: PrinterRef, *, cancel_jobs: bool = False, etag: str = "") -> bool:
        """Delete a printer. True: it still prints the jobs it has and goes then."""
        request = pb.DeletePrinterRequest(name=printer_name(printer), cancel_jobs=cancel_jobs, etag=etag)
        return (await self._connection.call(self._stub.DeletePrinter, request)).pending

    async def pause(self, printer: PrinterRef, *, reason: str = "") -> pb.Printer:
        """Stop scheduling: the present job goes on, jobs are still accepted."""
        request = pb.PausePrinterRequest(name=printer_name(printer), reason=reason)
        return (await self._connection.call(self._stub.PausePrinter, request)).printer

    async def resume(self, printer: PrinterRef, *, reason: str = "") -> pb.Printer:
        """Schedule again."""
        request = pb.ResumePrinterRequest(name=printer_name(printer), reason=reason)
        return (await self._connection.call(self._stub.ResumePrinter, request)).printer

    async def purge(self, printer: PrinterRef, *, include_current: bool = False, reason: str = "") -> int:
        """Cancel all jobs but the one that prints; return how many."""
        request = pb.PurgePrinterRequest(
            name=printer_name(printer), include_current=include_current, reason=reason
        )
        return (await self._connection.call(self._stub.PurgePrinter, request)).canceled_jobs

    async def data(
        self,
        printer: PrinterRef,
        value_name: str = "",
        *,
        control_id: int = 0,
        data: bytes = b"",
        port: PortRef | None = None,
        request_id: str | None = None,
    ) -> pb.GetPrinterDataResponse:
        """Ask the printer itself (GetPrinterData): a value of its language monitor by name, or a device control.

        `output` has Windows' form: a number is a DWORD. `kept_time` is set when the printer cannot be asked now, and
        says when it said so.

        Raises:
            InvalidArgument: there is no such value, or the control is none of this kind of port.
            AccessDenied: the control changes the device, and the caller or the port does not allow that.
        """
        request = pb.GetPrinterDataRequest(
            name=printer_name(printer),
            port=None if port is None else port_name(port),
            control_id=control_id,
            value_name=value_name,
            input=data,
            request_id=request_id or new_request_id(),
        )
        return await self._connection.call(self._stub.GetPrinterData, request, safe=True)
