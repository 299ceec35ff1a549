"""What counts as an outage of a printer, and what does not: jobs that waited through one are held. The host is a fake."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spooler.dispatch_view import DispatchSettings
from spooler.job import Job
from spooler.job_state import JobState
from spooler.outage import Outage
from spooler.printer import PortName
from tests.fabric.dispatch_rig import Rig, running
from tests.fakes.host import FakeHost
from tests.rig.until import until

P1 = PortName("edge", "P1:")
LIMIT_S = 3600.0
LONG_WAITS = DispatchSettings(window=1, stall_s=3600)  # one document at the host, the others wait here
STALLS_SOON = DispatchSettings(window=1, stall_s=0.1)


@pytest.fixture
async def rig(tmp_path: Path, host: FakeHost) -> AsyncIterator[Rig]:
    async with running(tmp_path, host, LONG_WAITS) as rig:
        yield rig


async def at_work(rig: Rig, *ports: str, max_backlog_age_s: float | None = LIMIT_S, **rules: object) -> Job:
    await rig.printer("labels", *(ports or ("P1:",)), max_backlog_age_s=max_backlog_age_s, **rules)
    return await rig.until((await rig.submit("labels", b"opens the port")).number, JobState.COMPLETED)


async def some(rig: Rig, count: int) -> list[Job]:
    return [await rig.submit("labels", b"job %d" % number) for number in range(count)]


async def all_become(rig: Rig, jobs: list[Job], *states: JobState) -> None:
    for job in jobs:
        await rig.until(job.number, *states)


async def hours_pass(rig: Rig, waiting: list[Job]) -> None:
    """Let an outage that has begun, and these jobs, be two hours older than they are."""
    pace, two_hours = rig.dispatcher.book.queue("labels").pace, timedelta(hours=2)
    await until(lambda: pace.outage is not None, "no outage is known")
    assert pace.outage is not None
    pace.outage = pace.outage._replace(since=pace.outage.since - two_hours)
    for number in (job.number for job in waiting):
        job = rig.dispatcher.book.jobs[number]
        rig.dispatcher.book.jobs[number] = replace(job, created_at=job.created_at - two_hours)


async def gets_stuck(rig: Rig, host: FakeHost) -> Job:
    """Return a job of which the printer has taken a byte, and takes no more until it is `paused` no more."""
    host.ports["P1:"].sticks_at = 1
    host.ports["P1:"].paused.clear()
    job = await rig.submit("labels", b"gets stuck")

    def begun() -> bool:
        found = rig.dispatcher.flight_of(job.number)
        return found is not None and found[1].progress is not None

    await until(begun)
    return job


def stop(rig: Rig) -> None:
    """The host says that P1: is out of paper."""
    rig.hosts.stopped.add(P1)
    rig.hosts.on_stopped(P1)


def go_on(rig: Rig) -> None:
    rig.hosts.stopped.discard(P1)
    rig.hosts.on_ready(P1)


async def test_what_waited_while_the_host_said_that_paper_was_out_is_held(rig: Rig, host: FakeHost) -> None:
    first = await at_work(rig)
    stop(rig)
    old = await some(rig, 3)
    await hours_pass(rig, old)
    fresh = await rig.submit("labels", b"fresh")
    go_on(rig)
    await rig.until(fresh.number, JobState.COMPLETED)
    await all_become(rig, old, JobState.PENDING_HELD)
    assert host.ports["P1:"].order == [first.number, fresh.number]


async def test_what_waited_behind_a_document_in_print_when_paper_ran_out_is_held(
    rig: Rig, host: FakeHost
) -> None:
    await at_work(rig)
    stuck = await gets_stuck(rig, host)
    old = await some(rig, 2)
    stop(rig)
    await hours_pass(rig, old)
    go_on(rig)
    host.ports["P1:"].paused.set()
    await rig.until(stuck.number, JobState.COMPLETED)
    await all_become(rig, old, JobState.PENDING_HELD)


async def test_a_printer_that_takes_nothing_more_and_does_not_say_why_is_out_too(
    tmp_path: Path, host: FakeHost
) -> None:
    async with running(tmp_path, host, STALLS_SOON) as rig:
        await at_work(rig)
        stuck = await gets_stuck(rig, host)
        old = await some(rig, 2)
        await hours_pass(rig, old)
        host.ports["P1:"].paused.set()
        await rig.until(stuck.number, JobState.COMPLETED)
        await all_become(rig, old, JobState.PENDING_HELD)


async def test_of_two_ports_one_that_prints_is_enough(tmp_path: Path, host: FakeHost) -> None:
    async with running(tmp_path, host, STALLS_SOON) as rig:
        await at_work(rig, "P1:", "P2:")
        stop(rig)
        jobs = await some(rig, 2)
        await all_become(rig, jobs, JobState.COMPLETED)
        assert rig.dispatcher.book.queue("labels").pace.outage is None


async def test_what_waited_while_people_had_paused_the_printer_is_held_and_says_who_paused_it(
    rig: Rig, host: FakeHost
) -> None:
    await at_work(rig)
    await rig.printers.pause_printer("labels", "ann", "stock-taking")
    old = await some(rig, 2)
    await hours_pass(rig, old)
    fresh = await rig.submit("labels", b"fresh")
    await rig.printers.resume_printer("labels", "ann")
    await rig.until(fresh.number, JobState.COMPLETED)
    for job in old:
        held = await rig.until(job.number, JobState.PENDING_HELD)
        assert held.hold_reason == (
            "it waited longer than 1 h while printer labels was paused by ann: stock-taking"
        )


async def test_what_waited_while_the_port_was_paused_is_held_also_by_the_next_spooler(
    tmp_path: Path, host: FakeHost
) -> None:
    async with running(tmp_path, host) as rig:
        await at_work(rig)
        await rig.printers.pause_port(P1, "ann")
        old = await some(rig, 2)
    put_back(tmp_path, "UPDATE jobs SET created_at = created_at - ?")
    put_back(tmp_path, "UPDATE paused_ports SET at = at - ?")
    async with running(tmp_path, host) as rig:
        await rig.printers.resume_port(P1, "bob")
        for job in old:
            held = await rig.until(job.number, JobState.PENDING_HELD)
            assert held.hold_reason == "it waited longer than 1 h while port edge/P1: was paused by ann"


async def test_a_short_outage_holds_nothing_of_a_long_queue(rig: Rig, host: FakeHost) -> None:
    await at_work(rig)
    stuck = await gets_stuck(rig, host)
    old = await some(rig, 4)
    stop(rig)
    await hours_pass(rig, old)
    pace = rig.dispatcher.book.queue("labels").pace
    pace.outage = Outage(datetime.now(UTC))  # the jobs are old, the outage is not
    go_on(rig)
    host.ports["P1:"].paused.set()
    await all_become(rig, [stuck, *old], JobState.COMPLETED)


async def test_after_paper_was_out_one_is_tried_alone_and_the_others_leave_at_the_rate_that_was_set(
    rig: Rig, host: FakeHost
) -> None:
    await at_work(rig, max_backlog_age_s=None, catch_up_per_minute=1)
    stop(rig)
    old = await some(rig, 5)
    go_on(rig)
    await rig.until(old[0].number, JobState.COMPLETED)
    assert host.ports["P1:"].order[1:] == [old[0].number]
    assert 0 < rig.dispatcher.wait_of(old[1]).leaves_in_s <= 60
    printer = rig.dispatcher.printers["labels"]
    await rig.printers.update_printer(replace(printer, catch_up_per_minute=0), "ann")
    await all_become(rig, old, JobState.COMPLETED)


async def test_when_nothing_waited_through_an_outage_what_comes_later_is_no_backlog(
    rig: Rig, host: FakeHost
) -> None:
    await at_work(rig, catch_up_per_minute=1)
    stop(rig)
    go_on(rig)
    jobs = await some(rig, 20)
    await all_become(rig, jobs, JobState.COMPLETED)


@pytest.mark.parametrize("prints", [True, False])
async def test_a_restart_holds_what_is_old_only_when_nothing_has_come_out_for_longer_than_the_limit(
    tmp_path: Path, host: FakeHost, prints: bool
) -> None:
    async with running(tmp_path, host) as rig:
        await at_work(rig)
        rig.dispatcher.draining = True  # what is accepted from now on waits for the next spooler
        waiting = await some(rig, 2)
    put_back(tmp_path, "UPDATE jobs SET created_at = created_at - ? WHERE ended_at IS NULL")
    if not prints:
        put_back(tmp_path, "UPDATE jobs SET ended_at = ended_at - ?")
    async with running(tmp_path, host) as rig:
        await all_become(rig, waiting, JobState.COMPLETED if prints else JobState.PENDING_HELD)


def put_back(folder: Path, change: str) -> None:
    """Let something in the store have been two hours ago."""
    with closing(sqlite3.connect(folder / "spooler.db")) as database, database:
        database.execute(change, (2 * 3_600_000_000,))
