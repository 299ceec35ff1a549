"""Filters that name jobs: a watch of one job, a list of some."""

import asyncio

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from chassis.errors import InvalidArgument
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import watch_service_pb2 as pb
from printfabric.types.v1 import job_pb2
from tests.fabric.spooler_rig import eventually, spooler_running


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        yield rig


async def test_a_watch_of_one_job_hears_of_no_other_and_ends_with_it(rig):
    rig.host.ports["P1:"].paused.clear()
    mine, other = [(await rig.submit()).job for _ in range(2)]
    request = pb.WatchRequest(
        jobs=print_pb.JobFilter(names=[mine.name, "jobs/999"]),
        until_ended=True,
        topics=[pb.WATCH_TOPIC_JOBS],
    )
    call = rig.watch.Watch(request)
    snapshot = await anext(aiter(call))
    assert [job.name for job in snapshot.jobs] == [mine.name]
    await rig.print.UpdateJob(
        print_pb.UpdateJobRequest(
            job=job_pb2.Job(name=other.name, retain=True), update_mask=FieldMask(paths=["retain"])
        )
    )
    rig.host.ports["P1:"].paused.set()
    async with asyncio.timeout(30):
        heard = [seen async for message in call for seen in message.jobs]
    assert {job.name for job in heard} == {mine.name}
    assert heard[-1].state == job_pb2.JOB_STATE_COMPLETED
    async with asyncio.timeout(30):  # when it has ended, the snapshot has it, and that is all
        after = [seen.name async for message in rig.watch.Watch(request) for seen in message.jobs]
    assert after == [mine.name]


async def test_a_list_of_named_jobs_has_these_and_no_others(rig):
    jobs = [(await rig.submit(hold=place > 2)).job for place in range(5)]
    await eventually(lambda: rig.store.get_job(jobs[0].number), lambda job: job.ended)

    async def names(*named, **what):
        request = print_pb.ListJobsRequest(filter=print_pb.JobFilter(names=named, **what))
        request.page_size = 2
        found = []
        while True:
            page = await rig.print.ListJobs(request)
            found += [job.number for job in page.jobs]
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    uid = jobs[3].uid.hex()
    assert await names("jobs/1", "5", f"jobs/{uid}", "jobs/999") == [5, 4, 1]
    assert await names("jobs/1", "5", f"jobs/{uid}", active_only=True) == [5, 4]
    assert await names("jobs/999") == []
    with pytest.raises(InvalidArgument):
        await names("labels")
    with pytest.raises(InvalidArgument):
        await names(*map(str, range(1001)))
