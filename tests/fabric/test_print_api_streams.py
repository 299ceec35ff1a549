"""SubmitJobs and UploadJob over a real channel: many small documents, one large one, broken in the middle."""

import asyncio
import hashlib

import grpc
import grpc.aio
import pytest

from chassis.errors import (
    CallCanceled,
    DigestMismatch,
    FabricError,
    InvalidArgument,
    RequestIdReused,
    TooLarge,
    WrongOffset,
)
from printfabric.spooler.v1 import print_service_pb2 as pb
from tests.fabric.spooler_rig import eventually, spooler_running

DOCUMENT = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        yield rig


def job(document=b"x", request_id="", **spec):
    return pb.SubmitJobRequest(
        request_id=request_id, spec=pb.JobSpec(printer="labels", **spec), document=document
    )


async def submit_all(rig, messages):
    async def requests():
        for jobs in messages:
            yield pb.SubmitJobsRequest(jobs=jobs)

    return [result async for answer in rig.print.SubmitJobs(requests()) for result in answer.results]


async def test_every_document_of_a_stream_is_answered_once_by_its_index(rig):
    messages = [[job(b"%d" % (60 * k + n)) for n in range(60)] for k in range(60)]
    results = await submit_all(rig, messages)
    assert sorted(result.index for result in results) == list(range(3600))
    assert len({result.job for result in results}) == 3600
    assert not any(result.HasField("error") for result in results)


async def test_a_refused_document_does_not_end_the_stream(rig):
    results = await submit_all(
        rig,
        [
            [job(b"a", "r1"), job(b"b", copies=10_000), job(bytes((1 << 20) + 1))],
            [job(b"a", "r1"), job(b"other", "r1"), job(b"d", digest=bytes(32)), job(b"last")],
        ],
    )
    found = {result.index: (result.error.reason, result.duplicate, bool(result.job)) for result in results}
    assert found == {
        0: ("", False, True),
        1: ("INVALID_ARGUMENT", False, False),
        2: ("TOO_LARGE", False, False),
        3: ("", True, True),
        4: ("REQUEST_ID_REUSED", False, False),
        5: ("DIGEST_MISMATCH", False, False),
        6: ("", False, True),
    }
    assert {result.job for result in results if result.index in (0, 3)} == {"jobs/1"}


async def test_a_stream_is_answered_while_it_goes_on(rig):
    call = rig.print.SubmitJobs()
    for number in range(3):
        await call.write(pb.SubmitJobsRequest(jobs=[job(b"%d" % number)]))
        answer = await asyncio.wait_for(call.read(), 30)
        assert [result.index for result in answer.results] == [number]
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def test_an_empty_stream_ends_at_once(rig):
    assert await asyncio.wait_for(submit_all(rig, []), 30) == []
    assert await asyncio.wait_for(submit_all(rig, [[], []]), 30) == []


async def test_a_sender_that_reads_no_answers_is_slowed_down_and_loses_nothing(rig):
    call = rig.print.SubmitJobs()
    sent = 0

    async def send():
        nonlocal sent
        for _ in range(40):
            await call.write(pb.SubmitJobsRequest(jobs=[job(bytes(1000)) for _ in range(200)]))
            sent += 200
        await call.done_writing()

    sending = asyncio.ensure_future(send())
    await asyncio.sleep(0.5)
    results = [result async for answer in call for result in answer.results]
    await sending
    assert len(results) == sent == 8000


async def test_documents_of_all_sizes_are_numbered_in_the_order_of_their_stream(rig):
    """In the row's commit, in the spool beside it, hashed and spooled before it: the larger do not fall behind."""
    sizes = [1 << 20, 10, 20_000, 300_000, 64, 300_000, 300_000, 1, 2, 20_000, 3] * 20
    messages = [
        [job(b"%d " % place + bytes(size - 8 if size > 8 else 0))] for place, size in enumerate(sizes)
    ]
    results = sorted(await submit_all(rig, messages), key=lambda result: result.index)
    numbers = [int(result.job.removeprefix("jobs/")) for result in results]
    assert len(numbers) == len(sizes)
    assert numbers == sorted(numbers)


async def test_a_stream_ends_when_the_spooler_stops_and_says_so(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        call = rig.print.SubmitJobs()
        await call.write(pb.SubmitJobsRequest(jobs=[job()]))
        await call.read()
        await rig.services.end_streams()
        with pytest.raises(CallCanceled):
            await asyncio.wait_for(call.read(), 30)


# --- uploads


def pieces(document=DOCUMENT, start=0, end=None, request_id="u1", size=100_000, finish=True, **spec):
    end = len(document) if end is None else end
    messages = [
        pb.UploadJobRequest(offset=at, data=document[at : min(at + size, end)])
        for at in range(start, end, size)
    ]
    messages = messages or [pb.UploadJobRequest(offset=start)]
    spec.setdefault("printer", "labels")
    messages[0].begin.CopyFrom(pb.UploadBegin(request_id=request_id, spec=pb.JobSpec(**spec)))
    if finish:
        digest = hashlib.sha256(document).digest()
        messages[-1].finish.CopyFrom(pb.UploadFinish(size_bytes=len(document), digest=digest))
    return messages


async def persisted(rig, request_id="u1"):
    return await rig.print.GetUpload(pb.GetUploadRequest(request_id=request_id))


async def ended(rig, name):
    return (await rig.print.GetJob(pb.GetJobRequest(name=name))).job.HasField("end_time")


async def test_an_upload_becomes_a_job_that_prints(rig):
    answer = await rig.print.UploadJob(pieces(document_name="big"))
    assert answer.persisted_bytes == len(DOCUMENT)
    assert (answer.job.document_name, answer.job.size_bytes) == ("big", len(DOCUMENT))
    await eventually(lambda: ended(rig, answer.job.name), lambda done: done)
    assert bytes(rig.host.ports["P1:"].printed[0].data) == DOCUMENT
    known = await persisted(rig)
    assert known.job.number == answer.job.number


async def test_an_upload_that_stopped_goes_on_where_it_was(rig):
    answer = await rig.print.UploadJob(pieces(end=300_000, finish=False))
    assert answer.persisted_bytes == 300_000
    assert not answer.HasField("job")
    known = await persisted(rig)
    assert known.persisted_bytes == 300_000
    assert known.HasField("expire_time")
    # Bytes that were sent before are dropped.
    answer = await rig.print.UploadJob(pieces(start=250_000))
    assert answer.job.digest == hashlib.sha256(DOCUMENT).digest()


async def test_a_sender_that_vanishes_leaves_a_resumable_upload(rig):
    call = rig.print.UploadJob()
    for message in pieces(end=200_000, finish=False):
        await call.write(message)
    await eventually(lambda: persisted(rig), lambda known: known.persisted_bytes == 200_000)
    call.cancel()
    answer = await rig.print.UploadJob(pieces(start=200_000))
    assert answer.job.size_bytes == len(DOCUMENT)


async def test_an_upload_outlives_a_restart(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        await rig.print.UploadJob(pieces(end=300_000, finish=False))
    async with spooler_running(tmp_path) as rig:
        known = (await persisted(rig)).persisted_bytes
        assert 0 < known <= 300_000
        answer = await rig.print.UploadJob(pieces(start=known))
        assert answer.job.size_bytes == len(DOCUMENT)


async def test_a_gap_tells_where_to_go_on(rig):
    await rig.print.UploadJob(pieces(end=100_000, finish=False))
    with pytest.raises(WrongOffset) as caught:
        await rig.print.UploadJob(pieces(start=150_000))
    assert caught.value.expected == 100_000
    assert (await persisted(rig)).persisted_bytes == 100_000


async def test_an_upload_that_is_too_short_goes_on(rig):
    messages = pieces(end=100_000, finish=False)
    messages[-1].finish.size_bytes = 200_000
    with pytest.raises(WrongOffset) as caught:
        await rig.print.UploadJob(messages)
    assert caught.value.expected == 100_000


async def test_a_wrong_digest_discards_the_upload(rig):
    messages = pieces()
    messages[-1].finish.digest = bytes(32)
    with pytest.raises(DigestMismatch):
        await rig.print.UploadJob(messages)
    assert (await persisted(rig)).persisted_bytes == 0
    assert (await rig.print.UploadJob(pieces())).job.number


async def test_two_announced_digests_that_differ_are_an_error(rig):
    with pytest.raises(InvalidArgument):
        await rig.print.UploadJob(pieces(digest=bytes(32)))


async def test_a_finished_upload_sent_again_answers_the_same_job(rig):
    first = await rig.print.UploadJob(pieces())
    for repeat in (pieces(), pieces(start=len(DOCUMENT))):
        again = await rig.print.UploadJob(repeat)
        assert again.duplicate
        assert again.job.number == first.job.number
    assert len((await rig.print.ListJobs(pb.ListJobsRequest())).jobs) == 1


@pytest.mark.parametrize(
    "other",
    [
        pieces(DOCUMENT[:-1] + b"!"),
        pieces(DOCUMENT + b"!"),
        pieces(document_name="other"),
    ],
    ids=["other bytes", "other size", "other job"],
)
async def test_another_document_under_the_same_request_id_is_refused(rig, other):
    await rig.print.UploadJob(pieces())
    with pytest.raises(RequestIdReused):
        await rig.print.UploadJob(other)


async def test_another_job_under_an_unfinished_upload_is_refused(rig):
    await rig.print.UploadJob(pieces(end=100_000, finish=False))
    with pytest.raises(RequestIdReused):
        await rig.print.UploadJob(pieces(start=100_000, copies=2))


async def test_an_upload_is_forgotten_on_demand(rig):
    await rig.print.UploadJob(pieces(end=100_000, finish=False))
    for _ in range(2):
        await rig.print.DeleteUpload(pb.DeleteUploadRequest(request_id="u1"))
    assert (await persisted(rig)).persisted_bytes == 0


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([], InvalidArgument),
        ([pb.UploadJobRequest(data=b"x")], InvalidArgument),
        (pieces(request_id=""), InvalidArgument),
        (pieces(DOCUMENT * 2, size=(1 << 20) + 1), TooLarge),
        (pieces(printer="nowhere"), FabricError),
    ],
    ids=["nothing", "no begin", "no request id", "too large a piece", "no printer"],
)
async def test_a_wrong_upload_is_refused(rig, messages, error):
    with pytest.raises(error):
        await rig.print.UploadJob(messages)
