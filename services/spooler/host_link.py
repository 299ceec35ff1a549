"""The way to a host by its name, for who sends documents: they care neither whether it is known yet nor where it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from chassis.errors import HostUnreachable
from spooler.port import DocumentKey, OpenPort, Progress, StagedDocument, StagedPart
from spooler.printer import STRAIGHT, Way
from spooler.remote_port import RemoteHost


class HostLink:
    """The `PortHost` of a host by name, whoever it is at the moment."""

    def __init__(self, name: str, links: Mapping[str, RemoteHost]) -> None:
        self.name = name
        self._links = links

    def _link(self) -> RemoteHost:
        link = self._links.get(self.name.casefold())
        if link is None:
            raise HostUnreachable(f"host {self.name} is not among the hosts of the fabric", host=self.name)
        return link

    async def open_port(self, port: str, fence: int, printer: str, way: Way = STRAIGHT) -> OpenPort:
        """See `PortHost.open_port`. Raises HostUnreachable, and what the host says."""
        return await self._link().open_port(port, fence, printer, way)

    async def query(self, port: str, keys: Sequence[DocumentKey]) -> Sequence[Progress]:
        """See `PortHost.query`. Raises HostUnreachable, and what the host says."""
        return await self._link().query(port, keys)

    async def settle(self, port: str, keys: Sequence[DocumentKey]) -> None:
        """See `PortHost.settle`. Raises HostUnreachable, and what the host says."""
        await self._link().settle(port, keys)

    @property
    def near(self) -> bool:
        """See `PortHost.near`. While nobody knows the host it is not."""
        link = self._links.get(self.name.casefold())
        return link is not None and link.near

    async def stage(
        self, port: str, document: StagedDocument, parts: AsyncIterator[StagedPart]
    ) -> tuple[int, bool]:
        """See `PortHost.stage`. Raises HostUnreachable, and what the host says."""
        return await self._link().stage(port, document, parts)
