"""The fabric as seen from here: the spooler's PortService. Nothing else is called; port monitors least of all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple, TypeVar

import grpc.aio

from chassis import logs
from chassis.call import current_call
from chassis.client import Channels
from chassis.errors import DeadlineExceeded, FabricError, HostUnreachable, Verdict
from chassis.status import DETAILS_KEY
from printfabric.spooler.v1 import port_service_pb2 as pb
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub

# Windows' rights to a server, as OpenPrinter asks for them.
ADMINISTER = 1
ENUMERATE = 2
# What must still be done when the caller is gone gets so long, in seconds.
_AFTERMATH_S = 5.0
T = TypeVar("T")
log = logs.get(__name__)


class XcvAnswer(NamedTuple):
    """A monitor's own answer to one command; it was delivered when there is one."""

    status: int  # a Win32 code, 0 is success
    output: bytes  # JSON, as the monitor wrote it
    message: str


class PortAnswer(NamedTuple):
    """A port as the spooler answers it: its resource name, and the `printfabric.types.v1.Port` for the wall."""

    name: str
    wire: object


class Spooler:
    """The spooler's configuration side. One instance per process."""

    def __init__(self, channels: Channels, address: str) -> None:
        self._address = address
        self._stub: Any = PortServiceStub(channels.get(address))

    def on_behalf_of(self, authorization: str = "") -> Fabric:
        """Return the fabric as a caller may use it: who brought a token acts under it, others under this service's name."""
        metadata = (("authorization", authorization),) if authorization else None
        return Fabric(self._stub, self._address, metadata)


class Fabric:
    """The spooler, for one caller. Every method raises FabricError, `HostUnreachable` naming the spooler if it is down."""

    def __init__(self, stub: Any, address: str, metadata: Any) -> None:
        self._stub = stub
        self._address = address
        self._metadata = metadata

    @asynccontextmanager
    async def session(
        self, *, port: str = "", monitor: str = "", administer: bool = False
    ) -> AsyncIterator[XcvSession]:
        """Open a management session on a port or a monitor, by its resource name, and close it at the end.

        Raises:
            PortNotFound, UnknownPrintMonitor: code 1796.
            AccessDenied: the caller may not administer.
        """
        request = pb.XcvOpenRequest(desired_access=ADMINISTER if administer else ENUMERATE)
        if port:
            request.port = port
        else:
            request.monitor = monitor
        handle = (await self._call(self._stub.XcvOpen, request)).handle
        try:
            yield XcvSession(self, handle)
        finally:
            await self._close(handle)

    async def _close(self, handle: bytes) -> None:
        with _without_deadline():
            try:
                request = pb.XcvCloseRequest(handle=handle)
                await _to_its_end(self._call(self._stub.XcvClose, request, timeout=_AFTERMATH_S))
            except FabricError as error:
                # The session ends by itself; what was done in it is done.
                log.info("management session not closed", error=error.message)

    async def data(self, handle: bytes, name: str, document: bytes) -> XcvAnswer:
        """Execute one command in a session."""
        request = pb.XcvDataRequest(handle=handle, data_name=name, input_data=document)
        result = (await self._call(self._stub.XcvData, request)).result
        return XcvAnswer(result.status, result.output_data, result.message)

    async def long_data(
        self, session: XcvSession, name: str, document: bytes, timeout_s: float
    ) -> AsyncIterator[tuple[str, bytes, int | None]]:
        """Execute a long command; yield each step as (text, JSON, None), the result with its Win32 code in the last."""
        command = pb.XcvDataRequest(handle=session.handle, data_name=name, input_data=document)
        request = pb.StreamXcvDataRequest(command=command)
        async for answer in self._stub.StreamXcvData(request, metadata=self._metadata, timeout=timeout_s):
            step = answer.step
            if step.HasField("result"):
                result = step.result
                yield step.text or result.message, result.output_data, result.status
            else:
                yield step.text, step.step_data, None

    async def get_port(self, name: str) -> PortAnswer:
        """Return a port."""
        return _answer((await self._call(self._stub.GetPort, pb.GetPortRequest(name=name))).port)

    async def add_port(
        self,
        parent: str,
        monitor: str,
        port_id: str,
        settings: bytes,
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> PortAnswer:
        """Add a port; with `validate_only` only look whether it could be.

        Raises:
            PortExists, InvalidSettings: nothing was added.
        """
        request = pb.AddPortRequest(
            parent=parent,
            monitor=monitor,
            port_id=port_id,
            settings=settings,
            request_id=request_id,
            validate_only=validate_only,
        )
        return _answer((await self._call(self._stub.AddPort, request)).port)

    async def configure_port(
        self, name: str, settings: bytes, *, revision: str = "", validate_only: bool = False
    ) -> tuple[PortAnswer, bool]:
        """Change a port's settings, if they are still those of `revision`; return it and whether anything changed.

        Raises:
            EtagMismatch, InvalidSettings: nothing was changed.
        """
        request = pb.ConfigurePortRequest(
            name=name, settings=settings, settings_revision=revision, validate_only=validate_only
        )
        response = await self._call(self._stub.ConfigurePort, request)
        return _answer(response.port), response.changed

    async def delete_port(self, name: str) -> None:
        """Delete a port.

        Raises:
            PortInUse: a printer or a job uses it.
        """
        await self._call(self._stub.DeletePort, pb.DeletePortRequest(name=name))

    async def take_back(self, name: str) -> None:
        """Delete a port that was just added, even if the caller is gone meanwhile."""
        with _without_deadline():
            request = pb.DeletePortRequest(name=name)
            await _to_its_end(self._call(self._stub.DeletePort, request, timeout=_AFTERMATH_S))

    async def _call(self, method: Any, request: object, **more: Any) -> Any:
        return await self._named(method(request, metadata=self._metadata, **more))

    async def _named(self, call: Awaitable[T]) -> T:
        """Say who did not answer, when it was the spooler itself and not somebody behind it."""
        try:
            return await call
        except (HostUnreachable, DeadlineExceeded) as error:
            if _from_a_service(error):
                raise
            raise type(error)(
                f"spooler at {self._address} does not answer: {error.message}",
                verdict=Verdict.RETRY,
                service="spooler",
                address=self._address,
            ) from error


class XcvSession:
    """An open management session."""

    def __init__(self, fabric: Fabric, handle: bytes) -> None:
        self._fabric = fabric
        self._handle = handle

    @property
    def handle(self) -> bytes:
        """What the spooler knows it by."""
        return self._handle

    async def data(self, name: str, document: bytes = b"") -> XcvAnswer:
        """Execute one command (XcvData).

        Raises:
            InvalidHandle: the session is gone; the host's port monitor was started anew, for instance.
        """
        return await self._fabric.data(self._handle, name, document)


def _answer(port: Any) -> PortAnswer:
    return PortAnswer(port.name, port)


def _from_a_service(error: FabricError) -> bool:
    """Tell whether a service wrote this error, or gRPC itself because none was there."""
    cause = error.__cause__
    if not isinstance(cause, grpc.aio.AioRpcError):
        return True
    return any(key == DETAILS_KEY for key, _value in cause.trailing_metadata() or ())


async def _to_its_end(work: Coroutine[Any, Any, object]) -> None:
    """Await what must not be left half done, also when the caller hangs up just now."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


@contextmanager
def _without_deadline() -> Iterator[None]:
    """Let calls of now go on after the deadline of the call that is being answered."""
    before = current_call.set(None)
    try:
        yield
    finally:
        current_call.reset(before)
