"""A print-server box: a TCP relay with a little memory between a port monitor and a printer, which can be cut or held."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Coroutine
from typing import Any

_CHUNK_BYTES = 2048
_KERNEL_BYTES = 4096
_RESET = struct.pack("ii", 1, 0)


class Box:
    """Relays connections to `target`."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._server: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pairs: dict[tuple[socket.socket, socket.socket], asyncio.Task[None]] = {}
        self._go = asyncio.Event()
        self._go.set()
        self.slow = False

    async def start(self) -> int:
        """Listen; return the port."""
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BYTES)
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        server.setblocking(False)
        self._server = server
        self._spawn(self._accept(server))
        return int(server.getsockname()[1])

    async def stop(self) -> None:
        """End everything."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()

    @property
    def quiet(self) -> bool:
        """Nothing is on its way through it."""
        return not self._pairs

    def cut(self) -> None:
        """Reset every connection, both sides; what was in the box is gone."""
        for pair, task in list(self._pairs.items()):
            for one in pair:
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            task.cancel()

    def hold(self, on: bool) -> None:
        """Relay nothing, or go on."""
        (self._go.clear if on else self._go.set)()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, server: socket.socket) -> None:
        while True:
            near, _ = await asyncio.get_running_loop().sock_accept(server)
            near.setblocking(False)
            self._spawn(self._serve(near))

    async def _serve(self, near: socket.socket) -> None:
        far = socket.socket()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
        far.setblocking(False)
        pair = (near, far)
        task = asyncio.current_task()
        assert task is not None
        self._pairs[pair] = task
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(far, self._target), 5)
            broken = asyncio.Event()
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(near, far, broken))
                pumps.create_task(self._pump(far, near, broken))
        except* (OSError, TimeoutError):
            for one in pair:  # one side broke: so does the other
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        finally:
            del self._pairs[pair]
            for one in pair:
                one.close()

    async def _pump(self, source: socket.socket, sink: socket.socket, broken: asyncio.Event) -> None:
        try:
            while data := await self._piece(source):
                await asyncio.get_running_loop().sock_sendall(sink, data)
            # A reset is told once for each socket: who asks after that hears of an end in order.
            if not broken.is_set():
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            broken.set()
            raise

    async def _piece(self, source: socket.socket) -> bytes:
        await self._go.wait()
        if self.slow:
            await asyncio.sleep(0.05)
        data = await asyncio.get_running_loop().sock_recv(source, _CHUNK_BYTES)
        await self._go.wait()
        return data
