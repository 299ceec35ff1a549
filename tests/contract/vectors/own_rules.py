"""More rows that follow from the rules: other names, sizes, rights, orders, codes and paths than the reference happens to have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.contract.vectors.rows import BODY

IA, NF, FP, OK, UN = "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OK", "UNIMPLEMENTED"
_ADMIN = ('xcv handle on monitor object "" with ADMIN (1)',)
_READER = ('xcv handle on "" with access 0',)
_DEVICES = ("COM1:", "LPT1:", "IP_1", "com01:", "lpt0:")


class Rule(NamedTuple):
    """A rule, the call it is about, what it is given, and what comes of it."""

    name: str
    function: str
    given: Iterable[dict[str, Any]]
    code: int
    grpc: str
    out: Any = None
    command: str | None = None
    preconditions: tuple[str, ...] = ()


def _each(member: str, /, *values: Any, **more: Any) -> list[dict[str, Any]]:
    return [{member: value, **more} for value in values]


_MONITOR = (
    Rule("one hold", "OpenPort", _each("name", *_DEVICES, again=True), 170, "ABORTED"),
    Rule("private", "OpenPort", _each("name", "FILE:", "file:", again=True), 0, OK,
        {"handle": "different from the first"}),
    Rule("no name", "OpenPort", _each("name", None), 87, IA),
    Rule("nowhere to put it", "OpenPort", _each("handle_out", None, name="COM1:"), 87, IA),
    Rule("close", "ClosePort", _each("port", *_DEVICES, "FILE:", handle="from OpenPort"), 0, OK),
    Rule("null output", "EnumPorts", [{"level": 1, "size": 0, "needed": None}, {"level": 2, "size": 0, "returned": None},
        {"level": 2, "buffer": None, "size": "N"}], 87, IA),
    Rule("probe", "EnumPorts", _each("level", 1, 2, buffer=None, size=0), 122, "OUT_OF_RANGE", {"needed": "N"}),
    Rule("root", "InitializePrintMonitor2", _each("registry_root", None, ""), 87, IA),
    Rule("root", "InitializePrintMonitor2", _each("registry_root", "x", "a\\b"), 0, OK),
    Rule("levels", "StartDocPort", _each("level", 1, 2), 0, OK),
    Rule("levels", "StartDocPort", _each("level", 3, 4, 99), 124, IA),
    Rule("again", "StartDocPort", _each("again", True), 0, OK, None, None, ("document open",)),
    Rule("another", "StartDocPort", _each("again", "with another job"), 170, FP, None, None, ("document open",)),
    Rule("file name", "StartDocPort", [{"port": "FILE:", "output_file": None}], 87, IA),
    Rule("nothing open", "WritePort", _each("state", "no document", "document ended"), 6, FP),
    Rule("nothing to write", "WritePort", _each("bytes", 0), 0, OK),
    Rule("no progress", "WritePort", _each("device", "accepts 0 bytes"), 1460, "DEADLINE_EXCEEDED"),
    Rule("cannot be read", "ReadPort", _each("port", "FILE:", "<file port in use>"), 6, FP),
    Rule("nothing there", "ReadPort", _each("port", "COM1:", "IP_1"), 0, OK),
    Rule("no document", "EndDocPort", _each("port", "COM1:", "LPT1:", "IP_1", "FILE:"), 0, OK),
    Rule("by name", "GetPrinterDataFromPort", _each("port", "COM1:", "LPT1:", "IP_1", "FILE:", control_id=0), 87, IA),
    Rule("no device", "GetPrinterDataFromPort", _each("control_id", 1, 0x220034, port="FILE:"), 87, IA),
    Rule("no such control", "GetPrinterDataFromPort", _each("port", "LPT1:", "IP_1", control_id=0x220034), 50, UN),
    Rule("whose status", "SetPort", _each("port", "COM1:", "IP_1", caller="not an administrator"), 5, "PERMISSION_DENIED"),
    Rule("kept or not", "SetJob", _each("command", "RETAIN", "RELEASE", 8, 9), 0, OK),
    Rule("monitors' words", "SetJob", _each("command", "LAST_PAGE_EJECTED", 6, 7), 50, UN),
    Rule("several missing", "OpenPortEx", _each("pm_table_missing", ["OpenPort", "WritePort"]), 3007, FP),
    Rule("reserved", "SetPortTimeOuts", _each("reserved", 1, 7, 0xFFFFFFFF), 87, IA),
    Rule("no device", "SetPortTimeOuts", _each("port", "FILE:", "<file port in use>"), 87, IA),
    Rule("time-outs", "SetPortTimeOuts", _each("port", "COM1:", "LPT1:", "IP_1"), 0, OK),
    Rule("told", "NotifyUsedPorts", _each("ports", ["COM1:"], ["COM1:", "LPT1:"]), 0, OK),
    Rule("told", "NotifyUnusedPorts", _each("ports", ["COM1:"], ["COM1:", "LPT1:"]), 0, OK),
)  # fmt: skip
_LOCAL = (
    Rule("any mask", "XcvOpenPort", _each("access", 0, 1, 2, 3, 8, "ALL", -1, object=""), 0, OK),
    Rule("any port", "XcvOpenPort", _each("object", *_DEVICES, "FILE:", access=0), 0, OK),
    Rule("no such port", "XcvOpenPort", _each("object", "COM77:", "nobody's", access=1), 1796, NF),
    Rule("no object", "XcvOpenPort", _each("object", None, access=1), 87, IA),
    Rule("close", "XcvClosePort", _each("handle", "from XcvOpenPort"), 0, OK),
    *(
        Rule("size", "XcvDataPort", _each("out_size", *sizes), code, BODY, None, command, _ADMIN)
        for command in ("MonitorUI", "GetTransmissionRetryTimeout")
        for sizes, code in (((0, "needed-1"), 122), (("needed", "needed+1", "needed+9", "plenty"), 0))
    ),
    Rule("DWORD", "XcvDataPort", _each("out_size", 0), 122, BODY, {"needed": 4}, "GetTransmissionRetryTimeout", _ADMIN),
    *(
        Rule("seconds", "XcvDataPort", _each("input", text), 0, BODY, {"stored TransmissionRetryTimeout": text},
            "ConfigureLPTPortCommandOK", _ADMIN)
        for text in ("0", "1", "45", "90", "999999", "1000000", "4294967295")
    ),
    Rule("no seconds", "XcvDataPort", _each("input", "", "-5", "1.5", "0x10", "abc", "12 34", "4294967296", "٣"), 87, BODY,
        None, "ConfigureLPTPortCommandOK", _ADMIN),
    *(
        Rule("stored", "XcvDataPort", _each("stored", text), 0, BODY, {"dword": int(text)},
            "GetTransmissionRetryTimeout", _ADMIN)
        for text in ("0", "1", "90", "1000000")
    ),
    Rule("default", "XcvDataPort", _each("stored", None), 0, BODY, {"dword": 45}, "GetTransmissionRetryTimeout", _ADMIN),
    Rule("add", "XcvDataPort", _each("input", "<temp file>"), 0, BODY, None, "AddPort", _ADMIN),
    Rule("exists", "XcvDataPort", _each("input", "COM1:", "com01:", "FILE:", "ip_1", "IP_1"), 183, BODY, None, "AddPort",
        _ADMIN),
    Rule("exists", "XcvDataPort", _each("input", "<temp file>"), 183, BODY, None, "AddPort", (*_ADMIN, "port exists")),
    Rule("no name", "XcvDataPort", _each("input", None), 87, BODY, None, "AddPort", _ADMIN),
    Rule("absent", "XcvDataPort", _each("input", "<temp file>", "COM77:", ""), 2, BODY, None, "DeletePort", _ADMIN),
    Rule("in use", "XcvDataPort", _each("input", "<file port in use>"), 170, BODY, None, "DeletePort", _ADMIN),
    Rule("there", "XcvDataPort", _each("input", *_DEVICES, "FILE:", "ip_1"), 0, BODY, {"dword": 1}, "PortExists", _READER),
    Rule("not there", "XcvDataPort", _each("input", "COM77:", "nobody's", ""), 0, BODY, {"dword": 0}, "PortExists", _READER),
    Rule("valid", "XcvDataPort", _each("input", "COM9:", "com17:", "LPT3:", "FILE:", "file:", "<temp file>"), 0, BODY, None,
        "PortIsValid", _READER),
    *(
        Rule("not valid", "XcvDataPort", _each("input", text), code, BODY, None, "PortIsValid", _ADMIN)
        for text, code in (("", 3), ("<directory>", 123), ("<file in a missing directory>", 3), (None, 87))
    ),
    Rule("no session", "XcvDataPort", _each("input", "LPT1:", handle=None), 0, BODY, None, "PortIsValid"),
    Rule("a line", "XcvDataPort", _each("input", "COM1", "com01"), 0, BODY, None, "GetDefaultCommConfig", _READER),
    Rule("no line", "XcvDataPort", _each("input", "COM77"), 2, BODY, None, "GetDefaultCommConfig", _ADMIN),
    *(
        Rule("rights", "XcvDataPort", _each("input", "valid"), 5, BODY, None, command, _READER)
        for command in ("AddPort", "DeletePort", "ConfigureLPTPortCommandOK", "SetDefaultCommConfig", "ConfigPort")
    ),
)  # fmt: skip


def _tcp(
    name: str, commands: Iterable[str], given: dict[str, Any], code: int, *preconditions: str
) -> list[Rule]:
    return [
        Rule(name, "XcvDataPort (TCPMON)", [given], code, BODY, None, one, preconditions) for one in commands
    ]


_ASKED = ("HostAddress", "IPAddress", "SNMPCommunity", "SNMPDeviceIndex", "SNMPEnabled")
_TCPMON = (
    *_tcp("no input", ("AddPort", "ConfigPort", "DeletePort"), {"input": None}, 13, "ADMIN"),
    *_tcp("short", ("AddPort", "ConfigPort", "DeletePort"), {"input": "short record"}, 13, "ADMIN"),
    *_tcp("rights", ("AddPort", "ConfigPort"), {"input": "PORT_DATA_2"}, 5, "no ADMIN"),
    *(rule for version in (0, 3, 7)
        for rule in _tcp("version", ("AddPort", "ConfigPort"), {"input": f"PORT_DATA version {version}"}, 124, "ADMIN")),
    *_tcp("version", ("DeletePort",), {"input": "DELETE_PORT_DATA version 2"}, 124, "ADMIN"),
    *_tcp("version", ("GetConfigInfo",), {"input": "CONFIG_INFO version 3"}, 124, "port handle"),
    *_tcp("no input", ("GetConfigInfo",), {"input": None}, 13, "port handle"),
    *_tcp("short", ("GetConfigInfo",), {"input": "short record"}, 13, "port handle"),
    *(rule for record in ("PORT_DATA_1", "PORT_DATA_2") for rule in _tcp("add", ("AddPort",), {"input": record}, 0, "ADMIN")),
    *(rule for size, code in (("small", 122), ("needed-1", 122), ("needed", 0), ("needed+1", 0))
        for rule in _tcp("size", _ASKED, {"out_size": size}, code, "port handle")),
    *_tcp("nowhere to put it", _ASKED, {"out": None}, 87, "port handle"),
    *_tcp("nowhere to put it", _ASKED, {"out_size": "small", "needed": None}, 87, "port handle"),
    *_tcp("another monitor's", ("CleanupPort", "DeviceID", "PnPXID", "ServiceID", "ResetCommunication", "CheckCluster",
        "DiscoverDevice", "ConfigureLPTPortCommandOK"), {"input": None}, 87, "ADMIN"),
    *_tcp("unknown", ("hostaddress", "Nope", "", "ADDPORT", "SetDefaultCommConfig"), {"input": None}, 87, "ADMIN"),
)  # fmt: skip
_API = (
    Rule("level first", "AddPortEx (provider)", _each("level", 0, 2, 3, monitor="nobody's"), 124, IA),
    Rule("exists", "AddPortEx (API)", _each("name", "COM1:", "com01:", "IP_1", level=1, monitor="Local Port"), 183,
        "ALREADY_EXISTS"),
    Rule("no such monitor", "AddPortEx (API)", _each("monitor", None, "", "nobody's", level=1, name="<temp file>"), 87, IA),
    Rule("no name", "AddPortEx (API)", [{"level": 1, "name": None, "monitor": "Local Port"}], 87, IA),
    Rule("no such monitor", "AddPort (API)", _each("monitor", "nobody's"), 3000, NF),
    Rule("no monitor", "AddPort (API)", _each("monitor", None, ""), 87, IA),
    *(Rule("unknown", f"{call} (API)", _each("port", "nobody's", "COM77:"), 1796, NF)
        for call in ("ConfigurePort", "DeletePort")),
    *(Rule("no name", f"{call} (API)", _each("port", None, ""), 87, IA) for call in ("ConfigurePort", "DeletePort")),
    *(Rule("no name", f"{call} (provider)", _each("port", ""), 50, UN) for call in ("ConfigurePort", "DeletePort")),
    *(Rule("another server", f"{call} (NT4)", _each("port", "COM1:", server="\\\\elsewhere"), 1722, "UNAVAILABLE")
        for call in ("ConfigurePort", "DeletePort")),
    Rule("same port", "ConfigurePort (NT4)", _each("port", "COM01:", "com1:", "lpt1:", "LPT0:", "LPT:", "FILE:"), 0, OK),
    Rule("level", "SetPort", _each("level", 1, 2, 4), 124, IA),
    Rule("unknown", "SetPort", _each("port", "nobody's", "COM77:"), 1796, NF),
    Rule("no such job", "SetJob", _each("job", 0, 4242424), 87, IA),
    Rule("no handle", "SetJob", _each("handle", None, job=1), 6, FP),
    Rule("data type", "SetJob", _each("datatype", "nosuch"), 1804, IA),
    Rule("processor", "SetJob", _each("print_processor", "nosuch"), 1798, NF),
    Rule("NULL", "XcvData (API)", [{"command": None}, {"command": "MonitorUI", "status": None},
        {"command": "MonitorUI", "out": None, "out_size": "len"}, {"command": "MonitorUI", "needed": None}], 87, IA),
    *(Rule("size", "XcvData (API)", _each("out_size", *sizes), code, BODY, None, "MonitorUI")
        for sizes, code in (((0, "len-1"), 122), (("len", "len+1"), 0))),
)  # fmt: skip


def more_rows() -> Iterator[dict[str, Any]]:
    """Yield the rows of the rules above: rule, function, input, code, gRPC status, and what is put out."""
    for rule in (*_MONITOR, *_LOCAL, *_TCPMON, *_API):
        for given in rule.given:
            yield {
                "rule": rule.name, "function": rule.function, "input": dict(given), "win32": rule.code, "grpc": rule.grpc,
                "command": rule.command, "preconditions": rule.preconditions, "out": rule.out or {},
            }  # fmt: skip
