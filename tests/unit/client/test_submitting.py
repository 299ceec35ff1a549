"""Printing: one document, again after a lost answer, and of any size over a bad line."""

import asyncio
import hashlib
import io
import os
import random
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

import chassis.errors
from printfabric.spooler.v1.print_service_pb2 import SubmitJobRequest
from printfabric_client import Client, Retry, errors, new_job
from printfabric_client.upload import CHUNK_BYTES

QUICK = Retry(total_s=10, first_s=0.01, cap_s=0.05)


def client(spooler, **kwargs) -> Client:
    return Client(spooler.address, **{"retry": QUICK, **kwargs})


async def test_a_document_becomes_a_job_with_everything_that_was_said(spooler):
    async with client(spooler) as fabric:
        job = await fabric.submit(
            b"^XA^XZ",
            printer="labels",
            document_name="box 17",
            copies=3,
            priority=70,
            hold=True,
            user="anna",
            attributes={"order": "812"},
        )
    assert (job.number, job.printer, job.document_name, job.copies) == (4711, "printers/labels", "box 17", 3)
    assert (job.priority, job.user, dict(job.attributes)) == (70, "anna", {"order": "812"})
    assert job.digest == hashlib.sha256(b"^XA^XZ").digest()
    assert spooler.documents[4711] == b"^XA^XZ"


async def test_times_are_sent_as_moments_and_durations(spooler):
    seen: list[SubmitJobRequest] = []
    keep = spooler.SubmitJob

    def noted(request, context):
        seen.append(request)
        return keep(request, context)

    spooler.SubmitJob = noted
    spooler.stop()
    spooler.start()
    moment = datetime(2030, 1, 2, 3, 4, tzinfo=UTC)
    async with client(spooler) as fabric:
        await fabric.submit(b"", printer="labels", not_before=moment, expire=timedelta(minutes=5))
        await fabric.submit(b"", printer="labels", expire=moment)
    assert seen[0].spec.not_before_time.ToDatetime(tzinfo=UTC) == moment
    assert (seen[0].spec.ttl.seconds, seen[0].spec.HasField("expire_time")) == (300, False)
    assert seen[1].spec.expire_time.ToDatetime(tzinfo=UTC) == moment


async def test_a_time_without_a_zone_is_refused_before_anything_is_sent(spooler):
    async with client(spooler) as fabric:
        with pytest.raises(ValueError, match="time zone"):
            await fabric.submit(b"", printer="labels", not_before=datetime(2030, 1, 1))  # noqa: DTZ001 - the point
    assert spooler.calls == []


async def test_an_unknown_printer_is_a_typed_error_with_its_name(spooler):
    async with client(spooler) as fabric:
        with pytest.raises(errors.PrinterNotFound) as caught:
            await fabric.submit(b"x", printer="nowhere")
    assert caught.value.metadata == {"printer": "nowhere"}
    assert caught.value.win32 == 1801


async def test_a_spooler_that_dies_after_the_commit_prints_once(spooler):
    spooler.faults.lost_answers = 2
    async with client(spooler) as fabric:
        job = await fabric.submit(b"^XA^XZ", printer="labels")
    assert spooler.calls.count("SubmitJob") == 3
    assert list(spooler.jobs) == [job.number]


async def test_a_spooler_that_is_killed_after_the_commit_and_comes_back_prints_once(spooler):
    def back() -> None:
        spooler.stop()
        spooler.start(spooler.address)

    def die_once(request, context):
        del spooler.SubmitJob
        spooler.SubmitJob(request, context)
        threading.Thread(target=back).start()
        while context.is_active():  # nobody hears the answer
            time.sleep(0.005)

    spooler.SubmitJob = die_once
    spooler.stop()
    spooler.start(spooler.address)
    async with client(spooler) as fabric:
        job = await fabric.submit(b"^XA^XZ", printer="labels")
    assert list(spooler.jobs) == [job.number]
    assert spooler.calls.count("SubmitJob") == 2


async def test_the_same_request_id_returns_the_first_job(spooler):
    async with client(spooler) as fabric:
        first = await fabric.submit(b"a", printer="labels", request_id="order-812")
        second = await fabric.submit(b"a", printer="labels", request_id="order-812")
        assert first.uid == second.uid
        with pytest.raises(errors.RequestIdReused):
            await fabric.submit(b"b", printer="labels", request_id="order-812")
    assert len(spooler.jobs) == 1


async def test_patience_ends(spooler):
    spooler.faults.unavailable = 10_000
    async with client(spooler, retry=Retry(total_s=0.2, first_s=0.01)) as fabric:
        with pytest.raises(errors.HostUnreachable):
            await fabric.submit(b"a", printer="labels")
    assert spooler.calls.count("SubmitJob") > 1


async def test_without_patience_nothing_is_repeated(spooler):
    spooler.faults.unavailable = 1
    async with client(spooler, retry=Retry(total_s=0)) as fabric:
        with pytest.raises(errors.HostUnreachable):
            await fabric.submit(b"a", printer="labels")
    assert spooler.calls == ["SubmitJob"]


@pytest.mark.parametrize(
    "error",
    [
        chassis.errors.SpoolFull("the spool is full"),
        chassis.errors.AccessDenied("not you"),
        chassis.errors.TooLarge("too large"),
        chassis.errors.PrinterDeleted("gone"),
        chassis.errors.Internal("a bug"),
        chassis.errors.WriteTimeout("too late"),
    ],
    ids=lambda e: e.reason,
)
async def test_a_refusal_is_not_repeated(spooler, error):
    spooler.faults.refuse = error
    async with client(spooler) as fabric:
        with pytest.raises(errors.FabricError) as caught:
            await fabric.submit(b"a", printer="labels")
    assert caught.value.reason == error.reason
    assert spooler.calls == ["SubmitJob"]


async def test_what_is_not_idempotent_is_never_repeated(spooler):
    async with client(spooler) as fabric:
        job = await fabric.submit(b"a", printer="labels", hold=True)
        printer = await fabric.printers.get("labels")
        spooler.calls.clear()
        for call in (
            lambda: fabric.release(job),
            lambda: fabric.hold(job),
            lambda: fabric.restart(job),
            lambda: fabric.move(job, "receipts"),
            lambda: fabric.resume(job, unit=3),
            lambda: fabric.printers.update(printer),
            lambda: fabric.printers.delete("labels"),
            lambda: fabric.printers.purge("labels"),
            lambda: fabric.ports.delete("edge-7/COM1:"),
        ):
            spooler.faults.unavailable = 1
            with pytest.raises(errors.HostUnreachable):
                await call()
    assert len(spooler.calls) == 9


async def test_what_reads_is_repeated(spooler):
    async with client(spooler) as fabric:
        job = await fabric.submit(b"a", printer="labels")
        for call in (
            lambda: fabric.get(job),
            lambda: fabric.printers.get("labels"),
            lambda: fabric.explain(job),
            lambda: fabric.cancel(job),
        ):
            spooler.faults.unavailable = 2
            await call()
            assert spooler.faults.unavailable == 0


# --- Uploads

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


# --- Many at once


async def test_many_jobs_are_answered_each_under_its_number(spooler):
    jobs = [new_job(b"%d" % n, printer="labels") for n in range(1000)]
    async with client(spooler) as fabric:
        results = [result async for result in fabric.submit_many(jobs)]
    assert sorted(r.index for r in results) == list(range(1000))
    assert {r.request_id for r in results} == {job.request_id for job in jobs}
    by_index = {r.index: spooler.documents[int(r.job.removeprefix("jobs/"))] for r in results}
    assert all(by_index[n] == b"%d" % n for n in range(1000))


@pytest.mark.parametrize("breaks", [[0], [1], [63, 64, 65], [300, 1, 0, 77]])
async def test_a_broken_stream_loses_and_doubles_nothing(spooler, breaks):
    spooler.faults.break_stream_after = list(breaks)
    jobs = [new_job(b"%d" % n, printer="labels") for n in range(500)]
    async with client(spooler) as fabric:
        results = [result async for result in fabric.submit_many(iter(jobs))]
    assert sorted(r.index for r in results) == list(range(500))
    assert sorted(spooler.documents.values(), key=int) == [b"%d" % n for n in range(500)]


async def test_a_refused_job_is_an_answer_and_the_others_print(spooler):
    jobs = [
        new_job(b"a", printer="labels"),
        new_job(b"b", printer="nowhere"),
        new_job(b"c", printer="labels"),
    ]
    async with client(spooler) as fabric:
        results = {r.index: r async for r in fabric.submit_many(jobs)}
    assert [results[n].error.reason for n in range(3)] == ["", "PRINTER_NOT_FOUND", ""]
    assert results[1].job == ""


async def test_jobs_may_come_slowly_and_are_answered_as_they_come(spooler):
    answered = asyncio.Event()

    async def slowly():
        yield new_job(b"1", printer="labels")
        await asyncio.wait_for(answered.wait(), 5)
        yield new_job(b"2", printer="labels")

    async with client(spooler) as fabric:
        seen = []
        async for result in fabric.submit_many(slowly()):
            seen.append(result.index)
            answered.set()
    assert seen == [0, 1]


async def test_no_more_jobs_are_in_flight_than_allowed(spooler):
    sent = 0
    most = 0

    def counted():
        nonlocal sent
        for n in range(300):
            sent += 1
            yield new_job(b"%d" % n, printer="labels")

    async with client(spooler) as fabric:
        answered = 0
        async for _ in fabric.submit_many(counted(), in_flight=8):
            answered += 1
            most = max(most, len(spooler.jobs) - answered)
    assert answered == sent == 300
    assert most <= 8


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_fault_of_the_callers_own_iterable_reaches_the_caller(spooler, kind):
    def plain():
        yield new_job(b"1", printer="labels")
        raise RuntimeError("the database of labels is gone")

    async def later():
        for job in plain():
            yield job

    async with client(spooler) as fabric:
        with pytest.raises(RuntimeError, match="the database of labels is gone"):
            async for _ in fabric.submit_many(plain() if kind == "plain" else later()):
                pass


async def test_leaving_the_answers_early_leaves_nothing_running(spooler):
    async with client(spooler) as fabric:
        jobs = (new_job(b"x", printer="labels") for _ in range(100))
        stream = fabric.submit_many(jobs)
        async for _ in stream:
            break
        await stream.aclose()


async def test_no_jobs_are_no_call_that_hangs(spooler):
    async with client(spooler) as fabric:
        assert [r async for r in fabric.submit_many([])] == []
