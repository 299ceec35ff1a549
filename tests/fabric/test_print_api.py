"""PrintService over a real channel: what is accepted, what is refused, and what is answered to a repeat."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import (
    DigestMismatch,
    InvalidArgument,
    JobNotFound,
    PrinterNotFound,
    RequestIdReused,
    TooLarge,
    WrongState,
)
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.types.v1 import job_pb2, ledger_pb2
from tests.fabric.spooler_rig import spooler_running


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        yield rig


def moment(after: timedelta) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(datetime.now(UTC) + after)
    return made


async def ended(rig, name):
    while True:
        job = (await rig.print.GetJob(pb.GetJobRequest(name=name))).job
        if job.state in (7, 8, 9):
            return job
        await asyncio.sleep(0.005)


async def test_a_job_is_durable_when_it_is_answered_and_prints(rig):
    answer = await rig.submit(b"hello", document_name="greeting", attributes={"order": "7"}, user="ann")
    stored = await rig.store.get_job(answer.job.number)
    assert stored.document.digest == hashlib.sha256(b"hello").digest() == answer.job.digest
    assert not answer.duplicate
    job = await ended(rig, answer.job.name)
    assert job.outcome == ledger_pb2.OUTCOME_PRINTED
    assert job.win32_status == 0x80
    assert (job.document_name, job.user, dict(job.attributes)) == ("greeting", "ann", {"order": "7"})
    assert [bytes(doc.data) for doc in rig.host.ports["P1:"].printed] == [b"hello"]


async def test_a_job_is_found_by_number_name_and_uid(rig):
    made = (await rig.submit()).job
    for name in (str(made.number), made.name, f"jobs/{made.uid.hex()}"):
        assert (await rig.print.GetJob(pb.GetJobRequest(name=name))).job.uid == made.uid
    for wrong, error in (("jobs/99", JobNotFound), ("jobs/x", InvalidArgument), ("", InvalidArgument)):
        with pytest.raises(error):
            await rig.print.GetJob(pb.GetJobRequest(name=wrong))


async def test_a_repeat_is_answered_after_the_printers_defaults_were_changed(rig):
    first = await rig.submit(b"once", request_id="r1")
    printer = printer_pb.Printer(name="printers/labels", default_priority=70, keep_printed_jobs=True)
    change = printer_pb.UpdatePrinterRequest(printer=printer)
    change.update_mask.paths.extend(["default_priority", "keep_printed_jobs"])
    await rig.printers.UpdatePrinter(change)
    assert (await rig.submit(b"once", request_id="r1")).job.name == first.job.name
    assert (await rig.submit(b"once")).job.priority == 70


async def test_a_repeat_under_the_same_request_id_answers_the_first_job(rig):
    first = await rig.submit(b"once", request_id="r1")
    again = await rig.submit(b"once", request_id="r1")
    assert again.duplicate
    assert again.job.number == first.job.number
    with pytest.raises(RequestIdReused):
        await rig.submit(b"twice", request_id="r1")


async def test_each_attempt_is_counted_once_also_when_its_job_is_printed_again(rig):
    job = (await rig.submit()).job
    for _ in range(2):
        await ended(rig, job.name)
        await rig.print.RestartJob(pb.RestartJobRequest(name=job.name))
    await ended(rig, job.name)
    assert (await rig.store.get_job(job.number)).attempts == 3
    samples = {sample.name: sample.value for metric in rig.metrics.collect() for sample in metric.samples}
    assert samples["printfabric_attempts_total"] == 3


async def test_a_repeat_of_a_job_with_a_ttl_is_the_same_request(rig):
    first = await rig.submit(b"once", request_id="r1", ttl={"seconds": 60})
    again = await rig.submit(b"once", request_id="r1", ttl={"seconds": 60})
    assert again.duplicate
    assert again.job.number == first.job.number
    with pytest.raises(RequestIdReused):
        await rig.submit(b"once", request_id="r1", ttl={"seconds": 60}, copies=2)


async def test_a_repeat_is_answered_although_the_printer_takes_no_jobs_any_more(rig):
    first = await rig.submit(b"once", request_id="r1")
    await ended(rig, first.job.name)
    await rig.parts["printers"].delete_printer("labels", "test")
    again = await rig.submit(b"once", request_id="r1")
    assert again.duplicate
    with pytest.raises(PrinterNotFound):
        await rig.submit(b"new", request_id="r2")


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("spec.copies", {"copies": 10000}),
        ("spec.priority", {"priority": 100}),
        ("spec.digest", {"digest": b"short"}),
        ("spec.document_name", {"document_name": "a\nb"}),
        ("spec.user", {"user": "x" * 256}),
        ("spec.attributes", {"attributes": {str(number): "" for number in range(65)}}),
        ("spec.attributes[key]", {"attributes": {"key": "é" * 129}}),
        ("spec.ttl", {"ttl": {"seconds": 5}, "expire_time": {"seconds": 9_999_999_999}}),
        ("spec.ttl", {"ttl": {"seconds": 0}}),
        ("spec.expire_time", {"expire_time": {"seconds": 1}}),
        ("spec.expire_time", {"expire_time": {"seconds": 2_000_000_000}, "not_before_time": {"seconds": 2_000_000_001}}),
        ("spec.printer", {"printer": ""}),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_named_and_nothing_is_accepted(rig, field, spec):
    with pytest.raises(InvalidArgument) as caught:
        await rig.submit(**spec)
    assert caught.value.fields[0].field == field
    assert (await rig.store.load()).last_number == 0


async def test_a_document_above_the_limit_names_the_limit_and_the_way(rig):
    with pytest.raises(TooLarge) as caught:
        await rig.submit(bytes((1 << 20) + 1))
    assert caught.value.metadata["limit_bytes"] == str(1 << 20)
    assert "UploadJob" in caught.value.message
    assert (await rig.submit(bytes(1 << 20))).job.size_bytes == 1 << 20


async def test_a_request_id_has_a_limit(rig):
    with pytest.raises(InvalidArgument):
        await rig.submit(request_id="x" * 129)
    assert (await rig.submit(request_id="x" * 128)).job.number == 1


async def test_a_wrong_digest_is_refused(rig):
    with pytest.raises(DigestMismatch):
        await rig.submit(b"data", digest=bytes(32))
    assert (await rig.submit(b"data", digest=hashlib.sha256(b"data").digest())).job.number


async def test_validating_checks_everything_and_accepts_nothing(rig):
    spec = pb.JobSpec(printer="labels", digest=bytes(32))
    with pytest.raises(DigestMismatch):
        await rig.print.SubmitJob(pb.SubmitJobRequest(spec=spec, document=b"x", validate_only=True))
    spec.digest = hashlib.sha256(b"x").digest()
    answer = await rig.print.SubmitJob(pb.SubmitJobRequest(spec=spec, document=b"x", validate_only=True))
    assert not answer.HasField("job")
    assert (await rig.store.load()).last_number == 0


async def test_a_printer_that_takes_no_jobs_says_so(rig):
    await rig.add_printer("closed", accepting=False)
    with pytest.raises(WrongState) as caught:
        await rig.submit(printer="closed")
    assert caught.value.win32 == 1906


async def test_lists_are_filtered_paged_and_masked(rig):
    await rig.add_printer("other", "P2:")
    for number in range(5):
        await rig.submit(str(number).encode(), attributes={"even": str(number % 2 == 0)})
    await rig.submit(printer="other", user="ben")
    request = pb.ListJobsRequest(page_size=2, read_mask=FieldMask(paths=["number"]))
    numbers = []
    while True:
        page = await rig.print.ListJobs(request)
        assert all(not job.printer for job in page.jobs)
        numbers += [job.number for job in page.jobs]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert numbers == [6, 5, 4, 3, 2, 1]
    by_label = pb.ListJobsRequest(
        filter=pb.JobFilter(attributes={"even": "True"}), order=pb.JOB_ORDER_OLDEST_FIRST
    )
    assert [job.number for job in (await rig.print.ListJobs(by_label)).jobs] == [1, 3, 5]
    by_user = pb.ListJobsRequest(filter=pb.JobFilter(user="ben"))
    assert [job.number for job in (await rig.print.ListJobs(by_user)).jobs] == [6]
    both = pb.ListJobsRequest(filter=pb.JobFilter(printers=["printers/labels", "other"]))
    assert len((await rig.print.ListJobs(both)).jobs) == 6


@pytest.mark.parametrize(
    "request_", [
        pb.ListJobsRequest(page_token="nonsense!"),
        pb.ListJobsRequest(page_size=-1),
        pb.ListJobsRequest(read_mask=FieldMask(paths=["nothing"])),
        pb.ListJobsRequest(filter=pb.JobFilter(states=[42])),  # type: ignore[list-item]
        pb.ListJobsRequest(filter=pb.JobFilter(states=[job_pb2.JOB_STATE_COMPLETED], active_only=True)),
    ],
)  # fmt: skip
async def test_a_wrong_list_request_is_an_error_and_no_empty_list(rig, request_):
    with pytest.raises(InvalidArgument):
        await rig.print.ListJobs(request_)
