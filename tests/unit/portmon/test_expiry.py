"""Holds that end by themselves: in time, and without a look at all of them whenever one is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.tasks import Tasks
from portmon.handles import Handles
from portmon.hold import Hold, Owner
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from tests.rig.until import until

OWNER = Owner("fabric", "spooler")
COUNT = 30


class Host:
    """A host whose printers are never spoken to. `looks` counts how often a hold was asked when it dies."""

    def __init__(self, folder: Path, tasks: Tasks) -> None:
        registry = Registry(MonitorInit("edge", folder / "files"))
        self.ports = Ports(registry, LocalPortStore(folder / "ports.json"), folder)
        self.handles, self.looks = Handles(self.ports, tasks), 0
        tasks.spawn("expire", self.handles.expire())

    async def add(self, count: int) -> None:
        await self.ports.add_all((f"P{n}", "raw", {"host": f"10.0.0.{n}"}) for n in range(count))

    async def open(self, number: int, lease_s: float | None = None) -> Hold:
        return await self.handles.open(f"P{number}", OWNER, 1, "labels", lease_s)

    def held(self, number: int) -> bool:
        return self.ports.get(f"P{number}").hold is not None


@pytest.fixture
async def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    async with Tasks("test") as tasks:
        found, dies_at = Host(tmp_path, tasks), Hold.dies_at

        def counted(hold: Hold) -> float | None:
            found.looks += 1
            return dies_at(hold)

        monkeypatch.setattr(Hold, "dies_at", counted)
        yield found
        await found.handles.shutdown(None, 0)
        found.ports.close()


@pytest.mark.parametrize("streams", [True, False])
async def test_ports_that_are_opened_and_left_one_after_the_other_are_not_all_looked_at_each_time(
    host: Host, streams: bool
) -> None:
    await host.add(COUNT)
    holds = []
    for number in range(COUNT):
        holds.append(await host.open(number))
        if streams:
            host.handles.stream_began(holds[-1])
    for hold in holds if streams else ():
        host.handles.stream_ended(hold)
        await host.handles.open(hold.port.name, OWNER, 1, "labels", None)  # said again: the loop turns
    assert host.looks < 5 * COUNT


async def test_a_hold_that_dies_before_all_others_is_not_looked_at_too_late(host: Host) -> None:
    await host.add(3)
    await host.open(0, 300)
    await host.open(1, 0.1)
    await until(lambda: not host.held(1), "it waited for the first one's lease")
    await host.open(2, 300)
    await host.open(2, 0.1)  # said again, with another lease
    await until(lambda: not host.held(2), "it waited for the lease that it had first")
    assert host.held(0)


async def test_a_lease_that_is_renewed_is_looked_at_again_when_its_stream_ends(host: Host) -> None:
    await host.add(2)
    renewed = await host.open(0, 30)
    await host.open(1, 0.3)
    before = renewed.deadline
    await until(lambda: (host.handles.check(renewed.token, renewed.fence), not host.held(1))[1])
    assert renewed.deadline > before
    renewed.lease_s = 0.1
    host.handles.stream_began(renewed)
    host.handles.stream_ended(renewed)
    await until(lambda: not host.held(0), "it waited for the lease that it had before")
