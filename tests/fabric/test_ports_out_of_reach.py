"""A port whose host says that its printer cannot be reached: left to the host while something waits, else let go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.errors import ConnectionRefused
from chassis.tasks import Backoff
from spooler import lane_condition
from spooler.job import Job
from spooler.job_state import JobState
from spooler.lane import Lane
from spooler.lane_condition import LaneState
from spooler.printer import PortName
from tests.fabric.dispatch_rig import Rig, running
from tests.fakes.host import FakeHost
from tests.rig.until import until

P1 = PortName("edge", "P1:")


@pytest.fixture
def host() -> FakeHost:
    return FakeHost("edge", "P1:")


class Outage:
    """A printer that is off, with a job for it; its host says so until `end`."""

    def __init__(self, rig: Rig, host: FakeHost) -> None:
        self.rig, self.port = rig, host.ports["P1:"]
        self.stopped = {P1}
        rig.dispatcher.is_stopped = self.stopped.__contains__
        self.job: Job

    @property
    def lane(self) -> Lane:
        return self.rig.dispatcher.lanes[P1.key]

    async def rests(self, times: int) -> None:
        """Wait until the lane has rested so often."""
        for _ in range(times):
            before = self.lane.retry_at
            await until(lambda before=before: self.lane.retry_at != before)  # type: ignore[misc]

    def end(self) -> None:
        self.port.refuses = None
        self.stopped.clear()
        self.rig.dispatcher.port_ready(P1)


@pytest.fixture
async def outage(tmp_path: Path, host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Outage]:
    monkeypatch.setattr(lane_condition, "BACKOFF", Backoff(first_s=0.02, most_s=0.02))
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        await rig.until((await rig.submit("labels", b"opens the port")).number, JobState.COMPLETED)
        host.ports["P1:"].refuses = ConnectionRefused("switched off")
        found = Outage(rig, host)
        found.stopped.clear()  # it is not known yet
        found.job = await rig.submit("labels", b"waits")
        found.stopped.add(P1)
        await until(lambda: found.lane.failed)
        yield found


async def test_its_jobs_are_not_tried_until_the_host_says_that_it_answers(outage: Outage) -> None:
    await outage.rests(1)
    before = outage.port.calls.count("refused")
    await outage.rests(5)
    assert outage.port.calls.count("refused") == before
    assert outage.lane.state is LaneState.WAITING
    assert outage.lane.is_open, "else the host would not know that something waits"
    outage.end()
    await outage.rig.until(outage.job.number, JobState.COMPLETED)


async def test_it_is_let_go_when_nothing_waits_for_it_any_more(outage: Outage) -> None:
    await outage.rig.steering.cancel(outage.job.number, "ann")
    await until(lambda: not outage.lane.is_open)
    await until(lambda: "ClosePort" in outage.port.calls)
    assert outage.lane.state is LaneState.CLOSED
    outage.end()
    again = await outage.rig.submit("labels", b"again")
    await outage.rig.until(again.number, JobState.COMPLETED)


async def test_jobs_of_a_paused_printer_do_not_wait_for_it(outage: Outage) -> None:
    await outage.rig.printers.pause_printer("labels", "ann")
    await until(lambda: not outage.lane.is_open)
    outage.end()
    await outage.rig.printers.resume_printer("labels", "ann")
    await outage.rig.until(outage.job.number, JobState.COMPLETED)
