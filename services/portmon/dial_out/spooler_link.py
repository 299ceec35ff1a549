"""One spooler's RegistryService, as a host uses it that dials out: it is here, and carries the spooler's connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import grpc.aio

from chassis import logs
from chassis.errors import CallCanceled, FabricError, HostUnreachable
from chassis.tasks import Tasks
from printfabric.spooler.v1 import registry_service_pb2 as pb
from printfabric.spooler.v1.registry_service_pb2_grpc import RegistryServiceStub

log = logs.get(__name__)

_CHUNK_BYTES = 256 << 10  # the contract's
_BEATS = 3  # in the time between two that the spooler asks for: one that is late costs nothing


class Itself(NamedTuple):
    """What a host says of itself."""

    host: str
    instance_id: str
    contract_version: str


class Spooler(NamedTuple):
    """What a spooler says of itself: its id, its run, and how many share its store."""

    id: str
    epoch: int
    spoolers: int


class SpoolerLink:
    """The way to one spooler.

    Args:
        channel: leads there.
        itself: what it is told.
        door: the socket at which this host serves that spooler.
        another: look for one at which this host is not yet.
    """

    def __init__(
        self, channel: grpc.aio.Channel, itself: Itself, door: Path, *, another: bool = False
    ) -> None:
        self._stub: Any = RegistryServiceStub(channel)
        self._itself, self._door, self._another = itself, door, another
        self.tunnels = 0

    async def serve(self, tasks: Tasks) -> AsyncIterator[Spooler]:
        """Be here until the connection breaks; yield the spooler once it has taken the host, and when it has changed.

        Raises:
            FabricError: why the spooler does not take it, or why it ended.
        """
        call = self._stub.RegisterHost()
        try:
            about = {**self._itself._asdict(), "version": version("print-fabric"), "another": self._another}
            await _write(call, pb.RegisterHostRequest(**about))
            async for answer in call:
                if answer.tunnel_id:
                    tasks.spawn("tunnel", self._carry(answer.tunnel_id))
                    continue
                if answer.HasField("heartbeat"):
                    tasks.spawn("heartbeats", _beat(call, answer.heartbeat.ToTimedelta().total_seconds()))
                yield Spooler(answer.spooler_id, answer.epoch, answer.spoolers)
        finally:
            call.cancel()
        raise HostUnreachable("the spooler has ended the registration")

    async def _carry(self, tunnel_id: str) -> None:
        """Carry one connection of the spooler's to this host's own door."""
        reader, writer = await asyncio.open_unix_connection(self._door, limit=_CHUNK_BYTES)
        self.tunnels += 1
        call = self._stub.TunnelHost()
        try:
            await _write(call, pb.TunnelHostRequest(tunnel_id=tunnel_id))
            async with Tasks("tunnel") as tasks:
                ways = tasks.spawn("there", _send(reader, call)), tasks.spawn("here", _receive(call, writer))
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except FabricError as error:
            log.info("tunnel ended", reason=error.reason, why=error.message)
        finally:
            self.tunnels -= 1
            call.cancel()
            writer.close()


async def _send(reader: asyncio.StreamReader, call: Any) -> None:
    with suppress(ConnectionError, FabricError):
        while data := await reader.read(_CHUNK_BYTES):
            await _write(call, pb.TunnelHostRequest(data=data))


async def _receive(call: Any, writer: asyncio.StreamWriter) -> None:
    try:
        async for answer in call:
            writer.write(answer.data)
            await writer.drain()
    except ConnectionError:
        return
    except FabricError as error:
        if not isinstance(error, CallCanceled):
            log.info("tunnel ended", reason=error.reason, why=error.message)


async def _beat(call: Any, every_s: float) -> None:
    with suppress(FabricError):  # whoever reads the answers hears of it
        while True:
            await asyncio.sleep(every_s / _BEATS)
            await _write(call, pb.RegisterHostRequest())


async def _write(call: Any, message: Any) -> None:
    try:
        await call.write(message)
    except (grpc.aio.UsageError, grpc.aio.InternalError) as error:  # the stream ended while it was written to
        raise HostUnreachable(f"the stream is broken: {error}") from error
