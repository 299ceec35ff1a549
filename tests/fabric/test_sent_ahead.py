"""How many small documents are sent ahead to a port: many to a fast one, few to a slow one. The host is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.errors import DeviceOffline
from spooler import lane_window
from spooler.dispatch_view import DispatchSettings
from spooler.job import Job
from spooler.job_state import JobState
from spooler.lane import Lane
from spooler.printer import PortName
from tests.fabric.dispatch_rig import Rig, eventually, order_at, running
from tests.fakes.host import FakeHost, FakePort

GIVEN, MOST = 4, 4 * lane_window.MOST_TIMES
JOBS = 100
P1 = PortName("edge", "P1:").key


@pytest.fixture
async def rig(tmp_path: Path, host: FakeHost) -> AsyncIterator[Rig]:
    async with running(tmp_path, host, DispatchSettings(window=GIVEN)) as rig:
        await rig.printer("labels", "P1:")
        yield rig


@pytest.fixture
def port(host: FakeHost) -> FakePort:
    return host.ports["P1:"]


def _lane(rig: Rig) -> Lane:
    return rig.dispatcher.lanes[P1]


async def _size(rig: Rig) -> int:
    return _lane(rig).window.size


async def _submit(rig: Rig, count: int = JOBS) -> list[Job]:
    return [await rig.submit("labels", b"one label") for _ in range(count)]


async def _all_out(rig: Rig, jobs: list[Job]) -> None:
    for job in jobs:
        await rig.until(job.number, JobState.COMPLETED)


async def _while_it_prints(rig: Rig, jobs: list[Job]) -> int:
    """Return how many were on their way at most until all are out."""
    ended = asyncio.create_task(_all_out(rig, jobs))
    most = 0
    while not ended.done():
        most = max(most, len(_lane(rig).flights))
        await asyncio.sleep(0)
    await ended
    return most


async def _stalled(rig: Rig, port: FakePort) -> list[Job]:
    port.paused.clear()
    return await _submit(rig)


async def test_a_port_that_stands_still_gets_no_more_than_was_given(rig: Rig, port: FakePort) -> None:
    jobs = await _stalled(rig, port)
    assert len(_lane(rig).flights) == GIVEN
    port.paused.set()
    await _all_out(rig, jobs)


async def test_a_fast_port_gets_more_in_order(
    rig: Rig, host: FakeHost, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_window, "QUICK_S", 60.0)
    monkeypatch.setattr(lane_window, "SLOW_S", 60.0)
    jobs = await _stalled(rig, port)
    port.paused.set()
    assert GIVEN < await _while_it_prints(rig, jobs) <= MOST
    assert await order_at(host) == [job.number for job in jobs]


async def test_a_slow_port_does_not(rig: Rig, port: FakePort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_window, "QUICK_S", 0.0)
    jobs = await _stalled(rig, port)
    port.paused.set()
    assert await _while_it_prints(rig, jobs) == GIVEN


async def test_behind_a_failure_it_begins_with_what_was_given(
    rig: Rig, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_window, "QUICK_S", 60.0)
    monkeypatch.setattr(lane_window, "SLOW_S", 60.0)
    jobs = await _stalled(rig, port)
    port.paused.set()
    await _all_out(rig, jobs)
    assert _lane(rig).window.size > GIVEN
    port.end_error = DeviceOffline("it was switched off")
    last = await rig.submit("labels", b"one label")
    await eventually(lambda: _size(rig), lambda size: size == GIVEN)
    port.end_error = None
    await rig.until(last.number, JobState.COMPLETED)
