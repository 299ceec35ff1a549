"""A TCP proxy between a client and a printer that keeps what the client's side sent, connection by connection."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self


class RecordingProxy:
    """Listens on `port` and relays to `target`; `sent` maps the proxy's own address to the bytes passed on.

    That address is what the printer calls its peer, so bytes and inlets can be matched; `clients` maps it to the
    client's port. A break on either side is
    passed on as a reset.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.sent: dict[str, bytearray] = {}
        self.clients: dict[str, int] = {}
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # asyncio's server complains of a handler that ends cancelled
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(1):
            back, out = await asyncio.open_connection("127.0.0.1", self._target)
        host, port = out.get_extra_info("sockname")
        self.clients[f"{host}:{port}"] = writer.get_extra_info("peername")[1]
        kept = self.sent.setdefault(f"{host}:{port}", bytearray())

        async def forward() -> None:
            while data := await reader.read(4096):
                kept.extend(data)
                out.write(data)
                await out.drain()
            out.write_eof()

        async def backward() -> None:
            while data := await back.read(4096):
                writer.write(data)
            writer.write_eof()

        try:
            with contextlib.suppress(ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(forward())
                    group.create_task(backward())
        finally:
            out.transport.abort()
