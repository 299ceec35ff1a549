"""A host's port monitor over gRPC: its ports, what printers use of them, holds on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from sys import intern
from typing import Any

import grpc.aio
from google.protobuf.duration_pb2 import Duration

from chassis.errors import CallCanceled, HostUnreachable, InvalidHandle
from chassis.settings import is_loopback
from chassis.tasks import Tasks
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
from printfabric.types.v1 import port_pb2
from spooler.introduction import FabricTime, Introduction, WrongHost
from spooler.port import DocumentKey, OpenPort, Phase, Progress, StagedDocument, StagedPart
from spooler.port_info import NOBODY, Hello, PortInfo, PortsChanged
from spooler.printer import STRAIGHT, PortName, Way
from spooler.remote_documents import key_to_pb, progress_from_pb
from spooler.remote_hold import CALL_TIMEOUT_S, CLOSE_TIMEOUT_S, RemoteHold
from spooler.remote_staging import stage


def info_from_pb(host: str, port: port_pb2.Port, fabric: str) -> PortInfo:
    """Return a port as its host tells `fabric` of it. `host` is its name here; its own may differ in spelling.

    Words that thousands of ports have in common are kept once.
    """
    port.port.host = host
    port.name = f"hosts/{host}/ports/{port.port.port}"
    state = port_pb2.PortState.Name(port.state).removeprefix("PORT_STATE_").lower()
    stopped = any(report.severity == port_pb2.SEVERITY_ERROR for report in port.status)
    taken = port.HasField("hold") and port.hold.fabric_id != fabric
    told_by = frozenset(report.reporter for report in port.status) if port.status else NOBODY
    name = PortName(host, intern(port.port.port))
    wire = port.SerializeToString(
        deterministic=True
    )  # parsed it would take ten times as much, as long as the port is known
    return PortInfo(name, intern(port.monitor), intern(state), port.device, wire, stopped, taken, told_by)


class RemoteHost:
    """The port-monitor service of one host, reached over one channel."""

    def __init__(
        self,
        name: str,
        address: str,
        channel: grpc.aio.Channel,
        owner: tuple[str, str],
        lease_s: float,
        fabric_time: FabricTime,
    ) -> None:
        self.name = name
        self.address = address
        fabric_id, spooler_id = owner
        self.owner = pb.PortOwner(fabric_id=fabric_id, spooler_id=spooler_id)
        self._stub: Any = MonitorServiceStub(channel)
        self.introduction = Introduction(name, self._stub, self.owner, fabric_time)
        self._lease = Duration()
        self._lease.FromMilliseconds(int(lease_s * 1000))
        self._monitors: dict[str, str] = {}  # port -> its monitor's name
        self._left: set[str] = set()  # ports whose holds were left with a document

    async def there(self) -> None:
        """Wait until it can be tried: not at all, but for hosts that have to come by themselves."""

    async def initialize(self) -> Hello:
        """Shake hands with the host. Raises as `Introduction.greet`."""
        answer = await self.introduction.greet()
        return Hello(answer.host, answer.instance_id, answer.boot_id, answer.version)

    def moved(self, address: str) -> None:
        """It is at another address now; who answers there has said nothing yet."""
        self.address = address
        self.introduction.forget()

    async def watch(self) -> AsyncIterator[PortsChanged]:
        """Yield changes of the host's ports, all of them first, until the host goes away; then raise why.

        Where it has to prove itself nothing is yielded before it has, over the connection that this stream holds.
        """
        call, introduction = self._stub.WatchPorts(pb.WatchPortsRequest(owner=self.owner)), self.introduction
        introduction.end_watch, proven = call.cancel, False
        try:
            async with Tasks(f"watch of host {self.name}") as tasks:
                async for news in call:
                    if not proven:
                        await introduction.prove(lambda: not call.done())
                        tasks.spawn("proof", introduction.stay_proven(lambda: not call.done()))
                        proven = True
                    yield self._news(news)
        except CallCanceled as error:  # by a move, `Introduction.met` or `stay_proven`
            raise HostUnreachable(f"host {self.name} is connected to anew", host=self.name) from error
        finally:
            introduction.forget()
            call.cancel()

    def _news(self, news: pb.WatchPortsResponse) -> PortsChanged:
        for port in news.ports:
            if port.port.host:  # the connection may be a newer one than that of the handshake
                self.introduction.check(port.port.host)
        ports = [info_from_pb(self.name, port, self.owner.fabric_id) for port in news.ports]
        self._monitors.update((port.name.key[1], port.monitor) for port in ports)
        return PortsChanged(ports, news.deleted_ports)

    async def notify_used(self, ports: Sequence[str], *, full: bool = False) -> Sequence[str]:
        """Tell the host which of its ports printers use now (NotifyUsedPorts), `full`: these and no others.

        Returns those that it has not got.
        """
        request = pb.NotifyUsedPortsRequest(owner=self.owner, ports=ports, full=full)
        answer = await self._stub.NotifyUsedPorts(request, timeout=CALL_TIMEOUT_S)
        return [one.port for one in answer.ports if one.result]

    async def notify_unused(self, ports: Sequence[str]) -> None:
        """Tell the host which of its ports no printer uses any more (NotifyUnusedPorts)."""
        request = pb.NotifyUnusedPortsRequest(owner=self.owner, ports=ports)
        await self._stub.NotifyUnusedPorts(request, timeout=CALL_TIMEOUT_S)

    async def open_port(self, port: str, fence: int, printer: str, way: Way = STRAIGHT) -> OpenPort:
        """See `PortHost.open_port`."""
        request = pb.OpenPortRequest(
            owner=self.owner, port=port, fence=fence, printer=printer, lease=self._lease
        )
        introduction = self.introduction
        run = await introduction.met()
        try:
            response = await self._open(request, way)
        except InvalidHandle:  # an earlier run of this spooler has shut down, and nobody has registered since
            run = (await introduction.greet()).instance_id
            response = await self._open(request, way)
        self._left.discard(port)
        documents = [progress_from_pb(news) for news in response.documents]
        opened = RemoteHold(
            self._stub, response.handle, documents, partial(self._left.add, port), introduction
        )
        if response.HasField("port"):  # as in `watch`
            try:
                introduction.check(response.port.port.host)
            except WrongHost:
                await opened.close()
                raise
        await opened.begin()
        try:
            introduction.check_proven(run)  # then the stream, too, goes to who was met
        except HostUnreachable:
            opened.drop()
            raise
        return opened

    async def _open(self, request: pb.OpenPortRequest, way: Way) -> pb.OpenPortResponse:
        if not way.language:
            straight: pb.OpenPortResponse = await self._stub.OpenPort(request, timeout=CALL_TIMEOUT_S)
            return straight
        through = pb.OpenPortExRequest(
            open=request,
            language_monitor=way.language,
            port_monitor=self._port_monitor(request.port),
            bidirectional=way.bidirectional,
        )
        found: pb.OpenPortExResponse = await self._stub.OpenPortEx(through, timeout=CALL_TIMEOUT_S)
        return found.open

    async def shut_down(self) -> None:
        """End this spooler's instance of the monitors (Shutdown), unless the next run goes on with a document there."""
        if not self._left:
            await self._stub.Shutdown(pb.ShutdownRequest(owner=self.owner), timeout=CLOSE_TIMEOUT_S)

    def _port_monitor(self, port: str) -> pb.PortMonitorRef:
        """Return a port's monitor with its functions, as the host has told; empty while it has not."""
        name = self._monitors.get(port.casefold(), "")
        return pb.PortMonitorRef(monitor=name, capabilities=self.introduction.functions.get(name, ()))

    async def query(self, port: str, keys: Sequence[DocumentKey]) -> Sequence[Progress]:
        """See `PortHost.query`."""
        request = pb.QueryDocumentsRequest(
            owner=self.owner, port=port, documents=[key_to_pb(key) for key in keys]
        )
        run = await self.introduction.met()
        response = await self._stub.QueryDocuments(request, timeout=CALL_TIMEOUT_S)
        self.introduction.check_still(run)
        answers = {news.key: news for news in map(progress_from_pb, response.documents)}
        # A host that leaves one out has nothing to prove about it.
        return [answers.get(key) or Progress(key, Phase.UNKNOWN) for key in keys]

    async def settle(self, port: str, keys: Sequence[DocumentKey]) -> None:
        """See `PortHost.settle`."""
        request = pb.SettleDocumentsRequest(
            owner=self.owner, port=port, documents=[key_to_pb(key) for key in keys]
        )
        await self.introduction.met()
        await self._stub.SettleDocuments(request, timeout=CALL_TIMEOUT_S)

    @property
    def near(self) -> bool:
        """See `PortHost.near`."""
        return is_loopback(self.address)

    async def stage(
        self, port: str, document: StagedDocument, parts: AsyncIterator[StagedPart]
    ) -> tuple[int, bool]:
        """See `PortHost.stage`."""
        run = await self.introduction.met()
        return await stage(self._stub, self.owner, port, document, self._while_met(run, parts))

    async def _while_met(self, run: str, parts: AsyncIterator[StagedPart]) -> AsyncIterator[StagedPart]:
        """Yield what is brought, as long as it goes to who was met. Raises HostUnreachable."""
        async for part in parts:
            self.introduction.check_proven(run)
            yield part
