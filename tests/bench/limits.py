"""What the machine itself can do: lines to read the other figures against."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measure import Bench, rounded
from tests.bench.receiver import Arrival, document


async def tcp_copy(bench: Bench, size: int) -> float:
    """Return MB/s of a document that is sent to the receiver by one plain loop."""
    (number,) = bench.numbers(1)
    data, begin = document(number, size), bench.receiver.printed
    started = time.monotonic_ns()
    with socket.create_connection(("127.0.0.1", bench.receiver.port)) as printer:
        printer.sendall(data)
    (arrival,) = await _arrived(bench, begin, [number], size)
    return rounded(size / 1e6 / ((arrival.end_ns - started) / 1e9))


async def tcp_documents(bench: Bench, count: int, size: int = 1024) -> float:
    """Return documents per second, each by a connection of its own, one after another."""
    numbers, begin = bench.numbers(count), bench.receiver.printed
    started = time.monotonic_ns()
    for number in numbers:
        with socket.create_connection(("127.0.0.1", bench.receiver.port)) as printer:
            printer.sendall(document(number, size))
    arrivals = await _arrived(bench, begin, numbers, size)
    return rounded(count / ((max(each.end_ns for each in arrivals) - started) / 1e9))


async def _arrived(bench: Bench, begin: int, numbers: Sequence[int], size: int) -> list[Arrival]:
    """Wait for documents and check them; they are no jobs of anybody, and counted as none."""
    arrivals = await bench.receiver.wait(begin, len(numbers))
    bench.receiver.check(arrivals, numbers, size)
    return arrivals


def synced_appends(folder: Path, count: int, size: int = 1024) -> float:
    """Return appends per second to a file, each made durable by fdatasync."""
    path, data = folder / "appends", b"x" * size
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    try:
        started = time.monotonic()
        for _ in range(count):
            os.write(file, data)
            os.fdatasync(file)
        return rounded(count / (time.monotonic() - started))
    finally:
        os.close(file)
        path.unlink()


def file_system(folder: Path) -> str:
    """Return the kind of file system a folder is on: on tmpfs, fsync costs nothing and proves nothing."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, name, *_ = line.split(" ")
        if folder.resolve().is_relative_to(point) and len(point) > len(best):
            best, kind = point, name
    return kind
