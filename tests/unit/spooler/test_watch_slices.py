"""The first picture of a watcher is made in slices, and with what follows it is the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any, cast

import pytest

from printfabric.spooler.v1 import watch_service_pb2 as pb
from printfabric.types.v1.job_pb2 import JobState as Wire
from spooler.api.convert_job import put_job
from spooler.api.inside import Inside
from spooler.api.looking import Looking
from spooler.api.watch_stream import WatchStream
from spooler.book import Book
from spooler.dispatch_view import DispatchView
from spooler.hub import Hub
from spooler.job import Document, Job, Sender
from spooler.job_state import JobState
from spooler.printer import Printer
from spooler.store import JobPage
from spooler.turns import SLICE

JOB = Job(1, bytes(16), Document(), Sender("ann"), datetime.now(UTC), printer="labels")
JOBS = pb.WatchRequest(topics=[pb.WATCH_TOPIC_JOBS])


class Ended:
    """A store that has no job that has ended."""

    async def list_jobs(self, *_: object, **_more: object) -> JobPage:
        return JobPage([], "")


class Watched:
    """A book of waiting jobs, and the hub that tells of it."""

    def __init__(self, jobs: int, kept: int = 8192) -> None:
        self.hub, self.book = Hub(1, kept), Book(0)
        self.book.put_printer(Printer("labels"))
        for number in range(1, jobs + 1):
            self.book.add(replace(JOB, number=number))

    def stream(self, request: pb.WatchRequest) -> WatchStream:
        inside = Inside(cast("Any", DispatchView(self.book)), *(cast("Any", None),) * 4, self.hub, "")
        return WatchStream(request, cast("Any", Ended()), inside, cast("Any", None), Looking())

    def change(self, job: Job) -> None:
        (self.book.change if job.number in self.book.jobs else self.book.add)(job)
        self.hub.job(job)


class Told:
    """What a client knows that puts together what it is told."""

    def __init__(self) -> None:
        self.states: dict[str, int] = {}
        self.pictures = 0
        self.gaps = 0

    def take(self, message: pb.WatchResponse) -> None:
        if message.gap:
            self.gaps += 1
            self.states.clear()
        for job in message.jobs:
            if job.HasField("end_time") or job.state >= Wire.JOB_STATE_CANCELED:
                self.states.pop(job.name, None)
            else:
                self.states[job.name] = job.state
        for name in message.deleted:
            self.states.pop(name, None)
        self.pictures += message.snapshot_complete


async def while_watched(watched: Watched, act: Callable[[], object], request: pb.WatchRequest = JOBS) -> Told:
    """Act between the turns of a picture that is made, and return what is known when all was told."""
    told, pictured = Told(), asyncio.Event()

    async def acting() -> None:
        while not pictured.is_set():
            act()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks, aclosing(watched.stream(request).run()) as messages:
        tasks.create_task(acting())
        async for message in messages:
            told.take(message)
            if message.snapshot_complete:
                pictured.set()
                watched.change(replace(JOB, number=1_000_000))
            if "jobs/1000000" in told.states and told.pictures:
                break
    return told


async def test_a_picture_of_a_hundred_thousand_jobs_leaves_the_loop_to_others_after_each_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = told = before = 0

    def counted(*arguments: Any) -> None:
        nonlocal told
        told += 1
        put_job(*arguments)

    monkeypatch.setattr("spooler.api.watch_stream.put_job", counted)

    def turn() -> None:
        nonlocal most, before
        most, before = max(most, told - before), told

    known = await while_watched(Watched(100_000), turn)
    assert len(known.states) == 100_001
    assert most <= SLICE


async def test_a_watcher_whom_no_job_concerns_leaves_the_loop_to_others_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = most = before = 0

    def counting(*arguments: Any, **more: Any) -> Callable[[Job], bool]:
        def wanted(job: Job) -> bool:
            nonlocal asked
            asked += 1
            return job.number == 1_000_000

        return wanted

    def turn() -> None:
        nonlocal most, before
        most, before = max(most, asked - before), asked

    monkeypatch.setattr("spooler.api.watch_stream.matcher", counting)
    await while_watched(Watched(10_000), turn)
    assert asked >= 10_000
    assert most <= SLICE + 2


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kept", [8192, 40])
async def test_whatever_happens_meanwhile_the_picture_and_what_follows_are_how_it_is(
    seed: int, kept: int
) -> None:
    random, watched, number, acts = Random(seed), Watched(2_000, kept), 2_000, 0

    def act() -> None:
        nonlocal number, acts
        acts += 1
        for _ in range(random.randrange(60) if acts < 60 else 0):
            what, live = random.random(), list(watched.book.jobs)
            job = watched.book.jobs[random.choice(live)]
            if what < 0.2:
                number += 1
                watched.change(replace(JOB, number=number))
            elif what < 0.4:
                watched.change(replace(job, state=JobState.COMPLETED, revision=job.revision + 1))
            elif what < 0.5:
                watched.book.forget(job)
                watched.hub.deleted(f"jobs/{job.number}")
            else:
                state = random.choice([JobState.PENDING, JobState.PENDING_HELD])
                watched.change(replace(job, state=state, revision=job.revision + 1))

    told = await while_watched(watched, act)
    assert acts > 20
    wire = {JobState.PENDING: Wire.JOB_STATE_PENDING, JobState.PENDING_HELD: Wire.JOB_STATE_PENDING_HELD}
    assert told.states == {f"jobs/{job.number}": wire[job.state] for job in watched.book.jobs.values()}
    assert bool(told.gaps) == (kept == 40)


async def test_a_job_that_ends_while_the_picture_is_made_is_told_to_one_who_waits_for_its_end() -> None:
    watched, ended = Watched(1_000), replace(JOB, number=1_000, state=JobState.COMPLETED, revision=2)
    request = pb.WatchRequest(topics=[pb.WATCH_TOPIC_JOBS], until_ended=True)
    request.jobs.names.append("jobs/1000")
    states = []
    async with aclosing(watched.stream(request).run()) as messages, asyncio.timeout(30):
        asyncio.get_running_loop().call_soon(watched.change, ended)
        async for message in messages:
            states += [job.state for job in message.jobs]
    assert states[-1:] == [Wire.JOB_STATE_COMPLETED]


async def test_changes_gathered_during_a_picture_say_where_the_watcher_is_at_their_end_only() -> None:
    watched, acted = Watched(2_000), 0

    def act() -> None:
        nonlocal acted
        if acted < 10:
            acted += 1
            for number in range(1, 1_001):
                watched.change(replace(JOB, number=number, revision=acted + 1))

    messages: list[pb.WatchResponse] = []
    async with aclosing(watched.stream(JOBS).run()) as stream:
        asyncio.get_running_loop().call_soon(act)
        async for message in stream:
            messages.append(message)
            if message.position and not message.snapshot:
                break
    pictured = [message.snapshot for message in messages].index(False)
    assert messages[pictured - 1].snapshot_complete
    assert sum(len(message.jobs) for message in messages[pictured:]) == 1_000
    assert [bool(message.position) for message in messages[pictured:]] == [False] * 4 + [True]
    assert messages[-1].position == watched.hub.position(watched.hub.sequence)
