"""How document bytes are framed in a spool segment: one header per record, checked by CRC. No policy.

A segment begins with a segment header: whose it is (store id), its number, and for which upload if it holds one
document only. Then records follow, each a header and at most `STRIDE` payload bytes. All records of a document
are consecutive and full but the last, so byte `n` of it is found by arithmetic, without an index.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
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
    return head + zlib.crc32(head).to_bytes(4, "little")


def parse_segment_header(data: bytes) -> SegmentHeader | None:
    """Return what the first bytes of a file say, or None if they are not a segment's."""
    if len(data) < _SEGMENT.size:
        return None
    magic, number, store_id, document_id, crc = _SEGMENT.unpack_from(data)
    if magic != _SEGMENT_MAGIC or zlib.crc32(data[: _SEGMENT.size - 4]) != crc:
        return None
    return SegmentHeader(number, store_id, document_id)


def frame(document_id: bytes, offset: int, data: memoryview) -> list[bytes | memoryview]:
    """Return the buffers to write for `data` at `offset` of a document; `offset` is a multiple of STRIDE."""
    buffers: list[bytes | memoryview] = []
    for start in range(0, len(data), STRIDE):
        payload = data[start : start + STRIDE]
        head = _RECORD.pack(_RECORD_MAGIC, len(payload), document_id, offset + start, 0)[:-4]
        crc = zlib.crc32(payload, zlib.crc32(head))
        buffers += (head + crc.to_bytes(4, "little"), payload)
    return buffers


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
        if len(payload) < length or zlib.crc32(payload, zlib.crc32(head[:-4])) != crc:
            return
        position += _RECORD.size + length
        yield Record(document_id, offset, memoryview(payload), position)


def read_extent(fd: int, extent: Extent, offset: int, max_bytes: int) -> bytes:
    """Return at most `max_bytes` of the document from `offset`; whole records among them are checked.

    Raises:
        DocumentLost: the file is shorter than the document, or holds something else.
    """
    end = min(offset + max_bytes, extent.length)
    parts: list[bytes] = []
    while offset < end:
        record_offset = offset - offset % STRIDE
        length = min(STRIDE, extent.length - record_offset)
        head_at = extent.position + (record_offset // STRIDE) * (_RECORD.size + STRIDE)
        wanted = min(end, record_offset + length) - record_offset
        raw = os.pread(fd, _RECORD.size + wanted, head_at)
        _check(raw, extent, record_offset, length, whole=wanted == length)
        parts.append(raw[_RECORD.size + offset - record_offset :])
        offset = record_offset + wanted
    return b"".join(parts) if len(parts) != 1 else parts[0]


def _check(raw: bytes, extent: Extent, record_offset: int, length: int, *, whole: bool) -> None:
    """Raise DocumentLost unless `raw` begins with the record that must be here."""
    if len(raw) > _RECORD.size:
        magic, stated, _, stated_offset, crc = _RECORD.unpack_from(raw)
        if magic == _RECORD_MAGIC and stated == length and stated_offset == record_offset:
            rest = memoryview(raw)[_RECORD.size :]
            if not whole or (
                len(rest) == length and zlib.crc32(rest, zlib.crc32(raw[: _RECORD.size - 4])) == crc
            ):
                return
    raise DocumentLost(
        f"spool segment {extent.segment} does not hold the document at byte {extent.position}",
        segment=extent.segment,
        position=extent.position,
        offset=record_offset,
    )
