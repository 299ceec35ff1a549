"""Hundreds of hosts that are found together: a few are greeted at once, and none of them is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chassis.tasks import Tasks
from spooler import hosts as module
from spooler.hosts import HostInfo, Hosts
from spooler.port_info import Hello, PortInfo, PortsChanged
from tests.rig.until import until


class Hub:
    """Hears news, does nothing with them."""

    def port(self, port: PortInfo) -> None: ...

    def host(self, host: HostInfo) -> None: ...

    def deleted(self, name: str) -> None: ...


class Crowd:
    """What hosts by hand have in common: how many of them are being greeted, and how many were at most."""

    greeted = most = 0


class Link:
    """A host by hand, without ports; a silent one never answers."""

    address = "127.0.0.1:1"

    def __init__(self, name: str, crowd: Crowd, *, silent: bool = False, far: bool = False) -> None:
        self.name, self._crowd, self._silent = name, crowd, silent
        self._here = asyncio.Event()
        if not far:
            self._here.set()

    async def there(self) -> None:
        await self._here.wait()

    async def initialize(self) -> Hello:
        self._crowd.greeted += 1
        self._crowd.most = max(self._crowd.most, self._crowd.greeted)
        await asyncio.sleep(0)
        if self._silent:
            await asyncio.Event().wait()
        self._crowd.greeted -= 1
        return Hello(self.name, "instance", "boot", "1")

    async def watch(self) -> AsyncIterator[PortsChanged]:
        yield PortsChanged([], [])
        await asyncio.Event().wait()

    async def notify_used(self, ports: list[str], *, full: bool = False) -> list[str]:
        return []


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    async with Tasks("test") as tasks:
        yield tasks


def online(hosts: Hosts) -> int:
    return sum(host.state == "online" for host in hosts.all())


async def test_of_hundreds_of_hosts_a_few_are_greeted_at_once(tasks: Tasks, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_MOST_S", 600.0)
    hosts, crowd = Hosts(Hub(), tasks), Crowd()
    for number in range(200):
        hosts.add(Link(f"edge-{number}", crowd))  # type: ignore[arg-type]
    await hosts.start()

    await until(lambda: online(hosts) == 200)
    assert crowd.most == module._AT_ONCE


async def test_hosts_that_are_silent_or_have_not_dialled_in_hold_nobody_up(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_MOST_S", 0.001)
    hosts, crowd = Hosts(Hub(), tasks), Crowd()
    for number in range(100):
        hosts.add(Link(f"silent-{number}", crowd, silent=True))  # type: ignore[arg-type]
        hosts.add(Link(f"far-{number}", crowd, far=True))  # type: ignore[arg-type]
    hosts.add(Link("edge-7", crowd))  # type: ignore[arg-type]
    await hosts.start()

    await until(lambda: online(hosts) == 1)
