"""Changes to those who watch: one ring of what happened, and watchers that read it at their own pace.

Publishing costs a slot in the ring and, per watcher, one event; nothing is copied and nobody is waited for. A watcher
that reads late gets each thing once, as it is now; one that reads so late that the ring has come round is told so
(a gap) and begins again with a snapshot. After Windows' FindNextPrinterChangeNotification with its DISCARDED flag.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from chassis.errors import CallCanceled
from spooler.job import Job
from spooler.printer import PortName, Printer

KEPT_CHANGES = 8192  # about a second of a busy spooler; a watcher that lost its connection comes back sooner


class Topic(StrEnum):
    """What a change is about."""

    JOB = "job"
    PRINTER = "printer"
    PORT = "port"
    HOST = "host"


class PublishedPort(Protocol):
    """A port as its host told of it."""

    @property
    def name(self) -> PortName:
        """Its name."""


class PublishedHost(Protocol):
    """A host as it is known."""

    @property
    def name(self) -> str:
        """Its name."""


Published = Job | Printer | PublishedPort | PublishedHost
Key = int | str | tuple[str, str]


class Change(NamedTuple):
    """One thing as it is now; `value` None: it was deleted, and `name` is its resource name."""

    topic: Topic
    key: Key  # the same for all changes of one thing
    value: Published | None
    name: str = ""


class Hub:
    """All changes of this spooler's run, the newest `kept` of them at hand.

    Args:
        epoch: names this run: positions of another run lead nowhere.
        kept: how many changes are remembered for watchers that come late.
        on_job: told of every change of a job, at once; must be cheap.
    """

    def __init__(
        self, epoch: int, kept: int = KEPT_CHANGES, on_job: Callable[[Job], None] | None = None
    ) -> None:
        self.epoch = epoch
        self._kept = kept
        self._ring: list[Change | None] = [None] * kept
        self._sequence = 0  # changes published so far
        self._watchers: set[Watcher] = set()
        self._on_job = on_job
        self.listener: Callable[[Change], None] | None = None  # hears of every change at once; must be cheap
        self.closed = False

    # --- what the dispatcher, steering and hosts say

    def job(self, job: Job) -> None:
        """A job has changed."""
        if self._on_job is not None:
            self._on_job(job)
        self.mirrored(job)

    def mirrored(self, job: Job) -> None:
        """A job was changed by another spooler, which counts it."""
        self._publish(Change(Topic.JOB, job.number, job))

    def printer(self, printer: Printer) -> None:
        """A printer has changed."""
        self._publish(Change(Topic.PRINTER, printer.name, printer))

    def port(self, port: PublishedPort) -> None:
        """A port has changed."""
        self._publish(Change(Topic.PORT, port.name.key, port))

    def host(self, host: PublishedHost) -> None:
        """A host has changed."""
        self._publish(Change(Topic.HOST, host.name, host))

    def deleted(self, name: str) -> None:
        """Something is gone: `jobs/4711`, `printers/labels`, `hosts/edge-7`, `hosts/edge-7/ports/COM1:`."""
        kind, _, rest = name.partition("/")
        host, has_port, port = rest.partition("/ports/")
        if kind == "jobs":
            self._publish(Change(Topic.JOB, int(rest), None, name))
        elif kind == "printers":
            self._publish(Change(Topic.PRINTER, rest, None, name))
        elif has_port:
            self._publish(Change(Topic.PORT, PortName(host, port).key, None, name))
        else:
            self._publish(Change(Topic.HOST, rest, None, name))

    # --- what watchers ask

    @property
    def watched(self) -> bool:
        """Whether anybody watches now."""
        return bool(self._watchers)

    @property
    def sequence(self) -> int:
        """How many changes there were: a watcher that starts here sees what happens from now on."""
        return self._sequence

    def position(self, sequence: int) -> str:
        """Return the text with which a watcher can come back to `sequence`."""
        return f"{self.epoch}:{sequence}"

    def find(self, position: str) -> int | None:
        """Return the sequence of a position, or None when the way from there is no longer known."""
        epoch, _, number = position.partition(":")
        if epoch != str(self.epoch) or not number.isdecimal():
            return None
        sequence = int(number)
        return sequence if self._sequence - self._kept <= sequence <= self._sequence else None

    def watch(self, sequence: int | None = None) -> Watcher:
        """Return a watcher of all changes behind `sequence`; None: of those from now on."""
        return Watcher(self, self._sequence if sequence is None else sequence)

    def attach(self, watcher: Watcher) -> None:
        """Wake a watcher with each change."""
        self._watchers.add(watcher)

    def detach(self, watcher: Watcher) -> None:
        """Wake it no more."""
        self._watchers.discard(watcher)

    def since(self, sequence: int) -> list[Change] | None:
        """Return what changed behind `sequence`, each thing once, in order of its last change; None: forgotten."""
        if sequence < self._sequence - self._kept:
            return None
        newest: dict[tuple[Topic, Key], Change] = {}
        for number in range(sequence, self._sequence):
            change = self._ring[number % self._kept]
            assert change is not None
            what = change[:2]
            newest.pop(what, None)
            newest[what] = change
        return list(newest.values())

    async def close(self) -> None:
        """Let all watchers go once they have heard what there is."""
        self.closed = True
        for watcher in self._watchers:
            watcher.wake.set()

    def _publish(self, change: Change) -> None:
        self._ring[self._sequence % self._kept] = change
        self._sequence += 1
        for watcher in self._watchers:
            watcher.wake.set()
        if self.listener is not None:
            self.listener(change)


class Watcher:
    """One reader of the ring; a context, so that it is forgotten when it goes."""

    def __init__(self, hub: Hub, sequence: int) -> None:
        self.sequence = sequence  # all before it was seen
        self.wake = asyncio.Event()
        self._hub = hub

    async def changes(self) -> list[Change] | None:
        """Wait for changes and return them, each thing once; None: some were lost, and it goes on from now.

        Raises:
            CallCanceled: the hub was closed, for the spooler stops.
        """
        while not self.behind:
            if self._hub.closed:
                raise CallCanceled("the spooler stops: watch again from the last position")
            self.wake.clear()
            await self.wake.wait()
        changes = self._hub.since(self.sequence)
        self.sequence = self._hub.sequence
        return changes

    def catch_up(self) -> None:
        """Leave out what has happened: go on from now."""
        self.sequence = self._hub.sequence

    @property
    def behind(self) -> bool:
        """Whether there is something it has not heard."""
        return self.sequence != self._hub.sequence

    def gathered(self, into: dict[tuple[Topic, Key], Change]) -> bool:
        """Put what has changed meanwhile beside what was gathered before, each thing once; False: some of it was lost."""
        changes = self._hub.since(self.sequence)
        self.sequence = self._hub.sequence
        for change in changes or ():
            what = change[:2]
            into.pop(what, None)
            into[what] = change
        return changes is not None

    @property
    def position(self) -> str:
        """Where it is, as text."""
        return self._hub.position(self.sequence)

    def __enter__(self) -> Self:
        self._hub.attach(self)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._hub.detach(self)
