"""As much of HTTP/1.1 (RFC 9112) as the control port and IPP need: one request after another, lengths and chunks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

_MAX_HEADERS = 100


class BadRequest(Exception):
    """A request that is not answered as asked: a sentence about why, and the status that says so."""

    def __init__(self, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(text)
        self.status = status


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
        """Return the whole body. Raises BadRequest above `limit` bytes, before they are waited for if they are announced."""
        self.announced(limit)
        out = bytearray()
        async for piece in self.body():
            out += piece
            if len(out) > limit:
                raise BadRequest(f"the body has more than {limit} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return bytes(out)

    def announced(self, limit: float) -> None:
        """Raise BadRequest if the body is to have more than `limit` bytes, or no length that can be read."""
        if _length(self.headers.get("content-length", "0")) > limit:
            raise BadRequest(f"the body has more than {limit} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    async def skip(self, limit: float) -> None:
        """Read what is left of the body and forget it. Raises BadRequest above `limit` bytes."""
        size = 0
        async for piece in self.body():
            size += len(piece)
            if size > limit:
                raise BadRequest("the body is too long", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            size = _length((await _line(self.reader)).partition(";")[0].strip(), 16)
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


Answer = tuple[int, str, bytes]
Respond = Callable[[Request], Awaitable[Answer]]


def plainly(error: BadRequest) -> Answer:
    """Say it as text."""
    return error.status, "text/plain; charset=utf-8", f"{error}\n".encode()


async def _may_answer() -> None:
    """Nothing holds an answer back."""


async def serve_http(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    take: Callable[[int], Awaitable[bytes]],
    respond: Respond,
    *,
    refuse: Callable[[BadRequest], Answer] = plainly,
    may_answer: Callable[[], Awaitable[None]] = _may_answer,
    max_body: float = float("inf"),
) -> None:
    """Answer the requests of one connection until it ends. `respond` returns status, content type and body.

    `refuse` words the answer to a request that cannot be answered; the connection ends with it, its body unread. A body
    of more than `max_body` bytes is refused. `may_answer` is waited for before every answer.
    """
    close = False
    while not close:
        try:
            request = await _request(reader, writer, take)
            if request is None:
                return
            request.announced(max_body)
            status, kind, body = await respond(request)
            await request.skip(max_body)
            close = request.headers.get("connection", "").lower() == "close"
        except BadRequest as error:
            status, kind, body = refuse(error)
            close = True
        await may_answer()
        head = (
            f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\nServer: printfabric-sim\r\n"
            f"Connection: {'close' if close else 'keep-alive'}\r\n\r\n"
        )
        writer.write(head.encode("latin-1") + body)
        await writer.drain()


async def _request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, take: Callable[[int], Awaitable[bytes]]
) -> Request | None:
    """Read a request up to its body; None at the end of the connection."""
    first = await _line(reader)
    if not first:
        return None
    line = first.split()
    if len(line) != 3 or not line[2].startswith("HTTP/"):
        raise BadRequest(f"{first[:80]!r} is no HTTP request")
    headers: dict[str, str] = {"connection": "close"} if line[2] == "HTTP/1.0" else {}
    for _ in range(_MAX_HEADERS):
        row = await _line(reader)
        if not row.strip():
            return Request(line[0], line[1], headers, reader, writer, take)
        name, _, value = row.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise BadRequest(f"more than {_MAX_HEADERS} headers", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


async def _line(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readline()).decode("latin-1")
    except ValueError as error:
        raise BadRequest("a line that does not end", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE) from error


def _length(text: str, radix: int = 10) -> int:
    if re.fullmatch("[0-9]{1,18}" if radix == 10 else "[0-9A-Fa-f]{1,15}", text) is None:
        raise BadRequest(f"{text[:80]!r} is no length")
    return int(text, radix)
