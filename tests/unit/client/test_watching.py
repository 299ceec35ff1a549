"""Seeing what goes on: watches over broken lines, and waiting for a job to end."""

import asyncio

import pytest

from chassis.errors import AccessDenied
from printfabric.spooler.v1.watch_service_pb2 import WatchResponse
from printfabric.types.v1 import job_pb2, ledger_pb2
from printfabric_client import Client, JobState, Retry, errors, job_filter, watching

QUICK = Retry(total_s=10, first_s=0.01, cap_s=0.05)


def client(spooler, **kwargs) -> Client:
    return Client(spooler.address, **{"retry": QUICK, **kwargs})


async def test_a_watch_begins_with_a_snapshot_and_goes_on_with_changes(spooler):
    async with client(spooler) as fabric:
        job = await fabric.submit(b"a", printer="labels")
        seen = []
        async for change in fabric.watch():
            seen.append(change)
            if change.snapshot_complete:
                spooler.finish(job.number)
            elif not change.snapshot:
                break
    assert [c.snapshot for c in seen] == [True, True, False]
    assert seen[-1].jobs[0].state == JobState.JOB_STATE_COMPLETED


async def test_after_a_broken_line_every_change_arrives_exactly_once(spooler):
    spooler.faults.break_watch_after = [3, 0, 1, 4]
    async with client(spooler) as fabric:

        async def change_things() -> None:
            for n in range(20):
                spooler.say(WatchResponse(deleted=[f"jobs/{n}"]))
                await asyncio.sleep(0.01)

        changing: list[asyncio.Task[None]] = []
        deleted: list[str] = []
        async for change in fabric.watch():
            assert not change.gap
            deleted += change.deleted
            if change.snapshot_complete:
                changing.append(asyncio.create_task(change_things()))
            if len(deleted) == 20:
                break
        await changing[0]
    assert deleted == [f"jobs/{n}" for n in range(20)]
    assert spooler.calls.count("Watch") == 5


async def test_a_forgotten_position_is_a_gap_and_a_new_snapshot(spooler):
    spooler.faults.break_watch_after = [1]
    async with client(spooler) as fabric:
        await fabric.submit(b"a", printer="labels")
        kinds = []
        # The first stream breaks inside its snapshot: a half snapshot is worth nothing.
        async for change in fabric.watch():
            kinds.append("gap" if change.gap else "snapshot" if change.snapshot else "change")
            if change.snapshot_complete:
                break
        assert kinds == ["snapshot", "gap", "snapshot", "snapshot"]

        spooler.faults.break_watch_after = [3]
        kinds.clear()
        spooler.faults.forget_positions = True
        async for change in fabric.watch():
            kinds.append("gap" if change.gap else "snapshot" if change.snapshot else "change")
            if kinds[-1] == "snapshot" and change.snapshot_complete:
                if "gap" in kinds:
                    break
                spooler.say(WatchResponse(deleted=["jobs/1"]))
                spooler.say(WatchResponse(deleted=["jobs/2"]))
    assert kinds == ["snapshot", "snapshot", "change", "gap", "snapshot", "snapshot"]


async def test_a_watch_goes_on_behind_a_position_of_another_process(spooler):
    for n in range(5):
        spooler.say(WatchResponse(deleted=[f"jobs/{n}"]))
    async with client(spooler) as fabric:
        async for change in fabric.watch(since="3"):
            assert list(change.deleted) == ["jobs/3"]
            break


async def test_a_watch_ends_when_all_its_jobs_have_ended(spooler):
    async with client(spooler) as fabric:
        job = await fabric.submit(b"a", printer="labels", request_id="r1")
        seen = []
        async with asyncio.timeout(20):
            async for change in fabric.watch(jobs=job_filter(request_id="r1"), until_ended=True):
                seen.append(change)
                if change.snapshot_complete:
                    spooler.finish(job.number)
    assert [change.snapshot for change in seen] == [True, True, False]
    assert seen[0].jobs[0].state == JobState.JOB_STATE_PENDING
    assert seen[-1].jobs[0].state == JobState.JOB_STATE_COMPLETED


async def test_a_refused_watch_raises(spooler):
    spooler.faults.refuse = AccessDenied("not you")
    async with client(spooler) as fabric:
        with pytest.raises(errors.AccessDenied):
            async for _ in fabric.watch():
                pass


async def test_waiting_returns_the_job_as_it_ended(spooler):
    spooler.faults.break_watch_after = [1, 0]
    async with client(spooler) as fabric:
        job = await fabric.submit(b"abc", printer="labels")
        asyncio.get_running_loop().call_later(0.1, spooler.finish, job.number)
        done = await fabric.wait(job.number, timeout_s=5)
    assert done.state == JobState.JOB_STATE_COMPLETED
    assert done.ledger.offsets.acked == 3


async def test_waiting_for_a_job_without_a_request_id_finds_it_by_its_moment(spooler):
    async with client(spooler) as fabric:
        job = await fabric.submit(b"abc", printer="labels")
        job.request_id = ""
        spooler.put(job)
        asyncio.get_running_loop().call_later(0.1, spooler.finish, job.number)
        done = await fabric.wait(job, timeout_s=5)
    assert done.number == job.number


async def test_waiting_for_a_job_that_has_ended_asks_once(spooler):
    async with client(spooler) as fabric:
        job = await fabric.submit(b"abc", printer="labels")
        spooler.finish(job.number)
        spooler.calls.clear()
        await fabric.wait(job)
    assert spooler.calls == ["GetJob"]


async def test_waiting_has_an_end(spooler):
    async with client(spooler) as fabric:
        job = await fabric.submit(b"abc", printer="labels")
        with pytest.raises(TimeoutError):
            await fabric.wait(job, timeout_s=0.1)


async def test_waiting_notices_a_watch_that_says_nothing(spooler, monkeypatch):
    monkeypatch.setattr(watching, "_ASK_AGAIN_S", 0.05)
    async with client(spooler) as fabric:
        job = await fabric.submit(b"abc", printer="labels")
        # The watchers are not told.
        asyncio.get_running_loop().call_later(
            0.2, setattr, spooler.jobs[job.number], "state", job_pb2.JOB_STATE_COMPLETED
        )
        spooler.changes.clear()
        done = await fabric.wait(job, timeout_s=5)
    assert done.state == JobState.JOB_STATE_COMPLETED


async def test_waiting_may_stop_where_a_person_must_decide(spooler):
    async with client(spooler) as fabric:
        job = await fabric.submit(b"abc", printer="labels")
        job.state, job.outcome = job_pb2.JOB_STATE_PENDING_HELD, ledger_pb2.OUTCOME_UNKNOWN
        spooler.put(job)
        done = await fabric.wait(job, timeout_s=5, or_decision=True)
        assert done.outcome == ledger_pb2.OUTCOME_UNKNOWN
        with pytest.raises(TimeoutError):
            await fabric.wait(job, timeout_s=0.1)
