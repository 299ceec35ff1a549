"""What resources of a cluster declare, done by the same calls as everybody's: same checks, same owner, same history."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from chassis.call import Call, current_call, new_request_id
from chassis.errors import HostUnreachable, InvalidSettings, PortExists, PrinterDeleted, PrinterExists
from chassis.identity import Identity, Kind, Role, included
from printfabric.spooler.v1 import port_service_pb2 as port_pb
from printfabric.spooler.v1 import printer_service_pb2 as pb
from spooler.api.convert_port import wire_of
from spooler.api.convert_printer import settings_from_pb
from spooler.api.inside import HostList
from spooler.api.names import port_name
from spooler.book import Book
from spooler.managed import ManagedPorts, check_printer
from spooler.port_info import PortInfo
from spooler.printer import PortName, Printer
from spooler.resources.declares import DeclaredPort
from spooler.resources.resource import Kind as ResourceKind

_WHY = "declared by its resource"


class Declared:
    """See `resources.declares.Declares`. `printers` and `ports` are the servicers, or the way to those of the owner."""

    def __init__(
        self, printers: Any, ports: Any, managed_ports: ManagedPorts, hosts: HostList, book: Book
    ) -> None:
        self._printers = printers
        self._ports = ports
        self._hosts = hosts
        self._book = book
        self._managed_ports = managed_ports
        # What a port was last made, by the revision it had then: its host is not asked about what has not changed.
        self._done: dict[tuple[str, str], tuple[DeclaredPort, str]] = {}

    # --- printers

    async def put_printer(self, manager: str, name: str, settings: Mapping[str, Any], *, adopt: bool) -> None:
        """See `Declares.put_printer`."""
        with _acting(manager) as me:
            message = _printer_message(settings)
            message.name, message.managed_by = f"printers/{name}", me
            present = self._printer(name)
            if present is None:
                request = pb.CreatePrinterRequest(printer_id=name, printer=message, allow_unknown_ports=True)
                await self._printers.CreatePrinter(request, None)
            elif present.pending_deletion:
                raise PrinterDeleted(f"printer {name} is being deleted", printer=name)
            else:
                _check_taken(present, me, adopt)
                if present.managed_by != me or settings_from_pb(message, present) != present:
                    await self._printers.UpdatePrinter(
                        pb.UpdatePrinterRequest(printer=message, allow_unknown_ports=True, reason=_WHY), None
                    )

    async def delete_printer(self, manager: str, name: str, *, cancel_jobs: bool) -> bool:
        """See `Declares.delete_printer`."""
        with _acting(manager) as me:
            present = self._printer(name)
            if present is None or present.managed_by != me:
                return True
            if present.pending_deletion and not (cancel_jobs and self._book.queues[name].jobs):
                return False
            request = pb.DeletePrinterRequest(name=f"printers/{name}", cancel_jobs=cancel_jobs, reason=_WHY)
            answer = await self._printers.DeletePrinter(request, None)
            return not answer.pending

    async def release_printers(self, manager: str) -> None:
        """See `Declares.release_printers`."""
        with _acting(manager) as me:
            mine = [
                queue.printer.name for queue in self._book.queues.values() if queue.printer.managed_by == me
            ]
            for name in mine:
                present = await self._printers.GetPrinter(pb.GetPrinterRequest(name=f"printers/{name}"), None)
                present.printer.managed_by = ""
                await self._printers.UpdatePrinter(
                    pb.UpdatePrinterRequest(printer=present.printer, allow_unknown_ports=True), None
                )

    def _printer(self, name: str) -> Printer | None:
        queue = self._book.queues.get(name)
        return queue.printer if queue is not None else None

    # --- ports

    async def put_port(self, manager: str, port: DeclaredPort) -> None:
        """See `Declares.put_port`."""
        with _acting(manager) as me:
            present = self._hosts.port(port.name)
            if present is None:
                await self._add(me, port)
                return
            if self._done.get(port.name.key) == (port, wire_of(present).settings_revision):
                return
            if not port.adopt and not await self._managed_ports.manager(port.name):
                raise PortExists(
                    f"there is a port {port.name} already; adoptExisting takes it", port=port.name
                )
            if present.monitor != port.monitor:
                raise PortExists(
                    f"port {port.name} is a {present.monitor}'s", port=port.name, monitor=present.monitor
                )
            await self._managed_ports.claim(port.name, me)
            request = port_pb.ConfigurePortRequest(name=port_name(port.name), settings=_settings(port))
            answer = await self._ports.ConfigurePort(request, None)
            self._done[port.name.key] = (port, answer.port.settings_revision)

    async def _add(self, me: str, port: DeclaredPort) -> None:
        """Add a port, as this resource's from before it is there."""
        await self._managed_ports.claim(port.name, me)
        request = port_pb.AddPortRequest(
            parent=f"hosts/{port.name.host}",
            port_id=port.name.port,
            monitor=port.monitor,
            settings=_settings(port),
        )
        try:
            await self._ports.AddPort(request, None)
        except PortExists:  # its host had not told of it
            await self._managed_ports.release(port.name)
            raise

    async def delete_port(self, manager: str, port: PortName) -> None:
        """See `Declares.delete_port`."""
        with _acting(manager) as me:
            if await self._managed_ports.manager(port) != me:
                return
            if self._told(port) is not None:
                await self._ports.DeletePort(port_pb.DeletePortRequest(name=port_name(port)), None)
            self._done.pop(port.key, None)
            await self._managed_ports.release(port)

    def _told(self, port: PortName) -> PortInfo | None:
        host = self._hosts.get(port.host)
        if host is None or host.state != "online":
            raise HostUnreachable(
                f"host {port.host} does not answer: whether it has the port is not known", host=port.host
            )
        return self._hosts.port(port)

    async def release_ports(self, manager: str) -> None:
        """See `Declares.release_ports`."""
        with _acting(manager) as me:
            for port in await self._managed_ports.ports_of(me):
                self._done.pop(port.key, None)
                await self._managed_ports.release(port)

    async def managers(self, kind: ResourceKind, namespace: str) -> set[str]:
        """See `Declares.managers`."""
        if kind is ResourceKind.PORT:
            found = await self._managed_ports.managers()
        else:
            found = {queue.printer.managed_by for queue in self._book.queues.values()}
        prefix = f"{Kind.RESOURCE}:"
        names = {one.removeprefix(prefix) for one in found if one.startswith(prefix)}
        return {name for name in names if name.partition("/")[0] == namespace}


@contextmanager
def _acting(manager: str) -> Iterator[str]:
    """Call as a resource; gives its name as the record has it."""
    identity = Identity(Kind.RESOURCE, manager, roles=included(Role.ADMINISTRATOR))
    token = current_call.set(Call("resources", new_request_id(), "the cluster", identity))
    try:
        yield str(identity)
    finally:
        current_call.reset(token)


def _check_taken(printer: Printer, me: str, adopt: bool) -> None:
    """Raise unless a printer that is there is this resource's, or may become it."""
    check_printer(printer, me)
    if not printer.managed_by and not adopt:
        raise PrinterExists(
            f"there is a printer {printer.name} already; adoptExisting takes it", printer=printer.name
        )


def _printer_message(settings: Mapping[str, Any]) -> pb.Printer:
    try:
        return ParseDict(dict(settings), pb.Printer())
    except ParseError as error:
        raise InvalidSettings(f"the spec is none of a printer: {error}") from None


def _settings(port: DeclaredPort) -> bytes:
    return json.dumps(port.settings).encode()
