"""What receiver.c does, in Python, for machines without a C compiler; slower, and the report says so."""

from __future__ import annotations

import mmap
import selectors
import socket
import struct
import sys
import time
import zlib

PIECE = 256 * 1024
HEADER, RECORD = struct.Struct("<QQ"), struct.Struct("<QQQQQ")


class Connection:
    """One document on its way in."""

    def __init__(self) -> None:
        self.bytes = 0
        self.first_ns = 0
        self.head = b""
        self.adler = 1

    def add(self, data: memoryview) -> None:
        if len(self.head) < 8:
            self.head += bytes(data[: 8 - len(self.head)])
        self.bytes += len(data)
        self.adler = zlib.adler32(data, self.adler)


def receive(shared: mmap.mmap) -> None:
    """Take connections until standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    piece = memoryview(bytearray(PIECE))
    done = begun = 0
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
                if got:
                    begun += not connection.bytes
                    connection.first_ns = connection.first_ns or time.monotonic_ns()
                    connection.add(piece[:got])
                else:
                    selector.unregister(peer)
                    peer.close()
                    if connection.bytes:
                        record(shared, done, connection)
                        done += 1
                HEADER.pack_into(shared, 0, done, begun)


def record(shared: mmap.mmap, place: int, connection: Connection) -> None:
    """Write down a document that has ended."""
    number = int.from_bytes(connection.head.ljust(8, b"\0"), "little")
    times = connection.first_ns, time.monotonic_ns()
    RECORD.pack_into(
        shared, HEADER.size + place * RECORD.size, number, connection.bytes, *times, connection.adler
    )


if __name__ == "__main__":
    with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:  # noqa: PTH123
        receive(memory)
