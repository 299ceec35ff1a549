"""What receiver.c does, in Python, for machines without a C compiler; slower, and the report says so."""

from __future__ import annotations

import mmap
import selectors
import socket
import struct
import sys
import time
import zlib
from collections.abc import Iterator

PIECE = 256 * 1024
HEADER, RECORD = struct.Struct("<QQ"), struct.Struct("<QQQQQ")
HEAD = struct.Struct("<QQ")  # of a document: its number, its size


class Connection:
    """A document on its way in; after its end, the next."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.bytes = 0
        self.first_ns = 0
        self.head = b""
        self.adler = 1

    def add(self, data: memoryview) -> Iterator[bytes]:
        """Take bytes; return a record for each document that ends in them."""
        while data:
            self.first_ns = self.first_ns or time.monotonic_ns()
            left = (HEAD.size if len(self.head) < HEAD.size else HEAD.unpack(self.head)[1]) - self.bytes
            part, data = data[:left], data[left:]
            if len(self.head) < HEAD.size:
                self.head += bytes(part)
            self.bytes += len(part)
            self.adler = zlib.adler32(part, self.adler)
            if self.bytes >= HEAD.size and self.bytes >= HEAD.unpack(self.head)[1]:
                yield self.end()

    def end(self) -> bytes:
        """Return the record of the document as far as it came."""
        number = int.from_bytes(self.head[:8].ljust(8, b"\0"), "little")
        record = RECORD.pack(number, self.bytes, self.first_ns, time.monotonic_ns(), self.adler)
        self._begin()
        return record


class Kept:
    """The records, in the file that the benchmark reads."""

    def __init__(self, shared: mmap.mmap) -> None:
        self._shared = shared
        self._done = 0

    def add(self, record: bytes) -> None:
        """Write one down, then say that it is there."""
        place = HEADER.size + self._done * RECORD.size
        self._shared[place : place + RECORD.size] = record
        self._done += 1
        HEADER.pack_into(self._shared, 0, self._done, 0)


def receive(kept: Kept) -> None:
    """Take connections until standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    piece = memoryview(bytearray(PIECE))
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is listener:
                    new, _ = listener.accept()
                    new.setblocking(False)
                    selector.register(new, selectors.EVENT_READ, Connection())
                    continue
                peer, connection = key.fileobj, key.data
                assert isinstance(peer, socket.socket)
                try:
                    got = peer.recv_into(piece)
                except BlockingIOError:
                    continue
                except ConnectionError:
                    got = 0
                for record in connection.add(piece[:got]):
                    kept.add(record)
                if not got:
                    selector.unregister(peer)
                    peer.close()
                    if connection.bytes:
                        kept.add(connection.end())


if __name__ == "__main__":
    with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:  # noqa: PTH123
        receive(Kept(memory))
