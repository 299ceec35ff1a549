"""What people do to printers and ports: add, change, delete, pause, resume, purge. Durable on return, audited.

The line of history is in the commit of what it tells of. What a host does is no commit of ours: its line is begun before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from chassis.errors import DeadlineExceeded, FabricError, HostUnreachable, PrinterNotFound, WrongState
from spooler.acts import because, shown, to_its_end
from spooler.dispatcher import Dispatcher
from spooler.job import HistoryEvent
from spooler.managed import check_printer
from spooler.printer import Paused, PortName, Printer, check_name
from spooler.purging import Purging
from spooler.steering import Steering
from spooler.store import Changes, PrinterLine

ASKED = "asked-of-host"  # the kind of a line whose act a host has not answered for


class AtHost:
    """Something that is being done at a host. `line`: what its history will say; None: nothing was changed."""

    def __init__(self, line: HistoryEvent) -> None:
        self.line: HistoryEvent | None = line


class PrinterSteering:
    """The acts on printers. `who` is the caller as authenticated."""

    def __init__(self, dispatcher: Dispatcher, jobs: Steering) -> None:
        self._dispatcher = dispatcher
        self._book = dispatcher.book
        self._store = dispatcher.store
        self._jobs = jobs
        self._purging = Purging(dispatcher)
        # Each guards a printer between being read here and being known as written.
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        dispatcher.on_empty = lambda name: dispatcher.tasks.spawn(
            f"delete {name}", self._finish_deletion(name)
        )

    @to_its_end
    async def create_printer(self, printer: Printer, who: str, request_id: str = "") -> Printer:
        """Add a printer (AddPrinter). Raises PrinterExists, RequestIdReused, InvalidArgument."""
        check_name(printer.name)
        created = await self._store.create_printer(
            printer, owner=who, request_id=request_id, line=_line(printer.name, "printer-added", who)
        )
        return self._known(created)

    @to_its_end
    async def update_printer(self, printer: Printer, who: str, etag: str = "", reason: str = "") -> Printer:
        """Replace a printer's settings. Raises PrinterNotFound, EtagMismatch, ManagedElsewhere."""
        async with self._turn(printer.name):
            queue = self._book.queues.get(printer.name)
            if queue is not None:
                check_printer(queue.printer, who)

            def line(before: Printer | None, after: Printer | None) -> HistoryEvent:
                detail = because(_differences(before, after), reason)
                return HistoryEvent("printer-changed", who, detail, printer=printer.name)

            return self._known(await self._store.update_printer(printer, etag=etag, line=line))

    @to_its_end
    async def delete_printer(
        self, name: str, who: str, etag: str = "", cancel_jobs: bool = False, reason: str = ""
    ) -> Printer | None:
        """Delete a printer; return it when it stays until its jobs are done, None when it is gone.

        Raises:
            ManagedElsewhere, WrongState, EtagMismatch: nothing was done.
        """
        queue = self._book.queue(name)
        check_printer(queue.printer, who)
        if queue.printer.paused is not None and queue.jobs and not cancel_jobs:
            raise WrongState(f"printer {name} is paused and has jobs: resume or purge it first", printer=name)
        if cancel_jobs:
            await self.purge_printer(name, who, include_current=True, reason=reason)
        pending = await self._store.delete_printer(name, etag=etag, line=_deleted(name, who, reason))
        if pending is None:
            self._gone(name)
            return None
        return self._known(pending)

    @to_its_end
    async def pause_printer(self, name: str, who: str, reason: str = "") -> Printer:
        """Stop scheduling: the present job goes on, jobs are still accepted."""
        paused = await self._set_paused(name, Paused(who, datetime.now(UTC), reason), "paused", who, reason)
        await self._jobs.having_back.jobs(list(self._book.queue(name).at_port), f"printer {name} was paused")
        return paused

    @to_its_end
    async def resume_printer(self, name: str, who: str, reason: str = "") -> Printer:
        """Schedule again, and try ports that wait for another try at once."""
        resumed = await self._set_paused(name, None, "resumed", who, reason)
        for port in resumed.ports:
            lane = self._dispatcher.lanes.get(port.key)
            if lane is not None:
                lane.clear()
        return resumed

    @to_its_end
    async def purge_printer(
        self, name: str, who: str, include_current: bool = False, reason: str = ""
    ) -> int:
        """Cancel a printer's jobs, the one that prints only on demand; return how many."""
        queue, why = self._book.queue(name), because("purge", reason)
        at_port = queue.at_port
        waiting = [number for number in queue.jobs if number not in at_port]
        others = sorted(at_port) if include_current else []

        def line(ended: int) -> HistoryEvent:
            words = f"{ended} job{'' if ended == 1 else 's'} cancelled"
            if others:
                words += f", {len(others)} that print{'s' if len(others) == 1 else ''} told to stop"
            return HistoryEvent("purged", who, because(words, reason), printer=name)

        ended = await self._purging.cancel_all(name, waiting, who, why, line)
        for number in others:
            await self._jobs.cancel(number, who, why)
        return ended + len(others)

    @to_its_end
    async def pause_port(self, port: PortName, who: str, reason: str = "") -> None:
        """Send no more jobs to a port until it is resumed, whatever restarts meanwhile."""
        before = self._dispatcher.paused_ports.get(port.key)
        paused = Paused(who, datetime.now(UTC), reason)
        self._dispatcher.paused_ports[port.key] = paused
        event = HistoryEvent("paused", who, reason, port=port)
        try:
            await self._store.record(Changes(pauses=[(port, paused)], history=[event]))
        except FabricError:
            self._dispatcher.paused_ports.pop(port.key, None)
            if before is not None:
                self._dispatcher.paused_ports[port.key] = before
            self._dispatcher.lane_changed(port)
            raise
        if (lane := self._dispatcher.lanes.get(port.key)) is not None:
            numbers = [flight.number for flight in lane.flights.values()]
            await self._jobs.having_back.jobs(numbers, f"port {port} was paused")

    @to_its_end
    async def resume_port(self, port: PortName, who: str, reason: str = "") -> None:
        """Send jobs to it again: it is no longer paused, or somebody has looked at what it waited for."""
        lane = self._dispatcher.lanes.get(port.key)
        waited = lane.error.message if lane is not None and lane.failed and lane.error is not None else ""
        pauses = [(port, None)] if port.key in self._dispatcher.paused_ports else []
        event = HistoryEvent("resumed", who, because(waited, reason), port=port)
        await self._store.record(Changes(pauses=pauses, history=[event]))
        self._dispatcher.paused_ports.pop(port.key, None)
        if lane is not None:
            lane.looked_at()
        self._dispatcher.lane_changed(port)

    async def note_port(self, port: PortName | None, who: str, what: str, detail: str = "") -> None:
        """Write down what somebody did with a port, or with something else that `detail` names; durable on return."""
        await self._store.record(Changes(history=[HistoryEvent(what, who, detail, port=port)]))

    @asynccontextmanager
    async def at_host(
        self, port: PortName | None, who: str, what: str, detail: str = ""
    ) -> AsyncIterator[AtHost]:
        """Have something done at a host inside this context: its line is durable before, and says afterwards what was done.

        Refused by the host, there is none. If nobody hears of it any more, here or there, it says that.
        """
        event = HistoryEvent(what, who, detail, port=port)
        asked = because(f"{what} {detail}".rstrip(), "whether it was done is not known")
        number = await self._store.begin_line(event._replace(what=ASKED, detail=asked))
        act = AtHost(event)
        try:
            yield act
        except (HostUnreachable, DeadlineExceeded):
            raise  # it may have been done
        except FabricError:
            with suppress(FabricError):  # then the line says that nobody knows
                await self._store.end_line(number, None)
            raise
        await self._store.end_line(number, act.line)

    # --- how

    def _turn(self, name: str) -> asyncio.Lock:
        return self._changing.setdefault(name, asyncio.Lock())

    async def _set_paused(
        self, name: str, paused: Paused | None, what: str, who: str, detail: str = ""
    ) -> Printer:
        async with self._turn(name):
            printer = replace(self._book.queue(name).printer, paused=paused)
            line = _line(name, what, who, detail)
            return self._known(await self._store.update_printer(printer, line=line))

    def _known(self, printer: Printer) -> Printer:
        """Act upon a printer as it is now stored."""
        self._book.put_printer(printer)
        self._dispatcher.printers_changed()
        self._dispatcher.hub.printer(printer)
        self._dispatcher.kick(printer.name)
        return printer

    def _gone(self, name: str) -> None:
        self._book.drop_printer(name)
        self._dispatcher.printers_changed()
        self._dispatcher.hub.deleted(f"printers/{name}")

    async def _finish_deletion(self, name: str) -> None:
        """The last job of a printer that is pending deletion has ended."""
        queue = self._book.queues.get(name)
        if queue is None or queue.jobs or not queue.printer.pending_deletion:
            return
        try:
            if await self._store.delete_printer(name, line=_deleted(name, "spooler")) is None:
                self._gone(name)
        except PrinterNotFound:
            self._gone(name)
        except FabricError:
            pass  # the next job that ends, or the next start, tries again


def _line(name: str, what: str, who: str, detail: str = "") -> PrinterLine:
    return lambda _before, _after: HistoryEvent(what, who, detail, printer=name)


def _deleted(name: str, who: str, reason: str = "") -> PrinterLine:
    """Return the line of a deletion: done, or begun while jobs are left."""
    return lambda _before, after: HistoryEvent(
        "printer-deleted" if after is None else "printer-deleting", who, reason, printer=name
    )


def _differences(before: Printer | None, after: Printer | None) -> str:
    """Return what was changed about a printer, in words for its history."""
    names = [field.name for field in fields(Printer) if field.name not in ("revision", "created_at")]
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return ", ".join(
        f"{name}: {shown(getattr(before, name))} -> {shown(getattr(after, name))}" for name in changed
    )
