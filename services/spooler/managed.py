"""Printers and ports that a resource of a cluster declares: others are refused, and told where to change them."""

from __future__ import annotations

import json
from contextlib import suppress

from chassis.errors import EtagMismatch
from chassis.failure import FabricError
from spooler.job import HistoryEvent
from spooler.printer import PortName, Printer
from spooler.store import Notes

_NOTE = "managed ports"  # {"edge-7/com1:": "kubernetes:print/till-3"}


class ManagedElsewhere(FabricError):
    """A resource declares it, and would put it back: change it there; `manager` says where."""

    reason, win32, code = "MANAGED_ELSEWHERE", 5, "FAILED_PRECONDITION"


def check_printer(printer: Printer, who: str) -> None:
    """Raise ManagedElsewhere if a resource declares a printer, and `who` is not that resource."""
    if printer.managed_by and printer.managed_by != who:
        raise _elsewhere(f"printer {printer.name}", printer.managed_by, "Printer")


class ManagedPorts:
    """Which ports are declared, and by whom. Kept in the store, for any spooler on it may be asked to change one."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._last_read: dict[str, str] = {}

    def last_known(self, port: PortName) -> str:
        """Return what declared a port when that was last looked up here; "": nothing did."""
        return self._last_read.get(_key(port), "")

    async def look_up(self) -> None:
        """Bring `last_known` up to date: another spooler may have written it."""
        await self._all()

    async def manager(self, port: PortName) -> str:
        """Return what declares a port; "": nothing does."""
        return (await self._all())[1].get(_key(port), "")

    async def check(self, port: PortName, who: str) -> None:
        """Raise ManagedElsewhere if a resource declares a port, and `who` is not that resource."""
        manager = await self.manager(port)
        if manager and manager != who:
            raise _elsewhere(f"port {port}", manager, "PrinterPort")

    async def claim(self, port: PortName, manager: str) -> None:
        """Note that a port is declared from now on. Raises ManagedElsewhere: something else declares it."""
        await self.check(port, manager)
        await self._put(port, manager, HistoryEvent("port-declared", manager, port=port))

    async def release(self, port: PortName) -> None:
        """Note that a port is everybody's."""
        line = HistoryEvent("port-released", await self.manager(port), port=port)
        await self._put(port, "", line)

    async def ports_of(self, manager: str) -> list[PortName]:
        """Return what something declares; names in lower case."""
        return [PortName.parse(key) for key, whose in (await self._all())[1].items() if whose == manager]

    async def managers(self) -> set[str]:
        """Return all that declare a port."""
        return set((await self._all())[1].values())

    async def _put(self, port: PortName, manager: str, line: HistoryEvent) -> None:
        written = False
        while not written:
            text, managers = await self._all()
            changed = {key: one for key, one in managers.items() if key != _key(port)}
            if manager:
                changed[_key(port)] = manager
            with suppress(EtagMismatch):  # another spooler wrote it meanwhile
                if changed != managers:
                    await self._notes.put_note(_NOTE, json.dumps(changed, sort_keys=True), text, [line])
                self._last_read, written = changed, True

    async def _all(self) -> tuple[str | None, dict[str, str]]:
        text = await self._notes.get_note(_NOTE)
        self._last_read = json.loads(text) if text else {}
        return text, self._last_read


def _key(port: PortName) -> str:
    return "/".join(port.key)


def _elsewhere(what: str, manager: str, kind: str) -> ManagedElsewhere:
    resource = manager.partition(":")[2]
    return ManagedElsewhere(
        f"{what} is declared by the {kind} {resource} of the cluster: change it there",
        manager=manager,
        kind=kind,
    )
