"""A host whose thousand ports are all in use: each keeps one call, and all of them come by one connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest

from chassis.server import Server
from portmon.settings import PortmonSettings

USED_PORTS, AT_ONCE = 1_100, 100
NAME = "test.Ports"


class Used:
    """What a host's server is asked by each port in use, until the end."""

    def __init__(self) -> None:
        self._end = asyncio.Event()  # of all: a waiter that nobody else knows of is garbage, and collected

    async def use(self, _requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        yield b"used"
        await self._end.wait()


def add(servicer: Used, server: Any) -> None:
    calls: dict[str, Any] = {"Use": grpc.stream_stream_rpc_method_handler(servicer.use)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(NAME, calls)])


@pytest.mark.parametrize("given", [{}, {"grace_s": 0.1}, {"limits": {"calls_at_once": 10_000}}])
async def test_a_host_has_room_for_the_calls_of_more_than_a_thousand_used_ports(given: dict[str, Any]):
    settings = PortmonSettings.model_validate({"server": {"listen": ["127.0.0.1:0"], **given}}).server
    async with (
        Server(settings, servicers=[(add, Used(), NAME)], log_ok=False) as server,
        grpc.aio.insecure_channel(server.addresses[0]) as channel,
    ):
        used: list[Any] = []
        async with asyncio.timeout(20):
            while len(used) < USED_PORTS:  # a thousand that nobody has looked at yet gRPC refuses
                some: list[Any] = [channel.stream_stream(f"/{NAME}/Use")() for _ in range(AT_ONCE)]
                used += some
                assert await asyncio.gather(*(each.read() for each in some)) == [b"used"] * AT_ONCE
        for each in used:
            each.cancel()
