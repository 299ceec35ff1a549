"""What needs somebody, and who has it in hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from printfabric.spooler.v1.alert_service_pb2 import (
    AcknowledgeAlertRequest,
    Acknowledgement,
    ListAcknowledgementsRequest,
    WithdrawAcknowledgementRequest,
)
from printfabric.spooler.v1.alert_service_pb2_grpc import AlertServiceStub
from printfabric.spooler.v1.port_service_pb2 import Host, HostState
from printfabric.spooler.v1.printer_service_pb2 import Printer
from printfabric.spooler.v1.watch_service_pb2 import ExplainVerdict
from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from printfabric.types.v1.port_pb2 import Port, PortState, PortStatus
from printfabric_client.connection import Connection
from printfabric_client.errors import FabricError
from printfabric_client.jobs import job_filter
from printfabric_client.names import PortRef, PrinterRef, alert_name, port_resource

if TYPE_CHECKING:
    from printfabric_client.aio import Client

_FAULTS = {
    PortState.PORT_STATE_ERROR: "error",
    PortState.PORT_STATE_OFFLINE: "offline",
    PortState.PORT_STATE_UNKNOWN: "unknown",
    PortState.PORT_STATE_ATTENTION: "attention",
}
_UNDECIDED = job_filter(states=[JobState.JOB_STATE_PENDING_HELD], outcomes=[Outcome.OUTCOME_UNKNOWN])
_SKEW = timedelta(minutes=1)  # hosts say since when, the spooler when somebody took it in hand
_AT_ONCE = 16  # sentences asked for together


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs somebody: its name as it is acknowledged, how it stands in a word, and the spooler's sentence.

    jobs: how many wait for it. in_hand: who has it in hand; None: nobody.
    """

    name: str
    state: str
    sentence: str
    since: datetime | None = None
    jobs: int = 0
    in_hand: Acknowledgement | None = None


class Alerts:
    """What needs somebody; `client.alerts`."""

    def __init__(self, connection: Connection, client: Client) -> None:
        self._connection, self._client = connection, client
        self._stub = AlertServiceStub(connection.channel)

    async def list(self) -> Sequence[Alert]:
        """Return what needs somebody, what nobody has in hand first.

        One for each silent host, whose ports are none then; for each port in trouble; each paused printer with jobs; and
        each printer whose jobs wait for a decision (`printers/labels/decisions`).
        """
        hosts = [host async for host in self._client.hosts.list()]
        ports = [port async for port in self._client.ports.list()]
        printers = [printer async for printer in self._client.printers.list()]
        undecided = [job async for job in self._client.list(_UNDECIDED)]
        known = {one.name.casefold(): one for one in await self.acknowledged()}
        found = await self._explained(
            [*_of_ports(hosts, ports, printers), *_of_printers(printers, undecided)]
        )
        in_hand = (_with_word(one, known.get(one.name.casefold())) for one in found)
        return sorted(in_hand, key=lambda one: (one.in_hand is not None, -one.jobs, one.name))

    async def acknowledged(self) -> Sequence[Acknowledgement]:
        """Return all acknowledgements that hold, by name."""
        request = ListAcknowledgementsRequest()
        return (
            await self._connection.call(self._stub.ListAcknowledgements, request, safe=True)
        ).acknowledgements

    async def acknowledge(
        self, alert: str | PortRef | PrinterRef, until: datetime | timedelta, reason: str = ""
    ) -> Acknowledgement:
        """Say to everybody that you have something in hand, until a time or for so long (at most 30 days), and a word to them.

        It holds nothing up, and takes the place of an earlier one about the same. `alert`: its `name`, "edge-7/COM1:" or
        "labels".

        Raises:
            AccessDenied: you are no operator. InvalidArgument: it is no such name, or the time is past or too long.
        """
        end = datetime.now(UTC) + until if isinstance(until, timedelta) else until
        request = AcknowledgeAlertRequest(name=alert_name(alert), reason=reason)
        request.expire_time.FromDatetime(end.astimezone(UTC))
        answer = await self._connection.call(self._stub.AcknowledgeAlert, request)
        return answer.acknowledgement

    async def withdraw(self, alert: str | PortRef | PrinterRef) -> None:
        """Take an acknowledgement back, whoever gave it; without one nothing happens."""
        request = WithdrawAcknowledgementRequest(name=alert_name(alert))
        await self._connection.call(self._stub.WithdrawAcknowledgement, request)

    async def _explained(self, alerts: Sequence[Alert]) -> Sequence[Alert]:
        slots = asyncio.Semaphore(_AT_ONCE)

        async def explained(alert: Alert) -> Alert:
            async with slots:
                return await self._explain(alert)

        return await asyncio.gather(*map(explained, alerts))

    async def _explain(self, alert: Alert) -> Alert:
        """Give an alert the sentence that everybody sees, where the spooler explains such things."""
        if alert.name.startswith("hosts/") and "/ports/" not in alert.name:
            return alert
        try:
            answer = await self._client.explain(alert.name.removesuffix("/decisions"))
        except FabricError:
            return alert  # it is gone meanwhile
        if answer.verdict == ExplainVerdict.EXPLAIN_VERDICT_FINE:
            return alert
        return replace(alert, sentence=f"{answer.headline} {answer.loss}".strip())


def _of_ports(hosts: Sequence[Host], ports: Sequence[Port], printers: Sequence[Printer]) -> Iterator[Alert]:
    """Yield hosts that are silent, and ports in trouble of those that are not."""
    silent = {host.name: host for host in hosts if host.state == HostState.HOST_STATE_SILENT}
    waiting = {host: _waiting(printers, host) for host in silent}
    for name, host in silent.items():
        yield Alert(
            name,
            "silent",
            f"It does not answer: {host.error}",
            _moment(host, "last_seen_time"),
            waiting[name],
        )
    for port in ports:
        if port.state in _FAULTS and f"hosts/{port.port.host}" not in silent:
            words = ", ".join(one.text for one in port.status if one.text) or _FAULTS[port.state].capitalize()
            since = min(
                (moment for one in port.status if (moment := _moment(one, "report_time"))), default=None
            )
            yield Alert(port.name, _FAULTS[port.state], f"{words}.", since, _waiting(printers, port.name))


def _of_printers(printers: Sequence[Printer], undecided: Sequence[Job]) -> Iterator[Alert]:
    """Yield printers with jobs that are paused, and those whose jobs wait for a decision."""
    for printer in printers:
        if printer.paused and printer.queued_jobs:
            yield Alert(printer.name, "paused", f"{printer.pause_reason}.", jobs=printer.queued_jobs)
        jobs = [job for job in undecided if job.printer == printer.name]
        if jobs:
            since = min((moment for job in jobs if (moment := _moment(job, "create_time"))), default=None)
            words = "Nobody knows what came out: look at the paper and decide."
            yield Alert(f"{printer.name}/decisions", "decide", words, since, len(jobs))


def _waiting(printers: Sequence[Printer], place: str) -> int:
    """Return the jobs of the printers that use a port, or any port of a host."""
    return sum(
        printer.queued_jobs
        for printer in printers
        if any(f"{port_resource(one.port)}/".startswith(f"{place}/") for one in printer.ports)
    )


def _with_word(alert: Alert, word: Acknowledgement | None) -> Alert:
    """Add who has it in hand; a word that was given before it began was about something else."""
    if word is None:
        return alert
    given = word.create_time.ToDatetime(tzinfo=UTC)
    return alert if alert.since and alert.since > given + _SKEW else replace(alert, in_hand=word)


def _moment(message: Host | Job | PortStatus, field: str) -> datetime | None:
    return getattr(message, field).ToDatetime(tzinfo=UTC) if message.HasField(field) else None  # type: ignore[arg-type]
