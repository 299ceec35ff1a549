"""The page that Prometheus reads: one question a connection; who asks slowly, or with many connections, harms nobody."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Self

from prometheus_client import make_wsgi_app

from chassis.metrics import REGISTRY
from chassis.tasks import Tasks

MOST = 32  # connections at once; a scraper needs one, for some milliseconds
HEAD_BYTES = 8192  # of a question, all its lines together
HEAD_S = 5.0  # from the connection to the end of its question
ANSWER_S = 30.0  # to the end of the answer: a page is 100 KB, and some links are slow
_PART_S = 1.0  # for the other end to close

_page = make_wsgi_app(REGISTRY)


class MetricsPage:
    """The page of this process, at `/metrics` of an address of its own, without TLS and for everybody.

    When more than MOST are connected, the one that has been here longest goes: a scraper is new, and soon done.
    Collectors run in a thread, one page at a time.
    """

    def __init__(self) -> None:
        self.address = ""
        self._server: asyncio.Server | None = None
        self._here: dict[asyncio.StreamWriter, None] = {}  # connections, the oldest first
        self._making = asyncio.Lock()  # guards the collectors: one page at a time
        self._tasks = Tasks("metrics page")

    @classmethod
    async def open(cls, address: str) -> Self:
        """Listen; port 0 lets the system choose, the page's `address` has the true one.

        Raises:
            OSError: the address cannot be bound.
        """
        page = cls()
        host, _, port = address.rpartition(":")
        where = host.strip("[]") or "0.0.0.0"  # noqa: S104 - ":9100" means all
        page._server = await asyncio.start_server(page._connected, where, int(port), limit=HEAD_BYTES)
        page.address = f"{host}:{page._server.sockets[0].getsockname()[1]}"
        return page

    async def close(self) -> None:
        """Stop answering; nobody is waited for."""
        if self._server is not None:
            self._server.close()
        for writer in self._here:
            writer.transport.abort()
        await self._tasks.close()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None or not self._server.is_serving():  # it came while the page was closed
            writer.transport.abort()
            return
        if len(self._here) >= MOST:
            oldest = next(iter(self._here))
            del self._here[oldest]
            oldest.transport.abort()
        self._here[writer] = None
        self._tasks.spawn("answer", self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)  # what is drained has left
        try:
            with suppress(OSError, EOFError):  # it went, or took too long
                async with asyncio.timeout(ANSWER_S):
                    answer = await self._answer(reader, writer)
                    if not writer.is_closing():  # uvloop raises another error than asyncio
                        writer.write(answer)
                    await writer.drain()
                if not writer.is_closing():
                    writer.write_eof()
                # To close before all is read that was sent would be a reset, and might take the answer with it.
                async with asyncio.timeout(_PART_S):
                    while await reader.read(HEAD_BYTES):
                        pass
        finally:
            self._here.pop(writer, None)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Return the answer to a connection's question. Raises OSError, EOFError: nobody waits for one."""
        try:
            async with asyncio.timeout(HEAD_S):
                question = await _question(reader)
        except _Refused as refused:
            return _response(f"{refused.status} {refused.status.phrase}", [], b"")
        async with self._making:
            if writer.is_closing():
                raise ConnectionResetError
            return await asyncio.to_thread(_made, question)


class _Refused(Exception):
    """What came is no question."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


async def _question(reader: asyncio.StreamReader) -> dict[str, str]:
    """Return the first line and the header lines, as PEP 3333 names them. Raises _Refused, OSError, EOFError."""
    lines: list[str] = []
    left = HEAD_BYTES
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            line = b" " * HEAD_BYTES
        left -= len(line)
        if left <= 0:
            many = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _Refused(many if lines else HTTPStatus.REQUEST_URI_TOO_LONG)
        if not line.strip():
            break
        lines.append(line.decode("latin-1").strip())
    match lines[0].split() if lines else ():
        case [method, target, version] if version.startswith("HTTP/"):
            path, _, query = target.partition("?")
        case _:
            raise _Refused(HTTPStatus.BAD_REQUEST)
    said = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    for field in lines[1:]:
        name, _, value = field.partition(":")
        said[f"HTTP_{name.strip().upper().replace('-', '_')}"] = value.strip()
    return said


def _made(question: dict[str, str]) -> bytes:
    """Return the page as this question wants it: of which format, packed or not."""
    said: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(_page(question, lambda status, fields: said.append((status, fields))))
    return _response(*said[0], body)


def _response(status: str, fields: list[tuple[str, str]], body: bytes) -> bytes:
    lines = [f"{name}: {value}" for name, value in (*fields, ("Content-Length", str(len(body))))]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""]).encode() + body
