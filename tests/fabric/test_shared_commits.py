"""How many commits small jobs take: one each where they follow upon another, for an outcome waits for the next. The host is a fake."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spooler import concluding
from spooler.group_commit import GroupThread
from spooler.job import Job
from spooler.job_state import JobState
from spooler.sql.writer import Writer
from tests.fabric.dispatch_rig import Rig, running
from tests.fakes.host import FakeHost, FakePort
from tests.rig.until import until

LABEL = b"^XA^XZ"


@pytest.fixture
def port(host: FakeHost) -> FakePort:
    return host.ports["P1:"]


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An item for each commit of the store."""
    counted: list[int] = []
    end = Writer._end

    def counting(writer: Writer) -> None:
        counted.append(1)
        end(writer)

    monkeypatch.setattr(Writer, "_end", counting)
    return counted


async def come_out(rig: Rig, port: FakePort) -> Job:
    """Submit a job; return when it has come out and its outcome is known, written or not."""
    before = len(port.printed)
    job = await rig.submit("labels", LABEL)
    await until(lambda: len(port.printed) > before and rig.dispatcher.unconcluded() == 1)
    return job


async def test_jobs_one_after_the_other_take_a_commit_each(
    rig: Rig, port: FakePort, commits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concluding, "WRITE_WITHIN_S", 60.0)
    await rig.printer("labels", "P1:")
    jobs = [await come_out(rig, port)]  # its start takes a commit of its own, for the port has to be opened
    commits.clear()
    jobs += [await come_out(rig, port) for _ in range(9)]
    assert len(commits) == 9
    for job in jobs[:-1]:
        await rig.until(job.number, JobState.COMPLETED)
    assert (await rig.job(jobs[-1].number)).state is JobState.PROCESSING
    await rig.store.flush()
    await rig.until(jobs[-1].number, JobState.COMPLETED)


async def test_outcomes_ride_along_for_as_long_as_they_are_shipped_to_wait(
    rig: Rig, port: FakePort, commits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GroupThread, "_note_pace", lambda thread: setattr(thread, "_pace_s", 0.0))
    monkeypatch.setattr(GroupThread, "_wait", lambda _thread, _within_s: None)  # the time stands still
    await rig.printer("labels", "P1:")
    await come_out(rig, port)
    commits.clear()
    for _ in range(9):
        await come_out(rig, port)
    assert len(commits) == 9
    await rig.store.flush()


async def test_an_outcome_that_no_other_commit_follows_is_written_by_itself(rig: Rig, port: FakePort) -> None:
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", LABEL)
    await rig.until(job.number, JobState.COMPLETED)


async def test_what_failed_waits_for_no_other_commit(
    rig: Rig, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concluding, "WRITE_WITHIN_S", 60.0)
    await rig.printer("labels", "P1:")
    port.break_at = 3
    job = await rig.submit("labels", LABEL)
    await rig.until(job.number, JobState.PENDING_HELD)


async def test_the_next_copy_waits_for_no_other_commit(
    rig: Rig, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concluding, "WRITE_WITHIN_S", 60.0)
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", LABEL, copies=3)
    await until(lambda: len(port.printed) == 3)
    await rig.store.flush()
    assert (await rig.until(job.number, JobState.COMPLETED)).copies_printed == 3


async def test_a_spooler_that_shuts_down_writes_what_waits_and_prints_it_once(
    tmp_path: Path, host: FakeHost, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concluding, "WRITE_WITHIN_S", 60.0)
    async with asyncio.timeout(30), running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        job = await come_out(rig, port)
    async with running(tmp_path, host) as rig:
        await rig.until(job.number, JobState.COMPLETED)
    assert len(port.printed) == 1
