"""Keeps one connection to each address of each spooler that this host is to dial."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from chassis import logs
from chassis.client import Channels
from chassis.errors import FabricError
from chassis.tasks import Backoff, Tasks
from portmon.dial_out.addresses import addresses_of
from portmon.dial_out.spooler_link import Itself, SpoolerLink
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
        self.connected: dict[str, str] = {}  # address -> the spooler there
        self._channels, self._itself, self._door = channels, itself, door
        self._resolve_s, most_s = settings.resolve_s, settings.most_wait_s
        self._backoff = Backoff(first_s=min(0.5, most_s), most_s=most_s, calm_s=10.0)
        self._links: dict[str, SpoolerLink] = {}  # that are wanted
        self._busy: set[str] = set()

    @property
    def tunnels(self) -> int:
        """How many of the spoolers' connections this host carries now."""
        return sum(link.tunnels for link in self._links.values())

    async def run(self, tasks: Tasks) -> None:
        """Dial every address, and those that the name has later."""
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
                error = await self._dial(address, link)
                calm = loop.time() - began >= self._backoff.calm_s
                failures = 1 if calm else failures + 1
                if self.connected.pop(address, None) is not None or failures == 1:
                    where = {"spooler": self.spooler, "address": address}
                    log.warning("spooler is not connected", reason=error.reason, why=error.message, **where)
                await asyncio.sleep(self._backoff.wait_s(failures))
            await self._channels.forget(address)
        finally:
            self._busy.discard(address)
            self.connected.pop(address, None)

    async def _dial(self, address: str, link: SpoolerLink) -> FabricError:
        """Be connected once; return why it ended."""
        try:
            async with Tasks(f"dialled {address}") as tasks, aclosing(link.serve(tasks)) as serving:  # type: ignore[type-var]
                async for spooler_id in serving:
                    self.dialled += 1
                    self.connected[address] = spooler_id
                    log.info("spooler dialled", spooler=self.spooler, address=address, id=spooler_id)
        except FabricError as error:
            self.failed += address not in self.connected
            return error
        raise AssertionError("a registration ends with an error")
