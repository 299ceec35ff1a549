"""A host that dials in itself: nobody can try to reach it, it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc.aio

from chassis.errors import HostUnreachable
from spooler.introduction import FabricTime
from spooler.port_info import PortsChanged
from spooler.remote_port import RemoteHost


class DialledHost(RemoteHost):
    """The port-monitor service of a host behind its own connection."""

    def __init__(
        self,
        name: str,
        where: str,
        channel: grpc.aio.Channel,
        owner: tuple[str, str],
        lease_s: float,
        fabric_time: FabricTime,
    ) -> None:
        super().__init__(name, where, channel, owner, lease_s, fabric_time)
        self._here = asyncio.Event()

    def arrived(self, where: str) -> None:
        """It has dialled in, and its channel leads through that connection."""
        self.address = where
        self._here.set()

    def left(self) -> None:
        """Its connection has ended."""
        self._here.clear()

    async def there(self) -> None:
        """See `RemoteHost.there`."""
        await self._here.wait()

    async def watch(self) -> AsyncIterator[PortsChanged]:
        """See `RemoteHost.watch`."""
        try:
            async with aclosing(super().watch()) as news:  # type: ignore[type-var]
                async for one in news:
                    yield one
        except HostUnreachable as error:
            text = f"the connection that host {self.name} has dialled broke; it dials in again by itself"
            raise HostUnreachable(text, host=self.name) from error
