"""Keeps a connection to each spooler of a name that this host is to dial.

Each address of the name is dialled. A spooler says how many share its store; where these are more than the addresses,
somebody stands in front of them and hands out connections. Then one more is made, and again, until all are found.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from chassis import logs
from chassis.client import Channel, Channels
from chassis.errors import FabricError
from chassis.tasks import Backoff, Tasks
from chassis.tls import CertificateError
from portmon.dial_out.addresses import addresses_of
from portmon.dial_out.spooler_link import Itself, Spooler, SpoolerLink
from portmon.settings import DialOutSection

log = logs.get(__name__)


class Dialling:
    """The connections to the spoolers of one name.

    Args:
        spooler: their `host:port`.
        channels: how they are called.
        itself, door: see `SpoolerLink`.
    """

    def __init__(
        self, spooler: str, channels: Channels, itself: Itself, door: Path, settings: DialOutSection
    ) -> None:
        self.spooler = spooler
        self.dialled = self.failed = 0  # since the start
        self.connected: dict[SpoolerLink, Spooler] = {}
        self._channels, self._itself, self._door = channels, itself, door
        self._resolve_s, most_s = settings.resolve_s, settings.most_wait_s
        self._backoff = Backoff(first_s=min(0.5, most_s), most_s=most_s, calm_s=10.0)
        self._links: dict[str, SpoolerLink] = {}  # address -> its link, of those that are wanted
        self._busy: set[str] = set()
        self._said: dict[str, str] = {}  # address -> why it was not connected, as said last
        self._changed = asyncio.Event()  # whom this host is connected to
        self._spare: list[Channel] = []

    @property
    def tunnels(self) -> int:
        """How many of the spoolers' connections this host carries now."""
        return sum(link.tunnels for link in self.connected)

    async def run(self, tasks: Tasks) -> None:
        """Dial every address, and those that the name has later."""
        tasks.spawn(f"others of {self.spooler}", self._find_others(tasks))
        known = True
        while True:
            try:
                addresses = await addresses_of(self.spooler)
                known = True
            except OSError as error:
                # Those that were found before are still dialled.
                if known:
                    log.warning("spooler's name is not known", spooler=self.spooler, error=str(error))
                known, addresses = False, list(self._links)
            self._links = {one: self._links.get(one) or self._new_link(one) for one in addresses}
            for one in self._links.keys() - self._busy:
                self._busy.add(one)
                tasks.spawn(f"dial {one}", self._keep(one))
            await asyncio.sleep(self._resolve_s if known else self._backoff.most_s)

    def _new_link(self, address: str) -> SpoolerLink:
        return SpoolerLink(self._channels.get(address), self._itself, self._door)

    async def _keep(self, address: str) -> None:
        """Dial an address again and again, for as long as the name has it. A connection that lives is left alone."""
        loop, failures = asyncio.get_running_loop(), 0
        try:
            while (link := self._links.get(address)) is not None:
                began = loop.time()
                await self._dial(address, link)
                failures = 1 if loop.time() - began >= self._backoff.calm_s else failures + 1
                await asyncio.sleep(self._backoff.wait_s(failures))
            await self._channels.forget(address)
        finally:
            self._busy.discard(address)
            self._said.pop(address, None)

    async def _dial(self, address: str, link: SpoolerLink, *, quiet: bool = False) -> None:
        """Be connected once; say why it is over, unless that was said or `quiet` is wanted."""
        try:
            async with Tasks(f"dialled {address}") as tasks, aclosing(link.serve(tasks)) as serving:  # type: ignore[type-var]
                async for spooler in serving:
                    if link not in self.connected:
                        self.dialled += 1
                        log.info("spooler dialled", spooler=self.spooler, address=address, id=spooler.id)
                    self.connected[link] = spooler
                    self._changed.set()
        except FabricError as error:
            was_connected = link in self.connected
            self.failed += not was_connected
            if was_connected or not (quiet or self._said.get(address) == error.reason):
                where = {"spooler": self.spooler, "address": address}
                log.warning("spooler is not connected", reason=error.reason, why=error.message, **where)
                self._said[address] = error.reason
        finally:
            self.connected.pop(link, None)
            self._changed.set()

    # --- more spoolers than addresses

    def _missing(self) -> bool:
        found = self.connected.values()
        return max((one.spoolers for one in found), default=0) > len({one.epoch for one in found})

    async def _find_others(self, tasks: Tasks) -> None:
        """Make one more connection, and again, while there are spoolers at which this host is not."""
        failures = 0
        while True:
            self._changed.clear()
            if not self._missing():
                failures = 0
                await self._changed.wait()
                continue
            failures += 1
            await asyncio.sleep(self._backoff.wait_s(failures))
            address = list(self._links)[failures % len(self._links)]
            before = len(self.connected)
            trying = tasks.spawn(f"another {address}", self._dial_another(address))
            while not trying.done() and len(self.connected) <= before:
                self._changed.clear()
                await self._changed.wait()

    async def _dial_another(self, address: str) -> None:
        channel = self._spare.pop() if self._spare else self._channels.movable(address)
        try:
            channel.move(address)  # a connection of its own: whoever hands them out chooses anew
            link = SpoolerLink(channel, self._itself, self._door, another=True)
            await self._dial(address, link, quiet=True)
        except CertificateError as error:
            log.warning("no other spooler is looked for", spooler=self.spooler, error=str(error))
        finally:
            self._spare.append(channel)
            self._changed.set()
