"""Documents of any size, over a bad line."""

import hashlib
import io
import os
import random
import threading

import pytest

from printfabric_client import Client, Retry, errors
from printfabric_client.upload import CHUNK_BYTES

QUICK = Retry(total_s=10, first_s=0.01, cap_s=0.05)


def client(spooler, **kwargs) -> Client:
    return Client(spooler.address, **{"retry": QUICK, **kwargs})


BIG = random.Random(7).randbytes(CHUNK_BYTES * 9 + 12_345)


async def test_a_large_document_goes_in_pieces(spooler):
    progress: list[tuple[int, int]] = []
    async with client(spooler) as fabric:
        job = await fabric.submit(BIG, printer="labels", progress=lambda *at: progress.append(at))
    assert spooler.documents[job.number] == BIG
    assert spooler.calls == ["UploadJob"]
    assert progress[-1] == (len(BIG), len(BIG))
    assert progress == sorted(progress)


@pytest.mark.parametrize("seed", range(12))
async def test_an_upload_that_breaks_anywhere_goes_on_where_the_spooler_has_it(spooler, seed):
    chance = random.Random(seed)
    spooler.faults.break_upload_after = sorted(
        chance.randrange(1, len(BIG)) for _ in range(chance.randrange(1, 5))
    )
    spooler.faults.persist_less = chance.choice([0, 1, 1000, CHUNK_BYTES, 3 * CHUNK_BYTES + 17])
    async with client(spooler) as fabric:
        job = await fabric.submit(BIG, printer="labels")
    assert (
        hashlib.sha256(spooler.documents[job.number]).digest() == job.digest == hashlib.sha256(BIG).digest()
    )
    assert len(spooler.jobs) == 1
    # Each new stream began exactly where the last one was durable.
    assert all(offset == held for offset, held in spooler.upload_begins)


async def test_an_upload_whose_answer_was_lost_prints_once(spooler):
    spooler.faults.lost_answers = 1
    async with client(spooler) as fabric:
        job = await fabric.submit(BIG, printer="labels")
    assert spooler.calls == ["UploadJob", "GetUpload"]
    assert list(spooler.jobs) == [job.number]


async def test_an_upload_goes_on_in_another_process(spooler, tmp_path):
    file = tmp_path / "big.zpl"
    file.write_bytes(BIG)
    spooler.faults.break_upload_after = [5 * CHUNK_BYTES]
    async with client(spooler, retry=Retry(total_s=0)) as fabric:
        with pytest.raises(errors.HostUnreachable):
            await fabric.submit(file, printer="labels", request_id="order-9")
    async with client(spooler) as fabric:
        job = await fabric.submit(file, printer="labels", request_id="order-9")
    assert spooler.upload_begins == [(0, 0), (5 * CHUNK_BYTES, 5 * CHUNK_BYTES)]
    assert spooler.documents[job.number] == BIG
    assert job.document_name == "big.zpl"


async def test_a_spooler_that_takes_an_upload_but_lost_its_beginning_gets_it_again(spooler):
    spooler.faults.break_upload_after = [2 * CHUNK_BYTES]
    spooler.faults.persist_less = 10**9
    async with client(spooler) as fabric:
        job = await fabric.upload(BIG, printer="labels")
    assert spooler.documents[job.number] == BIG


async def test_a_wrong_document_under_a_known_upload_is_found_out(spooler):
    spooler.uploads["order-9"] = bytearray(b"something else")
    async with client(spooler) as fabric:
        with pytest.raises(errors.DigestMismatch):
            await fabric.upload(BIG, printer="labels", request_id="order-9")
    assert spooler.jobs == {}


async def test_an_upload_to_nowhere_is_refused_at_once(spooler):
    async with client(spooler) as fabric:
        with pytest.raises(errors.PrinterNotFound):
            await fabric.submit(BIG, printer="nowhere")


async def test_an_empty_document_may_be_uploaded(spooler):
    async with client(spooler) as fabric:
        job = await fabric.upload(b"", printer="labels")
    assert spooler.documents[job.number] == b""


async def test_a_pipe_is_copied_so_that_a_broken_upload_can_go_on(spooler):
    reader, writer = os.pipe()

    def feed() -> None:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(BIG)

    thread = threading.Thread(target=feed)
    thread.start()
    spooler.faults.break_upload_after = [4 * CHUNK_BYTES]
    with os.fdopen(reader, "rb") as pipe:
        async with client(spooler) as fabric:
            job = await fabric.submit(pipe, printer="labels")
    thread.join()
    assert spooler.documents[job.number] == BIG
    assert job.document_name == ""


async def test_an_open_file_is_sent_from_where_it_stands_and_stays_open(spooler):
    file = io.BytesIO(b"skip this^XA^XZ")
    file.seek(9)
    async with client(spooler) as fabric:
        job = await fabric.submit(file, printer="labels")
    assert spooler.documents[job.number] == b"^XA^XZ"
    assert not file.closed


async def test_text_is_refused_because_it_could_be_a_path(spooler):
    async with client(spooler) as fabric:
        with pytest.raises(TypeError, match=r"encode it, or wrap it in pathlib\.Path"):
            await fabric.submit("labels.zpl", printer="labels")  # type: ignore[arg-type]
