"""A spooler that dies between a job's start and its record: nothing was sent, whatever else was written about the job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spooler.job import STOPPING, Job
from spooler.job_state import JobState
from spooler.ledger import Outcome
from spooler.new_job import NewJob, Uploaded
from spooler.printer import PortName
from spooler.store import Changes
from tests.fabric.dispatch_rig import Rig, running
from tests.fakes.host import FakeHost


async def _die_at_its_start(path: Path, host: FakeHost, *reasons: str) -> Job:
    """Leave a job of which only something else than its start was written down."""
    async with running(path, host) as rig:
        await rig.printer("labels", "P1:")
        await rig.printers.pause_printer("labels", "ann")
        job = await rig.submit("labels", b"document")
        begun = replace(
            job,
            state=JobState.PROCESSING,
            port=PortName("edge", "P1:"),
            attempts=1,
            reasons=reasons,
            revision=9,
        )
        await rig.store.record(Changes(jobs=[begun]))
    return job


async def test_a_job_whose_start_was_not_written_down_is_begun_again(tmp_path: Path):
    host = FakeHost("edge", "P1:")
    job = await _die_at_its_start(tmp_path, host)
    async with running(tmp_path, host) as rig:
        await rig.printers.resume_printer("labels", "ann")
        done = await rig.until(job.number, JobState.COMPLETED)
    assert done.outcome is Outcome.PRINTED
    assert [bytes(each.data) for each in host.ports["P1:"].printed] == [b"document"]


@pytest.mark.parametrize("times", [1, 2])
async def test_a_job_that_was_cancelled_at_its_start_is_cancelled(tmp_path: Path, times: int):
    host = FakeHost("edge", "P1:")
    job = await _die_at_its_start(tmp_path, host, STOPPING)
    for _ in range(times):  # it stays so
        async with running(tmp_path, host) as rig:
            known = await rig.store.get_job(job.number)
            assert (known.state, known.outcome) == (JobState.CANCELED, Outcome.NOT_PRINTED)
            assert job.number not in rig.dispatcher.book.jobs
    assert not host.ports["P1:"].printed


async def _upload(rig: Rig, data: bytes) -> Job:
    """Submit a document that was uploaded before: such a job is never begun by its acceptance."""
    upload = await rig.store.create_upload("ann")
    await rig.store.append_upload(upload.id, 0, data)
    [job] = await rig.dispatcher.submit([NewJob("labels", Uploaded(upload.id))])
    assert isinstance(job, Job)
    return job


async def test_a_job_is_not_begun_by_its_acceptance_before_the_start_of_an_earlier_one_is_durable(
    tmp_path: Path,
):
    host = FakeHost("edge", "P1:")
    port = host.ports["P1:"]
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        first = await rig.submit("labels", b"1")
        await rig.until(first.number, JobState.COMPLETED)
        port.takes.clear()  # the port has its hands full: what comes now waits in the spooler
        second = await rig.submit("labels", b"2")
        assert (await rig.store.get_job(second.number)).attempts == 1, "its port was free"
        third = await _upload(rig, b"3")
        fourth = await rig.submit("labels", b"4")
        stored = [(await rig.store.get_job(one.number)).attempts for one in (third, fourth)]
        assert stored == [0, 0], "after a kill, the one whose start is durable would go first"
        port.takes.set()
        await rig.until(fourth.number, JobState.COMPLETED)
        assert port.order == [first.number, second.number, third.number, fourth.number]
