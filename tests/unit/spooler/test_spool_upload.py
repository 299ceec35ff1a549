import hashlib
import os
import time

import pytest

from chassis.errors import DigestMismatch, StoreUnavailable, WrongOffset, WrongState
from spooler.new_job import UploadNotFound
from spooler.spool import shared, upload
from spooler.spool.record import RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, STRIDE
from tests.unit.spooler.spool_opening import UPLOAD, fill


@pytest.mark.parametrize("size", [0, 1, STRIDE - 1, STRIDE, 3 * STRIDE, 5 * STRIDE + 321])
@pytest.mark.parametrize("chunk", [70_000, STRIDE, 3 * STRIDE + 1])
async def test_an_upload_becomes_the_document_that_was_sent(reopen, size, chunk):
    spool = reopen()
    data = await fill(spool, size, chunk)
    whole = await spool.seal(UPLOAD)

    assert (whole.size_bytes, whole.digest) == (size, hashlib.sha256(data).digest())
    read = whole.data if whole.extent is None else await spool.read(whole.extent, 0, size)
    assert read == data


async def test_a_gap_is_refused_and_tells_where_to_go_on(reopen):
    spool = reopen()
    await fill(spool, 1000)

    with pytest.raises(WrongOffset) as refused:
        await spool.append(UPLOAD, 1001, b"x")
    assert refused.value.expected == 1000


async def test_bytes_sent_again_are_harmless_if_they_are_the_same(reopen):
    spool = reopen()
    data = await fill(spool, STRIDE + 5000)

    assert await spool.append(UPLOAD, 0, data) == len(data)
    assert await spool.append(UPLOAD, STRIDE - 10, data[STRIDE - 10 :] + b"more") == len(data) + 4
    with pytest.raises(DigestMismatch):
        await spool.append(UPLOAD, 10, bytes([data[10] ^ 1]) + data[11:20])
    assert await spool.digest(UPLOAD) == hashlib.sha256(data + b"more").digest()


async def test_an_upload_can_be_read_while_it_comes_in(reopen):
    spool = reopen()
    data = await fill(spool, 2 * STRIDE + 5000)

    assert await spool.read_upload(UPLOAD, 0, 1 << 30) == data
    assert await spool.read_upload(UPLOAD, 2 * STRIDE + 10, 100) == data[2 * STRIDE + 10 :][:100]
    assert await spool.read_upload(UPLOAD, len(data), 100) == b""


async def test_a_sealed_upload_takes_nothing_more_and_can_be_sealed_again(reopen):
    spool = reopen()
    data = await fill(spool, 2 * STRIDE + 5)
    whole = await spool.seal(UPLOAD)

    with pytest.raises(WrongState):
        await spool.append(UPLOAD, len(data), b"x")
    assert await spool.seal(UPLOAD) == whole


@pytest.mark.parametrize("sealed", [False, True])
async def test_after_a_restart_an_upload_goes_on_where_whole_records_end(reopen, sealed):
    spool = reopen()
    data = await fill(spool, 3 * STRIDE + 5000)
    if sealed:
        await spool.seal(UPLOAD)
    await spool.close()

    spool = reopen(uploads=(UPLOAD,))
    size = await spool.size(UPLOAD)
    assert size == (len(data) if sealed else 3 * STRIDE)
    await spool.append(UPLOAD, size, data[size:])
    whole = await spool.seal(UPLOAD)
    assert whole.digest == hashlib.sha256(data).digest()
    assert whole.extent is not None
    assert await spool.read(whole.extent, 0, len(data)) == data


async def test_after_a_power_cut_an_upload_goes_on_before_the_record_that_is_torn(reopen):
    spool = reopen()
    data = await fill(spool, 3 * STRIDE)
    await spool.close()
    path = reopen.directory / reopen.segments()[0]
    record = STRIDE + RECORD_HEADER_BYTES
    with path.open("r+b") as file:
        file.seek(SEGMENT_HEADER_BYTES + record + 5000)
        file.write(bytes(8192))

    spool = reopen(uploads=(UPLOAD,))
    assert await spool.size(UPLOAD) == STRIDE
    await spool.append(UPLOAD, STRIDE, data[STRIDE:])
    assert (await spool.seal(UPLOAD)).digest == hashlib.sha256(data).digest()


async def test_an_upload_that_is_forgotten_gives_its_space_back(reopen):
    spool = reopen()
    await fill(spool, 2 * STRIDE)
    assert len(reopen.segments()) == 1
    spool.forget(UPLOAD, keep_file=False)

    assert reopen.segments() == []
    assert spool.live.total() == 0
    with pytest.raises(UploadNotFound):
        await spool.append(UPLOAD, 0, b"x")


async def test_of_what_could_not_be_written_nothing_is_hashed(reopen, monkeypatch):
    spool = reopen()
    data = await fill(spool, 2 * STRIDE)

    def refuse(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(upload, "write_all", refuse)
        with pytest.raises(StoreUnavailable):
            await spool.append(UPLOAD, len(data), bytes(STRIDE))
    assert await spool.digest(UPLOAD) == hashlib.sha256(data).digest()
    await spool.append(UPLOAD, len(data), b"x" * STRIDE)
    assert (await spool.seal(UPLOAD)).digest == hashlib.sha256(data + b"x" * STRIDE).digest()


async def test_what_lies_in_memory_is_read_without_a_thread_and_else_with_one(reopen, monkeypatch):
    spool = reopen()
    data = await fill(spool, 3 * STRIDE + 100)
    threads, on_thread = [], spool.on_thread

    async def noted(work, *more):
        threads.append(work)
        return await on_thread(work, *more)

    monkeypatch.setattr(spool, "on_thread", noted)
    assert await spool.read_upload(UPLOAD, 5, 2 * STRIDE) == data[5 : 2 * STRIDE + 5]
    assert not threads
    rest = await spool.read_upload(UPLOAD, 2 * STRIDE, STRIDE + 100)
    assert rest == data[2 * STRIDE :], "some of it lies in no record yet"
    monkeypatch.setattr(spool, "read_at_once", lambda *_: None)
    assert await spool.read_upload(UPLOAD, 5, 2 * STRIDE) == data[5 : 2 * STRIDE + 5]
    assert len(threads) == 2


async def test_bytes_are_durable_only_when_their_file_s_name_is(reopen, monkeypatch):
    spool = reopen()
    await fill(spool, 2 * STRIDE)
    synced = []
    sync_directory, fdatasync = shared.sync_directory, os.fdatasync

    def its_bytes(fd):
        fdatasync(fd)
        synced.append("bytes")

    def name(directory):
        time.sleep(0.05)  # longer than the bytes take
        sync_directory(directory)
        synced.append("name")

    monkeypatch.setattr(shared, "sync_directory", name)
    monkeypatch.setattr(os, "fdatasync", its_bytes)
    assert await spool.sync_upload(UPLOAD) == 2 * STRIDE
    assert sorted(synced) == ["bytes", "name"]
    assert await spool.sync_upload(UPLOAD) == 2 * STRIDE
    assert sorted(synced) == ["bytes", "bytes", "name"], "a name is made durable once"
