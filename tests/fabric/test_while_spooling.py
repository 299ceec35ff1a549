"""A printer that begins before it has the whole document: what is sent when, and how the job ends if no more comes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import (
    DigestMismatch,
    FabricError,
    HostUnreachable,
    SpoolFull,
    StoreUnavailable,
    WrongState,
)
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.types.v1.job_pb2 import JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from spooler.dispatch_view import DispatchSettings
from spooler.room import Room
from spooler.sql.store import SqlStore
from tests.fabric.spooler_rig import eventually, spooler_running
from tests.fakes.host import FakeHost, FakeOpenPort

DOCUMENT = os.urandom(2_000_000)
DIGEST = hashlib.sha256(DOCUMENT).digest()
SIZE, HALF = len(DOCUMENT), 1_000_000
WITHIN_S = 30.0
SOON = Timestamp(seconds=int(time.time()) + 3600)


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer(print_while_spooling=True)
        yield rig


def pieces(start=0, end=SIZE, digest=DIGEST, **spec):
    """Return the messages of an upload from byte `start` on; it is finished only at the document's end."""
    messages = [
        pb.UploadJobRequest(offset=at, data=DOCUMENT[at : min(at + 100_000, end)])
        for at in range(start, end, 100_000)
    ] or [pb.UploadJobRequest(offset=start)]
    messages[0].begin.CopyFrom(pb.UploadBegin(request_id="u1", spec=pb.JobSpec(printer="labels", **spec)))
    if end == len(DOCUMENT):
        messages[-1].finish.CopyFrom(pb.UploadFinish(size_bytes=end, digest=digest))
    return messages


def pieces_in_one(end):
    """Return the first message of an upload, with so many bytes that its job begins by it alone."""
    begin = pb.UploadBegin(request_id="u1", spec=pb.JobSpec(printer="labels"))
    return pb.UploadJobRequest(begin=begin, data=DOCUMENT[:end])


async def until(get, good):
    return await eventually(get, good, WITHIN_S)


async def came_out(rig):
    """Return what the device has of the newest document on it."""
    documents = [*rig.host.ports["P1:"].documents.values()]
    return bytes(documents[-1].data) if documents else b""


async def the_job(rig):
    jobs = (await rig.print.ListJobs(pb.ListJobsRequest())).jobs
    return jobs[0] if jobs else None


async def the_upload(rig):
    return await rig.print.GetUpload(pb.GetUploadRequest(request_id="u1"))


async def begun(rig):
    """Send half of the document, see it come out, and return its job."""
    await rig.print.UploadJob(pieces(end=HALF))
    await until(lambda: came_out(rig), lambda data: len(data) >= 700_000)
    return await the_job(rig)


async def test_the_first_byte_is_at_the_device_while_the_upload_runs(rig):
    call = rig.print.UploadJob()
    for message in pieces(end=HALF):
        await call.write(message)
    some = await until(lambda: came_out(rig), len)
    assert DOCUMENT.startswith(some)
    job = await the_job(rig)
    assert job.state == JobState.JOB_STATE_PROCESSING
    assert "job-incoming" in job.state_reasons
    assert job.win32_status & 0x18 == 0x18, "spooling and printing"
    for message in pieces(start=HALF):
        message.ClearField("begin")
        await call.write(message)
    await call.done_writing()
    assert (await call).job.number == job.number


async def test_no_byte_leaves_before_it_is_durable_though_the_job_is(rig, monkeypatch):
    may_sync, sync = asyncio.Event(), SqlStore.sync_upload

    async def waits(store, upload_id):
        await may_sync.wait()
        return await sync(store, upload_id)

    monkeypatch.setattr(SqlStore, "sync_upload", waits)
    call = rig.print.UploadJob()
    for message in pieces(end=HALF):
        await call.write(message)
    job = await until(lambda: the_job(rig), bool)
    assert "job-incoming" in job.state_reasons
    await asyncio.sleep(0.2)
    assert await came_out(rig) == b""
    may_sync.set()
    assert DOCUMENT.startswith(await until(lambda: came_out(rig), len))
    call.cancel()


async def test_no_later_byte_leaves_before_it_is_durable_either(rig, monkeypatch):
    synced, sent = [0], list[tuple[int, int]]()
    sync, send = SqlStore.sync_upload, FakeOpenPort.send

    async def syncs(store, upload_id):
        size = await sync(store, upload_id)
        synced.append(size)
        return size

    async def sends(session, slices, settled=()):
        sent.extend((piece.offset + len(piece.data), synced[-1]) for piece in slices)
        await send(session, slices, settled)

    monkeypatch.setattr(SqlStore, "sync_upload", syncs)
    monkeypatch.setattr(FakeOpenPort, "send", sends)
    call = rig.print.UploadJob()
    for message in pieces(end=SIZE - 1):
        await call.write(message)
        await asyncio.sleep(0.01)
    await until(lambda: came_out(rig), lambda data: len(data) >= SIZE - 400_000)
    call.cancel()
    assert len({durable for _, durable in sent}) > 3, "it was synced piece by piece"
    assert [(end, durable) for end, durable in sent if end > durable] == []


async def test_a_job_begins_while_its_first_bytes_are_written(rig, monkeypatch):
    may_write, append = asyncio.Event(), SqlStore.append_upload

    async def waits(store, upload_id, offset, *data):
        await may_write.wait()
        return await append(store, upload_id, offset, *data)

    monkeypatch.setattr(SqlStore, "append_upload", waits)
    call = rig.print.UploadJob()
    await call.write(pieces_in_one(700_000))
    job = await until(lambda: the_job(rig), bool)
    assert (job.size_bytes, await came_out(rig)) == (0, b"")
    may_write.set()
    assert DOCUMENT.startswith(await until(lambda: came_out(rig), len))
    call.cancel()


async def test_a_job_whose_first_bytes_have_no_room_goes_on_when_they_have(rig, monkeypatch):
    append = SqlStore.append_upload
    refused: list[int] = []

    async def is_full(store, upload_id, offset, *data):
        if offset or len(refused) > 1:  # the second time, too: room was made for it
            return await append(store, upload_id, offset, *data)
        refused.append(offset)
        raise SpoolFull("no room")

    async def made(_room):
        return True

    monkeypatch.setattr(SqlStore, "append_upload", is_full)
    monkeypatch.setattr(Room, "make", made)
    with pytest.raises(SpoolFull):
        await rig.print.UploadJob([pieces_in_one(700_000)])
    assert (await the_upload(rig)).persisted_bytes == 0
    assert await came_out(rig) == b""
    answer = await rig.print.UploadJob(pieces())
    await until(lambda: printed(rig, answer.job.number), bool)
    assert [bytes(one.data) for one in rig.host.ports["P1:"].printed] == [DOCUMENT]


async def test_a_sync_that_fails_keeps_bytes_back_until_one_succeeds(rig, monkeypatch):
    left, sync = [StoreUnavailable("no"), StoreUnavailable("no")], SqlStore.sync_upload

    async def fails(store, upload_id):
        if left:
            raise left.pop()
        return await sync(store, upload_id)

    monkeypatch.setattr(SqlStore, "sync_upload", fails)
    answer = await rig.print.UploadJob(pieces())
    await until(lambda: printed(rig, answer.job.number), bool)
    assert [bytes(one.data) for one in rig.host.ports["P1:"].printed] == [DOCUMENT]


async def test_a_document_that_was_begun_comes_out_whole_and_once(rig):
    job = await begun(rig)
    answer = await rig.print.UploadJob(pieces(start=HALF))
    assert (answer.job.number, answer.job.size_bytes, answer.job.digest) == (
        job.number,
        len(DOCUMENT),
        DIGEST,
    )
    ended = await until(lambda: the_job(rig), lambda job: job.HasField("end_time"))
    assert ended.outcome == Outcome.OUTCOME_PRINTED
    assert "job-incoming" not in ended.state_reasons
    assert [bytes(one.data) for one in rig.host.ports["P1:"].printed] == [DOCUMENT]
    again = await rig.print.UploadJob(pieces())
    assert (again.duplicate, again.job.number) == (True, job.number)


async def test_a_sender_that_finishes_twice_at_once_is_told_of_one_job(rig):
    job = await begun(rig)
    await rig.print.UploadJob(pieces(start=HALF, end=SIZE - 100_000))
    last = pieces(start=SIZE - 100_000)
    answers = await asyncio.gather(*(rig.print.UploadJob(last) for _ in range(3)))
    assert {answer.job.number for answer in answers} == {job.number}
    await until(lambda: printed(rig, job.number), bool)
    assert (await rig.store.get_job(job.number)).has_document
    assert [bytes(one.data) for one in rig.host.ports["P1:"].printed] == [DOCUMENT]


@pytest.mark.parametrize(
    "spec", [{"copies": 2}, {"hold": True}, {"not_before_time": SOON}], ids=["copies", "hold", "later"]
)
async def test_a_job_that_needs_more_than_the_next_bytes_waits_for_the_whole(rig, spec):
    await rig.print.UploadJob(pieces(end=HALF, **spec))
    assert await the_job(rig) is None
    assert (await rig.print.UploadJob(pieces(start=HALF, **spec))).job.number


async def test_a_document_waits_for_the_whole_behind_others(rig):
    rig.host.ports["P1:"].paused.clear()
    await rig.submit(bytes(600_000))
    await rig.print.UploadJob(pieces(end=HALF))
    assert len((await rig.print.ListJobs(pb.ListJobsRequest())).jobs) == 1
    rig.host.ports["P1:"].paused.set()
    assert (await rig.print.UploadJob(pieces(start=HALF))).job.number


async def test_another_printer_waits_for_the_whole(rig):
    await rig.add_printer("plain", "P2:")
    messages = pieces(end=HALF)
    messages[0].begin.spec.printer = "plain"
    await rig.print.UploadJob(messages)
    assert await the_job(rig) is None


async def test_another_document_than_the_announced_one_ends_the_job_and_both_are_told(rig):
    job = await begun(rig)
    with pytest.raises(DigestMismatch):
        await rig.print.UploadJob(pieces(start=HALF, digest=bytes(32)))
    ended = await until(lambda: the_job(rig), lambda job: job.HasField("end_time"))
    assert (ended.number, ended.state) == (job.number, JobState.JOB_STATE_ABORTED)
    assert list(ended.state_reasons) == ["submission-interrupted"]
    assert "not the one that was announced" in ended.last_error.message
    await told_that_it_has_ended(rig, job.number)


async def refusal(ask):
    """Return why a call is refused. Of an answer that comes while a client still writes gRPC loses one in thirty, on a busy
    machine; as clients do, it is asked again.
    """
    while True:
        with pytest.raises(FabricError) as caught:
            await ask()
        if caught.value.reason != HostUnreachable.reason:
            return caught.value


async def told_that_it_has_ended(rig, number):
    for ask in (lambda: the_upload(rig), lambda: rig.print.UploadJob(pieces())):
        refused = await refusal(ask)
        assert refused.reason == "UPLOAD_INTERRUPTED"
        assert refused.metadata["job"] == str(number)
    with pytest.raises(FabricError) as caught:
        await rig.print.RestartJob(pb.RestartJobRequest(name=f"jobs/{number}"))
    assert caught.value.reason == "DOCUMENT_LOST"
    await until(rig.store.usage, lambda usage: usage.live_bytes == 0)


async def test_a_sender_that_stays_away_does_not_keep_the_printer(tmp_path):
    async with spooler_running(tmp_path, dispatch=DispatchSettings(sender_patience_s=0.2)) as rig:
        await rig.add_printer(print_while_spooling=True)
        await rig.print.UploadJob(pieces(end=HALF))
        ended = await until(lambda: the_job(rig), lambda job: job is not None and job.HasField("end_time"))
        assert (ended.state, list(ended.state_reasons)) == (
            JobState.JOB_STATE_ABORTED,
            ["submission-interrupted"],
        )
        assert "nothing more of its document came" in ended.last_error.message
        await told_that_it_has_ended(rig, ended.number)
        next_one = await rig.submit()
        await until(lambda: printed(rig, next_one.job.number), bool)


async def printed(rig, number):
    job = (await rig.print.GetJob(pb.GetJobRequest(name=f"jobs/{number}"))).job
    return job.outcome == Outcome.OUTCOME_PRINTED


async def test_a_person_cancels_what_still_comes_in(rig):
    job = await begun(rig)
    canceled = await rig.print.CancelJob(pb.CancelJobRequest(name=job.name))
    assert canceled.job.state == JobState.JOB_STATE_CANCELED
    await told_that_it_has_ended(rig, job.number)


async def test_a_sender_gives_up_what_is_being_printed(rig):
    job = await begun(rig)
    await rig.print.DeleteUpload(pb.DeleteUploadRequest(request_id="u1"))
    ended = await until(lambda: the_job(rig), lambda job: job.HasField("end_time"))
    assert (ended.number, ended.state) == (job.number, JobState.JOB_STATE_ABORTED)
    await told_that_it_has_ended(rig, job.number)


async def test_a_restarted_spooler_goes_on_with_the_same_job(tmp_path):
    host = FakeHost("edge", "P1:")
    async with spooler_running(tmp_path, host) as rig:
        await rig.add_printer(print_while_spooling=True)
        job = await begun(rig)
    async with spooler_running(tmp_path, host) as rig:
        known = (await the_upload(rig)).persisted_bytes
        assert 0 < known <= HALF
        assert (await the_job(rig)).number == job.number
        answer = await rig.print.UploadJob(pieces(start=known))
        assert answer.job.number == job.number
        await until(lambda: printed(rig, job.number), bool)
        assert [bytes(one.data) for one in host.ports["P1:"].printed] == [DOCUMENT]


async def test_a_job_whose_upload_is_gone_is_never_taken_for_whole(tmp_path):
    host = FakeHost("edge", "P1:")
    async with spooler_running(tmp_path, host) as rig:
        await rig.add_printer(print_while_spooling=True)
        job = await begun(rig)
    store = await SqlStore.open(tmp_path)
    (upload,) = (await store.load()).uploads
    await store.abandon_upload(upload.id)
    await store.close()
    async with spooler_running(tmp_path, host) as rig:
        ended = await until(lambda: the_job(rig), lambda job: job.HasField("end_time"))
        assert (ended.number, ended.state) == (job.number, JobState.JOB_STATE_ABORTED)
        assert host.ports["P1:"].printed == []
        await told_that_it_has_ended(rig, job.number)


async def test_a_port_that_breaks_holds_the_job_and_the_upload_goes_on(rig):
    rig.host.ports["P1:"].break_at = 300_000
    await rig.print.UploadJob(pieces(end=HALF))
    held = await until(lambda: the_job(rig), lambda job: job and job.state == JobState.JOB_STATE_PENDING_HELD)
    restart = pb.RestartJobRequest(name=held.name)
    with pytest.raises(WrongState, match="still coming in"):
        await rig.print.RestartJob(restart)
    answer = await rig.print.UploadJob(pieces(start=HALF))
    assert (answer.job.number, answer.job.digest) == (held.number, DIGEST)
    await rig.print.RestartJob(restart)
    await until(lambda: printed(rig, held.number), bool)
    assert bytes(rig.host.ports["P1:"].printed[-1].data) == DOCUMENT


async def test_a_stream_that_breaks_doubles_nothing(rig):
    rig.host.ports["P1:"].cut_at = 600_000
    await begun(rig)
    await rig.print.UploadJob(pieces(start=HALF))
    job = await until(lambda: the_job(rig), lambda job: job.HasField("end_time"))
    assert job.outcome == Outcome.OUTCOME_PRINTED
    assert [bytes(one.data) for one in rig.host.ports["P1:"].printed] == [DOCUMENT]


async def test_a_port_that_cannot_be_opened_keeps_the_job_until_it_can(rig):
    rig.host.down = True
    await rig.print.UploadJob(pieces(end=HALF))
    job = await until(lambda: the_job(rig), lambda job: job is not None)
    rig.host.down = False
    await rig.print.UploadJob(pieces(start=HALF))
    rig.dispatcher.host_up("edge")
    await until(lambda: printed(rig, job.number), bool)
    assert [bytes(one.data) for one in rig.host.ports["P1:"].printed] == [DOCUMENT]
