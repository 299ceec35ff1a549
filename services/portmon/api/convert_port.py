"""A port for the wire, and what is said about one from it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidArgument
from portmon.hold import Hold
from portmon.host_port import HostPort
from portmon.port_status import Standing, complete, standings, word_of
from portmon.reports import Condition, Report, Severity, Source
from printfabric.types.v1 import port_pb2

_MOST_REPORTER = 63


def _moment(epoch_s: float) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime.fromtimestamp(epoch_s, UTC))
    return found


def port_to_pb(host: str, port: HostPort, *, names_only: bool = False) -> port_pb2.Port:
    """Return everything known about a port; `names_only` is PORT_INFO_1."""
    message = port_pb2.Port(name=f"hosts/{host}/ports/{port.name}")
    message.port.host, message.port.port = host, port.name
    if names_only:
        return message
    message.monitor, message.description = port.monitor.name, port.monitor.description
    message.types.append(port_pb2.PORT_TYPE_WRITE)
    if port.monitor.readable:
        message.types.append(port_pb2.PORT_TYPE_READ)
    if port.monitor.net_attached:
        message.types.append(port_pb2.PORT_TYPE_NET_ATTACHED)
    seen = port.seen()
    reports = complete(seen, port.reports.now())
    said = standings(seen, reports)
    message.state = int(word_of(said))  # type: ignore[assignment]
    message.sources.extend(map(_standing_to_pb, said))
    message.status.extend(map(_report_to_pb, reports))
    message.device, message.settings_revision = port.device, port.record.revision
    counters = port.counters
    message.counters.busy_seconds = counters.busy_s()
    message.counters.written_bytes, message.counters.read_bytes = counters.written_bytes, counters.read_bytes
    message.counters.documents = counters.documents["complete"]
    message.counters.broken_documents = counters.documents["broken"] + counters.documents["aborted"]
    message.counters.stall_seconds = sum(
        value for cause, value in counters.stalls_s.items() if cause != "upstream"
    )
    if port.hold is not None:
        message.hold.CopyFrom(_hold_to_pb(port.hold))
    return message


def _standing_to_pb(said: Standing) -> port_pb2.PortSource:
    message = port_pb2.PortSource(
        source=port_pb2.StatusSource.Value(f"STATUS_SOURCE_{said.source.name}"),
        state=int(said.word),  # type: ignore[arg-type]
        text=said.text,
    )
    if said.at is not None:
        message.time.CopyFrom(_moment(said.at))
    return message


def _report_to_pb(report: Report) -> port_pb2.PortStatus:
    message = port_pb2.PortStatus(
        condition=port_pb2.PortCondition.Value(f"PORT_CONDITION_{report.condition.name}"),
        severity=port_pb2.Severity.Value(f"SEVERITY_{report.severity.name}"),
        text=report.text,
        source=port_pb2.StatusSource.Value(f"STATUS_SOURCE_{report.source.name}"),
        report_time=_moment(report.at),
        reporter=report.reporter,
        cause_id=report.cause,
    )
    if report.expires_at is not None:
        message.expire_time.CopyFrom(_moment(report.expires_at))
    return message


def _hold_to_pb(hold: Hold) -> port_pb2.PortHold:
    message = port_pb2.PortHold(
        fabric_id=hold.owner.fabric,
        spooler_id=hold.owner.spooler,
        fence=hold.fence,
        printer=hold.printer,
        open_time=_moment(hold.opened_at),
    )
    if hold.way is not None:
        message.language_monitor = hold.way.name
    if not hold.streams:
        message.lease_expire_time.CopyFrom(_moment(time.time() + hold.deadline - time.monotonic()))
    return message


def report_from(message: port_pb2.PortStatus) -> tuple[str, Report, float | None]:
    """Return who reports, the report, and for how many seconds it counts (None: until it is replaced).

    Raises:
        InvalidArgument: 87; it is none, or has run out already.
    """
    condition, severity = message.condition, message.severity
    if condition not in port_pb2.PortCondition.values() or severity not in port_pb2.Severity.values():
        text = f"condition {condition} with severity {severity} does not exist"
        raise InvalidArgument(text, fields=[("status", "has an unknown condition or severity")])
    if len(message.reporter) > _MOST_REPORTER or not message.reporter.isprintable():
        wrong = f"has more than {_MOST_REPORTER} characters, or unprintable ones"
        raise InvalidArgument(f"the reporter's name {wrong}", fields=[("status.reporter", wrong)])
    lasts_s = None
    if message.HasField("expire_time"):
        lasts_s = message.expire_time.ToNanoseconds() / 1e9 - time.time()
        if lasts_s <= 0:
            raise InvalidArgument("the report has run out", fields=[("status.expire_time", "is past")])
    source = port_pb2.StatusSource.Name(message.source).removeprefix("STATUS_SOURCE_").lower()
    report = Report(
        Condition(max(condition - 1, 0)),
        Severity(severity or Severity.INFO),
        message.text,
        Source(source) if source in set(Source) else Source.OPERATOR,
    )
    return message.reporter, report, lasts_s
