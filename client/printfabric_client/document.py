"""A document to send: bytes that can be read again from any place, whatever they came from."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TypeAlias

Source: TypeAlias = bytes | bytearray | memoryview | Path | IO[bytes]
"""What can be printed: bytes, a file's path, or an open binary file. A plain str is refused: it could be either."""

# Above this a copy of a stream that cannot be rewound goes to disk.
_COPY_IN_MEMORY_BYTES = 1024 * 1024


class Document:
    """An open document. `read` is the only access; it may be called for any place any number of times."""

    def __init__(self, file: IO[bytes], *, start: int, size: int, name: str) -> None:
        self._file = file
        self._start = start
        self.size = size
        self.name = name
        self._hash = hashlib.sha256()
        self._hashed = 0

    async def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset`; empty at the end. What is read in order is hashed on the way."""
        data = await asyncio.to_thread(self._read, offset, size)
        if offset <= self._hashed < offset + len(data):
            self._hash.update(data[self._hashed - offset :])
            self._hashed = offset + len(data)
        return data

    async def digest(self, size: int) -> bytes:
        """Return the SHA-256 of the first `size` bytes, reading only what has not been read yet.

        Raises:
            EOFError: the document has become shorter.
        """
        while self._hashed < size:
            if not await self.read(self._hashed, min(1024 * 1024, size - self._hashed)):
                raise EOFError(f"{self.name or 'the document'} became shorter while it was being sent")
        return self._hash.digest()

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(self._start + offset)
        parts: list[bytes] = []
        while size > 0 and (part := self._file.read(size)):
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


@asynccontextmanager
async def open_document(source: Source) -> AsyncIterator[Document]:
    """Open `source` for sending; a pipe or terminal is read to its end into a temporary file first.

    An open file is sent from its present position on and is not closed.

    Raises:
        TypeError: it is text.
        OSError: it cannot be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        yield Document(io.BytesIO(source), start=0, size=len(memoryview(source).cast("B")), name="")
        return
    if isinstance(source, Path):
        with await asyncio.to_thread(source.open, "rb") as file:
            async with _of_file(file, source.name) as document:
                yield document
        return
    if not hasattr(source, "read"):
        kind = type(source).__name__
        raise TypeError(f"a {kind} is neither a document nor a path: encode it, or wrap it in pathlib.Path")
    name = getattr(source, "name", "")
    # Pipes have a number, standard input has <stdin>.
    named = isinstance(name, str) and not name.startswith("<")
    async with _of_file(source, Path(name).name if named else "") as document:
        yield document


@asynccontextmanager
async def _of_file(file: IO[bytes], name: str) -> AsyncIterator[Document]:
    if await asyncio.to_thread(_rewindable, file):
        start = file.tell()
        end = await asyncio.to_thread(file.seek, 0, os.SEEK_END)
        yield Document(file, start=start, size=max(0, end - start), name=name)
        return
    with tempfile.SpooledTemporaryFile(max_size=_COPY_IN_MEMORY_BYTES) as copy:
        await asyncio.to_thread(shutil.copyfileobj, file, copy, 256 * 1024)
        yield Document(copy, start=0, size=copy.tell(), name=name)


def _rewindable(file: IO[bytes]) -> bool:
    if not file.seekable():
        return False
    try:
        mode = os.fstat(file.fileno()).st_mode
    except (OSError, AttributeError):
        return True
    # A terminal says it is seekable; /dev/zero too.
    return stat.S_ISREG(mode) or stat.S_ISBLK(mode)
