"""Printer resources: what each declares, whether it is there, whether it could print now."""

from __future__ import annotations

from collections.abc import Collection

from spooler.book import Book, Queue
from spooler.printer import PortName
from spooler.resources.conditions import ACCEPTED, REACHABLE, READY, Condition
from spooler.resources.declares import Declares, KnownHosts
from spooler.resources.ports import UNWELL
from spooler.resources.printer_spec import settings_of
from spooler.resources.resource import Resource, entries, required
from spooler.resources.subject import Subject, about_host, about_port, about_printer

_NAMED = 3  # ports in a sentence


class PrinterResources:
    """The part of the work that is about printers; see `keeper.Kept`."""

    def __init__(self, declares: Declares, book: Book, hosts: KnownHosts) -> None:
        self._declares = declares
        self._book = book
        self._hosts = hosts

    def subjects(self, resource: Resource) -> Collection[Subject]:
        """See `Kept.subjects`."""
        ports = _ports(resource)
        found = {about_printer(_name(resource))}
        return found | {about_port(port) for port in ports} | {about_host(port.host) for port in ports}

    async def declare(self, resource: Resource) -> Condition:
        """See `Kept.declare`."""
        await self._declares.put_printer(
            resource.manager,
            _name(resource),
            settings_of(resource.spec),
            adopt=bool(resource.spec.get("adoptExisting")),
        )
        return Condition(ACCEPTED, True, "Accepted", f"printer {_name(resource)} is as declared")

    async def undeclare(self, resource: Resource) -> Condition | None:
        """See `Kept.undeclare`."""
        policy = resource.spec.get("deletionPolicy", "Drain")
        if policy == "Keep":
            await self._declares.release_printers(resource.manager)
            return None
        name = _name(resource)
        if await self._declares.delete_printer(resource.manager, name, cancel_jobs=policy == "Purge"):
            return None
        queue = self._book.queues.get(name)
        count = len(queue.jobs) if queue is not None else 0
        return Condition(
            ACCEPTED, False, "Draining", f"waits for {count} unfinished job{'' if count == 1 else 's'}"
        )

    async def release(self, manager: str) -> None:
        """See `Kept.release`."""
        await self._declares.release_printers(manager)

    def conditions(self, resource: Resource, accepted: Condition) -> list[Condition]:
        """See `Kept.conditions`."""
        reachable = self._reachable(_ports(resource))
        queue = self._book.queues.get(_name(resource))
        return [accepted, reachable, _ready(accepted, reachable, queue)]

    def _reachable(self, ports: Collection[PortName]) -> Condition:
        if not ports:
            return Condition(REACHABLE, False, "NoPorts", "no port is named")
        problems = [problem for port in ports if (problem := self._problem(port))]
        if len(problems) < len(ports):
            return Condition(REACHABLE, True, "PortReady", "; ".join(problems[:_NAMED]))
        return Condition(REACHABLE, False, "NoPortReady", "; ".join(problems[:_NAMED]))

    def _problem(self, port: PortName) -> str:
        """Return why a port could not print now; "" when it could."""
        host, told = self._hosts.get(port.host), self._hosts.port(port)
        if host is None:
            return f"there is no host {port.host}"
        if host.state != "online":
            return f"host {port.host} does not answer"
        if told is None:
            return f"there is no port {port}"
        return f"port {port} is {told.state}" if told.state in UNWELL else ""


def _ready(accepted: Condition, reachable: Condition, queue: Queue | None) -> Condition:
    """Return the summary: it takes jobs, and they could be printed now."""
    for one in (accepted, reachable):
        if not one.met:
            return one._replace(type=READY)
    if queue is not None and queue.printer.paused is not None:
        return Condition(READY, False, "Paused", str(queue.printer.paused))
    if queue is not None and not queue.printer.accepting:
        return Condition(READY, False, "NotAccepting", "takes no jobs, as declared")
    return Condition(READY, True, "Ready")


def _name(resource: Resource) -> str:
    return str(resource.spec.get("printerName") or resource.key.name)


def _ports(resource: Resource) -> list[PortName]:
    return [
        PortName(required(one, "host", "spec.ports"), required(one, "port", "spec.ports"))
        for one in entries(resource.spec, "ports")
    ]
