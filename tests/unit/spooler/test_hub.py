import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.errors import CallCanceled
from spooler.hub import Hub, Topic
from spooler.job import Document, Job, Sender
from spooler.job_state import JobState
from spooler.printer import PortName, Printer


def job(number: int, **what: Any) -> Job:
    made = Job(number, bytes(16), Document(), Sender(), datetime(2026, 1, 1, tzinfo=UTC))
    return replace(made, **what)


class Port:
    def __init__(self, name: PortName) -> None:
        self.name = name


async def test_a_watcher_gets_each_job_once_as_it_is_now():
    hub = Hub(1)
    with hub.watch() as watcher:
        hub.job(job(1))
        hub.job(job(2))
        hub.job(job(1, state=JobState.COMPLETED))
        changes = await watcher.changes()
    assert changes is not None
    assert [(change.key, getattr(change.value, "state", None)) for change in changes] == [
        (2, JobState.PENDING),
        (1, JobState.COMPLETED),
    ]


async def test_a_watcher_waits_until_something_changes():
    hub = Hub(1)
    with hub.watch() as watcher:
        waiting = asyncio.ensure_future(watcher.changes())
        await asyncio.sleep(0)
        assert not waiting.done()
        hub.printer(Printer("labels"))
        (change,) = await asyncio.wait_for(waiting, 30) or []
    assert (change.topic, change.key) == (Topic.PRINTER, "labels")


async def test_what_was_deleted_replaces_what_was_known_of_it():
    hub = Hub(1)
    with hub.watch() as watcher:
        hub.port(Port(PortName("edge-7", "COM1:")))
        hub.job(job(4711))
        hub.deleted("hosts/EDGE-7/ports/com1:")
        hub.deleted("jobs/4711")
        changes = await watcher.changes() or []
    assert [(change.topic, change.value, change.name) for change in changes] == [
        (Topic.PORT, None, "hosts/EDGE-7/ports/com1:"),
        (Topic.JOB, None, "jobs/4711"),
    ]


async def test_a_slow_watcher_is_told_that_changes_were_lost_and_goes_on():
    hub = Hub(1, kept=4)
    with hub.watch() as watcher:
        for number in range(5):
            hub.job(job(number))
        assert await watcher.changes() is None
        hub.job(job(9))
        changes = await watcher.changes() or []
    assert [change.key for change in changes] == [9]


async def test_a_watcher_comes_back_to_where_it_was():
    hub = Hub(7)
    with hub.watch() as watcher:
        hub.job(job(1))
        await watcher.changes()
        position = watcher.position
    hub.job(job(2))
    hub.job(job(3))
    with hub.watch(hub.find(position)) as again:
        assert [change.key for change in await again.changes() or []] == [2, 3]


@pytest.mark.parametrize("position", ["6:1", "7:99", "7:", "7", "", "nonsense:1", "7:-1"])
def test_a_position_of_another_run_or_the_future_leads_nowhere(position):
    hub = Hub(7)
    hub.job(job(1))
    assert hub.find(position) is None


def test_a_position_that_the_ring_has_passed_leads_nowhere():
    hub = Hub(7, kept=2)
    for number in range(3):
        hub.job(job(number))
    assert hub.find("7:0") is None
    assert hub.find("7:1") == 1


def test_a_watcher_that_left_costs_nothing():
    hub = Hub(1)
    with hub.watch() as watcher:
        pass
    hub.job(job(1))
    assert not watcher.wake.is_set()


def test_every_change_of_a_job_is_told_to_the_listener_at_once():
    seen: list[Job] = []
    hub = Hub(1, on_job=seen.append)
    hub.job(job(1))
    hub.printer(Printer("labels"))
    assert [job.number for job in seen] == [1]


async def test_a_closed_hub_lets_its_watchers_go_after_the_last_change():
    hub = Hub(1)
    with hub.watch() as watcher:
        hub.job(job(1))
        await hub.close()
        assert await watcher.changes()
        with pytest.raises(CallCanceled):
            await watcher.changes()


async def test_a_watcher_that_waits_is_woken_when_the_hub_closes():
    hub = Hub(1)
    with hub.watch() as watcher:
        waiting = asyncio.ensure_future(watcher.changes())
        await asyncio.sleep(0)
        await hub.close()
        with pytest.raises(CallCanceled):
            await asyncio.wait_for(waiting, 30)
