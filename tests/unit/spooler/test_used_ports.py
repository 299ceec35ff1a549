"""What a spooler tells its hosts of the use of their ports: all at registration, then what begins and what ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from chassis.errors import HostUnreachable
from chassis.tasks import Backoff, Tasks
from spooler import hosts as module
from spooler.hosts import Hosts
from spooler.port_info import Hello, PortInfo, PortsChanged
from spooler.printer import PortName
from tests.rig.until import until


class FakeLink:
    """A host by hand: it has ports, notes what it is told, and goes away when it shall."""

    name, address = "edge-1", "127.0.0.1:1"

    def __init__(self, *ports: str) -> None:
        self.ports = list(ports)
        self.told: list[tuple[object, ...]] = []
        self.deaf = 0
        self._news: asyncio.Queue[PortsChanged | None] = asyncio.Queue()

    async def there(self) -> None: ...

    async def initialize(self) -> Hello:
        return Hello(self.name, "instance", "boot", "1")

    async def watch(self) -> AsyncIterator[PortsChanged]:
        yield PortsChanged([self._info(port) for port in self.ports], [])
        while (news := await self._news.get()) is not None:
            yield news
        raise HostUnreachable("gone")

    def _info(self, port: str) -> PortInfo:
        return PortInfo(PortName(self.name, port), "sim", "ready", "", b"")

    async def notify_used(self, ports: Sequence[str], *, full: bool = False) -> Sequence[str]:
        if self.deaf:
            self.deaf -= 1
            raise HostUnreachable("deaf")
        self.told.append(("all" if full else "used", *ports))
        return [port for port in ports if port not in self.ports]

    async def notify_unused(self, ports: Sequence[str]) -> None:
        self.told.append(("unused", *ports))

    def add(self, port: str) -> None:
        self.ports.append(port)
        self._news.put_nowait(PortsChanged([self._info(port)], []))

    def delete(self, port: str) -> None:
        self.ports.remove(port)
        self._news.put_nowait(PortsChanged([], [port]))

    def go_away(self) -> None:
        self._news.put_nowait(None)


class Hub:
    """Hears news, does nothing with them."""

    def port(self, port: object) -> None: ...

    def host(self, host: object) -> None: ...

    def deleted(self, name: str) -> None: ...


class Rig:
    """A spooler's hosts with one of them."""

    def __init__(self, hosts: Hosts, link: FakeLink) -> None:
        self.hosts, self.link = hosts, link

    def use(self, *printers: Sequence[str]) -> None:
        used = {port.casefold(): port for ports in printers for port in ports}
        self.hosts.used_ports_changed({"edge-1": used})

    async def heard(self, *words: tuple[object, ...]) -> None:
        await until(lambda: len(self.link.told) >= len(words))
        assert self.link.told == list(words)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Tasks("test") as tasks:
        found = Rig(Hosts(Hub(), tasks), FakeLink("COM1:", "IP_1", "IP_2"))
        found.hosts.add(found.link)  # type: ignore[arg-type]
        yield found


async def test_a_host_is_told_all_at_registration_and_then_what_changes(rig: Rig) -> None:
    rig.use(["COM1:", "IP_1"])
    await rig.hosts.start()
    await rig.heard(("all", "COM1:", "IP_1"))
    rig.use(["COM1:"], ["IP_2", "com1:"])
    await rig.heard(("all", "COM1:", "IP_1"), ("unused", "IP_1"), ("used", "IP_2"))
    rig.use(["IP_2"])
    rig.use([])
    last = {"com1:", "ip_2"}
    await until(lambda: last <= {str(name).casefold() for _, *names in rig.link.told[3:] for name in names})
    assert {word for word, *_ in rig.link.told[3:]} == {"unused"}


async def test_a_host_without_used_ports_is_told_that_too(rig: Rig) -> None:
    await rig.hosts.start()
    await rig.heard(("all",))


async def test_a_port_that_its_host_has_not_got_is_told_again_when_it_is_there(rig: Rig) -> None:
    rig.use(["COM9:", "COM1:"])
    await rig.hosts.start()
    await rig.heard(("all", "COM1:", "COM9:"))
    rig.link.add("COM9:")
    await rig.heard(("all", "COM1:", "COM9:"), ("used", "COM9:"))
    rig.link.delete("COM1:")
    rig.link.add("COM1:")
    await rig.heard(("all", "COM1:", "COM9:"), ("used", "COM9:"), ("used", "COM1:"))


async def test_a_host_that_comes_back_is_told_all_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONNECT", Backoff(first_s=0.01, most_s=0.02))
    rig.use(["COM1:"])
    await rig.hosts.start()
    await rig.heard(("all", "COM1:"))
    rig.link.go_away()
    await rig.heard(("all", "COM1:"), ("all", "COM1:"))


async def test_a_host_that_did_not_hear_is_told_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONNECT", Backoff(first_s=0.01, most_s=0.02))
    rig.link.deaf = 3
    rig.use(["COM1:"])
    await rig.hosts.start()
    await rig.heard(("all", "COM1:"))
