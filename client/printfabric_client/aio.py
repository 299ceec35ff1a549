"""The asyncio client: `async with Client() as fabric: job = await fabric.submit(b"^XA…^XZ", printer="labels")`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Self

from printfabric.spooler.v1.print_service_pb2 import JobFilter
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.watch_service_pb2 import (
    ExplainRequest,
    ExplainResponse,
    HistoryEntry,
    ListHistoryRequest,
    ListHistoryResponse,
    WatchRequest,
    WatchResponse,
    WatchTopic,
)
from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceStub
from printfabric_client import watching
from printfabric_client.address import Tls, Token, find_address, tls_from_environment, token_from_environment
from printfabric_client.alerts import Alerts
from printfabric_client.connection import Connection
from printfabric_client.jobs import JobCalls
from printfabric_client.names import JobRef, PortRef, PrinterRef, port_name, subject_name
from printfabric_client.paging import PAGE_SIZE, pages
from printfabric_client.ports import Hosts, Ports
from printfabric_client.printers import Printers
from printfabric_client.retry import Retry
from printfabric_client.submitting import Submitting


class Client(Submitting, JobCalls):
    """A connection to a spooler. Cheap to keep, safe to use from many tasks of one event loop.

    Repeated by itself, while the spooler is unavailable: what reads, what carries a request id (every submission
    does), and what the contract calls idempotent. Nothing else.

    Args:
        address: `host:port`, `unix:/path` or `dns:///name:port`; None finds it as `find_address` says.
        tls: files for TLS; None: as PRINTFABRIC_CA, _CERT and _KEY say, else plaintext.
        token: a bearer token; None: as PRINTFABRIC_TOKEN or PRINTFABRIC_TOKEN_FILE say, else none.
        timeout_s: deadline of every single call that is not a stream.
        retry: for how long, and how often, calls that are safe are repeated.
    """

    printers: Printers
    ports: Ports
    hosts: Hosts
    alerts: Alerts

    def __init__(
        self,
        address: str | None = None,
        *,
        tls: Tls | None = None,
        token: Token | None = None,
        timeout_s: float = 30.0,
        retry: Retry | None = None,
    ) -> None:
        self.address = address or find_address()
        self._tls = tls or tls_from_environment()
        self._token = token or token_from_environment()
        self._timeout_s = timeout_s
        self._retry = retry or Retry()

    async def __aenter__(self) -> Self:
        self._connection = Connection(
            self.address, tls=self._tls, token=self._token, timeout_s=self._timeout_s, retry=self._retry
        )
        channel = self._connection.channel
        self._print = PrintServiceStub(channel)
        self._watch = WatchServiceStub(channel)
        self.printers = Printers(self._connection)
        self.ports = Ports(self._connection)
        self.hosts = Hosts(self._connection)
        self.alerts = Alerts(self._connection, self)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._connection.close()

    async def watch(
        self,
        topics: Iterable[WatchTopic.ValueType] = (),
        *,
        jobs: JobFilter | None = None,
        ports: Iterable[PortRef] = (),
        since: str = "",
        skip_snapshot: bool = False,
        until_ended: bool = False,
    ) -> AsyncGenerator[WatchResponse, None]:
        """Yield changes: a snapshot, then deltas; after a broken connection it goes on where it was.

        A message with `gap` set says that changes were lost; a new snapshot follows. Give the `position` of the last
        message as `since` to go on there in another process.

        Args:
            topics: which kinds; empty: jobs, printers, ports and hosts.
            jobs: only these, made by `job_filter`.
            ports: only these.
            since: a position; empty begins with a snapshot.
            skip_snapshot: only what happens from now on.
            until_ended: end when every job of the filter has ended.
        """
        request = WatchRequest(
            topics=topics,
            jobs=jobs,
            ports=[port_name(port) for port in ports],
            since=since,
            skip_snapshot=skip_snapshot,
            until_ended=until_ended,
        )
        async for change in watching.watch(self._connection, self._watch, request):
            yield change

    async def explain(self, subject: JobRef | PrinterRef | PortRef) -> ExplainResponse:
        """Say in one sentence why a job, printer or port does not print, what is lost, and what to do."""
        request = ExplainRequest(name=subject_name(subject))
        return await self._connection.call(self._watch.Explain, request, safe=True)

    async def history(
        self, subject: JobRef | PrinterRef | PortRef = "-"
    ) -> AsyncGenerator[HistoryEntry, None]:
        """Yield what happened to a printer, a port or a job, newest first; "-": what people did to anything.

        Of a job that is forgotten: what people decided about it.
        """
        name = "-" if subject == "-" else subject_name(subject)

        async def fetch(token: str) -> ListHistoryResponse:
            request = ListHistoryRequest(parent=name, page_size=PAGE_SIZE, page_token=token)
            return await self._connection.call(self._watch.ListHistory, request, safe=True)

        async for page in pages(fetch):
            for entry in page.entries:
                yield entry
