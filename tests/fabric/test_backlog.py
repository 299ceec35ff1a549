"""Printers and time: daily windows, what waited through an outage, catching up, ports that come back. The host is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.errors import ConnectionRefused, OutOfPaper
from chassis.tasks import Backoff
from spooler import lane_condition
from spooler.daily_window import Window
from spooler.job import Job
from spooler.job_state import JobState
from spooler.printer import PortName
from tests.fabric.dispatch_rig import Rig, eventually, running
from tests.fakes.host import FakeHost
from tests.rig.until import until

P1 = PortName("edge", "P1:")


def closed_now() -> Window:
    """Return a window that opened two hours ago and closed one hour ago."""
    now = datetime.now(UTC)
    minute = now.hour * 60 + now.minute
    return Window((minute - 120) % 1440, (minute - 60) % 1440)


async def at_work(rig: Rig, host: FakeHost, **rules: object) -> None:
    await rig.printer("labels", "P1:", **rules)
    await rig.until((await rig.submit("labels", b"opens the port")).number, JobState.COMPLETED)


async def outage(rig: Rig, host: FakeHost, jobs: int) -> list[Job]:
    """Let the port refuse, and return jobs that wait since."""
    host.ports["P1:"].refuses = ConnectionRefused("switched off")
    waiting = [await rig.submit("labels", b"job %d" % number) for number in range(jobs)]
    await eventually(lambda: rig.job(waiting[0].number), lambda job: job.last_error is not None)
    return waiting


def come_back(rig: Rig, host: FakeHost) -> None:
    host.ports["P1:"].refuses = None
    rig.dispatcher.lanes[P1.key].clear()


async def test_outside_its_daily_window_a_printer_begins_nothing(rig: Rig, host: FakeHost) -> None:
    await at_work(rig, host)
    printer = rig.dispatcher.printers["labels"]
    shut = await rig.printers.update_printer(replace(printer, window=closed_now()), "ada")
    job = await rig.submit("labels", b"tomorrow")
    await asyncio.sleep(0.1)
    assert (await rig.job(job.number)).state is JobState.PENDING
    now = datetime.now(UTC)
    opens = Window((now.hour * 60 + now.minute) % 1440, (now.hour * 60 + now.minute + 60) % 1440)
    await rig.printers.update_printer(replace(shut, window=opens), "ada")
    await rig.until(job.number, JobState.COMPLETED)


async def test_a_printer_that_is_changed_and_paused_at_once_keeps_both(rig: Rig) -> None:
    await rig.printer("labels", "P1:")
    shut = closed_now()
    await asyncio.gather(
        rig.printers.update_printer(replace(rig.dispatcher.printers["labels"], window=shut), "ada"),
        rig.printers.pause_printer("labels", "bob"),
    )
    known = rig.dispatcher.printers["labels"]
    assert known.window == shut
    assert known.paused is not None


async def test_what_waited_too_long_through_an_outage_is_held_and_prints_when_released(
    rig: Rig, host: FakeHost
) -> None:
    await at_work(rig, host, max_backlog_age_s=0.4)
    old = await outage(rig, host, 3)
    await asyncio.sleep(0.5)
    fresh = await rig.submit("labels", b"fresh")
    # It may have left at once, to be refused: a port that came back meanwhile is not told of again.
    await until(lambda: not rig.dispatcher.lanes[P1.key].flights)
    come_back(rig, host)
    await rig.until(fresh.number, JobState.COMPLETED)
    for job in old:
        held = await rig.until(job.number, JobState.PENDING_HELD)
        assert held.reasons == ("job-held-by-system", "backlog-overdue")
        assert held.hold_reason == "it waited longer than 0.4 s for printer labels to come back"
        assert (await rig.store.history(job.number))[-1].what == "held"
    assert host.ports["P1:"].order == [1, fresh.number]
    await rig.steering.release(old[1].number, "ann")
    await rig.until(old[1].number, JobState.COMPLETED)


async def test_what_waits_in_a_long_queue_that_moves_is_not_held(rig: Rig, host: FakeHost) -> None:
    await at_work(rig, host, max_backlog_age_s=0.2)
    host.ports["P1:"].paused.clear()
    jobs = [await rig.submit("labels", b"job %d" % number) for number in range(40)]
    await asyncio.sleep(0.4)
    host.ports["P1:"].paused.set()
    for job in jobs:
        await rig.until(job.number, JobState.COMPLETED)


async def test_after_a_restart_what_waited_too_long_is_held(tmp_path: Path, host: FakeHost) -> None:
    async with running(tmp_path, host) as rig:
        await at_work(rig, host, max_backlog_age_s=0.5)
        [old] = await outage(rig, host, 1)
    host.ports["P1:"].refuses = None
    await asyncio.sleep(0.6)
    async with running(tmp_path, host) as rig:
        fresh = await rig.submit("labels", b"fresh")
        await rig.until(fresh.number, JobState.COMPLETED)
        await rig.until(old.number, JobState.PENDING_HELD)
    assert old.number not in host.ports["P1:"].order


@pytest.mark.alone
async def test_a_backlog_leaves_at_the_rate_that_was_set_and_what_comes_later_does_not_wait_longer(
    rig: Rig, host: FakeHost
) -> None:
    await at_work(rig, host, catch_up_per_minute=600)
    old = await outage(rig, host, 5)
    loop = asyncio.get_running_loop()
    come_back(rig, host)
    await rig.until(old[0].number, JobState.COMPLETED)
    began = loop.time()
    for job in old:
        await rig.until(job.number, JobState.COMPLETED)
    assert loop.time() - began >= 0.3  # four more, a tenth of a second apart
    began = loop.time()
    many = [await rig.submit("labels", b"later %d" % number) for number in range(30)]
    await rig.until(many[-1].number, JobState.COMPLETED)
    assert loop.time() - began < 2.0  # at that rate it would take three seconds


async def test_a_port_that_was_out_of_paper_goes_on_by_itself(
    rig: Rig, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_condition, "STOPPED", Backoff(first_s=0.2, most_s=0.2))
    await at_work(rig, host)
    host.ports["P1:"].end_error = OutOfPaper("out of labels")
    job = await rig.submit("labels", b"label")
    lane = rig.dispatcher.lanes[P1.key]
    await eventually(_state_of(lane), lambda state: state is lane_condition.LaneState.STOPPED)
    host.ports["P1:"].end_error = None
    await rig.until(job.number, JobState.COMPLETED)


async def test_a_port_that_its_host_calls_ready_again_is_tried_at_once(rig: Rig, host: FakeHost) -> None:
    await at_work(rig, host)
    [job] = await outage(rig, host, 1)
    lane = rig.dispatcher.lanes[P1.key]
    lane.failures = 20  # the next try would be in a quarter of a minute
    lane.stop(OutOfPaper("lid"))
    host.ports["P1:"].refuses = None
    rig.dispatcher.port_ready(P1)
    await rig.until(job.number, JobState.COMPLETED)


def _state_of(
    lane: lane_condition.LaneCondition,
) -> Callable[[], Awaitable[lane_condition.LaneState]]:
    async def asked() -> lane_condition.LaneState:
        return lane.state

    return asked


@pytest.mark.parametrize(("window", "hour", "is_open", "opens_in_h"), [
    (Window(8 * 60, 18 * 60), 7, False, 1),
    (Window(8 * 60, 18 * 60), 8, True, 0),
    (Window(8 * 60, 18 * 60), 18, False, 14),
    (Window(22 * 60, 6 * 60), 23, True, 0),
    (Window(22 * 60, 6 * 60), 5, True, 0),
    (Window(22 * 60, 6 * 60), 6, False, 16),
    (Window(0, 0), 3, True, 0),
    (Window(1440, 360), 3, True, 0),
])  # fmt: skip
def test_a_window_may_go_past_midnight(window: Window, hour: int, is_open: bool, opens_in_h: int) -> None:
    moment = datetime(2026, 11, 21, hour, tzinfo=UTC)
    assert window.is_open(moment) is is_open
    assert window.opens(moment) - moment == timedelta(hours=opens_in_h)
