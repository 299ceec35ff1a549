"""Names as people write them, turned into resource names: 4711, labels, edge-7/COM1:."""

from __future__ import annotations

from printfabric.spooler.v1.printer_service_pb2 import Printer
from printfabric.types.v1.job_pb2 import Job
from printfabric.types.v1.port_pb2 import Port, PortName

JobRef = int | str | Job
"""A job: its number, "4711", "jobs/4711", or the job itself."""
PrinterRef = str | Printer
"""A printer: "labels", "printers/labels", or the printer itself."""
PortRef = str | PortName | Port
"""A port: "edge-7/COM1:", "hosts/edge-7/ports/COM1:", or the port itself."""


def job_name(job: JobRef) -> str:
    """Return `jobs/4711`.

    Raises:
        ValueError: it is empty.
    """
    if isinstance(job, Job):
        return job.name
    text = str(job).strip()
    if not text or text == "jobs/":
        raise ValueError("a job is named by its number, like 4711")
    return text if text.startswith("jobs/") else f"jobs/{text}"


def printer_name(printer: PrinterRef) -> str:
    """Return `printers/labels`.

    Raises:
        ValueError: it is empty.
    """
    if isinstance(printer, Printer):
        return printer.name
    text = printer.strip()
    if not text or text == "printers/":
        raise ValueError("a printer needs a name, like labels")
    return text if text.startswith("printers/") else f"printers/{text}"


def host_name(host: str) -> str:
    """Return `hosts/edge-7`.

    Raises:
        ValueError: it is empty.
    """
    text = host.strip()
    if not text or text == "hosts/":
        raise ValueError("a host needs a name, like edge-7")
    return text if text.startswith("hosts/") else f"hosts/{text}"


def port_name(port: PortRef) -> PortName:
    """Return the port as a pair.

    Raises:
        ValueError: it is not written host/port.
    """
    if isinstance(port, PortName):
        return port
    if isinstance(port, Port):
        return port.port
    text = port.strip().removeprefix("hosts/")
    host, slash, rest = text.partition("/")
    if port.strip().startswith("hosts/"):
        rest = rest.removeprefix("ports/")
    if not (slash and host and rest):
        raise ValueError(f"{port!r} is not a port; write host/port, like edge-7/COM1:")
    return PortName(host=host, port=rest)


def port_resource(port: PortRef) -> str:
    """Return `hosts/edge-7/ports/COM1:`."""
    pair = port_name(port)
    return f"hosts/{pair.host}/ports/{pair.port}"


def port_text(port: PortRef) -> str:
    """Return `edge-7/COM1:`."""
    pair = port_name(port)
    return f"{pair.host}/{pair.port}"


def alert_name(alert: PrinterRef | PortRef) -> str:
    """Return the resource name of what is acknowledged: host/port is a port, else it is a printer.

    `hosts/edge-7` names a host, `printers/labels/decisions` the jobs of a printer that wait for a decision.
    """
    if isinstance(alert, Printer):
        return printer_name(alert)
    if isinstance(alert, PortName | Port):
        return port_resource(alert)
    text = alert.strip()
    if text.startswith(("hosts/", "printers/")):
        return text
    return port_resource(text) if "/" in text else printer_name(text)


def alert_text(name: str) -> str:
    """Return what people type for the name of an alert: a port and a printer without what is plain."""
    if name.startswith("hosts/") and "/ports/" in name:
        return port_text(name)
    return name if name.count("/") != 1 or name.startswith("hosts/") else name.removeprefix("printers/")


def subject_name(subject: JobRef | PrinterRef | PortRef) -> str:
    """Return the resource name of whatever is meant: a number is a job, host/port a port, else it is a printer.

    `uploads/` and a request id names a document that is still coming in.
    """
    if isinstance(subject, int | Job):
        return job_name(subject)
    if isinstance(subject, Printer):
        return printer_name(subject)
    if isinstance(subject, PortName | Port):
        return port_resource(subject)
    text = subject.strip()
    if text.isdecimal() or text.startswith("jobs/"):
        return job_name(text)
    if text.startswith("printers/") or "/" not in text:
        return printer_name(text)
    if text.startswith("uploads/"):
        return text
    return port_resource(text)
