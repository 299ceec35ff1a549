"""PrinterPort resources: what each declares, whether its host has it so, whether it works."""

from __future__ import annotations

from collections.abc import Collection

from spooler.printer import PortName
from spooler.resources.conditions import ACCEPTED, REACHABLE, READY, Condition
from spooler.resources.declares import DeclaredPort, Declares, KnownHosts
from spooler.resources.resource import Resource
from spooler.resources.subject import Subject, about_host, about_port

UNWELL = frozenset({"unknown", "offline", "error", "attention"})  # states of a port that does not print


class PortResources:
    """The part of the work that is about ports; see `keeper.Kept`."""

    def __init__(self, declares: Declares, hosts: KnownHosts) -> None:
        self._declares = declares
        self._hosts = hosts

    def subjects(self, resource: Resource) -> Collection[Subject]:
        """See `Kept.subjects`."""
        port = _port(resource)
        return {about_port(port), about_host(port.host)}

    async def declare(self, resource: Resource) -> Condition:
        """See `Kept.declare`."""
        port = _port(resource)
        if not self._answers(port):
            return Condition(ACCEPTED, None, "HostUnreachable", f"host {port.host} does not answer yet")
        adopt = bool(resource.spec.get("adoptExisting"))
        settings = resource.spec.get("settings") or {}
        declared = DeclaredPort(port, resource.said("monitor"), settings, adopt)
        await self._declares.put_port(resource.manager, declared)
        return Condition(ACCEPTED, True, "Accepted", f"port {port} is as declared")

    async def undeclare(self, resource: Resource) -> Condition | None:
        """See `Kept.undeclare`."""
        if resource.spec.get("deletionPolicy", "Delete") == "Keep":
            await self._declares.release_ports(resource.manager)
        else:
            await self._declares.delete_port(resource.manager, _port(resource))
        return None

    async def release(self, manager: str) -> None:
        """See `Kept.release`."""
        await self._declares.release_ports(manager)

    def conditions(self, resource: Resource, accepted: Condition) -> list[Condition]:
        """See `Kept.conditions`."""
        port = _port(resource)
        if self._answers(port):
            reachable = Condition(REACHABLE, True, "HostAnswers")
        else:
            reachable = Condition(REACHABLE, False, "HostUnreachable", f"host {port.host} does not answer")
        return [accepted, reachable, self._ready(port, accepted, reachable)]

    def _ready(self, port: PortName, accepted: Condition, reachable: Condition) -> Condition:
        for one in (reachable, accepted):
            if not one.met:
                return one._replace(type=READY)
        told = self._hosts.port(port)
        if told is None:
            return Condition(
                READY, None, "NotToldYet", f"host {port.host} has not told of port {port.port} yet"
            )
        if told.state in UNWELL:
            return Condition(READY, False, told.state.capitalize(), f"port {port} is {told.state}")
        return Condition(READY, True, "Ready")

    def _answers(self, port: PortName) -> bool:
        host = self._hosts.get(port.host)
        return host is not None and host.state == "online"


def _port(resource: Resource) -> PortName:
    return PortName(resource.said("host"), resource.said("port"))
