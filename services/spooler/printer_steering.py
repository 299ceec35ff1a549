"""What people do to printers and ports: add, change, delete, pause, resume, purge. Durable on return, audited."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from chassis.errors import FabricError, PrinterNotFound, WrongState
from spooler.acts import because, shown, to_its_end
from spooler.dispatcher import Dispatcher
from spooler.job import HistoryEvent
from spooler.job_state import JobState
from spooler.managed import check_printer
from spooler.printer import Paused, PortName, Printer, check_name
from spooler.steering import Steering
from spooler.store import Changes

_WAITS = (JobState.PENDING, JobState.PENDING_HELD)


class PrinterSteering:
    """The acts on printers. `who` is the caller as authenticated."""

    def __init__(self, dispatcher: Dispatcher, jobs: Steering) -> None:
        self._dispatcher = dispatcher
        self._book = dispatcher.book
        self._store = dispatcher.store
        self._jobs = jobs
        # Each guards a printer between being read here and being known as written.
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        dispatcher.on_empty = lambda name: dispatcher.tasks.spawn(
            f"delete {name}", self._finish_deletion(name)
        )

    @to_its_end
    async def create_printer(self, printer: Printer, who: str, request_id: str = "") -> Printer:
        """Add a printer (AddPrinter). Raises PrinterExists, RequestIdReused, InvalidArgument."""
        check_name(printer.name)
        created = await self._store.create_printer(printer, owner=who, request_id=request_id)
        await self._note(created, "printer-added", who)
        return created

    @to_its_end
    async def update_printer(self, printer: Printer, who: str, etag: str = "", reason: str = "") -> Printer:
        """Replace a printer's settings. Raises PrinterNotFound, EtagMismatch, ManagedElsewhere."""
        async with self._turn(printer.name):
            queue = self._book.queues.get(printer.name)
            if queue is not None:
                check_printer(queue.printer, who)
            updated = await self._store.update_printer(printer, etag=etag)
            detail = _differences(queue.printer, updated) if queue is not None else ""
            await self._note(updated, "printer-changed", who, because(detail, reason))
            return updated

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
        pending = await self._store.delete_printer(name, etag=etag)
        if pending is None:
            await self._gone(name, who, reason)
        else:
            await self._note(pending, "printer-deleting", who, reason)
        return pending

    @to_its_end
    async def pause_printer(self, name: str, who: str, reason: str = "") -> Printer:
        """Stop scheduling: the present job goes on, jobs are still accepted."""
        return await self._set_paused(name, Paused(who, datetime.now(UTC), reason), "paused", who, reason)

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
        numbers = list(self._book.queue(name).jobs)
        jobs = [self._book.jobs[number] for number in numbers]
        why = because("purge", reason)
        count = await self._jobs.cancel_all([job for job in jobs if job.state in _WAITS], who, why)
        if include_current:
            for job in jobs:
                if job.state not in _WAITS:
                    await self._jobs.cancel(job.number, who, why)
                    count += 1
        words = f"{count} job{'' if count == 1 else 's'} cancelled"
        await self._write_down(HistoryEvent("purged", who, because(words, reason), printer=name))
        return count

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

    # --- how

    def _turn(self, name: str) -> asyncio.Lock:
        return self._changing.setdefault(name, asyncio.Lock())

    async def _set_paused(
        self, name: str, paused: Paused | None, what: str, who: str, detail: str = ""
    ) -> Printer:
        async with self._turn(name):
            printer = replace(self._book.queue(name).printer, paused=paused)
            updated = await self._store.update_printer(printer)
            await self._note(updated, what, who, detail)
            return updated

    async def _note(self, printer: Printer, what: str, who: str, detail: str = "") -> None:
        self._book.put_printer(printer)
        self._dispatcher.printers_changed()
        self._dispatcher.hub.printer(printer)
        self._dispatcher.kick(printer.name)
        await self._write_down(HistoryEvent(what, who, detail, printer=printer.name))

    async def _gone(self, name: str, who: str, reason: str = "") -> None:
        self._book.drop_printer(name)
        self._dispatcher.printers_changed()
        self._dispatcher.hub.deleted(f"printers/{name}")
        await self._write_down(HistoryEvent("printer-deleted", who, reason, printer=name))

    async def _write_down(self, event: HistoryEvent) -> None:
        """Make a line of what was done durable; what was done stays done, so a full disk only delays the line."""
        try:
            await self._store.record(Changes(history=[event]))
        except FabricError:
            self._store.record_soon(Changes(history=[event]))

    async def _finish_deletion(self, name: str) -> None:
        """The last job of a printer that is pending deletion has ended."""
        queue = self._book.queues.get(name)
        if queue is None or queue.jobs or not queue.printer.pending_deletion:
            return
        try:
            if await self._store.delete_printer(name) is None:
                await self._gone(name, "spooler")
        except PrinterNotFound:
            await self._gone(name, "spooler")
        except FabricError:
            pass  # the next job that ends, or the next start, tries again


def _differences(before: Printer, after: Printer) -> str:
    """Return what was changed about a printer, in words for its history."""
    names = [field.name for field in fields(Printer) if field.name not in ("revision", "created_at")]
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return ", ".join(
        f"{name}: {shown(getattr(before, name))} -> {shown(getattr(after, name))}" for name in changed
    )
