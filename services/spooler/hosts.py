"""The hosts of the fabric: which port monitors there are, whether they answer, and which ports they have.

Hosts are named in the settings or found by discovery. Each has one supervised watch: shake hands, take its ports, hear
of changes, begin again when it goes away. Nothing is polled: a dead connection is noticed by keepalive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from chassis import logs
from chassis.audit import Refusals
from chassis.errors import FabricError, HostUnreachable, PortNotFound
from chassis.tasks import Backoff, Tasks
from spooler.host_link import HostLink
from spooler.host_proving import NotBelieved, ProofUnavailable
from spooler.port_info import PortInfo
from spooler.printer import PortName
from spooler.remote_port import RemoteHost
from spooler.turns import Turns

log = logs.get(__name__)

RECONNECT = Backoff(first_s=0.2, most_s=5.0, calm_s=10.0)
# Handshakes, when a thousand hosts are found together, and how long each keeps the next one waiting: callers come between.
_AT_ONCE, _MOST_S = 64, 0.1


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
    not_believed: str = ""  # the reason why who answers is not taken for it
    since: datetime | None = None  # when this state, or this error, was learned


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

    def __init__(self, hub: Published, tasks: Tasks) -> None:
        self._links: dict[str, RemoteHost] = {}
        self._hub = hub
        self._tasks = tasks
        self._infos: dict[str, HostInfo] = {}
        self._ports: dict[str, dict[str, PortInfo]] = {}
        # Host -> its ports that printers use, key -> name; of unknown hosts too.
        self._used: dict[str, dict[str, str]] = {}
        self._told: dict[str, dict[str, str]] = {}  # host -> what it was told of that, once it was told all
        self._telling: dict[str, asyncio.Lock] = {}  # host -> one word after the other
        self._handshakes = Turns(_AT_ONCE, _MOST_S)
        self._refusals = Refusals()
        self._started = False
        self.on_up: Callable[[str], None] = lambda _host: None
        # A port got well or free, as its host says.
        self.on_ready: Callable[[PortName], None] = lambda _port: None
        self.on_stopped: Callable[[PortName], None] = lambda _port: None  # an ERROR is reported about a port

    # --- looking

    def all(self) -> list[HostInfo]:
        """Return all hosts by name."""
        return sorted(self._infos.values(), key=lambda info: info.name)

    def answering(self) -> list[tuple[str, bool]]:
        """Return each host's name and whether its port monitor answers."""
        return [(info.name, info.state == "online") for info in list(self._infos.values())]

    def not_believed(self) -> list[tuple[str, str]]:
        """Return each host for which somebody answers who is not taken for it, and the reason."""
        return [(info.name, info.not_believed) for info in list(self._infos.values()) if info.not_believed]

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

    def is_stopped(self, name: PortName) -> bool:
        """Say whether an ERROR is reported about a port, so that it takes no more jobs."""
        port = self.port(name)
        return port is not None and port.stopped

    def monitor_of(self, name: PortName) -> str:
        """Return the name of the port monitor that a port is one of; empty while its host has not told of it."""
        port = self.port(name)
        return port.monitor if port is not None else ""

    def link(self, host: str) -> HostLink:
        """Return the way to a host; while nobody knows the host it leads nowhere, and says so when used."""
        return HostLink(host, self._links)

    def known_link(self, host: str) -> RemoteHost:
        """Return the way to a host. Raises PortNotFound when it is not configured."""
        link = self._links.get(host.casefold())
        if link is None:
            raise PortNotFound(f"there is no host {host}", host=host)
        return link

    # --- life

    async def start(self) -> None:
        """Begin to watch all hosts. A loop of the server: callers are served before hosts are spoken to."""
        self._started = True
        for key in self._links:
            self._follow(key)

    def add(self, link: RemoteHost) -> None:
        """A host is new."""
        key = link.name.casefold()
        self._links[key] = link
        self._infos[key] = HostInfo(link.name, address=link.address)
        self._ports[key] = {}
        if self._started:
            self._hub.host(self._infos[key])
            self._follow(key)

    def moved(self, name: str, address: str) -> None:
        """A host is at another address; its watch finds out by itself."""
        self._links[name.casefold()].moved(address)
        self._put(name.casefold(), address=address)

    async def shut_down(self) -> None:
        """This spooler ends: say so to the hosts that answer (Shutdown). Ports have been released before."""

        async def tell(link: RemoteHost) -> None:
            try:
                await link.shut_down()
            except FabricError as error:  # then it forgets by itself: the holds run out
                log.info("host was not told of the end", host=link.name, reason=error.reason)

        await asyncio.gather(*(tell(link) for key, link in self._links.items() if self._is_online(key)))

    def _follow(self, key: str) -> None:
        link = self._links[key]
        self._tasks.spawn(f"host {link.name}", self._keep(key, link))

    def used_ports_changed(self, used: Mapping[str, Mapping[str, str]]) -> None:
        """Tell hosts which of their ports printers begin and cease to use: key -> name, of some hosts all that are used."""
        for key, ports in used.items():
            before, self._used[key] = self._used.get(key, {}), dict(ports)
            if self._is_online(key) and ports.keys() != before.keys():
                self._tell_soon(key)

    def _is_online(self, key: str) -> bool:
        return key in self._infos and self._infos[key].state == "online"

    async def _keep(self, key: str, link: RemoteHost) -> None:
        failures, reason = 0, ""
        while True:
            try:
                await self._watch(key, link)
            except FabricError as error:
                was_up = self._infos[key].state == "online"
                failures = 1 if was_up else failures + 1
                if failures == 1 or error.reason != reason:
                    log.warning("host does not answer", host=link.name, reason=error.reason, error=str(error))
                    self._write_down(link, error)
                reason = error.reason
                not_believed = error.reason if isinstance(error, NotBelieved) else ""
                self._heard_last(key, was_up)
                self._put(key, state="silent", error=error.message, not_believed=not_believed)
            await asyncio.sleep(RECONNECT.wait_s(max(failures, 1)))

    def _write_down(self, link: RemoteHost, error: FabricError) -> None:
        """Write into the record of refusals who was not taken for a host."""
        if isinstance(error, NotBelieved) and not isinstance(error, ProofUnavailable):
            self._refusals.write(
                link.name, host=link.name, peer=link.address, reason=error.reason, why=error.message
            )

    def _heard_last(self, key: str, was_up: bool) -> None:
        """A connection that was open until now was heard until now, whether it brought news or not."""
        if was_up:
            self._infos[key] = self._infos[key]._replace(last_seen=datetime.now(UTC))

    async def _watch(self, key: str, link: RemoteHost) -> None:
        await link.there()
        async with self._handshakes.turn():
            hello = await link.initialize()
        async for change in link.watch():
            first, deleted = self._infos[key].state != "online", list(change.deleted)
            if first:
                here = {port.name.port.casefold() for port in change.ports}
                deleted += [port.name.port for name, port in self._ports[key].items() if name not in here]
            self._take(key, link, change.ports, deleted)
            if first:
                log.info(
                    "host answers", host=link.name, instance=hello.instance_id, ports=len(self._ports[key])
                )
                self._put(
                    key, state="online", error="", not_believed="", version=hello.version,
                    instance_id=hello.instance_id, boot_id=hello.boot_id,
                )  # fmt: skip
                self._told.pop(key, None)  # another process may answer now: it is told all
                if not await self._tell(key):
                    self._tell_soon(key)
                self.on_up(link.name)
        raise HostUnreachable(f"host {link.name} ended the watch", host=link.name)

    def _take(self, key: str, link: RemoteHost, ports: Iterable[PortInfo], deleted: Iterable[str]) -> None:
        for port in ports:
            name = port.name.port.casefold()
            before = self._ports[key].get(name)
            self._ports[key][name] = port
            self._hub.port(port)
            if before is not None and port.got_well(before):
                self.on_ready(port.name)
            if port.stopped and not (before is not None and before.stopped):
                self.on_stopped(port.name)
            if before is None and name in self._used.get(key, ()) and self._is_online(key):
                self._tell_soon(key)  # a port that printers have waited for
        for name in deleted:
            self._ports[key].pop(name.casefold(), None)
            self._told.get(key, {}).pop(name.casefold(), None)
            self._hub.deleted(f"hosts/{link.name}/ports/{name}")
        self._infos[key] = self._infos[key]._replace(last_seen=datetime.now(UTC), ports=len(self._ports[key]))

    def heard(self, port: PortInfo) -> None:
        """Take a host's word about a port that came as an answer."""
        key = port.name.host.casefold()
        self._take(key, self._links[key], [port], ())

    def _put(self, key: str, **what: object) -> None:
        before = self._infos[key]
        after = before._replace(**what)  # type: ignore[arg-type]
        if after != before:
            if (after.state, after.error) != (before.state, before.error):
                after = after._replace(since=datetime.now(UTC))
            self._infos[key] = after
            self._hub.host(after)

    # --- which ports are used

    def _tell_soon(self, key: str) -> None:
        async def until_heard() -> None:
            while self._is_online(key):
                if await self._tell(key):
                    return
                await asyncio.sleep(RECONNECT.most_s)

        self._tasks.spawn(f"used ports of {key}", until_heard())

    async def _tell(self, key: str) -> bool:
        """Tell a host what it has not heard yet: all at its registration, then what has changed. Return whether it heard."""
        async with self._telling.setdefault(key, asyncio.Lock()):
            used, told, link = self._used.get(key, {}), self._told.pop(key, None), self._links[key]
            try:
                if told is None:
                    unknown = await link.notify_used(sorted(used.values()), full=True)
                else:
                    if gone := sorted(told[name] for name in told.keys() - used.keys()):
                        await link.notify_unused(gone)
                    new = sorted(used[name] for name in used.keys() - told.keys())
                    unknown = await link.notify_used(new) if new else ()
            except FabricError as error:  # the next word is all of it again
                log.info("host does not take the used ports", host=key, reason=error.reason)
                return False
            missing = {name.casefold() for name in unknown}
            self._told[key] = {name: said for name, said in used.items() if name not in missing}
            return True
