"""A queue of thousands: what concerns all its jobs leaves the event loop to others after a few of them. The host is a fake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from chassis.errors import ConnectionRefused, StoreUnavailable
from chassis.identity import current
from printfabric.spooler.v1 import print_service_pb2 as pb
from spooler import choosing
from spooler.api import convert_job
from spooler.api.inside import Inside
from spooler.api.looking import Looking
from spooler.api.print_servicer import PrintServicer
from spooler.api.winspool import jobs as jobs_by_name
from spooler.api.winspool.arguments import Arguments
from spooler.api.winspool.handles import Handle, Handles
from spooler.api.winspool.jobs import JobCalls
from spooler.book import Book
from spooler.daily_window import Window
from spooler.dispatch_view import DispatchSettings
from spooler.dispatcher import Dispatcher
from spooler.job import Job
from spooler.job_state import JobState
from spooler.new_job import Inline, NewJob
from spooler.store import Changes
from spooler.turns import SLICE
from tests.fabric.dispatch_rig import Rig, running
from tests.fakes.host import FakeHost
from tests.rig.until import until

MANY = 2_000


@pytest.fixture
async def rig(tmp_path: Path, host: FakeHost) -> AsyncIterator[Rig]:
    async with running(tmp_path, host, DispatchSettings(window=1, stall_s=3600)) as rig:
        yield rig


async def waiting(rig: Rig, count: int = MANY, **more: Any) -> list[Job]:
    """Return jobs that wait at a printer, all accepted at once."""
    accepted = await rig.dispatcher.submit([NewJob("labels", Inline(b"x"), **more) for _ in range(count)])
    return [job for job in accepted if isinstance(job, Job)]


class Longest:
    """The most that was done in one turn of the event loop."""

    def __init__(self) -> None:
        self.most = self.all = self._before = 0

    def count(self) -> None:
        self.all += 1

    async def turn(self) -> None:
        while True:
            self.most, self._before = max(self.most, self.all - self._before), self.all
            await asyncio.sleep(0)


@contextmanager
def longest(monkeypatch: pytest.MonkeyPatch, where: Any, *names: str) -> Iterator[Longest]:
    """Count calls, and how many there are in one turn."""
    seen = Longest()

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            seen.count()
            return function(*arguments, **more)

        return call

    with monkeypatch.context() as patched:
        for name in names:
            patched.setattr(where, name, counted(getattr(where, name)))
        ticker = asyncio.get_running_loop().create_task(seen.turn())
        yield seen
        ticker.cancel()


async def in_state(rig: Rig, state: JobState, count: int) -> None:
    await until(lambda: sum(job.state is state for job in rig.dispatcher.book.jobs.values()) == count)


async def paused(rig: Rig, **rules: Any) -> None:
    await rig.printer("labels", "P1:", **rules)
    await rig.printers.pause_printer("labels", "ann")


async def test_a_purge_of_thousands_of_jobs_has_no_long_turn(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paused(rig)
    await waiting(rig)
    with longest(monkeypatch, Book, "change") as changed, longest(monkeypatch, Dispatcher, "ended") as ended:
        assert await rig.printers.purge_printer("labels", "ann") == MANY
    assert (changed.all, ended.all) == (MANY, MANY)
    assert max(changed.most, ended.most) <= SLICE
    lines = [line.detail for line in await rig.store.history_by_people(MANY + 10) if line.what == "purged"]
    assert lines == [f"{MANY} jobs cancelled"]


async def test_what_comes_during_a_purge_prints_after_it_and_nothing_that_was_there_does(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:")
    host.ports["P1:"].sticks_at = 0
    host.ports["P1:"].paused.clear()
    there = await waiting(rig)
    purge = asyncio.create_task(rig.printers.purge_printer("labels", "ann", include_current=True))
    await until(lambda: len(rig.dispatcher.book.jobs) < MANY - SLICE)
    [new] = await waiting(rig, 1)
    host.ports["P1:"].paused.set()
    await purge
    await rig.until(new.number, JobState.COMPLETED)
    assert {job.number for job in there} & set(host.ports["P1:"].order) <= {there[0].number}
    assert not rig.dispatcher.book.jobs


async def test_a_purge_that_the_disk_refuses_midway_cancels_what_it_says_and_leaves_the_rest(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paused(rig)
    await waiting(rig)
    record, refused = rig.store.record, 0

    async def full(changes: Changes) -> None:
        nonlocal refused
        refused += 1
        if refused == 2:
            raise StoreUnavailable("the disk is full")
        await record(changes)

    monkeypatch.setattr(rig.store, "record", full)
    with pytest.raises(StoreUnavailable):
        await rig.printers.purge_printer("labels", "ann")
    stored = {job.number for job in (await rig.store.load()).jobs}
    assert 0 < len(stored) < MANY
    assert set(rig.dispatcher.book.jobs) == set(rig.dispatcher.book.queue("labels").waiting) == stored
    assert await rig.printers.purge_printer("labels", "ann") == len(stored)


async def hours_pass(rig: Rig) -> None:
    """Let what waits, and the outage it waits through, be two hours older."""
    pace, ago = rig.dispatcher.book.queue("labels").pace, timedelta(hours=2)
    await until(lambda: pace.outage is not None)
    assert pace.outage is not None
    pace.outage = pace.outage._replace(since=pace.outage.since - ago)
    for number in rig.dispatcher.book.queue("labels").waiting:
        job = rig.dispatcher.book.jobs[number]
        rig.dispatcher.book.jobs[number] = replace(job, created_at=job.created_at - ago)


async def test_when_a_long_outage_ends_its_backlog_is_held_in_many_turns_and_none_of_it_prints(
    rig: Rig, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.printer("labels", "P1:", max_backlog_age_s=3600.0)
    host.ports["P1:"].refuses = ConnectionRefused("switched off")
    await waiting(rig)
    await hours_pass(rig)
    [fresh] = await waiting(rig, 1)
    host.ports["P1:"].refuses = None
    with longest(monkeypatch, choosing, "is_overdue") as looked, longest(monkeypatch, Book, "change") as held:
        rig.dispatcher.lanes["edge", "p1:"].clear()
        await rig.until(fresh.number, JobState.COMPLETED)
        await in_state(rig, JobState.PENDING_HELD, MANY)
    assert looked.all >= MANY
    assert max(looked.most, held.most) <= 3 * SLICE  # a sweep, and what leaves meanwhile
    assert host.ports["P1:"].order == [fresh.number]
    pace = rig.dispatcher.book.queue("labels").pace
    await until(lambda: not pace.over)
    assert len((await rig.store.load()).jobs) == MANY


async def test_the_end_of_an_outage_looks_at_no_job_when_it_was_too_short_to_hold_any(
    rig: Rig, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.printer("labels", "P1:", max_backlog_age_s=3600.0)
    host.ports["P1:"].refuses = ConnectionRefused("switched off")
    await waiting(rig, 200)
    queue = rig.dispatcher.book.queue("labels")
    await until(lambda: queue.pace.outage is not None)
    with longest(monkeypatch, choosing, "is_overdue") as looked:
        rig.dispatcher.port_works("labels")
        assert queue.pace.outage is not None  # it still refuses
        monkeypatch.setattr(rig.dispatcher.availability, "outage", lambda *_: None)
        rig.dispatcher.port_works("labels")
        assert not any((queue.pace.outage, queue.pace.over))
        await asyncio.sleep(0)
        assert looked.all == 0


async def test_jobs_whose_time_runs_out_at_the_same_moment_end_in_many_turns(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paused(rig)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    with longest(monkeypatch, rig.dispatcher.timetable, "_came") as came:
        jobs = await waiting(rig, expires_at=soon)
        await until(lambda: not rig.dispatcher.book.jobs)
    assert came.all == MANY
    assert came.most <= SLICE
    for number in (jobs[0].number, jobs[-1].number):
        await rig.until(number, JobState.ABORTED, JobState.CANCELED)
        assert (await rig.job(number)).reasons == ("job-expired",)


@pytest.mark.parametrize("shut", [False, True])
async def test_a_pause_asks_for_what_is_on_its_way_and_looks_at_nothing_that_waits(
    rig: Rig, host: FakeHost, monkeypatch: pytest.MonkeyPatch, shut: bool
) -> None:
    await rig.printer("labels", "P1:")
    host.ports["P1:"].sticks_at = 0
    host.ports["P1:"].paused.clear()
    await waiting(rig)
    with longest(monkeypatch, Dispatcher, "flight_of") as asked:
        if shut:
            minute = datetime.now(UTC).hour * 60 + datetime.now(UTC).minute
            window = Window((minute - 120) % 1440, (minute - 60) % 1440)
            queue = rig.dispatcher.book.queue("labels")
            queue.printer = replace(queue.printer, window=window)
            rig.dispatcher.kick("labels")
        else:
            await rig.printers.pause_printer("labels", "ann")
    assert 0 < asked.all < 100


async def test_a_page_of_a_thousand_jobs_is_made_in_many_turns(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paused(rig)
    jobs = await waiting(rig)
    servicer = PrintServicer(
        rig.store, Inside(rig.dispatcher, *(cast("Any", None),) * 6), *(cast("Any", None),) * 2, Looking()
    )
    for paths in ([], ["name"]):
        request = pb.ListJobsRequest(page_size=1000, order=pb.JOB_ORDER_OLDEST_FIRST)
        request.read_mask.paths.extend(paths)
        with longest(monkeypatch, convert_job, "put_job") as told:
            answer = await servicer.ListJobs(request, None)
        assert [job.name for job in answer.jobs] == [f"jobs/{job.number}" for job in jobs[:1000]]
        assert (told.all, told.most) == (1000, SLICE)


async def test_enum_jobs_looks_at_the_jobs_it_tells_of_a_few_in_a_turn(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paused(rig)
    jobs = await waiting(rig)
    handles = Handles()
    calls = JobCalls(Inside(rig.dispatcher, *(cast("Any", None),) * 6), handles, cast("Any", None))
    given = {"handle": handles.give_out(Handle(current().owner, "labels")), "first": 700, "count": 1000}
    with longest(monkeypatch, jobs_by_name, "text_bytes") as told:
        answer, _needed = await calls.enum_jobs(Arguments(json.dumps(given).encode()))
    assert [row["job"] for row in answer["jobs"]] == [job.number for job in jobs[700:1700]]
    assert (told.all, told.most) == (1000, SLICE)
