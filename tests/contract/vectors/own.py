"""Rows that follow from the rules, made by rule and not by hand: what every level, size, handle, right and name comes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.contract.vectors.own_language import language_rows
from tests.contract.vectors.own_rules import more_rows
from tests.contract.vectors.rows import BODY, Given, Row

_BAD_LEVELS = (0, 3, 4, 99)
_SIZES = ("N-1", "N", "N+1")
_ADMIN = 'xcv handle on monitor object "" with ADMIN (1)'
_READER = 'xcv handle on "" with access 0'


def own_rows() -> list[Row]:
    """Return the rows, numbered in the order of their rules."""
    made = [*_levels(), *_sizes(), *_handles(), *_commands(), *_names(), *more_rows(), *language_rows()]
    return [_numbered(row, number) for number, row in enumerate(made, start=1)]


def _numbered(row: dict[str, Any], number: int) -> Row:
    # XcvData's BOOL is about delivery.
    delivered = row["function"].startswith("XcvData (") and row["grpc"] == BODY
    codes = {"native_ok": delivered or row["win32"] == 0, "native": (row["win32"],)}
    defaults: dict[str, Any] = {"command": None, "preconditions": (), "out": {}, "notes": ""}
    row["input"] = Given(row["input"])
    return Row(id=f"OWN-{number:03}", **(defaults | codes | row))


def _row(
    rule: str, function: str, given: dict[str, Any], win32: int, grpc: str, **more: Any
) -> dict[str, Any]:
    return {"rule": rule, "function": function, "input": given, "win32": win32, "grpc": grpc, **more}


def _levels() -> Iterator[dict[str, Any]]:
    for level in _BAD_LEVELS:
        for function in ("EnumPorts", "EnumPorts (API)", "EnumMonitors"):
            yield _row("level", function, {"level": level}, 124, "INVALID_ARGUMENT")
    for level in (3, 7):
        yield _row("level", "StartDocPort", {"level": level}, 124, "INVALID_ARGUMENT")
    for level in (0, 2, 3):
        for function in ("GetPrinterDriverDirectory", "GetPrintProcessorDirectory", "AddJob"):
            yield _row("level", function, {"level": level}, 124, "INVALID_ARGUMENT")
    for level in (0, 2, -1):
        yield _row(
            "level first", "AddPortEx", {"level": level, "monitor": "nobody's"}, 124, "INVALID_ARGUMENT"
        )


def _sizes() -> Iterator[dict[str, Any]]:
    for function in ("EnumPorts", "EnumPorts (API)", "EnumMonitors", "EnumPrinters"):
        for level in (1, 2):
            for size in _SIZES:
                short = size == "N-1"
                code, grpc = (122, "OUT_OF_RANGE") if short else (0, "OK")
                yield _row("size", function, {"level": level, "size": size}, code, grpc, out={"needed": "N"})
    for size in _SIZES:
        code = 122 if size == "N-1" else 0
        given = {"out_size": size.replace("N", "needed")}
        yield _row("size", "XcvDataPort", given, code, BODY, command="MonitorUI", preconditions=(_ADMIN,))
        code, grpc = (234, "OUT_OF_RANGE") if size == "N-1" else (0, "OK")
        given = {"handle": "printer", "key": "\\", "value": "Name", "size": size}
        yield _row("more data", "GetPrinterDataEx", given, code, grpc)


def _handles() -> Iterator[dict[str, Any]]:
    for handle in (None, "garbage", "closed"):
        yield _row("dead handle", "ClosePort", {"handle": handle}, 6, "FAILED_PRECONDITION")
    for handle in (None, "garbage"):
        yield _row("dead handle", "XcvClosePort", {"handle": handle}, 6, "FAILED_PRECONDITION")
    yield _row("closed twice", "XcvClosePort", {"handle": "closed"}, 0, "OK")
    for function in ("StartDocPort", "WritePort", "ReadPort", "EndDocPort", "SetPortTimeOuts"):
        for handle in (None, "garbage", "closed"):
            yield _row("dead handle", function, {"handle": handle}, 6, "FAILED_PRECONDITION")
    for function in ("StartDocPrinter", "WritePrinter", "GetPrinter", "EnumForms", "DeletePrinter", "SetJob"):
        yield _row("dead handle", function, {"handle": None, "level": 1}, 6, "FAILED_PRECONDITION")
    for function in ("StartDocPrinter", "WritePrinter", "EndDocPrinter", "AddJob", "ScheduleJob", "SetJob"):
        for handle in ("garbage", "closed"):
            given = {"handle": handle, "level": 1, "doc": "valid", "job": 1}
            yield _row("dead handle", function, given, 6, "FAILED_PRECONDITION")
    for handle in (None, "garbage", "closed"):
        given = {"handle": handle}
        yield _row("dead handle", "SendRecvBidiDataFromPort", given, 6, "FAILED_PRECONDITION")
    for command in ("HostAddress", "IPAddress", "SNMPCommunity"):
        given = {"handle": "garbage"}
        yield _row("dead handle", "XcvDataPort (TCPMON)", given, 6, "FAILED_PRECONDITION", command=command)


def _commands() -> Iterator[dict[str, Any]]:
    more: dict[str, Any]
    for stored in (None, "", "does_not_exist", "-3"):
        more = {"command": "GetTransmissionRetryTimeout", "preconditions": (_ADMIN,), "out": {"dword": 45}}
        yield _row("as if never stored", "XcvDataPort", {"stored": stored}, 0, BODY, **more)
    for command in ("", "addport", "MONITORUI", "AddPort ", "NoSuchCommand", "Port\u00cfsValid"):
        given = {"command": command}
        yield _row("command", "XcvDataPort", given, 87, BODY, command=command, preconditions=(_ADMIN,))
    for command in ("AddPort", "DeletePort", "ConfigureLPTPortCommandOK"):
        given = {"input": "valid"}
        yield _row("rights", "XcvDataPort", given, 5, BODY, command=command, preconditions=(_READER,))
    for command in ("MonitorUI", "PortIsValid", "PortExists"):
        given = {"input": "LPT1:"}
        yield _row("rights", "XcvDataPort", given, 0, BODY, command=command, preconditions=(_READER,))
    for command in ("AddPort", "ConfigPort", "DeletePort"):
        given = {"input": "PORT_DATA_1"}
        more = {"command": command, "preconditions": ("no ADMIN",)}
        yield _row("rights", "XcvDataPort (TCPMON)", given, 5, BODY, **more)


def _names() -> Iterator[dict[str, Any]]:
    for name in ("does_not_exist", "", "COM77:", "LPT1"):
        yield _row("unknown port", "OpenPort", {"name": name}, 1796, "NOT_FOUND")
    for name in ("com1:", "Com01:", "lpt0:", "LPT:"):
        yield _row("one port", "OpenPort", {"name": name}, 0, "OK", out={"handle": "new"})
    for name in ("COM1:", "LPT9:", "FILE:", "com44:"):
        given = {"input": name}
        yield _row(
            "no hardware", "XcvDataPort", given, 0, BODY, command="PortIsValid", preconditions=(_ADMIN,)
        )
    for name in (",XcvMonitor nobody's", ",XcvPort nobody's"):
        yield _row("open name", "OpenPrinter", {"name": name}, 1796, "NOT_FOUND")
    for name in ("a,b", "", "does_not_exist", ",xcvmonitor Local Port"):
        yield _row("open name", "OpenPrinter", {"name": name}, 1801, "NOT_FOUND")
    for name in (",XcvMonitor Local Port", "labels"):
        given = {"name": rf"\\elsewhere\{name}"}
        yield _row("open name", "OpenPrinter", given, 1722, "UNAVAILABLE")
    for name in ("a,b", "a\\b"):
        yield _row("new name", "AddPrinter", {"name": name}, 1801, "INVALID_ARGUMENT")
    for opened in (",XcvMonitor Local Port", ",XcvPort IP_1", "<printer>", None):
        yield _row("open name", "OpenPrinter", {"name": opened}, 0, "OK")
