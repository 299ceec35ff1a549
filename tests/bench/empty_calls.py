"""A gRPC server in Python that does nothing: what any service in this language starts from.

python -m tests.bench.empty_calls

Prints its port on a line, and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import grpc.aio

from tests.bench.measure import loop_factory, rounded
from tests.bench.process import Child
from tests.bench.system import together

_METHOD = "/tests.bench.Nothing/Do"
_REQUEST = bytes(1100)  # a small job's
_WARM_UP = 50


async def calls(folder: Path, clients: int, count: int) -> float:
    """Return unary calls per second of so many callers, a connection each, to a process of its own on loopback."""
    command = [sys.executable, "-m", "tests.bench.empty_calls"]
    server = Child("empty calls", command, folder / "empty-calls.log", pipe=True)
    try:
        assert server.process.stdout is not None
        address = f"127.0.0.1:{int(server.process.stdout.readline())}"
        await _call(address, clients, _WARM_UP)
        started = time.monotonic()
        await _call(address, clients, count)
        return rounded(count / (time.monotonic() - started))
    finally:
        server.end()


async def _call(address: str, clients: int, count: int) -> None:
    async def one() -> None:
        async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            call: Any = channel.unary_unary(_METHOD)
            for _ in range(count // clients):
                await call(_REQUEST)

    await together(one() for _ in range(clients))


async def _serve() -> None:
    async def nothing(_request: bytes, _context: object) -> bytes:
        return b""

    _, service, name = _METHOD.split("/")
    server = grpc.aio.server()
    handlers: dict[str, Any] = {name: grpc.unary_unary_rpc_method_handler(nothing)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve())
