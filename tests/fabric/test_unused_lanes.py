"""Lanes of ports that no printer uses: forgotten, but never with something of theirs under way."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chassis.tasks import Backoff
from spooler import unwritten
from spooler.job_state import JobState
from spooler.lane import Lane
from spooler.lane_condition import LaneState
from spooler.printer import PortName
from tests.fabric.dispatch_rig import Rig, order_at
from tests.fakes.host import FakeHost
from tests.rig.until import until

P1, P2 = PortName("edge", "P1:"), PortName("edge", "P2:")


async def move_to(rig: Rig, *ports: PortName) -> None:
    printer = rig.dispatcher.printers["labels"]
    await rig.printers.update_printer(replace(printer, ports=ports), "test")


async def test_a_lane_goes_with_the_last_printer_of_its_port_and_comes_with_the_next(
    rig: Rig, host: FakeHost
) -> None:
    for name in ("labels", "slips"):
        await rig.printer(name, "P1:")
        await rig.until((await rig.submit(name, b"job")).number, JobState.COMPLETED)
    lane = rig.dispatcher.lane(P1)
    await rig.printers.delete_printer("labels", "test")
    assert rig.dispatcher.lanes[P1.key] is lane
    await rig.printers.delete_printer("slips", "test")
    await until(lambda: P1.key not in rig.dispatcher.lanes)
    assert not lane.is_open
    assert P1.key not in rig.dispatcher.bytes_done
    await until(lambda: not host.ports["P1:"].documents)
    await rig.printer("labels", "P1:")
    again = await rig.submit("labels", b"again")
    await rig.until(again.number, JobState.COMPLETED)
    assert rig.dispatcher.lane(P1).fence > lane.fence


async def test_names_of_hosts_that_come_and_go_leave_no_lanes(rig: Rig, host: FakeHost) -> None:
    host.down = True
    for _ in range(20):
        await rig.printer("labels", "P1:", "P2:")
        job = await rig.submit("labels", b"job")
        await until(lambda: any(lane.failed for lane in rig.dispatcher.lanes.values()))
        await rig.steering.cancel(job.number, "ann")
        await rig.printers.delete_printer("labels", "test")
        await until(lambda: not rig.dispatcher.lanes)
    assert not rig.dispatcher.unused_lanes._keys


async def test_what_is_on_its_way_keeps_the_lane_that_its_printer_left(rig: Rig, host: FakeHost) -> None:
    host.ports["P1:"].paused.clear()
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"job")
    await until(lambda: bool(host.ports["P1:"].order))
    await move_to(rig, P2)
    lane = rig.dispatcher.lanes[P1.key]
    assert [flight.number for flight in lane.flights.values()] == [job.number]
    host.ports["P1:"].paused.set()
    await rig.until(job.number, JobState.COMPLETED)
    await move_to(rig, P2, P1)
    await move_to(rig, P2)
    await until(lambda: P1.key not in rig.dispatcher.lanes)
    assert await order_at(host) == [job.number]


async def test_a_port_that_another_printer_takes_as_it_is_given_up_prints_that_ones_job(
    rig: Rig, host: FakeHost
) -> None:
    """Both changes are of one commit: the job is at the port before it is closed."""
    host.ports["P2:"].busy = True
    await rig.printer("labels", "P1:")
    await rig.printer("slips", "P2:")
    await rig.until((await rig.submit("labels", b"first")).number, JobState.COMPLETED)
    waits = await rig.submit("slips", b"waits")
    labels, slips = rig.dispatcher.printers["labels"], rig.dispatcher.printers["slips"]
    await asyncio.gather(
        rig.printers.update_printer(replace(labels, ports=(P2,)), "test"),
        rig.printers.update_printer(replace(slips, ports=(P1,)), "test"),
    )
    await rig.until(waits.number, JobState.COMPLETED)


async def test_a_port_is_let_go_when_what_it_still_printed_has_ended(rig: Rig, host: FakeHost) -> None:
    host.ports["P1:"].paused.clear()
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"job")
    await until(lambda: bool(host.ports["P1:"].order))
    lane = rig.dispatcher.lanes[P1.key]
    await move_to(rig, P2)
    host.ports["P1:"].paused.set()
    await rig.until(job.number, JobState.COMPLETED)
    await until(lambda: P1.key not in rig.dispatcher.lanes)  # though no printer changes any more
    assert not lane.is_open


async def test_an_outcome_that_is_not_written_down_keeps_its_lane(
    rig: Rig, host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwritten, "AGAIN", Backoff(first_s=0.02, most_s=0.1))
    host.ports["P1:"].paused.clear()
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"job")
    await until(lambda: bool(host.ports["P1:"].order))
    with closing(sqlite3.connect(tmp_path / "spooler.db", isolation_level=None)) as database:
        database.execute(
            "CREATE TRIGGER refused BEFORE UPDATE ON jobs WHEN new.state >= 7 BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        host.ports["P1:"].paused.set()
        await until(lambda: rig.dispatcher.unwritten(job.number) is not None)
        await move_to(rig, P2)
        lane = rig.dispatcher.lanes[P1.key]
        assert not lane.is_idle
        database.execute("DROP TRIGGER refused")
    await rig.until(job.number, JobState.COMPLETED)
    assert lane.is_idle


async def test_what_was_given_back_keeps_its_lane_until_that_is_written_down(
    rig: Rig, host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwritten, "AGAIN", Backoff(first_s=0.02, most_s=0.1))
    host.ports["P1:"].busy = True
    await rig.printer("labels", "P1:")
    with closing(sqlite3.connect(tmp_path / "spooler.db", isolation_level=None)) as database:
        database.execute(
            "CREATE TRIGGER refused BEFORE UPDATE ON jobs WHEN new.state = 3 BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        job = await rig.submit("labels", b"job")
        await until(lambda: rig.dispatcher.unwritten(job.number) is not None)
        lane = rig.dispatcher.lanes[P1.key]
        assert lane.is_idle
        await move_to(rig, P2)
        await asyncio.sleep(0.1)
        assert rig.dispatcher.lanes[P1.key] is lane
        database.execute("DROP TRIGGER refused")
    await rig.until(job.number, JobState.COMPLETED)
    await move_to(rig, P2, P1)
    await move_to(rig, P2)
    await until(lambda: P1.key not in rig.dispatcher.lanes)


async def test_a_host_that_answers_again_is_tried_at_its_own_ports_alone(
    rig: Rig, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared: list[Lane] = []
    host.down = True
    await rig.printer("labels", "P1:")
    await rig.submit("labels", b"job")
    await until(lambda: rig.dispatcher.lane(P1).state is LaneState.WAITING)
    other = Lane(PortName("other", "P1:"), host, rig.dispatcher, rig.tasks)
    rig.dispatcher.lanes[other.port.key] = other
    rig.dispatcher.unused_lanes.note(other.port.key)
    other.state = LaneState.WAITING

    def clear(lane: Lane) -> None:
        cleared.append(lane)

    monkeypatch.setattr(Lane, "clear", clear)
    rig.dispatcher.host_up("EDGE")
    assert cleared == [rig.dispatcher.lane(P1)]
    rig.dispatcher.host_up("Other")  # no printer uses it, and something of it may be under way
    assert cleared[1:] == [other]
