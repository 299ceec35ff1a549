"""How document bytes are framed in a spool segment: one header per record, checked by CRC. No policy.

A segment begins with a segment header: whose it is (store id), its number, and for which upload if it holds one
document only. Then records follow, each a header and at most `STRIDE` payload bytes. All records of a document
are consecutive and full but the last, so byte `n` of it is found by arithmetic, without an index.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from chassis.errors import DocumentLost

STRIDE = 256 * 1024  # payload bytes per record: large enough for 1 GB/s, small enough to check each read

_SEGMENT_MAGIC = b"PFSPOOL1"
_SEGMENT = struct.Struct("<8sQ16s16sI")  # magic, number, store id, document id (zeros: shared), CRC of these
_RECORD_MAGIC = b"PFR1"
_RECORD = struct.Struct("<4sI16sQI")  # magic, payload bytes, document id, offset in the document, CRC of all

SEGMENT_HEADER_BYTES = _SEGMENT.size
RECORD_HEADER_BYTES = _RECORD.size
SHARED = bytes(16)


_HEADER_BYTES = 256  # so little is summed up as quickly by zlib


def _crc32(data: bytes | memoryview, before: int = 0) -> int:
    return zlib.crc32(data, before) if len(data) <= _HEADER_BYTES else _quickest()(data, before)


@cache
def _quickest() -> Callable[[bytes | memoryview, int], int]:
    """Return what makes zlib's sums: ISA-L, ten times as quick, where it is installed. Loaded for the first document."""
    try:
        from isal.isal_zlib import crc32  # noqa: PLC0415 - 0.7 MiB that a spooler of small documents does without
    except ImportError:
        return zlib.crc32
    return crc32


class Extent(NamedTuple):
    """Where a document lies: from the record header at `position` on; `length` counts payload bytes."""

    segment: int
    position: int
    length: int

    @property
    def end(self) -> int:
        """The first byte of the file behind the document."""
        return self.position + framed_bytes(self.length)


class SegmentHeader(NamedTuple):
    """What a segment file says of itself."""

    number: int
    store_id: bytes
    document_id: bytes  # SHARED, or the upload whose private file this is


class Record(NamedTuple):
    """One whole record that was found on the disk."""

    document_id: bytes
    offset: int  # of its first payload byte in the document
    payload: memoryview
    end: int  # the file position behind it


def framed_bytes(length: int) -> int:
    """Return how many bytes a document of `length` takes in a segment."""
    return length + RECORD_HEADER_BYTES * -(-length // STRIDE)


def segment_header(header: SegmentHeader) -> bytes:
    """Return the first bytes of a segment file."""
    head = _SEGMENT.pack(_SEGMENT_MAGIC, header.number, header.store_id, header.document_id, 0)[:-4]
    return head + _crc32(head).to_bytes(4, "little")


def parse_segment_header(data: bytes) -> SegmentHeader | None:
    """Return what the first bytes of a file say, or None if they are not a segment's."""
    if len(data) < _SEGMENT.size:
        return None
    magic, number, store_id, document_id, crc = _SEGMENT.unpack_from(data)
    if magic != _SEGMENT_MAGIC or _crc32(data[: _SEGMENT.size - 4]) != crc:
        return None
    return SegmentHeader(number, store_id, document_id)


def frame(document_id: bytes, offset: int, *data: memoryview) -> list[bytes | memoryview]:
    """Return the buffers to write for `data`, one behind the other, at `offset` of a document, a multiple of STRIDE."""
    buffers: list[bytes | memoryview] = []
    for payload in _payloads(data):
        size = sum(map(len, payload))
        head = _RECORD.pack(_RECORD_MAGIC, size, document_id, offset, 0)[:-4]
        crc = _crc32(head)
        for part in payload:
            crc = _crc32(part, crc)
        buffers += (head + crc.to_bytes(4, "little"), *payload)
        offset += size
    return buffers


def _payloads(data: Iterable[memoryview]) -> Iterator[list[memoryview]]:
    """Yield what goes into each record: parts that have STRIDE bytes together, in the last one fewer."""
    payload: list[memoryview] = []
    room = STRIDE
    for part in data:
        rest = part
        while rest:
            payload.append(rest[:room])
            rest, room = rest[room:], room - len(payload[-1])
            if not room:
                yield payload
                payload, room = [], STRIDE
    if payload:
        yield payload


def write_all(fd: int, buffers: Sequence[bytes | memoryview], position: int) -> int:
    """Write the buffers at `position` and return the position behind them. Raises OSError."""
    limit = os.sysconf("SC_IOV_MAX")
    for start in range(0, len(buffers), limit):
        part = list(buffers[start : start + limit])
        while part:
            written = os.pwritev(fd, part, position)
            position += written
            while part and written >= len(part[0]):
                written -= len(part.pop(0))
            if part and written:
                part[0] = memoryview(part[0])[written:]
    return position


def scan(fd: int, position: int) -> Iterator[Record]:
    """Yield whole records from `position` on and stop before the first that is torn, foreign or missing."""
    while True:
        head = os.pread(fd, _RECORD.size, position)
        if len(head) < _RECORD.size:
            return
        magic, length, document_id, offset, crc = _RECORD.unpack(head)
        if magic != _RECORD_MAGIC or length > STRIDE:
            return
        payload = os.pread(fd, length, position + _RECORD.size)
        if len(payload) < length or _crc32(payload, _crc32(head[:-4])) != crc:
            return
        position += _RECORD.size + length
        yield Record(document_id, offset, memoryview(payload), position)


def read_extent(fd: int, extent: Extent, offset: int, max_bytes: int) -> bytes:
    """Return at most `max_bytes` of the document from `offset`; whole records among them are checked.

    Raises:
        DocumentLost: the file is shorter than the document, or holds something else.
    """
    end = min(offset + max_bytes, extent.length)
    if offset >= end:
        return b""
    size, position = _frames(extent, offset, end)
    return _payload(memoryview(os.pread(fd, size, position)), extent, offset, end)


def read_extent_at_once(
    fd: int, extent: Extent, offset: int, max_bytes: int, scratch: bytearray
) -> bytes | None:
    """`read_extent` of what the kernel has in memory; None: not all of it, or it cannot be said here.

    scratch: what is read goes through it; it grows to what is asked for.
    """
    end = min(offset + max_bytes, extent.length)
    if offset >= end:
        return b""
    size, position = _frames(extent, offset, end)
    if len(scratch) < size:
        scratch.extend(bytes(size - len(scratch)))
    with memoryview(scratch) as whole, whole[:size] as raw:
        try:
            if os.preadv(fd, [raw], position, os.RWF_NOWAIT) < size:
                return None
        except OSError:  # it would wait for the disk, or this file system cannot say so
            return None
        return _payload(raw, extent, offset, end)


def _frames(extent: Extent, offset: int, end: int) -> tuple[int, int]:
    """Return the size of the records that bytes from `offset` to `end` of a document lie in, and where they begin."""
    first = offset // STRIDE
    size = end - first * STRIDE + RECORD_HEADER_BYTES * (-(-end // STRIDE) - first)
    return size, extent.position + framed_bytes(first * STRIDE)


def _payload(raw: memoryview, extent: Extent, offset: int, end: int) -> bytes:
    """Return the bytes from `offset` to `end` of a document out of their records, checked. Raises DocumentLost."""
    first = offset // STRIDE
    parts: list[memoryview] = []
    for record_offset in range(first * STRIDE, end, STRIDE):
        length = min(STRIDE, extent.length - record_offset)
        wanted = min(end - record_offset, length)
        record, raw = raw[: _RECORD.size + wanted], raw[_RECORD.size + wanted :]
        _check(record, extent, record_offset, length, whole=wanted == length)
        parts.append(record[_RECORD.size + max(0, offset - record_offset) :])
    return b"".join(parts)


def _check(raw: memoryview, extent: Extent, record_offset: int, length: int, *, whole: bool) -> None:
    """Raise DocumentLost unless `raw` begins with the record that must be here."""
    if len(raw) > _RECORD.size:
        magic, stated, _, stated_offset, crc = _RECORD.unpack_from(raw)
        if magic == _RECORD_MAGIC and stated == length and stated_offset == record_offset:
            rest = raw[_RECORD.size :]
            if not whole or (len(rest) == length and _crc32(rest, _crc32(raw[: _RECORD.size - 4])) == crc):
                return
    raise DocumentLost(
        f"spool segment {extent.segment} does not hold the document at byte {extent.position}",
        segment=extent.segment,
        position=extent.position,
        offset=record_offset,
    )
