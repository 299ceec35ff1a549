"""A service of plain bytes with the four call shapes, for tests of what stands around a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from chassis import identity
from chassis.call import current_call
from chassis.client import Channels
from chassis.server import Server, Servicer
from chassis.settings import ServerSettings

NAME = "demo.v1.EchoService"


def _same(data: bytes) -> bytes:
    return data


class EchoService:
    """Answers what it is asked, tells about its caller, and fails as it is told."""

    def __init__(self) -> None:
        self.raises: Callable[[], BaseException] | None = None
        self.cleaned_up = asyncio.Event()
        self.entered = asyncio.Event()
        self.release = asyncio.Event()

    async def Echo(self, request: bytes, _context: Any) -> bytes:
        return request

    async def Fail(self, _request: bytes, _context: Any) -> bytes:
        assert self.raises is not None
        raise self.raises()

    async def WhoAmI(self, _request: bytes, _context: Any) -> bytes:
        caller = identity.current()
        return f"{caller} {','.join(sorted(caller.groups))} {','.join(sorted(caller.roles))}".encode()

    async def About(self, _request: bytes, _context: Any) -> bytes:
        call = current_call.get()
        assert call is not None
        left = call.deadline - asyncio.get_running_loop().time() if call.deadline is not None else -1
        return f"{call.request_id} {left:.3f}".encode()

    async def Slow(self, request: bytes, _context: Any) -> bytes:
        self.entered.set()
        await self.release.wait()
        return request

    async def Count(self, request: bytes, _context: Any) -> AsyncIterator[bytes]:
        try:
            for n in range(int(request)):
                yield str(n).encode()
            if self.raises is not None:
                raise self.raises()
        finally:
            self.cleaned_up.set()

    async def Forever(self, _request: bytes, _context: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"."
                self.entered.set()
                await asyncio.sleep(0.01)
        finally:
            self.cleaned_up.set()

    async def Join(self, requests: AsyncIterator[bytes], _context: Any) -> bytes:
        joined = b""
        async for request in requests:
            joined += request
            if self.raises is not None:
                raise self.raises()
        return joined

    async def Chat(self, requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            if request == b"fail":
                assert self.raises is not None
                raise self.raises()
            yield request

    async def ChatByWriting(self, _requests: AsyncIterator[bytes], context: Any) -> None:
        while (request := await context.read()) is not grpc.aio.EOF:
            if request == b"stop":
                return
            if request == b"fail":
                assert self.raises is not None
                raise self.raises()
            await context.write(request)


SHAPES = {
    "Echo": "unary_unary", "Fail": "unary_unary", "WhoAmI": "unary_unary", "About": "unary_unary", "Slow": "unary_unary",
    "Count": "unary_stream", "Forever": "unary_stream",
    "Join": "stream_unary",
    "Chat": "stream_stream", "ChatByWriting": "stream_stream",
}  # fmt: skip


def add_to_server(servicer: EchoService, server: Any) -> None:
    handlers = {
        name: getattr(grpc, f"{shape}_rpc_method_handler")(getattr(servicer, name), _same, _same)
        for name, shape in SHAPES.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
    server.add_registered_method_handlers(NAME, handlers)


def echo(servicer: EchoService | None = None) -> Servicer:
    return (add_to_server, servicer if servicer is not None else EchoService(), NAME)


class EchoStub:
    """What a generated stub does with a channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        for name, shape in (*SHAPES.items(), ("Nothing", "unary_unary")):
            call = getattr(channel, shape)(
                f"/{NAME}/{name}",
                request_serializer=_same,
                response_deserializer=_same,
                _registered_method=True,
            )
            setattr(self, name, call)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@asynccontextmanager
async def echo_server(
    servicer: EchoService | None = None, *, channels: Channels | None = None, **how: Any
) -> AsyncIterator[tuple[EchoStub, Server]]:
    """Serve an EchoService and give a stub for it, by default on loopback and a port of the system's choice."""
    settings = how.pop("settings", None) or ServerSettings(grace_s=1)
    async with Server(settings, servicers=[echo(servicer)], **how) as server, channels or Channels() as known:
        yield EchoStub(known.get(server.addresses[0])), server
