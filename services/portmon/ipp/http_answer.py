"""The answer half of HTTP/1.1 (RFC 9112): bytes in, one answer out, everything bounded. Pure."""

from __future__ import annotations

import re

_MOST_HEAD = 16384
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?")
_LENGTH = re.compile(rb"[0-9]{1,12}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")


class BadHttp(ValueError):
    """The peer does not speak HTTP as it should, or too much of it."""


class HttpAnswer:
    """One answer as it comes in; `done` tells when it is whole. Interim answers (100 Continue) are passed over."""

    def __init__(self, most_bytes: int) -> None:
        self.status = 0
        self.body = bytearray()
        self.done = False
        self.keeps_open = False  # the connection may carry another request
        self._most = most_bytes
        self._data = bytearray()
        self._left: int | None = None  # of the body or the chunk; None: until the connection ends
        self._chunked = False
        self._in_head = True

    def feed(self, data: bytes) -> None:
        """Take bytes. What comes behind a whole answer is dropped: nobody asked for it.

        Raises:
            BadHttp: this is no answer.
        """
        self._data += data
        while not self.done and self._step():
            pass
        if self.done:
            self._data.clear()

    def end(self) -> None:
        """The connection has ended.

        Raises:
            BadHttp: in the middle of the answer.
        """
        if not self.done and (self._in_head or self._chunked or self._left is not None):
            raise BadHttp("the connection ended in the middle of an answer")
        self.done, self.keeps_open = True, False

    def _step(self) -> bool:
        """Use up some of what is there; False when there is too little."""
        if self._in_head:
            return self._head()
        if self._chunked and not self._left:
            return self._chunk_head()
        return self._take_body()

    def _head(self) -> bool:
        end = self._data.find(b"\r\n\r\n")
        if end < 0 or end > _MOST_HEAD:
            if len(self._data) > _MOST_HEAD:
                raise BadHttp(f"a head of more than {_MOST_HEAD} bytes")
            return False
        first, *rows = bytes(self._data[:end]).split(b"\r\n")
        del self._data[: end + 4]
        found = _STATUS_LINE.fullmatch(first)
        if found is None:
            raise BadHttp("no HTTP status line")
        self.status = int(found[1])
        if self.status < 200:
            return True
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (row.partition(b":") for row in rows)
        }
        self._in_head = False
        self.keeps_open = (
            first.startswith(b"HTTP/1.1") and headers.get(b"connection", b"").lower() != b"close"
        )
        self._body_is(headers)
        return True

    def _body_is(self, headers: dict[bytes, bytes]) -> None:
        if self.status in (204, 304):
            self.done = True
        elif headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            self._chunked, self._left = True, 0
        elif b"content-length" in headers:
            if not _LENGTH.fullmatch(headers[b"content-length"]):
                raise BadHttp("a length that is no number")
            self._left = int(headers[b"content-length"])
            self.done = not self._left
        else:
            self.keeps_open = False

    def _chunk_head(self) -> bool:
        if self._data.startswith(b"\r\n") and self._left == 0 and self.body:
            del self._data[:2]
        end = self._data.find(b"\r\n")
        if end < 0:
            if len(self._data) > 1024:
                raise BadHttp("a chunk without a size")
            return False
        found = _CHUNK.fullmatch(bytes(self._data[:end]))
        if found is None:
            raise BadHttp("a chunk without a size")
        self._left = int(found[1], 16)
        if not self._left:
            return self._trailer(end + 2)
        del self._data[: end + 2]
        return True

    def _trailer(self, start: int) -> bool:
        """Wait for the empty line behind the last chunk; trailers are of no interest."""
        end = self._data.find(b"\r\n\r\n", start - 2)
        if end < 0:
            if len(self._data) > _MOST_HEAD:
                raise BadHttp("trailers without end")
            self._left = 0
            return False
        self.done = True
        return True

    def _take_body(self) -> bool:
        size = len(self._data) if self._left is None else min(self._left, len(self._data))
        if not size:
            return False
        if len(self.body) + size > self._most:
            raise BadHttp(f"an answer of more than {self._most} bytes")
        self.body += self._data[:size]
        del self._data[:size]
        if self._left is not None:
            self._left -= size
            self.done = not self._left and not self._chunked
        return True
