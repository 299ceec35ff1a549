"""How many messages a small job takes to its host, and how many tasks here: one, and none. The host is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from spooler import settling
from spooler.job import Job
from spooler.job_state import JobState
from spooler.new_job import Inline, NewJob
from tests.fabric.dispatch_rig import Rig, running
from tests.fakes.host import FakeHost, FakeOpenPort, FakePort
from tests.rig.until import until

LABEL = b"^XA^XZ"
SOON_S = 0.2  # a word that was due at once would have been sent within this


@pytest.fixture
def port(host: FakeHost) -> FakePort:
    return host.ports["P1:"]


def session(port: FakePort) -> FakeOpenPort:
    assert port.session is not None
    return port.session


async def printed(rig: Rig, count: int = 1) -> list[Job]:
    """Print jobs, each alone, and return them."""
    jobs: list[Job] = []
    while len(jobs) < count:
        jobs.append(await rig.submit("labels", LABEL))
        await rig.until(jobs[-1].number, JobState.COMPLETED)
    return jobs


async def settled(port: FakePort) -> None:
    await until(lambda: not port.documents)


async def test_a_lone_job_takes_one_message_and_is_settled_by_the_next_one(
    rig: Rig, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "WITHIN_S", 60.0)
    await rig.printer("labels", "P1:")
    await printed(rig)
    await asyncio.sleep(SOON_S)
    assert session(port).messages == [(1, 0)]
    await printed(rig, 5)
    await asyncio.sleep(SOON_S)
    assert session(port).messages == [(1, 0)] + [(1, 1)] * 5
    assert len(port.documents) == 1, "all but the last one are settled"


async def test_what_no_message_follows_is_settled_in_its_time(rig: Rig, port: FakePort) -> None:
    await rig.printer("labels", "P1:")
    await printed(rig)
    assert port.documents
    assert await until(lambda: not port.documents) < settling.WITHIN_S + 5.0
    assert session(port).messages == [(1, 0), (0, 1)]


async def test_so_many_are_settled_at_once(rig: Rig, port: FakePort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "WITHIN_S", 60.0)
    await rig.printer("labels", "P1:")
    new = [NewJob("labels", Inline(LABEL)) for _ in range(settling.MOST)]
    jobs = [job for job in await rig.dispatcher.submit(new) if isinstance(job, Job)]
    for job in jobs:
        await rig.until(job.number, JobState.COMPLETED)
    await settled(port)
    assert sum(slices for slices, _ in session(port).messages) == settling.MOST


async def test_what_broke_off_is_settled_at_once_for_others_wait_for_it(
    rig: Rig, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "WITHIN_S", 60.0)
    await rig.printer("labels", "P1:")
    port.break_at = 3
    job = await rig.submit("labels", LABEL)
    await rig.until(job.number, JobState.PENDING_HELD)
    await settled(port)


async def test_a_host_that_was_cut_off_before_it_was_told_is_told_by_the_first_message_and_prints_nothing_twice(
    rig: Rig, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "WITHIN_S", 60.0)
    await rig.printer("labels", "P1:")
    [first] = await printed(rig)
    session(port).cut()
    await asyncio.sleep(0.05)
    assert [doc.job_number for doc in port.documents.values()] == [first.number]
    [second] = await printed(rig)
    assert port.calls.count("OpenPort") == 2
    assert session(port).messages == [(1, 1)]
    assert [doc.job_number for doc in port.printed] == [first.number, second.number]


async def test_another_run_that_finds_what_was_not_settled_settles_it_and_prints_nothing_twice(
    tmp_path: Path, host: FakeHost, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "WITHIN_S", 60.0)
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        [first] = await printed(rig)
        kept = dict(port.documents)
        assert kept, "a run that is killed here has told nothing"
    port.documents.update(kept)
    async with running(tmp_path, host) as rig:
        [second] = await printed(rig)
        assert [doc.job_number for doc in port.documents.values()] == [second.number]
    assert [doc.job_number for doc in port.printed] == [first.number, second.number]


async def test_a_port_that_is_let_go_is_told_beside_the_stream(
    rig: Rig, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "WITHIN_S", 60.0)
    await rig.printer("labels", "P1:")
    await printed(rig)
    messages = session(port).messages
    rig.dispatcher.lanes["edge", "p1:"].release()
    await settled(port)
    assert messages == [(1, 0)]
    assert "ClosePort" in port.calls


async def test_a_spooler_that_shuts_down_tells_before_it_goes(
    tmp_path: Path, host: FakeHost, port: FakePort
) -> None:
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        await printed(rig)
        assert port.documents
    assert not port.documents


async def test_no_task_is_made_for_a_small_job(rig: Rig, port: FakePort) -> None:
    await rig.printer("labels", "P1:")
    await printed(rig)
    made: list[str] = []
    loop = asyncio.get_running_loop()

    def make(
        loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any
    ) -> asyncio.Task[Any]:
        made.append(getattr(work, "__qualname__", ""))
        return asyncio.Task(work, loop=loop, **more)

    loop.set_task_factory(make)  # type: ignore[arg-type]
    try:
        jobs = [await rig.submit("labels", LABEL) for _ in range(50)]
        await until(lambda: rig.dispatcher.live_job(jobs[-1].number) is None)
    finally:
        loop.set_task_factory(None)
    assert [one for one in made if not one.startswith("FakeOpenPort.")] == []


async def test_a_caller_that_gives_up_changes_nothing(rig: Rig, port: FakePort) -> None:
    await rig.printer("labels", "P1:")
    await printed(rig)
    loop = asyncio.get_running_loop()
    calling = loop.create_task(rig.dispatcher.submit([NewJob("labels", Inline(LABEL))]))
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    [after] = await printed(rig)
    assert [doc.job_number for doc in port.printed] == [after.number - 2, after.number - 1, after.number]
    lane = rig.dispatcher.lanes["edge", "p1:"]
    assert (lane.reserved, len(lane.flights)) == (0, 0)
