"""Ports and hosts for the wire; a host's own message about a port to facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from printfabric.spooler.v1 import port_service_pb2 as pb
from printfabric.types.v1 import port_pb2
from spooler.api.convert import put_port, put_time
from spooler.api.names import port_name
from spooler.explain.facts import Holder, PortFacts, Report, Source
from spooler.hosts import HostInfo
from spooler.port_info import PortInfo

# Words of `HostInfo.state`.
HOST_STATES: Mapping[str, int] = {
    name.removeprefix("HOST_STATE_").lower(): number for name, number in pb.HostState.items() if number
}
_SOURCES: Mapping[int, Source] = {
    number: Source(name.removeprefix("STATUS_SOURCE_").lower())
    for name, number in port_pb2.StatusSource.items()
    if number
}
STATUS_SOURCES: Mapping[Source, int] = {source: number for number, source in _SOURCES.items()}


def host_to_pb(host: HostInfo) -> pb.Host:
    """Return a host for the wire."""
    message = pb.Host(
        name=f"hosts/{host.name}",
        address=host.address,
        version=host.version,
        instance_id=host.instance_id,
        ports=host.ports,
        error=host.error,
    )
    message.state = HOST_STATES.get(host.state, pb.HOST_STATE_UNSPECIFIED)  # type: ignore[assignment]
    if host.last_seen is not None:
        put_time(message.last_seen_time, host.last_seen)
    return message


def wire_of(port: PortInfo) -> port_pb2.Port:
    """Return the host's own message about a port, a new one each time."""
    return port_pb2.Port.FromString(port.wire)


def port_to_pb(port: PortInfo, facts: PortFacts, printers: Iterable[str], managed_by: str) -> port_pb2.Port:
    """Return a port for the wire: as its host tells of it, and what the spooler knows beyond that.

    The state is the worse of both: a silent host's ports are offline whatever it said last, a port that people paused
    is paused unless something is wrong with it.
    """
    message = wire_of(port)
    message.name, message.managed_by = port_name(port.name), managed_by
    put_port(message.port, port.name)
    del message.printers[:]
    message.printers.extend(f"printers/{name}" for name in sorted(printers))
    state = message.state or port_pb2.PORT_STATE_UNKNOWN
    if facts.host_state not in ("online", "draining"):
        state = min(state, port_pb2.PORT_STATE_OFFLINE)
        if facts.host_state == "connecting":
            state = port_pb2.PORT_STATE_UNKNOWN
    elif facts.paused is not None:
        state = min(state, port_pb2.PORT_STATE_PAUSED)
    elif facts.error is not None and facts.lane in ("waiting", "stopped"):
        state = min(state, port_pb2.PORT_STATE_ATTENTION)
    message.state = state
    if facts.error is not None and facts.lane in ("waiting", "stopped"):
        message.status.add(
            severity=port_pb2.SEVERITY_WARNING,
            text=facts.error.message,
            source=port_pb2.STATUS_SOURCE_TRANSPORT,
            condition=port_pb2.PORT_CONDITION_OFFLINE,
        )
    if facts.paused is not None:
        report = message.status.add(severity=port_pb2.SEVERITY_ERROR, text=str(facts.paused))
        put_time(report.report_time, facts.paused.at)
        report.source = port_pb2.STATUS_SOURCE_OPERATOR
        report.condition = port_pb2.PORT_CONDITION_USER_INTERVENTION
    return message


def words_of(status: port_pb2.PortStatus) -> str:
    """Return a report in words, for a history."""
    names = (
        port_pb2.Severity.Name(status.severity).removeprefix("SEVERITY_"),
        port_pb2.PortCondition.Name(status.condition).removeprefix("PORT_CONDITION_"),
    )
    return " ".join([*(name.lower().replace("_", " ") for name in names), status.text])[:200].strip()


def reports_of(message: port_pb2.Port, heard: datetime) -> tuple[Report, ...]:
    """Return what was said about a port, `heard` at the latest if its host gives no time.

    Windows' number is the wire's less one; 0 there is "nothing to report".
    """
    return tuple(
        Report(
            condition=max(report.condition - 1, 0),
            severity=report.severity,
            text=report.text,
            source=_SOURCES.get(report.source, Source.HOST),
            at=report.report_time.ToDatetime(tzinfo=UTC) if report.HasField("report_time") else heard,
            cause=report.cause_id,
        )
        for report in message.status
        if report.condition != port_pb2.PORT_CONDITION_CLEAR
    )


def holder_of(message: port_pb2.Port, fabric_id: str) -> Holder | None:
    """Return who has a port open, if anybody has."""
    if not message.HasField("hold"):
        return None
    hold = message.hold
    ours = hold.fabric_id == fabric_id
    who = f"printer {hold.printer}" if ours and hold.printer else f"fabric {hold.fabric_id}"
    since = hold.open_time.ToDatetime(tzinfo=UTC) if hold.HasField("open_time") else None
    return Holder(ours, who, hold.printer, since)
