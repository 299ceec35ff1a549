"""Printers by Windows' names: OpenPrinter, ClosePrinter, AddPrinter, DeletePrinter, GetPrinter, SetPrinter, their data, XcvData."""

from __future__ import annotations

import base64
import platform
import re
from collections.abc import Mapping
from typing import Any

from chassis.errors import AccessDenied, HostUnreachable, InvalidArgument, PrinterNotFound
from chassis.identity import current
from printfabric.spooler.v1 import printer_service_pb2 as pb
from spooler.api import rights
from spooler.api.inside import Inside
from spooler.api.names import open_name
from spooler.api.printer_servicer import PrinterServicer
from spooler.api.winspool.arguments import Arguments, text_bytes
from spooler.api.winspool.handles import Handles, check_datatype, new_handle
from spooler.api.winspool.ports import check_administrator
from spooler.api.xcv_sessions import ADMINISTER, ENUMERATE, XcvSessions
from spooler.printer import PortName, check_name

_XCV = re.compile(r"(\\\\[^\\,]+\\)?,Xcv(Monitor|Port) .+", re.DOTALL)
# Every right there is: the server's, the printer's and the job's, and the standard ones.
_RIGHTS = 0x7F | 0x1F0000 | 0x2000000
_NEEDS_ADMINISTRATOR = 0x1 | 0x4
_INFO_BYTES = {0: 48, 1: 32, 2: 136, 3: 8, 4: 24, 5: 32, 6: 4, 7: 16, 8: 8, 9: 8}
_BAD_NAME = 1801
_NUMBERS = frozenset({"Installed Memory", "Available Memory"})  # pjlmon's values: DWORDs
Answer = tuple[dict[str, Any], int]


class PrinterCalls:
    """The calls about printers and the server."""

    def __init__(
        self, inside: Inside, handles: Handles, printers: PrinterServicer, sessions: XcvSessions
    ) -> None:
        self._book = inside.dispatch.book
        self._hosts, self._steering = inside.hosts, inside.printers
        self._handles, self._printers, self._sessions = handles, printers, sessions
        self._default: dict[str, str] = {}  # by caller, while this spooler runs
        self._server_data: dict[str, Any] = {}

    # --- handles

    async def open_printer(self, given: Arguments) -> Answer:
        """OpenPrinter: the server, a printer, or a management session by its open name."""
        given.refuse_null("handle_out", win32=87)
        access = given.number("access")
        if access < 0 or access & ~_RIGHTS:
            raise AccessDenied(f"there is no access {access:#x}", access=access)
        if access & _NEEDS_ADMINISTRATOR and not rights.is_administrator():
            raise AccessDenied(f"{current()} may not administer", caller=current())
        if given.null("name"):
            return {"handle": self._handles.give_out(new_handle())}, 0
        name = given.text("name")
        if _XCV.fullmatch(name):
            self._check_server(name)
            xcv = await self._sessions.open(open_name(name), access & (ADMINISTER | ENUMERATE))
            handle = new_handle(xcv=self._sessions.find(xcv), xcv_handle=xcv)
            return {"handle": self._handles.give_out(handle)}, 0
        handle = new_handle(self._printer(name))
        if given.given("datatype"):
            check_datatype(given.text("datatype"))
        return {"handle": self._handles.give_out(handle)}, 0

    def _check_server(self, name: str) -> str:
        r"""Return what stands behind `\\server\`. Raises HostUnreachable (1722), nobody has that name."""
        if not name.startswith("\\\\"):
            return name
        server, _, behind = name[2:].partition("\\")
        if self._hosts.get(server) is None:
            raise HostUnreachable(f"there is no server {server}", host=server)
        return behind

    def _printer(self, name: str) -> str:
        r"""Return a printer's own name of `labels` or `\\server\labels`. Raises PrinterNotFound (1801)."""
        name = self._check_server(name)
        if not name or name not in self._book.queues:
            raise PrinterNotFound(f"there is no printer {name!r}", printer=name)
        return name

    async def close_printer(self, given: Arguments) -> Answer:
        """ClosePrinter."""
        handle = self._handles.close(given)
        if handle.xcv_handle:
            await self._sessions.close(handle.xcv_handle)
        return {}, 0

    async def xcv_data(self, given: Arguments) -> tuple[dict[str, Any], int, int]:
        """XcvData: the monitor's own code is the third result. NULL pointers are refused before anything is sent."""
        given.refuse_null("needed", "command", "status", win32=87)
        if given.null("out") and given.number("out_size", 1):
            raise InvalidArgument("the output is NULL and has a size", fields=[("out", "is NULL")])
        handle = self._handles.find(given)
        if handle.xcv is None:
            raise InvalidArgument("this handle is no management session", win32=6)
        most = given.number("out_size") if given.given("out_size") else None
        data = given.text("input").encode()
        answer = await self._sessions.data(handle.xcv, given.text("command"), data, most, "")
        output = {"output": answer.output.decode(), "message": answer.message}
        return output, answer.needed_bytes, answer.status

    # --- printers

    async def add_printer(self, given: Arguments) -> Answer:
        """AddPrinter: level 2 alone; the ports are Windows' comma list of `host/port`."""
        given.level(2, default=2)
        check_administrator("AddPrinter")
        info = given.record("info")
        if not info.text("name"):
            raise InvalidArgument("the printer has no name", fields=[("info.name", "is required")])
        try:
            check_name(info.text("name"))
        except InvalidArgument as error:
            raise InvalidArgument(
                error.message, win32=_BAD_NAME, fields=[("info.name", error.message)]
            ) from None
        ports = [PortName.parse(one.strip()) for one in info.text("ports").split(",") if one.strip()]
        printer = pb.Printer(description=info.text("comment"), location=info.text("location"))
        for port in ports:
            printer.ports.add().port.host, printer.ports[-1].port.port = port
        request = pb.CreatePrinterRequest(printer_id=info.text("name"), printer=printer)
        await self._printers.CreatePrinter(request, None)
        return {"handle": self._handles.give_out(new_handle(info.text("name")))}, 0

    async def delete_printer(self, given: Arguments) -> Answer:
        """DeletePrinter: goes when its jobs are done."""
        handle = self._handles.printer(given)
        check_administrator("DeletePrinter")
        answer = await self._printers.DeletePrinter(pb.DeletePrinterRequest(name=handle.printer), None)
        return {"pending": answer.pending}, 0

    async def set_printer(self, given: Arguments) -> Answer:
        """SetPrinter with level 0: PAUSE 1, RESUME 2, PURGE 3."""
        handle = self._handles.printer(given)
        given.level(0, default=0)
        check_administrator("SetPrinter")
        command, name = given.number("command"), handle.printer
        if command == 1:
            await self._printers.PausePrinter(pb.PausePrinterRequest(name=name), None)
        elif command == 2:
            await self._printers.ResumePrinter(pb.ResumePrinterRequest(name=name), None)
        elif command == 3:
            await self._printers.PurgePrinter(pb.PurgePrinterRequest(name=name), None)
        elif command:
            raise InvalidArgument(f"SetPrinter has no command {command}", fields=[("command", "is unknown")])
        return {}, 0

    def _info(self, name: str, level: int) -> tuple[dict[str, Any], int]:
        printer = self._book.queue(name).printer
        ports = ",".join(str(port) for port in printer.ports)
        row = {"name": name, "ports": ports, "comment": printer.description, "location": printer.location}
        texts = [name] if level in (3, 6, 7, 8, 9) else [name, ports, printer.description, printer.location]
        return row, _INFO_BYTES[level] + text_bytes(*texts)

    async def get_printer(self, given: Arguments) -> Answer:
        """GetPrinter."""
        handle = self._handles.printer(given)
        given.refuse_null("needed")
        row, needed = self._info(handle.printer, given.level(*_INFO_BYTES))
        return row, given.fit(needed)

    async def enum_printers(self, given: Arguments) -> Answer:
        """EnumPrinters."""
        given.refuse_null("needed", "returned")
        given.refuse_missing_buffer()
        level = given.level(0, 1, 2, 4, 5)
        given.check_server(self._hosts)
        found = [self._info(name, level) for name in sorted(self._book.queues)]
        needed = given.fit(sum(size for _, size in found))
        return {"printers": [row for row, _ in found], "returned": len(found)}, needed

    # --- the default printer

    async def get_default(self, given: Arguments) -> Answer:
        """GetDefaultPrinter: the caller's choice, else the first by name."""
        given.refuse_null("size", win32=87)
        chosen = self._default.get(current().owner, "")
        name = chosen if chosen in self._book.queues else next(iter(sorted(self._book.queues)), "")
        if not name:
            raise InvalidArgument("there is no printer", win32=2)
        return {"name": name}, given.fit(text_bytes(name))

    async def set_default(self, given: Arguments) -> Answer:
        """SetDefaultPrinter: for this caller, while this spooler runs."""
        name = given.text("name") or next(iter(sorted(self._book.queues)), "")
        self._default[current().owner] = self._printer(name)
        return {}, 0

    # --- values

    async def get_data(self, given: Arguments) -> Answer:
        """GetPrinterData, GetPrinterDataEx: 2 for a value there is none of, 234 for a buffer that is too small."""
        handle = self._handles.find(given)
        given.refuse_null("needed", "value", win32=87)
        if given.null("key"):
            raise InvalidArgument("the key is NULL", fields=[("key", "is NULL")])
        values = self._printer_values(handle.printer) if handle.printer else self._server_values()
        found = values.get(given.text("value").casefold())
        if found is None and handle.printer:
            return await self._asked(handle.printer, given)
        if found is None:
            raise _no_value(given)
        is_number = isinstance(found, int)
        needed = given.fit(4 if is_number else text_bytes(str(found)), short=234)
        return {"type": "REG_DWORD" if is_number else "REG_SZ", "data": found}, needed

    async def _asked(self, printer: str, given: Arguments) -> Answer:
        """Ask the printer itself, by its language monitor. Raises InvalidArgument (2): there is none, or it has no such value."""
        name = given.text("value")
        if not name or not self._book.queue(printer).printer.way.language:
            raise _no_value(given)
        request = pb.GetPrinterDataRequest(name=printer, value_name=name)
        try:
            data = (await self._printers.GetPrinterData(request, None)).output
        except InvalidArgument as error:
            raise _no_value(given) from error
        needed = given.fit(len(data), short=234)
        if name in _NUMBERS:
            return {"type": "REG_DWORD", "data": int.from_bytes(data, "little")}, needed
        return {"type": "REG_BINARY", "data": base64.b64encode(data).decode()}, needed

    async def set_data(self, given: Arguments) -> Answer:
        """SetPrinterData, SetPrinterDataEx: the server's values, kept while this spooler runs and read by nobody here."""
        handle = self._handles.find(given)
        check_administrator("SetPrinterData")
        if handle.printer:
            raise InvalidArgument("a printer's values are its settings: UpdatePrinter", win32=50)
        name, data = given.text("value"), given.record("data") if given.given("data") else None
        if not name:
            raise InvalidArgument("no value is named", fields=[("value", "is required")])
        if len(self._server_data) >= 256 and name.casefold() not in self._server_data:
            raise InvalidArgument("there are too many values", win32=8)
        number = data is not None and data.text("type", "REG_DWORD") == "REG_DWORD"
        value: Any = "" if data is None else data.number("data") if number else data.text("data")
        self._server_data[name.casefold()] = value
        await self._steering.note_port(None, rights.caller(), "server-value", f"value {name}")
        return {}, 0

    def _printer_values(self, name: str) -> Mapping[str, Any]:
        row, _ = self._info(name, 2)
        return {
            "name": name,
            "port": row["ports"],
            "description": row["comment"],
            "location": row["location"],
        }

    def _server_values(self) -> Mapping[str, Any]:
        return {
            "defaultspooldirectory": "",
            "architecture": f"{platform.system()} {platform.machine()}",
            "majorversion": 3,
            "minorversion": 0,
            "restartjobonpoolerror": 900,
            "restartjobonpoolenabled": 0,
            **self._server_data,
        }


def _no_value(given: Arguments) -> InvalidArgument:
    return InvalidArgument(f"there is no value {given.text('value')!r}", win32=2)


def data_of(given: Arguments) -> bytes:
    """Return the bytes of `data` (base64). Raises InvalidArgument."""
    try:
        return base64.b64decode(given.text("data"), validate=True)
    except ValueError as error:
        raise InvalidArgument("data is not base64", fields=[("data", "must be base64")]) from error
