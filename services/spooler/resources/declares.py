"""What resources ask of the rooms around them. Interfaces belong to their consumer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from spooler.hosts import HostInfo
from spooler.port_info import PortInfo
from spooler.printer import PortName
from spooler.resources.resource import Kind


class DeclaredPort(NamedTuple):
    """A port as a resource declares it; `settings` are its monitor's."""

    name: PortName
    monitor: str
    settings: Mapping[str, Any]
    adopt: bool = False  # one that is there already is taken


class KnownHosts(Protocol):
    """The hosts and their ports, as they tell of themselves."""

    def get(self, name: str) -> HostInfo | None:
        """Return a host."""

    def port(self, name: PortName) -> PortInfo | None:
        """Return a port."""


class Declares(Protocol):
    """The API's own calls, made for a resource (`spooler.api.declared.Declared`). `manager`: `print/labels`.

    They raise FabricErrors, ManagedElsewhere for what another resource declares.
    """

    async def put_printer(self, manager: str, name: str, settings: Mapping[str, Any], *, adopt: bool) -> None:
        """Make a printer what its resource says, `settings` in the names and values of the contract's JSON."""

    async def delete_printer(self, manager: str, name: str, *, cancel_jobs: bool) -> bool:
        """Delete what a resource declared; True when it is gone, False while its jobs have not ended."""

    async def release_printers(self, manager: str) -> None:
        """Leave what a resource declared to everybody."""

    async def put_port(self, manager: str, port: DeclaredPort) -> None:
        """Make a port what its resource says; settings that it does not name stay."""

    async def delete_port(self, manager: str, port: PortName) -> None:
        """Delete what a resource declared. Raises PortInUse while a printer or a job uses it."""

    async def release_ports(self, manager: str) -> None:
        """Leave what a resource declared to everybody."""

    async def managers(self, kind: Kind, namespace: str) -> set[str]:
        """Return the resources of a kind and namespace that have declared anything."""
