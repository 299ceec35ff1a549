import os
import sys
import zlib
from pathlib import Path

import pytest

from chassis.errors import DocumentLost
from spooler.spool import record
from spooler.spool.record import (
    SEGMENT_HEADER_BYTES,
    SHARED,
    STRIDE,
    Extent,
    SegmentHeader,
    frame,
    framed_bytes,
    parse_segment_header,
    read_extent,
    read_extent_at_once,
    scan,
    segment_header,
    write_all,
)


@pytest.fixture
def fd(tmp_path: Path):
    opened = os.open(tmp_path / "segment", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


def put(fd: int, data: bytes, position: int = 0) -> Extent:
    end = write_all(fd, frame(SHARED, 0, memoryview(data)), position)
    extent = Extent(1, position, len(data))
    assert extent.end == end
    return extent


@pytest.mark.parametrize("size", [1, 1000, STRIDE - 1, STRIDE, STRIDE + 1, 3 * STRIDE + 77])
@pytest.mark.parametrize("chunk", [1000, STRIDE, STRIDE + 5, 10 * STRIDE])
def test_a_document_is_read_back_in_any_pieces(fd, size, chunk):
    data = os.urandom(size)
    extent = put(fd, data, position=123)

    if size / chunk > 1000:
        pytest.skip("too many pieces to be worth the time")
    pieces = [read_extent(fd, extent, offset, chunk) for offset in range(0, size, chunk)]

    assert b"".join(pieces) == data


def test_whole_records_are_found_and_a_torn_tail_is_not_wherever_it_is_torn(fd):
    first, second = b"first" * 10, b"second" * 10
    put(fd, first)
    begin = framed_bytes(len(first))
    end = put(fd, second, begin).end

    for size in range(end, begin - 1, -1):
        os.ftruncate(fd, size)
        found = [bytes(record.payload) for record in scan(fd, 0)]
        assert found == ([first, second] if size == end else [first])


def test_a_record_with_any_one_byte_changed_is_not_found(fd):
    end = put(fd, b"0123456789").end

    for position in range(end):
        (there,) = os.pread(fd, 1, position)
        os.pwrite(fd, bytes([there ^ 0x40]), position)
        assert list(scan(fd, 0)) == []
        os.pwrite(fd, bytes([there]), position)
    assert len(list(scan(fd, 0))) == 1


def test_a_document_that_is_cut_short_is_lost_and_not_half_read(fd):
    extent = put(fd, os.urandom(1000))

    for size in range(extent.end):
        os.ftruncate(fd, size)
        with pytest.raises(DocumentLost):
            read_extent(fd, extent, 0, 1000)


def test_a_changed_byte_is_noticed_when_a_whole_record_is_read(fd):
    extent = put(fd, bytes(1000))
    os.pwrite(fd, b"!", 500)

    with pytest.raises(DocumentLost):
        read_extent(fd, extent, 0, 1000)


def test_a_segment_s_header_says_whose_it_is():
    header = SegmentHeader(42, os.urandom(16), os.urandom(16))
    data = segment_header(header)

    assert len(data) == SEGMENT_HEADER_BYTES
    assert parse_segment_header(data + b"more") == header


@pytest.mark.parametrize(
    "data",
    [b"", b"PFSPOOL1", bytes(SEGMENT_HEADER_BYTES), os.urandom(SEGMENT_HEADER_BYTES)],
    ids=["nothing", "magic only", "zeros", "random"],
)
def test_what_is_no_segment_has_no_header(data):
    assert parse_segment_header(data) is None


def test_thousands_of_buffers_are_written_in_as_many_calls_as_the_system_wants(fd):
    parts = [os.urandom(7) for _ in range(5000)]

    assert write_all(fd, list(parts), 3) == 3 + 35_000
    assert os.pread(fd, 40_000, 3) == b"".join(parts)


@pytest.mark.parametrize("offset", [0, 5, STRIDE - 1, STRIDE, 2 * STRIDE + 70, 2 * STRIDE + 77])
@pytest.mark.parametrize("wanted", [1, STRIDE, 2 * STRIDE, 10 * STRIDE])
def test_what_the_kernel_has_is_read_at_once_as_it_is_read_else(fd, offset, wanted):
    extent, scratch = put(fd, os.urandom(2 * STRIDE + 77), position=123), bytearray()

    found = read_extent_at_once(fd, extent, offset, wanted, scratch)
    assert found == read_extent(fd, extent, offset, wanted)
    scratch[:] = bytes(len(scratch))
    assert found == read_extent(fd, extent, offset, wanted), "it is no view of what is read next"


def test_a_changed_byte_is_noticed_at_once(fd):
    extent = put(fd, bytes(1000))
    os.pwrite(fd, b"!", 500)

    with pytest.raises(DocumentLost):
        read_extent_at_once(fd, extent, 0, 1000, bytearray())


def test_what_the_disk_would_be_waited_for_is_not_read_at_once(fd, monkeypatch):
    extent = put(fd, os.urandom(1000))
    for answer in (BlockingIOError(), OSError(95, "not supported"), 999):
        monkeypatch.setattr(os, "preadv", _answering(answer))
        assert read_extent_at_once(fd, extent, 0, 1000, bytearray()) is None
    monkeypatch.undo()
    os.ftruncate(fd, extent.end - 1)
    assert read_extent_at_once(fd, extent, 0, 1000, bytearray()) is None, (
        "who reads it on a thread says it is lost"
    )


def _answering(answer):
    def preadv(_fd, _buffers, _offset, flags):
        assert flags == os.RWF_NOWAIT
        if isinstance(answer, OSError):
            raise answer
        return answer

    return preadv


@pytest.mark.parametrize("installed", [True, False])
def test_the_sums_are_zlib_s_whoever_makes_them(monkeypatch, installed):
    if not installed:
        monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    record._quickest.cache_clear()
    try:
        assert (record._quickest() is zlib.crc32) is not installed
        for size in (1, 36, 256, 257, 70_000, STRIDE):
            data = os.urandom(size)
            assert record._crc32(data, 7) == record._crc32(memoryview(data), 7) == zlib.crc32(data, 7)
    finally:
        record._quickest.cache_clear()
