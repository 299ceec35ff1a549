"""The part of RegistryService that hosts call which dial in: they are here, and carry this spooler's connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any
from urllib.parse import unquote

from google.protobuf.message import DecodeError

from chassis.call import current_call
from chassis.errors import AccessDenied, DeadlineExceeded, InvalidArgument, Overloaded
from chassis.identity import current
from chassis.tasks import Tasks
from printfabric.spooler.v1 import registry_service_pb2 as pb
from spooler.api.host_proof import checked_name, is_host
from spooler.dial_in.arrival import Arrival
from spooler.dial_in.arrivals import DialIn
from spooler.dial_in.tunnel import CHUNK_BYTES

_FIRST_S = 10.0  # for the first message of a stream
_SILENCE = 3  # heartbeats


class DialInCalls:
    """RegisterHost, TunnelHost."""

    def __init__(self, dial_in: DialIn) -> None:
        self._dial_in = dial_in

    async def RegisterHost(
        self, requests: AsyncIterator[pb.RegisterHostRequest], _context: Any
    ) -> AsyncIterator[pb.RegisterHostResponse]:
        """See the contract."""
        first = await _first(requests)
        host, caller, dial_in = checked_name(first.host), current(), self._dial_in
        if not is_host(caller, host):
            raise AccessDenied(f"{caller} is not host {host}", caller=caller, host=host)
        if first.address:
            wrong = "hosts that have an address are named in the settings"
            raise InvalidArgument(f"address: {wrong}", fields=[("address", wrong)])
        async with (
            dial_in.arrival(
                host, first.instance_id, f"dialled in from {_where()}", another=first.another
            ) as arrival,
            Tasks(f"host {host}") as tasks,
        ):
            tasks.spawn("heartbeats", self._hear(requests, arrival))
            answer = self._about()
            answer.heartbeat.FromMilliseconds(round(dial_in.heartbeat_s * 1000))
            yield answer
            async for tunnel_id in arrival.wanted():
                yield pb.RegisterHostResponse(tunnel_id=tunnel_id) if tunnel_id else self._about()

    def _about(self) -> pb.RegisterHostResponse:
        dial_in = self._dial_in
        return pb.RegisterHostResponse(
            spooler_id=dial_in.spooler_id, epoch=dial_in.epoch, spoolers=dial_in.spoolers()
        )

    async def _hear(self, requests: AsyncIterator[pb.RegisterHostRequest], arrival: Arrival) -> None:
        """Hear a host until it says no more, and let it go then."""
        silence_s, spoolers = _SILENCE * self._dial_in.heartbeat_s, self._dial_in.spoolers()
        try:
            while True:
                async with asyncio.timeout(silence_s):
                    if await anext(requests, None) is None:
                        break
                arrival.heard()
                if spoolers != (spoolers := self._dial_in.spoolers()):
                    arrival.tell()
        except TimeoutError:
            arrival.end(DeadlineExceeded(f"host {arrival.host} has said nothing for {silence_s:g} s"))
        except DecodeError as error:
            arrival.end(InvalidArgument(f"what came is no heartbeat: {error}"))
        else:
            arrival.end()

    async def TunnelHost(
        self, requests: AsyncIterator[pb.TunnelHostRequest], _context: Any
    ) -> AsyncIterator[pb.TunnelHostResponse]:
        """See the contract."""
        first = await _first(requests)
        if not first.tunnel_id:
            raise DecodeError("the first message names no tunnel")
        tunnel = self._dial_in.claim(first.tunnel_id, partial(is_host, current()))
        async with (
            Tasks("tunnel") as tasks,
            aclosing(tunnel.carry(_bytes(first, requests), tasks)) as leaving,  # type: ignore[type-var]
        ):
            async for data in leaving:
                yield pb.TunnelHostResponse(data=data)


async def _first(requests: AsyncIterator[Any]) -> Any:
    """Return the first message of a stream. Raises DecodeError, DeadlineExceeded."""
    try:
        async with asyncio.timeout(_FIRST_S):
            first = await anext(requests, None)
    except TimeoutError as error:
        raise DeadlineExceeded(f"nothing came for {_FIRST_S:g} s") from error
    if first is None:
        raise DecodeError("the stream has no message")
    return first


async def _bytes(
    first: pb.TunnelHostRequest, requests: AsyncIterator[pb.TunnelHostRequest]
) -> AsyncIterator[bytes]:
    """Yield what a host sends through a tunnel. Raises DecodeError, Overloaded."""
    yield checked_bytes(first)
    async for message in requests:
        if message.tunnel_id:
            raise DecodeError("a tunnel is named again")
        yield checked_bytes(message)


def checked_bytes(message: pb.TunnelHostRequest) -> bytes:
    """Return the bytes of one message. Raises Overloaded."""
    if len(message.data) > CHUNK_BYTES:
        text = f"a message of a tunnel has at most {CHUNK_BYTES} bytes, not {len(message.data)}"
        raise Overloaded(text, max_bytes=CHUNK_BYTES)
    return message.data


def _where() -> str:
    """Return the address that a call comes from, without the port, which is another one each time."""
    call = current_call.get()
    kind, _, peer = (call.peer if call is not None else "").partition(":")
    return unquote(peer.rpartition(":")[0]) if kind.startswith("ip") else kind
