"""The hosts of the fabric: which port monitors there are, whether they answer, and which ports they have.

Hosts come from a static list. Each has one supervised watch: shake hands, take its ports, hear of changes, begin again
when it goes away. Nothing is polled: a dead connection is noticed by keepalive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from chassis import logs
from chassis.errors import FabricError, HostUnreachable, PortNotFound
from chassis.tasks import Backoff, Tasks
from spooler.port import DocumentKey, OpenPort, Progress
from spooler.port_info import PortInfo
from spooler.printer import PortName
from spooler.remote_port import RemoteHost

log = logs.get(__name__)

RECONNECT = Backoff(first_s=0.2, most_s=5.0, calm_s=10.0)


class HostInfo(NamedTuple):
    """What is known of a host."""

    name: str
    state: str = "connecting"  # connecting, online, silent
    address: str = ""
    version: str = ""
    last_seen: datetime | None = None
    instance_id: str = ""
    boot_id: str = ""
    ports: int = 0
    error: str = ""


class Published(Protocol):
    """Where news of hosts and ports go."""

    def port(self, port: PortInfo) -> None:
        """A port is new or has changed."""

    def host(self, host: HostInfo) -> None:
        """A host has changed."""

    def deleted(self, name: str) -> None:
        """Something of this resource name is gone."""


class Hosts:
    """All hosts by name; names compare whatever their case."""

    def __init__(self, links: Iterable[RemoteHost], hub: Published, tasks: Tasks) -> None:
        self._links: Mapping[str, RemoteHost] = {link.name.casefold(): link for link in links}
        self._hub = hub
        self._tasks = tasks
        self._infos = {key: HostInfo(link.name, address=link.address) for key, link in self._links.items()}
        self._ports: dict[str, dict[str, PortInfo]] = {key: {} for key in self._links}
        self._used: dict[str, list[str]] = {}
        self.on_up: Callable[[str], None] = lambda _host: None

    # --- looking

    def all(self) -> list[HostInfo]:
        """Return all hosts by name."""
        return sorted(self._infos.values(), key=lambda info: info.name)

    def get(self, name: str) -> HostInfo | None:
        """Return what is known of a host."""
        return self._infos.get(name.casefold())

    def ports(self, host: str = "") -> list[PortInfo]:
        """Return the ports of one host or of all, by name."""
        keys = [host.casefold()] if host else list(self._ports)
        found = [port for key in keys for port in self._ports.get(key, {}).values()]
        return sorted(found, key=lambda port: port.name)

    def port(self, name: PortName) -> PortInfo | None:
        """Return a port, if its host has told of it."""
        host, port = name.key
        return self._ports.get(host, {}).get(port)

    def link(self, host: str) -> RemoteHost | NoHost:
        """Return the way to a host; to one that is not configured it leads nowhere, and says so when used."""
        return self._links.get(host.casefold()) or NoHost(host)

    def known_link(self, host: str) -> RemoteHost:
        """Return the way to a host. Raises PortNotFound when it is not configured."""
        link = self._links.get(host.casefold())
        if link is None:
            raise PortNotFound(f"there is no host {host}", host=host)
        return link

    # --- life

    def start(self) -> None:
        """Begin to watch all hosts."""
        for key, link in self._links.items():
            self._tasks.spawn(f"host {link.name}", self._keep(key, link))

    def used_ports_changed(self, ports: Iterable[Iterable[PortName]]) -> None:
        """Tell the hosts which of their ports printers use (NotifyUsedPorts), those for whom it has changed."""
        used: dict[str, set[str]] = {key: set() for key in self._links}
        for some in ports:
            for port in some:
                if (key := port.host.casefold()) in used:
                    used[key].add(port.port)
        for key, names in used.items():
            if sorted(names) != self._used.get(key, []):
                self._used[key] = sorted(names)
                if self._infos[key].state == "online":
                    self._tasks.spawn(f"used ports of {key}", self._notify_used(key))

    async def _keep(self, key: str, link: RemoteHost) -> None:
        failures = 0
        while True:
            try:
                await self._watch(key, link)
            except FabricError as error:
                was_up = self._infos[key].state == "online"
                failures = 1 if was_up else failures + 1
                if failures == 1:
                    log.warning("host does not answer", host=link.name, reason=error.reason, error=str(error))
                self._put(key, state="silent", error=error.message)
            await asyncio.sleep(RECONNECT.wait_s(max(failures, 1)))

    async def _watch(self, key: str, link: RemoteHost) -> None:
        hello = await link.initialize()
        self._ports[key] = {}
        async for change in link.watch():
            first = self._infos[key].state != "online"
            self._take(key, link, change.ports, change.deleted)
            if first:
                log.info(
                    "host answers", host=link.name, instance=hello.instance_id, ports=len(self._ports[key])
                )
                self._put(
                    key, state="online", error="", version=hello.version, instance_id=hello.instance_id,
                    boot_id=hello.boot_id,
                )  # fmt: skip
                if self._used.get(key):
                    await self._notify_used(key)
                self.on_up(link.name)
        raise HostUnreachable(f"host {link.name} ended the watch", host=link.name)

    def _take(self, key: str, link: RemoteHost, ports: Iterable[PortInfo], deleted: Iterable[str]) -> None:
        for port in ports:
            self._ports[key][port.name.port.casefold()] = port
            self._hub.port(port)
        for name in deleted:
            self._ports[key].pop(name.casefold(), None)
            self._hub.deleted(f"hosts/{link.name}/ports/{name}")
        self._infos[key] = self._infos[key]._replace(last_seen=datetime.now(UTC), ports=len(self._ports[key]))

    def _put(self, key: str, **what: object) -> None:
        before = self._infos[key]
        self._infos[key] = before._replace(last_seen=before.last_seen, **what)  # type: ignore[arg-type]
        if self._infos[key] != before:
            self._hub.host(self._infos[key])

    async def _notify_used(self, key: str) -> None:
        try:
            await self._links[key].notify_used(self._used.get(key, []))
        except FabricError as error:
            log.info("host does not take the used ports", host=key, reason=error.reason)


class NoHost:
    """Where ports of a host lead that is not configured (any more)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _error(self) -> HostUnreachable:
        return HostUnreachable(f"host {self.name} is not among the configured hosts", host=self.name)

    async def open_port(self, port: str, fence: int, printer: str) -> OpenPort:
        """See `PortHost.open_port`. Raises HostUnreachable."""
        raise self._error()

    async def query(self, port: str, keys: Sequence[DocumentKey]) -> Sequence[Progress]:
        """See `PortHost.query`. Raises HostUnreachable."""
        raise self._error()

    async def settle(self, port: str, keys: Sequence[DocumentKey]) -> None:
        """See `PortHost.settle`. Raises HostUnreachable."""
        raise self._error()
