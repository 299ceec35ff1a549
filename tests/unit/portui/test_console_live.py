"""What the console keeps in memory: the newest of everything, the last minute of every port, one frame for all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.errors import HostUnreachable
from portui.fabric_watch import Change
from portui.live import Live
from portui.model import Host, Job, JobState, Port, PortState, Printer, Proof, Report


class Script:
    """A watch that yields what it was given, then breaks."""

    def __init__(self, *changes: Change) -> None:
        self._changes = changes

    async def changes(self) -> AsyncIterator[Change]:
        for change in self._changes:
            yield change
        raise HostUnreachable("gone")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def port(name: str = "COM1:", state: PortState = PortState.READY) -> Port:
    return Port("edge", name, "Local Port", "Serial port", state)


def job(number: int, state: JobState, acked: int = 0, at: str = "edge/COM1:") -> Job:
    return Job(
        number, "labels", f"job {number}", "me", 1000, state, proof=Proof(acked=acked), port=at, attempts=1
    )


def shown(live: Live) -> Port:
    """Return the port as it is shown now."""
    return live.fleet.ports["edge/COM1:"]


def newest(live: Live) -> dict[str, Any]:
    """Return the newest frame of all ports, as a browser reads it."""
    return dict(json.loads(live.frames_of_now.plain("fleet").partition(b"data: ")[2]))


SNAPSHOT = Change(
    begins=True,
    ports=(port(),),
    printers=(Printer("labels", ("edge/COM1:",)),),
    hosts=(Host("edge", "online"),),
)


def test_a_port_knows_its_printers_whichever_came_first():
    live = Live(Script())
    live.apply(Change(begins=True, ports=(port(),)))
    assert shown(live).printers == ()
    live.apply(Change(printers=(Printer("labels", ("edge/COM1:",)), Printer("other", ("edge/COM2:",)))))
    assert shown(live).printers == ("labels",)
    live.apply(Change(deleted=("printers/labels",)))
    assert shown(live).printers == ()


def test_a_ready_port_prints_while_a_job_of_it_is_on_its_way_and_a_fault_is_never_hidden_by_that():
    live = Live(Script())
    live.apply(SNAPSHOT)
    live.apply(Change(jobs=(job(1, JobState.PROCESSING),)))
    assert shown(live).state is PortState.PRINTING
    live.apply(Change(ports=(port(state=PortState.ERROR),)))
    assert shown(live).state is PortState.ERROR
    live.apply(Change(ports=(port(),), jobs=(job(1, JobState.COMPLETED, 1000),)))
    assert shown(live).state is PortState.READY


def test_a_second_of_the_ring_is_the_share_of_it_in_which_the_port_printed():
    clock = Clock()
    live = Live(Script(), clock)
    live.apply(SNAPSHOT)
    live.apply(Change(jobs=(job(1, JobState.PROCESSING),)))
    clock.now += 0.5
    live.apply(Change(jobs=(job(1, JobState.COMPLETED, 500),)))
    clock.now += 0.5
    live.tick()

    pulse = live.pulses["edge/COM1:"]
    assert (pulse.busy[-1], pulse.rate, len(pulse.busy)) == (50, 500, 60)


def test_a_frame_has_what_changed_and_nothing_else():
    clock = Clock()
    live = Live(Script(), clock)
    live.apply(SNAPSHOT)
    clock.now += 1
    live.tick()
    assert newest(live)["ports"] == {"edge/COM1:": [0, 0]}
    clock.now += 1
    live.tick()
    frame = newest(live)
    assert (frame["ports"], frame["jobs"], frame["live"]) == ({}, {}, True)
    assert len(live.frames_of_now.plain("fleet")) < 170


def test_a_second_costs_nothing_for_ports_at_rest():
    clock = Clock()
    live = Live(Script(), clock)
    live.apply(Change(begins=True, complete=True, ports=(port(), port("COM2:"))))
    live.apply(Change(jobs=(job(1, JobState.PROCESSING),)))
    for _ in range(2):
        clock.now += 1
        live.tick()
    at_rest = live.pulses["edge/COM2:"]
    del live.pulses["edge/COM2:"]  # who looked for it would make it anew
    clock.now += 1
    live.tick()
    assert set(live.pulses) == {"edge/COM1:"}
    live.pulses["edge/COM2:"] = at_rest
    live.apply(Change(jobs=(job(1, JobState.COMPLETED, 1000),)))
    for _ in range(61):
        clock.now += 1
        live.tick()
    assert live.pulses["edge/COM1:"].at_rest


def test_ports_of_a_snapshot_that_took_more_than_a_second_are_all_in_the_next_frame():
    clock = Clock()
    live = Live(Script(), clock)
    live.apply(SNAPSHOT)
    live.apply(Change(begins=True, complete=False, ports=(port("COM2:"),)))
    clock.now += 1
    live.tick()
    live.apply(Change(complete=True, ports=(port("COM3:"),)))
    clock.now += 1
    live.tick()
    assert newest(live)["ports"] == {"edge/COM2:": [0, 0], "edge/COM3:": [0, 0]}
    assert set(live.pulses) == {"edge/COM2:", "edge/COM3:"}


def test_a_new_snapshot_forgets_what_is_not_in_it():
    live = Live(Script())
    live.apply(SNAPSHOT)
    live.apply(Change(begins=True, complete=False, ports=(port("COM2:"),)))
    assert set(live.fleet.ports) == {"edge/COM1:"}, "half a snapshot is not shown"
    live.apply(Change(complete=True, ports=(port("COM3:"),)))
    assert set(live.fleet.ports) == {"edge/COM2:", "edge/COM3:"}


def test_a_deleted_port_is_gone_and_does_not_come_back_with_a_printer():
    live = Live(Script())
    live.apply(SNAPSHOT)
    live.apply(Change(deleted=("hosts/edge/ports/COM1:",)))
    live.apply(Change(printers=(Printer("labels", ("edge/COM1:",)),)))
    assert live.fleet.ports == {}


def test_of_jobs_that_have_ended_only_the_latest_are_kept():
    live = Live(Script())
    live.apply(Change(begins=True))
    for number in range(1, 1001):
        live.apply(Change(jobs=(job(number, JobState.COMPLETED, 1000),)))
    live.apply(Change(jobs=(job(2000, JobState.PENDING),)))

    assert len(live.fleet.jobs) <= 401
    assert {1000, 2000} <= set(live.fleet.jobs)


class Unread(dict[Any, Any]):
    """Fails when everything in it is looked at."""

    def _all(self, *_: object) -> Any:
        raise AssertionError("everything was looked at")

    __iter__ = items = keys = values = _all


def test_a_change_of_a_job_looks_at_no_other_job_and_at_no_printer():
    live = Live(Script())
    live.apply(
        Change(
            begins=True,
            complete=True,
            ports=(port(),),
            printers=(Printer("labels", ("edge/COM1:",)),),
            jobs=tuple(job(number, JobState.PENDING) for number in range(1, 1001)),
        )
    )
    live.fleet.jobs = Unread(live.fleet.jobs)
    live.fleet.printers = Unread(live.fleet.printers)
    for number in range(1, 501):
        live.apply(Change(jobs=(job(number, JobState.COMPLETED),)))
    assert len(live.fleet.jobs) < 1000
    assert 500 in live.fleet.jobs
    assert 1 not in live.fleet.jobs
    assert live.fleet.jobs[1000].active


async def test_when_the_watch_breaks_what_was_known_stays_and_is_said_to_be_old():
    live = Live(Script(SNAPSHOT))
    follow = asyncio.create_task(live.follow())
    async with asyncio.timeout(30):
        await live.ready.wait()
    follow.cancel()
    await asyncio.gather(follow, return_exceptions=True)

    assert not live.connected
    assert live.lost_since is not None
    assert set(live.fleet.ports) == {"edge/COM1:"}
    live.tick()
    assert newest(live)["live"] is False


async def test_a_slow_viewer_gets_the_newest_frame_and_misses_the_others():
    live = Live(Script())
    live.apply(SNAPSHOT)
    for _ in range(5):
        live.tick()
    frames = await live.next_frames(0)
    assert frames.number == 5
    assert frames.plain("fleet").startswith(b"id: 5\n")


async def test_a_fault_waits_for_no_second_to_end_and_moves_no_minute_on():
    live = Live(Script())
    live.apply(SNAPSHOT)
    beat = asyncio.create_task(live.beat())
    try:
        async with asyncio.timeout(30):
            seen = (await live.next_frames(0)).number
            before = live.structure
            live.apply(Change(ports=(port(state=PortState.ERROR),)))
            while newest(live)["structure"] == before:
                seen = (await live.next_frames(seen)).number
        assert newest(live)["news"] is True
        assert live.structure == before + 1
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)


def test_a_frame_between_seconds_has_the_figures_of_the_last_one_for_whom_it_overtook():
    live = Live(Script())
    live.apply(SNAPSHOT)
    live.tick()
    figures = newest(live)["ports"]
    live.tell()
    assert figures
    assert newest(live)["ports"] == figures


async def test_what_was_just_added_is_waited_for_and_nothing_else_is():
    live = Live(Script())
    live.apply(SNAPSHOT)
    waiting = asyncio.create_task(live.until(lambda fleet: "edge/COM9:" in fleet.ports))
    await asyncio.sleep(0)
    live.apply(Change(ports=(port("COM8:"),)))
    await asyncio.sleep(0)
    assert not waiting.done()
    live.apply(Change(ports=(port("COM9:"),)))
    async with asyncio.timeout(30):
        await waiting


def test_how_far_a_job_is_does_not_draw_pages_anew_and_that_it_has_ended_does():
    live = Live(Script())
    live.apply(SNAPSHOT)
    live.apply(Change(jobs=(job(1, JobState.PROCESSING, 100),), hosts=(Host("edge", "online"),)))
    before = live.structure
    live.apply(Change(jobs=(job(1, JobState.PROCESSING, 500),), hosts=(Host("edge", "online"),)))
    assert live.structure == before
    live.apply(Change(jobs=(job(1, JobState.COMPLETED, 1000),)))
    assert live.structure == before + 1


def test_a_page_is_drawn_anew_when_a_document_stands_still_and_when_it_goes_on():
    clock = Clock()
    live = Live(Script(), clock)
    live.apply(SNAPSHOT)
    live.apply(Change(jobs=(job(7, JobState.PROCESSING, acked=10),)))

    def drawn_anew(seconds: int) -> int:
        before = live.structure
        for _ in range(seconds):
            clock.now += 1
            live.tick()
        return live.structure - before

    assert drawn_anew(1) == 0  # it moved in this second
    assert [drawn_anew(5), drawn_anew(1), drawn_anew(50)] == [0, 1, 0]
    assert drawn_anew(5) == 1  # the spooler does not know any more
    live.apply(Change(jobs=(job(7, JobState.PROCESSING, acked=20),)))
    assert drawn_anew(1) == 1


def test_a_trouble_that_is_over_is_kept_from_its_report_to_its_end():
    live = Live(Script())
    live.apply(SNAPSHOT)
    began = datetime.now(UTC) - timedelta(minutes=5)
    said = Report("The cover is open", "error", "printer", began)
    live.apply(Change(ports=(replace(port(state=PortState.ERROR), reports=(said,)),)))
    assert list(live.pulses["edge/COM1:"].troubles) == []
    live.apply(Change(ports=(port(),)))
    live.apply(Change(ports=(port(),)))
    ((start, end, what),) = live.pulses["edge/COM1:"].troubles
    assert (start, what) == (began, "error")
    assert began < end <= datetime.now(UTC)
