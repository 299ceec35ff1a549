"""One connection of this spooler's to a host, carried by a connection that the host has opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from google.protobuf.message import DecodeError

from chassis.errors import FabricError
from chassis.tasks import Tasks

CHUNK_BYTES = 256 << 10  # at most in one message, either way


class Tunnel:
    """A local connection, and its bytes from and to the host.

    What is on its way is bounded: nothing is read here before the host has room for it, nor taken from the host before
    the local end has. Each tunnel is a stream of its own, so that one that stands holds up no other.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.on_end: Callable[[Tunnel], None] = lambda _tunnel: None

    async def carry(self, arriving: AsyncIterator[bytes], tasks: Tasks) -> AsyncIterator[bytes]:
        """Yield what goes to the host, and write what arrives from there, until one end closes.

        Raises:
            FabricError, DecodeError: what `arriving` raised.
        """
        taking = tasks.spawn("bytes from a host", self._take(arriving))
        try:
            with suppress(ConnectionError):  # the local end was closed the hard way
                while data := await self._reader.read(CHUNK_BYTES):
                    yield data
            if taking.done() and (wrong := taking.result()) is not None:
                raise wrong
        finally:
            taking.cancel()
            self.close()
            self.on_end(self)

    async def _take(self, arriving: AsyncIterator[bytes]) -> FabricError | DecodeError | None:
        try:
            with suppress(ConnectionError):
                async for data in arriving:
                    self._writer.write(data)
                    await self._writer.drain()
        except (FabricError, DecodeError) as error:
            return error
        finally:
            self.close()  # which ends `carry`
        return None

    def close(self) -> None:
        """Close the local connection; harmless when repeated."""
        self._writer.close()
