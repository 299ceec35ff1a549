"""Rows about language monitors that follow from the rules: every PJL code, every way to ask for device data and to be refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_NEEDED_OF_A_PORT_MONITOR = ("OpenPort", "StartDocPort", "WritePort", "ReadPort", "EndDocPort", "ClosePort")
# PJL code: PORT_INFO_3's dwStatus and dwSeverity.
_PJL = (
    (10001, 0, None), (10002, 0, None), (11002, 0, None), (10003, 11, "WARNING"), (10006, 10, "WARNING"),
    (40038, 10, "ERROR"), (30016, 9, "WARNING"), (30078, 12, "WARNING"), (35078, 12, "WARNING"), (40019, 4, "ERROR"),
    (40021, 7, "ERROR"), (40022, 2, "ERROR"), (40034, 5, "ERROR"), (41002, 5, "ERROR"), (40079, 1, "ERROR"),
    (11102, 3, "WARNING"), (11999, 3, "WARNING"), (41102, 3, "ERROR"), (41999, 3, "ERROR"), (40001, 8, "ERROR"),
    (41101, 8, "ERROR"), (42000, 8, "INFO"),
)  # fmt: skip
# Action, path, the value to set if any, and the item's code.
_BIDI = (
    ("Get", r"\Printer.Foo", None, 13005), ("get", r"\Printer.DeviceInfo:Nothing", None, 13005),
    ("GETALL", r"\Printer.Nowhere", None, 13005), ("Get", r"\Printer.Maintenance:AlignHead", None, 13010),
    ("Get", r"\Printer.Maintenance:CleanHead", None, 13010), ("GetAll", r"\Printer.Maintenance", None, 13010),
    ("Set", r"\Printer.Configuration.Memory:Size", 1, 13002), ("SET", r"\Printer.Status.Summary:State", "Idle", 13002),
    ("Set", r"\Printer.DeviceInfo:ModelName", "mine", 13002), ("Set", r"\Printer.DeviceInfo:Nothing", "x", 13005),
    ("Set", r"\Printer.DeviceInfo", "x", 13007), ("Set", r"\Printer.DeviceInfo:Location", 1, 13006),
    ("Set", r"\Printer.Maintenance:CleanHead", "please", 13006), ("Set", r"\Printer.Maintenance:CleanHead", 1, 50),
    ("GetWithArgument", r"\Printer.DeviceInfo:ModelName", None, 13013),
    ("Get", r"\Printer.Configuration.DuplexUnit:Installed", None, 0), ("Get", r"\Printer.Status.Summary:State", None, 0),
    ("Set", r"\Printer.DeviceInfo:FriendlyName", "Front", 0), ("set", r"\Printer.DeviceInfo:Location", "Hall", 0),
    ("Set", r"\Printer.DeviceInfo:Comment", "", 0),
)  # fmt: skip


def language_rows() -> Iterator[dict[str, Any]]:
    """Yield the rows."""
    for function in _NEEDED_OF_A_PORT_MONITOR:
        yield _row(
            "missing function", "OpenPortEx", {"pm_table_missing": function}, 3007, "FAILED_PRECONDITION"
        )
    yield _row("one hold", "OpenPortEx", {"again": True}, 170, "ABORTED")
    yield _row("no printer", "OpenPortEx", {"printer": None}, 87, "INVALID_ARGUMENT")
    for port in ("COM77:", "nobody's"):
        yield _row("unknown", "OpenPortEx", {"port": port}, 1796, "NOT_FOUND")
    for code, status, severity in _PJL:
        out = {"port_status": status} | ({"severity": severity} if severity else {})
        yield _row("pjl", "pjl-status", {"code": code}, 0, "OK", out)
    yield _row("pjl", "pjl-status", {"online": False}, 0, "OK", {"port_status": 1, "severity": "ERROR"})
    yield _row("pjl", "pjl-status", {"online": True}, 0, "OK", {"port_status": 0})
    for action, path, value, item in _BIDI:
        given = {"action": action, "path": path} | ({} if value is None else {"value": value})
        yield _row("bidi", "SendRecvBidiDataFromPort", given, 13001 if item else 0, "OK", {"item": item})
    for action in ("Get", "GetAll", "Set", "GetWithArgument"):
        yield _row("no items", "SendRecvBidiDataFromPort", {"action": action}, 87, "INVALID_ARGUMENT")
    yield _row("no items", "SendRecvBidiDataFromPort", {"action": "enumschema"}, 0, "OK")
    yield _row(
        "no action",
        "SendRecvBidiDataFromPort",
        {"action": "Dance", "path": "\\Printer.A:B"},
        50,
        "UNIMPLEMENTED",
    )


def _row(
    rule: str, function: str, given: dict[str, Any], code: int, grpc: str, out: Any = None
) -> dict[str, Any]:
    return {"rule": rule, "function": function, "input": given, "win32": code, "grpc": grpc, "out": out or {}}
