"""A small IPP client over one kept connection, so that what it costs is next to nothing beside what is measured."""

from __future__ import annotations

import asyncio
import struct

from tests.bench.process import BenchError

PRINT_JOB, GET_JOBS, PAUSE_PRINTER, RESUME_PRINTER, GET_PRINTER_ATTRIBUTES = 0x02, 0x0A, 0x10, 0x11, 0x0B
_CHARSET, _LANGUAGE, _URI, _NAME, _MIME, _KEYWORD = 0x47, 0x48, 0x45, 0x42, 0x49, 0x44


class IppClient:
    """One connection to an IPP server on loopback.

    Args:
        port: of the server.
        path: of a printer, with `{}` for its name.
        document_format: what documents are said to be.
    """

    def __init__(self, port: int, path: str, document_format: str) -> None:
        self._port = port
        self._path = path
        self._format = document_format
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def ask(
        self, operation: int, printer: str, document: bytes = b"", title: str = "", wanted: str = ""
    ) -> bytes:
        """Send one request and return its answer; `wanted` names the attribute that it shall have.

        Raises:
            BenchError: it is no success.
        """
        path = self._path.format(printer)
        body = self._message(operation, path, title, wanted)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost:{self._port}\r\nContent-Type: application/ipp\r\n"
            f"Content-Length: {len(body) + len(document)}\r\n\r\n"
        )
        kept = self._writer is not None
        try:
            answer = await self._exchange(head.encode() + body, document)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            if not kept:
                raise BenchError(f"the server hung up at {path}: {error}") from error
            # A server may end a kept connection at any time; every client then sends what was not answered once more.
            await self.close()
            return await self.ask(operation, printer, document, title, wanted)
        status = struct.unpack_from(">H", answer, 2)[0]
        if status > 0xFF:
            raise BenchError(
                f"IPP status {status:#06x} to operation {operation:#x} at {path}: {answer[8:300]!r}"
            )
        return answer

    async def _exchange(self, head: bytes, document: bytes) -> bytes:
        """Send a request and return its answer."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(head + document[: 1 << 20])
        for offset in range(1 << 20, len(document), 1 << 20):
            self._writer.write(document[offset : offset + (1 << 20)])
            await self._writer.drain()
        await self._writer.drain()
        return await self._answer()

    def _message(self, operation: int, path: str, title: str, wanted: str) -> bytes:
        parts = [struct.pack(">BBHI", 2, 0, operation, 1), b"\x01"]
        parts += [
            _attribute(_CHARSET, "attributes-charset", "utf-8"),
            _attribute(_LANGUAGE, "attributes-natural-language", "en"),
            _attribute(_URI, "printer-uri", f"ipp://localhost:{self._port}{path}"),
            _attribute(_NAME, "requesting-user-name", "bench"),
        ]
        if operation == PRINT_JOB:
            parts += [
                _attribute(_NAME, "job-name", title),
                _attribute(_MIME, "document-format", self._format),
            ]
        if wanted:
            parts.append(_attribute(_KEYWORD, "requested-attributes", wanted))
        return b"".join([*parts, b"\x03"])

    async def _answer(self) -> bytes:
        assert self._reader is not None
        while True:  # "100 Continue" may come first
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(" ", 2)[1])
            if status != 100:
                break
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        if headers.get("transfer-encoding") == "chunked":
            body = await self._chunks(self._reader)
        else:
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            await self.close()
        if status != 200:
            raise BenchError(f"HTTP {status}: {body[:200]!r}")
        return body

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        body = b""
        while size := int((await reader.readline()).strip() or b"0", 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return body


def _attribute(tag: int, name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">BH", tag, len(key)) + key + struct.pack(">H", len(text)) + text
