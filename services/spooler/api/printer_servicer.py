"""PrinterService: queues, their ports and their rules."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from chassis.errors import EtagMismatch, PortNotFound
from chassis.identity import Kind, current
from printfabric.spooler.v1 import printer_service_pb2 as pb
from printfabric.spooler.v1 import printer_service_pb2_grpc as pb_grpc
from spooler.api import paging, rights
from spooler.api.convert import port_from_pb
from spooler.api.convert_printer import apply_mask, put_settings, settings_from_pb
from spooler.api.inside import Inside
from spooler.api.look import Look
from spooler.api.names import printer_of
from spooler.api.port_use import PortUse
from spooler.api.printer_data import PrinterData
from spooler.api.rights import Right
from spooler.api.submission import MAX_REQUEST_ID, invalid, reason_of
from spooler.managed import check_printer
from spooler.printer import MANAGED_BY, Printer, check_name


class PrinterServicer(pb_grpc.PrinterServiceServicer):
    """Printers, from memory; changes go by the steering, which makes them durable and says who did it."""

    def __init__(self, inside: Inside, look: Look, use: PortUse) -> None:
        self._dispatch = inside.dispatch
        self._hosts = inside.hosts
        self._steering = inside.printers
        self._look = look
        self._use = use
        self._data = PrinterData(inside)

    async def CreatePrinter(
        self, request: pb.CreatePrinterRequest, _context: Any
    ) -> pb.CreatePrinterResponse:
        """See the contract."""
        name = printer_of(request.printer_id, "printer_id")
        check_name(name)
        if len(request.request_id) > MAX_REQUEST_ID or not request.request_id.isprintable():
            raise invalid("request_id", f"must be at most {MAX_REQUEST_ID} printable characters")
        printer = _declared(settings_from_pb(request.printer, Printer(name)), request.printer.managed_by)
        self._check_ports(printer, Printer(name), request.allow_unknown_ports)
        if request.validate_only:
            return pb.CreatePrinterResponse(printer=self._look.printer_to_pb(printer))
        created = await self._steering.create_printer(printer, rights.caller(), request.request_id)
        return pb.CreatePrinterResponse(printer=self._look.printer_to_pb(created))

    async def GetPrinter(self, request: pb.GetPrinterRequest, _context: Any) -> pb.GetPrinterResponse:
        """See the contract."""
        return pb.GetPrinterResponse(printer=self._look.printer_to_pb(self._printer(request.name)))

    async def ListPrinters(self, request: pb.ListPrintersRequest, _context: Any) -> pb.ListPrintersResponse:
        """See the contract."""
        book, wanted = self._dispatch.book, dict(request.labels).items()
        names: Collection[str] = book.names
        if request.HasField("port"):
            names = sorted(self._look.users_of(port_from_pb(request.port, "port")))
        printers = (book.queues[name].printer for name in names)
        fitting = (one for one in printers if one.revision and wanted <= dict(one.attributes).items())
        page, token = paging.page(fitting, lambda one: one.name, request.page_size, request.page_token)
        found = [self._look.printer_to_pb(printer) for printer in page]
        return pb.ListPrintersResponse(printers=found, next_page_token=token)

    async def UpdatePrinter(
        self, request: pb.UpdatePrinterRequest, _context: Any
    ) -> pb.UpdatePrinterResponse:
        """See the contract."""
        present = self._printer(request.printer.name, "printer.name")
        rights.require_on(present.name, Right.ADMINISTER, "change")
        check_printer(present, rights.caller())
        etag = request.printer.etag
        if etag and etag != present.etag:
            raise EtagMismatch(
                f"printer {present.name} was changed in between", printer=present.name, etag=present.etag
            )
        settings = pb.Printer()
        put_settings(settings, present)
        printer = settings_from_pb(apply_mask(settings, request.printer, request.update_mask), present)
        printer = _declared(printer, request.printer.managed_by)
        self._check_ports(printer, present, request.allow_unknown_ports)
        # The etag of what was read here goes along: an update from elsewhere in between is not overwritten.
        updated = await self._steering.update_printer(
            printer, rights.caller(), present.etag, reason_of(request.reason)
        )
        return pb.UpdatePrinterResponse(printer=self._look.printer_to_pb(updated))

    async def DeletePrinter(
        self, request: pb.DeletePrinterRequest, _context: Any
    ) -> pb.DeletePrinterResponse:
        """See the contract."""
        name = _of(request.name, "delete", Right.ADMINISTER)
        pending = await self._steering.delete_printer(
            name, rights.caller(), request.etag, request.cancel_jobs, reason_of(request.reason)
        )
        return pb.DeletePrinterResponse(pending=pending is not None)

    async def PausePrinter(self, request: pb.PausePrinterRequest, _context: Any) -> pb.PausePrinterResponse:
        """See the contract."""
        name, reason = _of(request.name, "pause"), reason_of(request.reason)
        paused = await self._steering.pause_printer(name, rights.caller(), reason)
        return pb.PausePrinterResponse(printer=self._look.printer_to_pb(paused))

    async def ResumePrinter(
        self, request: pb.ResumePrinterRequest, _context: Any
    ) -> pb.ResumePrinterResponse:
        """See the contract."""
        name, reason = _of(request.name, "resume"), reason_of(request.reason)
        resumed = await self._steering.resume_printer(name, rights.caller(), reason)
        return pb.ResumePrinterResponse(printer=self._look.printer_to_pb(resumed))

    async def PurgePrinter(self, request: pb.PurgePrinterRequest, _context: Any) -> pb.PurgePrinterResponse:
        """See the contract."""
        name, reason = _of(request.name, "purge"), reason_of(request.reason)
        count = await self._steering.purge_printer(name, rights.caller(), request.include_current, reason)
        return pb.PurgePrinterResponse(canceled_jobs=count)

    async def GetPrinterData(
        self, request: pb.GetPrinterDataRequest, _context: Any
    ) -> pb.GetPrinterDataResponse:
        """See the contract."""
        return await self._data.get(request)

    def _printer(self, name: str, field: str = "name") -> Printer:
        return self._dispatch.book.queue(printer_of(name, field)).printer

    def _check_ports(self, printer: Printer, before: Printer, allow_unknown: bool) -> None:
        """Raise PortNotFound for a port that is new to the printer and that no host has told of."""
        known = {port.key for port in before.ports}
        for number, port in enumerate(printer.ports):
            self._use.check_free(port)
            if not allow_unknown and port.key not in known and self._hosts.port(port) is None:
                raise PortNotFound(
                    f"there is no port {port}",
                    port=port,
                    fields=[(f"printer.ports[{number}].port", "is not known; allow_unknown_ports takes it")],
                )


def _declared(printer: Printer, manager: str) -> Printer:
    """Return a printer with the manager that a resource says; from anybody else that is no setting."""
    if current().kind is not Kind.RESOURCE:
        return printer
    others = {key: text for key, text in printer.attributes.items() if key != MANAGED_BY}
    return replace(printer, attributes={**others, MANAGED_BY: manager} if manager else others)


def _of(name: str, to: str, right: Right = Right.OPERATE) -> str:
    """Return the printer of a resource name, if the caller has the right on it."""
    printer = printer_of(name)
    rights.require_on(printer, right, to)
    return printer
