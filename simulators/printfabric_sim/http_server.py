"""As much of HTTP/1.1 (RFC 9112) as the control port and IPP need: one request after another, lengths and chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

_MAX_HEADERS = 100


class BadRequest(Exception):
    """The other side does not speak HTTP as it should."""


@dataclass(slots=True)
class Request:
    """A request whose body is still to come: `body()` yields it piece by piece and must be read to its end."""

    method: str
    path: str
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    take: Callable[[int], Awaitable[bytes]]
    _done: bool = field(default=False)

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body; sends 100 Continue first if the client waits for it."""
        if self._done:
            return
        self._done = True
        if self.headers.get("expect", "").lower() == "100-continue":
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            async for piece in self._chunks():
                yield piece
            return
        async for piece in self._exactly(_length(self.headers.get("content-length", "0"))):
            yield piece

    async def read(self, limit: int) -> bytes:
        """Return the whole body. Raises BadRequest above `limit` bytes."""
        out = bytearray()
        async for piece in self.body():
            out += piece
            if len(out) > limit:
                raise BadRequest(f"more than {limit} bytes")
        return bytes(out)

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            line = await self.reader.readline()
            size = _length(line.split(b";")[0].strip().decode("latin-1"), 16)
            if size == 0:
                while (await self.reader.readline()).strip():  # trailers
                    pass
                return
            async for piece in self._exactly(size):
                yield piece
            await self.reader.readexactly(2)

    async def _exactly(self, size: int) -> AsyncIterator[bytes]:
        while size > 0:
            piece = await self.take(size)
            if not piece:
                raise ConnectionError("the body ended early")
            size -= len(piece)
            yield piece


Respond = Callable[[Request], Awaitable[tuple[int, str, bytes]]]


async def serve_http(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    take: Callable[[int], Awaitable[bytes]],
    respond: Respond,
) -> None:
    """Answer the requests of one connection until it ends. `respond` returns status, content type and body."""
    while (request := await _request(reader, writer, take)) is not None:
        try:
            status, kind, body = await respond(request)
            async for _ in request.body():
                pass
        except BadRequest as error:
            status, kind, body = 400, "text/plain", f"{error}\n".encode()
        close = request.headers.get("connection", "").lower() == "close" or status == HTTPStatus.BAD_REQUEST
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\nServer: printfabric-sim\r\n"
            f"Connection: {'close' if close else 'keep-alive'}\r\n\r\n"
        )
        writer.write(head.encode("latin-1") + body)
        await writer.drain()
        if close:
            return


async def _request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, take: Callable[[int], Awaitable[bytes]]
) -> Request | None:
    line = (await reader.readline()).decode("latin-1").split()
    if len(line) < 3:
        return None
    headers: dict[str, str] = {}
    for _ in range(_MAX_HEADERS):
        row = (await reader.readline()).decode("latin-1").strip()
        if not row:
            return Request(line[0], line[1], headers, reader, writer, take)
        name, _, value = row.partition(":")
        headers[name.strip().lower()] = value.strip()
    return None


def _length(text: str, radix: int = 10) -> int:
    try:
        size = int(text, radix)
    except ValueError as error:
        raise BadRequest(f"{text!r} is no length") from error
    if size < 0:
        raise BadRequest(f"{text!r} is no length")
    return size
