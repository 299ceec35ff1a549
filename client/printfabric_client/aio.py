"""The asyncio client: `async with Client() as fabric: job = await fabric.submit(b"^XA…^XZ", printer="labels")`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, Any, Self

from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric_client.address import Tls, Token, find_address, tls_from_environment, token_from_environment
from printfabric_client.connection import Connection
from printfabric_client.jobs import JobCalls
from printfabric_client.names import JobRef, PortRef, PrinterRef, port_name, subject_name
from printfabric_client.paging import PAGE_SIZE, pages
from printfabric_client.printers import Printers
from printfabric_client.retry import Retry
from printfabric_client.submitting import Submitting

if TYPE_CHECKING:
    from printfabric.spooler.v1.print_service_pb2 import JobFilter
    from printfabric.spooler.v1.watch_service_pb2 import (
        ExplainResponse,
        HistoryEntry,
        ListHistoryResponse,
        WatchResponse,
        WatchTopic,
    )
    from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceAsyncStub
    from printfabric_client.alerts import Alerts
    from printfabric_client.ports import Hosts, Ports

_LATER = ("ports", "hosts", "alerts", "_watch")


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
    _watch: WatchServiceAsyncStub

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
        self.printers = Printers(self._connection)
        for name in _LATER:  # of the connection before
            vars(self).pop(name, None)
        return self

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return what is loaded when somebody needs it: a print does not, and it is a tenth of what one costs."""
            if name not in _LATER or "_connection" not in vars(self):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceStub  # noqa: PLC0415
            from printfabric_client.alerts import Alerts  # noqa: PLC0415
            from printfabric_client.ports import Hosts, Ports  # noqa: PLC0415

            self._watch = WatchServiceStub(self._connection.channel)
            self.ports, self.hosts = Ports(self._connection), Hosts(self._connection)
            self.alerts = Alerts(self._connection, self)
            return vars(self)[name]

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
        from printfabric.spooler.v1.watch_service_pb2 import WatchRequest  # noqa: PLC0415 - see __getattr__
        from printfabric_client import watching  # noqa: PLC0415

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
        from printfabric.spooler.v1.watch_service_pb2 import ExplainRequest  # noqa: PLC0415

        request = ExplainRequest(name=subject_name(subject))
        return await self._connection.call(self._watch.Explain, request, safe=True)

    async def history(
        self, subject: JobRef | PrinterRef | PortRef = "-"
    ) -> AsyncGenerator[HistoryEntry, None]:
        """Yield what happened to a printer, a port or a job, newest first; "-": what people did to anything.

        Of a job that is forgotten: what people decided about it.
        """
        from printfabric.spooler.v1.watch_service_pb2 import ListHistoryRequest  # noqa: PLC0415

        name = "-" if subject == "-" else subject_name(subject)

        async def fetch(token: str) -> ListHistoryResponse:
            request = ListHistoryRequest(parent=name, page_size=PAGE_SIZE, page_token=token)
            return await self._connection.call(self._watch.ListHistory, request, safe=True)

        async for page in pages(fetch):
            for entry in page.entries:
                yield entry
