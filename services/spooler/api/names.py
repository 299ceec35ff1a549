"""Resource names, as people and programs write them, to what they name. Pure.

Each kind has a full form (`printers/labels`) and the short form people type (`labels`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from chassis.errors import InvalidArgument, PortNotFound
from spooler.job import uid_of_text
from spooler.printer import PortName

MAX_PORT_NAME = 63
_OPEN_NAME = re.compile(
    r"(?:\\\\(?P<host>[^\\,]+)\\)?,(?P<kind>XcvMonitor|XcvPort) (?P<object>.+)", re.DOTALL
)


class XcvObject(NamedTuple):
    """What a management session is about: one port, or a whole monitor. Host "" is the only host there is."""

    host: str
    port: str = ""
    monitor: str = ""


def _missing(field: str, form: str) -> InvalidArgument:
    return InvalidArgument(f"{field} is required: {form}", fields=[(field, f"is required: {form}")])


def _malformed(field: str, text: str, form: str) -> InvalidArgument:
    return InvalidArgument(f"{field} {text!r} is not {form}", fields=[(field, f"must be {form}")], name=text)


def printer_of(text: str, field: str = "name") -> str:
    """Return the printer's own name of `printers/labels` or `labels`."""
    name = text.removeprefix("printers/")
    if not name:
        raise _missing(field, "printers/<name>")
    return name


def job_of(text: str, field: str = "name") -> int | bytes:
    """Return the number of `jobs/4711` or `4711`, or the uid of `jobs/0192f0c4…` in hex with or without dashes."""
    rest = text.removeprefix("jobs/")
    if not rest:
        raise _missing(field, "jobs/<number>")
    if rest.isdecimal() and rest.isascii() and len(rest) <= 18:
        return int(rest)
    try:
        if len(rest) in (32, 36):
            return uid_of_text(rest)
    except ValueError:
        pass
    raise _malformed(field, text, "jobs/<number> or jobs/<uid in hex>")


def port_of(text: str, field: str = "name") -> PortName:
    """Return the port of `hosts/edge-7/ports/COM1:` or `edge-7/COM1:`."""
    if not text:
        raise _missing(field, "hosts/<host>/ports/<port>")
    if text.startswith("hosts/"):
        host, found, port = text[6:].partition("/ports/")
        if not (host and found and port):
            raise _malformed(field, text, "hosts/<host>/ports/<port>")
        return PortName(host, port)
    host, found, port = text.partition("/")
    if not (host and found and port):
        raise _malformed(field, text, "hosts/<host>/ports/<port> or <host>/<port>")
    return PortName(host, port)


def port_name(port: PortName) -> str:
    """Return a port's resource name."""
    return f"hosts/{port.host}/ports/{port.port}"


def host_of(text: str, field: str = "parent") -> str:
    """Return the host of `hosts/edge-7` or `edge-7`; "" for none, `-` and `hosts/-`, which mean all."""
    name = text.removeprefix("hosts/")
    if "/" in name:
        raise _malformed(field, text, "hosts/<host>")
    return "" if name == "-" else name


def check_port_id(text: str, field: str = "port_id") -> str:
    """Return a new port's name if it may be one: 1 to 63 characters, no comma, no control character.

    The spelling is the monitor's to normalise (`COM01:` to `COM1:`).
    """
    if not text:
        raise _missing(field, "a port's name, as COM1:")
    if len(text) > MAX_PORT_NAME:
        raise _malformed(field, text, f"a port's name of at most {MAX_PORT_NAME} characters")
    if "," in text or not text.isprintable():
        raise _malformed(field, text, "a port's name without comma and control characters")
    return text


def monitor_of(text: str, field: str = "monitor") -> XcvObject:
    """Return the monitor of `hosts/edge-7/monitors/Local Port`."""
    host, found, monitor = text.removeprefix("hosts/").partition("/monitors/")
    if not (text.startswith("hosts/") and host and found and monitor):
        raise _malformed(field, text, "hosts/<host>/monitors/<monitor>")
    return XcvObject(host, monitor=monitor)


def open_name(text: str) -> XcvObject:
    r"""Return the object of Windows' `\\edge-7\,XcvPort COM1:` or `,XcvMonitor Local Port`.

    The keyword is case-sensitive and followed by one blank.

    Raises:
        PortNotFound: it has another form; Windows' OpenPrinter fails with 1796 then.
    """
    match = _OPEN_NAME.fullmatch(text)
    if match is None or "\\" in match["object"] or "," in match["object"]:
        raise PortNotFound(
            f"open name {text!r} is not [\\\\host\\],XcvPort <port> or [\\\\host\\],XcvMonitor <monitor>",
            open_name=text,
        )
    host = match["host"] or ""
    if match["kind"] == "XcvPort":
        return XcvObject(host, port=match["object"])
    return XcvObject(host, monitor=match["object"])
