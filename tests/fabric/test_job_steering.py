"""PrintService over a real channel: jobs that wait are changed, and what ended is decided about."""

import asyncio

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from chassis.errors import (
    AccessDenied,
    InvalidArgument,
    Unauthenticated,
    WrongState,
)
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.types.v1 import job_pb2, ledger_pb2
from tests.fabric.spooler_rig import access_of_people, eventually, spooler_running


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        yield rig


async def ended(rig, name):
    while True:
        job = (await rig.print.GetJob(pb.GetJobRequest(name=name))).job
        if job.state in (7, 8, 9):
            return job
        await asyncio.sleep(0.005)


async def test_a_held_job_waits_is_changed_and_released(rig):
    job = (await rig.submit(hold=True)).job
    assert job.state == job_pb2.JOB_STATE_PENDING_HELD
    assert job.hold_reason
    assert job.win32_status == 1
    change = pb.UpdateJobRequest(
        job=job_pb2.Job(name=job.name, priority=99, document_name="new"),
        update_mask=FieldMask(paths=["priority", "document_name"]),
    )
    changed = (await rig.print.UpdateJob(change)).job
    assert (changed.priority, changed.document_name) == (99, "new")
    await rig.print.ReleaseJob(pb.ReleaseJobRequest(name=job.name))
    assert (await ended(rig, job.name)).state == job_pb2.JOB_STATE_COMPLETED
    events = (await rig.print.ListJobEvents(pb.ListJobEventsRequest(parent=job.name))).events
    assert [event.kind for event in events if event.kind in ("changed", "released")] == [
        "changed",
        "released",
    ]
    assert {event.actor for event in events if event.kind == "released"} == {"loopback"}


async def test_an_update_of_what_cannot_be_changed_is_refused(rig):
    job = (await rig.submit(hold=True)).job
    for paths in ([], ["state"], ["owner"]):
        with pytest.raises(InvalidArgument):
            await rig.print.UpdateJob(pb.UpdateJobRequest(job=job, update_mask=FieldMask(paths=paths)))
    job.copies = 0
    with pytest.raises(InvalidArgument):
        await rig.print.UpdateJob(pb.UpdateJobRequest(job=job, update_mask=FieldMask(paths=["copies"])))


async def test_cancel_restart_and_move(rig):
    await rig.add_printer("other", "P2:")
    job = (await rig.submit(b"doc", hold=True)).job
    assert (await rig.print.CancelJob(pb.CancelJobRequest(name=job.name, reason="no"))).job.state == 7
    assert (await rig.print.CancelJob(pb.CancelJobRequest(name=job.name))).job.state == 7
    await rig.print.RestartJob(pb.RestartJobRequest(name=job.name))
    assert (await ended(rig, job.name)).state == 9
    held = (await rig.submit(b"moved", hold=True)).job
    moved = (await rig.print.MoveJob(pb.MoveJobRequest(name=held.name, printer="other"))).job
    assert moved.printer == "printers/other"
    await rig.print.ReleaseJob(pb.ReleaseJobRequest(name=held.name))
    await ended(rig, held.name)
    assert [bytes(doc.data) for doc in rig.host.ports["P2:"].printed] == [b"moved"]


async def test_an_unknown_outcome_is_resolved_by_a_decision(rig):
    port = rig.host.ports["P1:"]
    port.break_at, port.break_uncertain = 4, 2
    job = (await rig.submit(b"12345678")).job
    while True:
        job = (await rig.print.GetJob(pb.GetJobRequest(name=job.name))).job
        if job.state == job_pb2.JOB_STATE_PENDING_HELD:
            break
        await asyncio.sleep(0.005)
    assert job.outcome == ledger_pb2.OUTCOME_UNKNOWN
    assert (job.ledger.uncertain.start, job.ledger.uncertain.end) == (2, 4)
    with pytest.raises(WrongState):
        await rig.print.ReleaseJob(pb.ReleaseJobRequest(name=job.name))
    with pytest.raises(InvalidArgument):
        await rig.print.ResolveJob(pb.ResolveJobRequest(name=job.name))
    skip = pb.UnitDecision(decision=pb.UNCERTAIN_DECISION_SKIP)
    done = await rig.print.ResolveJob(pb.ResolveJobRequest(name=job.name, decisions=[skip]))
    assert done.job.state == job_pb2.JOB_STATE_COMPLETED
    attempts = (await rig.print.ListAttempts(pb.ListAttemptsRequest(parent=job.name))).attempts
    assert [(attempt.number, attempt.outcome) for attempt in attempts] == [(1, ledger_pb2.OUTCOME_UNKNOWN)]


async def test_units_are_decided_about_resumed_and_printed_again(rig):
    port = rig.host.ports["P1:"]
    port.break_at, port.break_uncertain = 40, 20
    label = b"^XA^FDa^FS^XZ"
    job = (await rig.submit(label * 5)).job

    async def now():
        return (await rig.print.GetJob(pb.GetJobRequest(name=job.name))).job

    held = await eventually(now, lambda one: one.state == job_pb2.JOB_STATE_PENDING_HELD)
    assert held.hold_reason == "labels 2 to 3 of 5 may have printed"
    total, unsure = held.ledger.units.total, held.ledger.uncertain_units
    assert (total, unsure.first, unsure.last) == (5, 2, 3)
    attempts = (await rig.print.ListAttempts(pb.ListAttemptsRequest(parent=job.name))).attempts
    assert attempts[0].ledger.uncertain_units.last == 3
    two, three = ledger_pb2.UnitRange(first=2, last=2), ledger_pb2.UnitRange(first=3, last=3)
    skip, again = pb.UNCERTAIN_DECISION_SKIP, pb.UNCERTAIN_DECISION_REPRINT
    half = pb.ResolveJobRequest(name=job.name, decisions=[pb.UnitDecision(units=two, decision=skip)])
    with pytest.raises(InvalidArgument, match="label 3 would be left undecided"):
        await rig.print.ResolveJob(half)
    with pytest.raises(InvalidArgument, match="no label 9"):
        await rig.print.ResumeJob(pb.ResumeJobRequest(name=job.name, unit=9))
    for wrong in (
        pb.UnitDecision(units=two),
        pb.UnitDecision(units=ledger_pb2.UnitRange(first=3), decision=skip),
    ):
        with pytest.raises(InvalidArgument):
            await rig.print.ResolveJob(pb.ResolveJobRequest(name=job.name, decisions=[wrong]))
    decisions = [pb.UnitDecision(units=two, decision=skip), pb.UnitDecision(units=three, decision=again)]
    await rig.print.ResolveJob(pb.ResolveJobRequest(name=job.name, decisions=decisions))
    await ended(rig, job.name)
    assert bytes(port.printed[-1].data) == label * 3
    request = pb.ReprintUnitsRequest(name=job.name, units=[two], request_id="again")
    made = (await rig.print.ReprintUnits(request)).job
    assert (made.attributes["reprint-of"], made.attributes["reprint-units"]) == (job.name, "2")
    assert (await rig.print.ReprintUnits(request)).job.name == made.name
    with pytest.raises(InvalidArgument):
        await rig.print.ReprintUnits(pb.ReprintUnitsRequest(name=job.name))


async def test_a_document_is_read_back_in_pieces(rig):
    document = bytes(range(256)) * 2048  # 512 KiB
    job = (await rig.submit(document, hold=True)).job
    pieces = [piece async for piece in rig.print.ReadDocument(pb.ReadDocumentRequest(name=job.name))]
    assert b"".join(piece.data for piece in pieces) == document
    assert [piece.offset for piece in pieces] == [0, 256 * 1024]
    request = pb.ReadDocumentRequest(name=job.name, offset=10, limit=5)
    (piece,) = [piece async for piece in rig.print.ReadDocument(request)]
    assert (piece.offset, piece.data) == (10, document[10:15])


async def test_owners_steer_their_own_jobs_and_operators_all(tmp_path):
    async with spooler_running(tmp_path, access=access_of_people(tmp_path)) as rig:
        await rig.add_printer()
        with pytest.raises(Unauthenticated):
            await rig.submit()
        async with (
            rig.as_caller("ann", tmp_path) as ann,
            rig.as_caller("ben", tmp_path) as ben,
            rig.as_caller("olga", tmp_path) as olga,
            rig.as_caller("ada", tmp_path) as ada,
        ):
            job = (await ann.submit(b"secret", request_id="r1", hold=True)).job
            assert job.owner == "token:ann"
            # Another's request id is another request.
            assert (await ben.submit(b"mine", request_id="r1", hold=True)).job.number != job.number
            with pytest.raises(AccessDenied):
                await ben.print.CancelJob(pb.CancelJobRequest(name=job.name))
            for reader in (ben, olga):
                with pytest.raises(AccessDenied):
                    [
                        piece
                        async for piece in reader.print.ReadDocument(pb.ReadDocumentRequest(name=job.name))
                    ]
            for reader in (ann, ada):
                pieces = [
                    one async for one in reader.print.ReadDocument(pb.ReadDocumentRequest(name=job.name))
                ]
                assert pieces[0].data == b"secret"
            assert (await ben.print.GetJob(pb.GetJobRequest(name=job.name))).job.number == job.number
            await olga.print.HoldJob(pb.HoldJobRequest(name=job.name))
            await ann.print.CancelJob(pb.CancelJobRequest(name=job.name))
