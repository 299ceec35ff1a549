"""The hosts that have dialled in: one live connection for each name.

A host's name is proven before it comes here. What dials in under a name that is here already is either the same run
again, whose new connection takes the place of the old one, or another run: a machine that was started anew, whose old
connection is dead and only looks alive, or a copy of it. The old one is given the time of a heartbeat to speak. If it
does, the newcomer is refused. There are never two.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Protocol, Self

from chassis import logs
from chassis.errors import AccessDenied, CallCanceled, FabricError
from spooler.dial_in.arrival import Arrival
from spooler.dial_in.tunnel import Tunnel
from spooler.settings import DialInSection

log = logs.get(__name__)


class HostAlreadyHere(AccessDenied):
    """A host of that name is here from another run, or is reached by an address."""

    reason, win32, code = "HOST_ALREADY_HERE", 183, "ALREADY_EXISTS"


class HostConnected(FabricError):
    """The same run of a host is here already, and looks for another spooler."""

    reason, win32, code = "HOST_CONNECTED", 183, "ALREADY_EXISTS"


class Known(Protocol):
    """Where hosts are made known (`spooler.host_directory.HostDirectory`)."""

    def dialled_in(self, name: str, address: str, where: str) -> None:
        """A host is reached by the local `address`; `where` says so to people. Raises HostAlreadyHere."""

    def left(self, name: str) -> None:
        """It is not reached any more."""


class _Nowhere:
    """Makes no host known: until there is somebody who does."""

    def dialled_in(self, name: str, address: str, where: str) -> None:
        raise CallCanceled("the spooler starts")

    def left(self, name: str) -> None:
        """Nothing is to be done."""


class DialIn:
    """Who is here, while the context lasts."""

    def __init__(self, settings: DialInSection, spooler_id: str) -> None:
        self.heartbeat_s, self.spooler_id = settings.heartbeat_s, spooler_id
        self.arrived = self.refused = 0  # since the start
        self.epoch = 0
        self.spoolers: Callable[[], int] = lambda: 1
        self._known: Known = _Nowhere()
        self._kept = ExitStack()
        self._folder = Path()
        self._here: dict[str, Arrival] = {}
        self._doors: dict[str, asyncio.Lock] = {}  # one newcomer of a name after the other
        self._numbers = itertools.count(1)
        self._closed = False

    def begin(self, known: Known, epoch: int, spoolers: Callable[[], int]) -> None:
        """Let hosts come.

        known: where they are made known.
        epoch: this spooler's run.
        spoolers: returns how many spoolers share the store.
        """
        self._known, self.epoch, self.spoolers = known, epoch, spoolers

    def __len__(self) -> int:
        return len(self._here)

    @property
    def tunnels(self) -> int:
        """How many connections go through hosts' own now."""
        return sum(len(one.carried) for one in self._here.values())

    @asynccontextmanager
    async def arrival(
        self, host: str, instance: str, where: str, *, another: bool = False
    ) -> AsyncIterator[Arrival]:
        """Let a proven host be here for as long as the context lasts, or until `Arrival.gone`.

        Raises:
            HostAlreadyHere: another one of that name is, and speaks.
            HostConnected: this one is, and looks for `another` spooler.
            CallCanceled: this spooler stops.
        """
        key = host.casefold()
        async with self._doors.setdefault(key, asyncio.Lock()):
            try:
                one = self._here[key] = await self._taken(key, host, instance, where, another=another)
            except HostAlreadyHere:
                self.refused += 1
                raise
        self.arrived += 1
        log.info("host dialled in", host=host, instance=instance, peer=where)
        try:
            yield one
        finally:
            one.end()
            if self._here.get(key) is one:
                del self._here[key]
                self._known.left(host)
            log.info("host gone", host=host, instance=instance, why=one.why.message if one.why else "")

    async def _taken(self, key: str, host: str, instance: str, where: str, *, another: bool) -> Arrival:
        older = self._here.get(key)
        if older is not None:
            if older.instance == instance and another:
                raise HostConnected(f"host {older.host} is here already", host=older.host)
            if older.instance != instance and await older.speaks(1.5 * self.heartbeat_s):
                text = f"host {older.host} is here, from another run; it is not replaced while that lives"
                raise HostAlreadyHere(text, host=older.host, peer=where)
            older.end(CallCanceled(f"host {older.host} has dialled in again"))
        if self._closed:
            raise CallCanceled("the spooler stops")
        one = Arrival(host, instance, self._folder / f"{next(self._numbers)}.sock")
        await one.listen()
        try:
            self._known.dialled_in(host, one.address, where)
        except HostAlreadyHere:
            one.end()
            raise
        return one

    def claim(self, tunnel_id: str, may_be: Callable[[str], bool]) -> Tunnel:
        """Return the tunnel of an id for the host that opens it.

        Raises:
            AccessDenied: none is wanted under that id, or of another host.
        """
        for one in self._here.values():
            if may_be(one.host) and (tunnel := one.claimed(tunnel_id)) is not None:
                return tunnel
        raise AccessDenied("no tunnel of that id is wanted of this host")

    async def close(self) -> None:
        """Let all hosts go: the spooler stops."""
        self._closed = True
        for one in list(self._here.values()):
            one.end(CallCanceled("the spooler stops"))

    async def __aenter__(self) -> Self:
        # A socket's path has 107 bytes: too few for the names of some state directories.
        self._folder = Path(self._kept.enter_context(TemporaryDirectory(prefix="print-fabric-")))
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()
        self._kept.close()
