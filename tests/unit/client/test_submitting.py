"""Printing: one document, again after a lost answer, and of any size over a bad line."""

import hashlib
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

import chassis.errors
from printfabric.spooler.v1.print_service_pb2 import SubmitJobRequest
from printfabric_client import Client, Retry, errors

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
