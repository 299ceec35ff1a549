"""Printers to those who watch, when their queue or their state has changed: soon, and not for every job.

A printer's state follows from its jobs, its ports and their hosts; whatever happens to one of these makes the printer
worth a look. That costs a job one look into a dictionary. The look itself comes at most once a second for a printer,
and there are no timers while nothing happens.
"""

from __future__ import annotations

import asyncio

from printfabric.spooler.v1 import printer_service_pb2 as pb
from spooler.api.look import Look
from spooler.book import Book
from spooler.hub import Change, Hub, Topic
from spooler.job import Job
from spooler.printer import Printer

SOON_S = 0.05  # after the first change: what comes together is told together
EVERY_S = 1.0


class PrinterNews:
    """Listens to a hub, and tells it of printers."""

    def __init__(self, hub: Hub, book: Book, look: Look) -> None:
        self._hub = hub
        self._book = book
        self._look = look
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._told_at: dict[str, float] = {}  # loop time
        self._told: dict[str, tuple[int, bytes]] = {}  # queue length and state, as last told
        hub.listener = self.changed

    @property
    def waiting(self) -> int:
        """How many printers are to be looked at."""
        return len(self._due)

    def changed(self, change: Change) -> None:
        """Something has happened: once for each change of each job, so as good as free."""
        topic, value = change.topic, change.value
        if topic is Topic.JOB:
            if isinstance(value, Job) and value.printer not in self._due:
                self._look_soon(value.printer)
        elif topic is Topic.PORT:
            assert isinstance(change.key, tuple)
            for name in self._book.users.get(change.key, ()):
                self._look_soon(name)
        elif topic is Topic.HOST:
            self._host_changed(str(change.key))
        elif value is None:
            self._forget(str(change.key))

    def close(self) -> None:
        """Tell no more."""
        self._hub.listener = None
        for timer in self._due.values():
            timer.cancel()
        self._due.clear()

    def _host_changed(self, host: str) -> None:
        key = host.casefold()
        for port in self._book.used.get(key, ()):
            for name in self._book.users[key, port]:
                self._look_soon(name)

    def _look_soon(self, name: str) -> None:
        if name in self._due:
            return
        loop = asyncio.get_running_loop()
        last = self._told_at.get(name)
        wait_s = SOON_S if last is None else max(SOON_S, last + EVERY_S - loop.time())
        self._due[name] = loop.call_later(wait_s, self._tell, name)

    def _tell(self, name: str) -> None:
        del self._due[name]
        queue = self._book.queues.get(name)
        if queue is None or not queue.printer.revision:
            return
        length, state = len(queue.jobs), b""
        if self._hub.watched:  # else the ring has it for those who come back; what it looks like is no matter
            told = self._told.get(name)
            if told is None or told[0] == length:
                state = self._state(queue.printer)
                if told == (length, state):
                    return
        self._told[name] = length, state
        self._told_at[name] = asyncio.get_running_loop().time()
        self._hub.printer(queue.printer)

    def _state(self, printer: Printer) -> bytes:
        view = self._look.printer_to_pb(printer)
        only = pb.Printer(state=view.state, state_reasons=view.state_reasons, win32_status=view.win32_status)
        return only.SerializeToString(deterministic=True)

    def _forget(self, name: str) -> None:
        self._told.pop(name, None)
        self._told_at.pop(name, None)
        timer = self._due.pop(name, None)
        if timer is not None:
            timer.cancel()
