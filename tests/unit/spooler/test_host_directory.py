"""Hosts that are found, and move: the way to each leads where it is now, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chassis.client import Channels
from chassis.errors import HostUnreachable, PortNotFound
from chassis.tasks import Tasks
from spooler.host_directory import HostDirectory
from spooler.hosts import HostInfo, Hosts
from spooler.port_info import PortInfo


class _Hub:
    """Remembers the news of hosts."""

    def __init__(self) -> None:
        self.hosts: list[HostInfo] = []

    def port(self, port: PortInfo) -> None:
        """Nothing is done with it."""

    def host(self, host: HostInfo) -> None:
        """Remember it."""
        self.hosts.append(host)

    def deleted(self, name: str) -> None:
        """Nothing is done with it."""


@pytest.fixture
async def rig() -> AsyncIterator[tuple[Hosts, HostDirectory, _Hub]]:
    hub = _Hub()
    async with Channels() as channels, Tasks("test") as tasks:
        hosts = Hosts(hub, tasks)
        yield hosts, HostDirectory(hosts, channels, ("fabric", "spooler"), 30.0, _noon), hub


async def _noon() -> int:
    return 1_800_000_000_000


async def test_a_host_found_after_the_start_is_watched_and_shown(
    rig: tuple[Hosts, HostDirectory, _Hub],
) -> None:
    hosts, directory, hub = rig
    await hosts.start()
    with pytest.raises(PortNotFound):
        directory.plane("edge-1")
    directory.put("edge-1", "127.0.0.1:1")
    assert [host.name for host in hosts.all()] == ["edge-1"]
    assert hub.hosts[0].address == "127.0.0.1:1"
    assert directory.plane("EDGE-1").host == "edge-1"


async def test_the_way_to_a_host_that_nobody_knows_yet_works_once_it_is_found(
    rig: tuple[Hosts, HostDirectory, _Hub],
) -> None:
    hosts, directory, _ = rig
    link = hosts.link("edge-1")
    with pytest.raises(HostUnreachable, match="not among the hosts"):
        await link.open_port("COM1:", 1, "labels")
    directory.put("edge-1", "127.0.0.1:1")
    with pytest.raises(HostUnreachable, match="127.0.0.1:1"):
        await link.open_port("COM1:", 1, "labels")


async def test_a_host_that_moved_is_spoken_to_at_its_new_address_and_its_old_one_is_free_for_another(
    rig: tuple[Hosts, HostDirectory, _Hub],
) -> None:
    hosts, directory, _ = rig
    directory.put("edge-1", "127.0.0.1:1")
    directory.put("edge-1", "127.0.0.1:2")
    directory.put("edge-2", "127.0.0.1:1")
    assert {host.name: host.address for host in hosts.all()} == {
        "edge-1": "127.0.0.1:2",
        "edge-2": "127.0.0.1:1",
    }
    for host, port in (("edge-1", 2), ("edge-2", 1)):
        with pytest.raises(HostUnreachable, match=rf"127\.0\.0\.1:{port}\b"):
            await hosts.link(host).open_port("COM1:", 1, "labels")


async def test_used_ports_of_a_host_that_comes_later_are_kept_for_it(
    rig: tuple[Hosts, HostDirectory, _Hub],
) -> None:
    hosts, directory, _ = rig
    hosts.used_ports_changed({"edge-1": {"com1:": "COM1:"}})
    directory.put("edge-1", "127.0.0.1:1")
    assert hosts._used["edge-1"] == {"com1:": "COM1:"}
