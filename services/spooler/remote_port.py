"""A host's port monitor over gRPC: the one module of the spooler that speaks the monitor contract to print.

The hot path is one `StreamDocuments` call per open port. Its requests carry starts, bytes and ends of documents as
they come; its answers carry the newest offsets of each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

import grpc.aio
from google.protobuf.duration_pb2 import Duration

from chassis.errors import FabricError, HostUnreachable, InvalidHandle
from chassis.settings import is_loopback
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
from printfabric.types.v1 import port_pb2
from spooler.introduction import FabricTime, Introduction, WrongHost
from spooler.port import (
    DataQuestion,
    DocumentKey,
    OpenPort,
    Phase,
    Progress,
    Slice,
    StagedDocument,
    StagedPart,
)
from spooler.port_info import Hello, PortInfo, PortsChanged
from spooler.printer import STRAIGHT, PortName, Way
from spooler.remote_documents import key_to_pb, progress_from_pb, slice_to_pb
from spooler.remote_staging import stage

CALL_TIMEOUT_S = 15.0  # a host that answers at all answers in milliseconds; opening a device may take seconds
CLOSE_TIMEOUT_S = 5.0
DATA_TIMEOUT_S = 60.0  # a printer's answer may have to wait for the end of a document


class RemotePort(OpenPort):
    """A hold on a port of another process."""

    def __init__(
        self, stub: Any, handle: pb.PortHandle, documents: Sequence[Progress], left: Callable[[], None]
    ) -> None:
        self.documents = documents
        self._left = left  # told when the hold is dropped
        self._stub = stub
        self._handle = handle
        self._closed = False
        self._call = stub.StreamDocuments()

    async def begin(self) -> None:
        """Name the handle on the stream, before anything else is sent."""
        await self._write(pb.StreamDocumentsRequest(handle=self._handle))

    async def send(self, slices: Sequence[Slice], settled: Sequence[DocumentKey] = ()) -> None:
        """See `OpenPort.send`."""
        await self._write(
            pb.StreamDocumentsRequest(
                slices=[slice_to_pb(piece) for piece in slices], settled=[key_to_pb(key) for key in settled]
            )
        )

    async def progress(self) -> AsyncIterator[Sequence[Progress]]:
        """See `OpenPort.progress`."""
        try:
            async for response in self._call:
                if response.progress:
                    yield [progress_from_pb(news) for news in response.progress]
        except FabricError:
            if not self._closed:
                raise
            return
        if not self._closed:
            raise HostUnreachable("the host ended the port's stream")

    async def take_back(self, key: DocumentKey) -> Progress:
        """See `OpenPort.take_back`."""
        return await self._end(key, pb.DISPOSITION_ABORT)

    async def have_back(self, key: DocumentKey) -> Progress:
        """See `OpenPort.have_back`."""
        return await self._end(key, pb.DISPOSITION_WITHDRAW)

    async def _end(self, key: DocumentKey, how: pb.Disposition.ValueType) -> Progress:
        request = pb.EndDocPortRequest(handle=self._handle, document=key_to_pb(key), disposition=how)
        response = await self._stub.EndDocPort(request, timeout=CALL_TIMEOUT_S)
        return progress_from_pb(response.progress)

    async def printer_data(self, question: DataQuestion) -> bytes:
        """See `OpenPort.printer_data`."""
        request = pb.GetPrinterDataFromPortRequest(
            handle=self._handle,
            control_id=question.control_id,
            value_name=question.value_name,
            input=question.data,
            request_id=question.request_id,
        )
        answer = await self._stub.GetPrinterDataFromPort(request, timeout=DATA_TIMEOUT_S)
        return bytes(answer.output)

    def drop(self) -> None:
        """See `OpenPort.drop`."""
        self._end_stream()
        self._left()

    def _end_stream(self) -> None:
        self._closed = True
        self._call.cancel()

    async def close(self) -> None:
        """See `OpenPort.close`."""
        self._end_stream()
        with suppress(FabricError):  # else the lease closes it
            await self._stub.ClosePort(pb.ClosePortRequest(handle=self._handle), timeout=CLOSE_TIMEOUT_S)

    async def _write(self, request: pb.StreamDocumentsRequest) -> None:
        try:
            await self._call.write(request)
        except (
            grpc.aio.UsageError,
            grpc.aio.InternalError,
        ) as error:  # the stream ended while it was written to
            raise HostUnreachable(f"the port's stream is broken: {error}") from error


def info_from_pb(host: str, port: port_pb2.Port, fabric: str) -> PortInfo:
    """Return a port as its host tells `fabric` of it. `host` is its name here; its own may differ in spelling."""
    port.port.host = host
    port.name = f"hosts/{host}/ports/{port.port.port}"
    state = port_pb2.PortState.Name(port.state).removeprefix("PORT_STATE_").lower()
    stopped = any(report.severity == port_pb2.SEVERITY_ERROR for report in port.status)
    taken = port.HasField("hold") and port.hold.fabric_id != fabric
    told_by = frozenset(report.reporter for report in port.status)
    return PortInfo(
        PortName(host, port.port.port), port.monitor, state, port.device, port, stopped, taken, told_by
    )


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

    async def initialize(self) -> Hello:
        """Shake hands with the host. Raises as `Introduction.greet`."""
        answer = await self.introduction.greet()
        return Hello(answer.host, answer.instance_id, answer.boot_id, answer.version)

    def moved(self, address: str) -> None:
        """It is at another address now; who answers there has said nothing yet."""
        self.address = address
        self.introduction.forget()

    async def watch(self) -> AsyncIterator[PortsChanged]:
        """Yield changes of the host's ports, all of them first, until the host goes away; then raise why."""
        call = self._stub.WatchPorts(pb.WatchPortsRequest(owner=self.owner))
        try:
            async for news in call:
                for port in news.ports:
                    if port.port.host:  # the connection may be a newer one than that of the handshake
                        self.introduction.check(port.port.host)
                ports = [info_from_pb(self.name, port, self.owner.fabric_id) for port in news.ports]
                self._monitors.update((port.name.key[1], port.monitor) for port in ports)
                yield PortsChanged(ports, news.deleted_ports)
        finally:
            self.introduction.forget()
            call.cancel()

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
        await self.introduction.met()
        try:
            response = await self._open(request, way)
        except InvalidHandle:  # an earlier run of this spooler has shut down, and nobody has registered since
            await self.introduction.greet()
            response = await self._open(request, way)
        self._left.discard(port)
        documents = [progress_from_pb(news) for news in response.documents]
        opened = RemotePort(self._stub, response.handle, documents, lambda: self._left.add(port))
        if response.HasField("port"):  # as in `watch`
            try:
                self.introduction.check(response.port.port.host)
            except WrongHost:
                await opened.close()
                raise
        await opened.begin()
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
        await self.introduction.met()
        return await stage(self._stub, self.owner, port, document, parts)
