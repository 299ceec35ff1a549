"""What is known now and the last minute of every port: one Watch per process, one frame a second for all viewers.

While nobody waits for a frame and nothing moves no frame is made, and no timer runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from chassis import logs
from chassis.errors import FabricError
from portui.chronicle import Chronicle
from portui.fabric_watch import Change
from portui.fleet_changes import forget, forget_oldest, structural, users_of_ports
from portui.frames import Frames, rounded
from portui.minutes import Minutes
from portui.model import Acknowledged, Fleet, Host, Job, JobState, Port, PortState, Printer
from portui.pulse import Pulse, standing_still
from portui.waiting import Waiting

_KEPT_ENDED = 200  # jobs that have ended, the latest
_RETRY_S = 1.0
_LATE_S = 5.0
JUST_ADDED_S = 1.0  # another console's change is heard of within that
_NEWS_S = 0.2  # frames are never closer together
log = logs.get(__name__)


class Watch(Protocol):
    """Where changes come from."""

    def changes(self) -> AsyncIterator[Change]:
        """Yield a snapshot, then changes; raise FabricError when the stream breaks."""


class Live:
    """The fabric as it is now. Viewers wait for frames; what they get is made once for all of them."""

    def __init__(self, watch: Watch, clock: Callable[[], float] = time.monotonic) -> None:
        self._watch = watch
        self._clock = clock
        self._next = Fleet()
        self._gathering = False  # a snapshot that is not complete yet is not shown
        self._told: dict[str, Port] = {}  # as their hosts said
        self._on: dict[str, set[int]] = {}  # the jobs whose bytes are on their way to a port
        self._users: dict[str, list[str]] = {}  # the printers of a port
        self._over: dict[
            int, None
        ] = {}  # the jobs that have ended: a change costs by what it changes, not by all jobs
        self.fleet = Fleet()
        self.acknowledged: Mapping[str, Acknowledged] = {}  # by what they are about, in small letters
        self.chronicle = Chronicle()
        self.pulses: dict[str, Pulse] = {}
        self._lively: set[str] = (
            set()
        )  # ports whose pulses are not at rest: a second costs by them, not by all
        self._ended = Minutes(clock())
        self.started = datetime.now(UTC)
        self.connected = False
        self.ready = asyncio.Event()
        self.lost_since: datetime | None = self.started
        self.error = ""
        self.frames = 0
        self.structure = 0  # rises when a page has to be drawn anew
        self.frames_of_now = Frames(0, {}, {})
        self._viewers, self._awaiting = Waiting(), Waiting()  # for the next frame; for what was just added
        self._stirred = asyncio.Event()  # somebody waits, something moves or has changed
        self._last_tick = clock()
        self._shown: dict[str, object] = {}
        self._still: dict[str, int] = {}
        self._shares: dict[int, int] = {}
        self._last_figures: tuple[Mapping[int, int], Mapping[str, object]] = ({}, {})
        self._news = asyncio.Event()  # pages look different, and no frame has said so

    # --- loops

    async def follow(self) -> None:
        """Watch for ever; what breaks is begun again after a second."""
        while True:
            try:
                async for change in self._watch.changes():
                    self.apply(change)
            except FabricError as error:
                self._lost(error.message)
            else:
                self._lost("the spooler ended the stream")
            await asyncio.sleep(_RETRY_S)

    async def beat(self) -> None:
        """Make a frame every second, and one in between when pages look different: a fault waits for no second to end."""
        clock = asyncio.get_running_loop().time
        due = clock() + 1.0
        while True:
            if self.at_rest:
                await self._rest()
                due = clock() + 1.0
            try:
                async with asyncio.timeout_at(due):
                    await self._news.wait()
            except TimeoutError:
                self.tick()
                due = max(due + 1.0, clock())
            else:
                self.tell()
            self._viewers.tell()
            await asyncio.sleep(min(_NEWS_S, max(0.0, due - clock())))

    async def next_frames(self, seen: int) -> Frames:
        """Wait for frames newer than number `seen`; who is slow gets the newest ones only."""
        self._stirred.set()
        await self._viewers.until(lambda: self.frames > seen)
        return self.frames_of_now

    @property
    def at_rest(self) -> bool:
        """Whether another second changes nothing, for nobody."""
        return not (self._viewers or self._lively or self._news.is_set()) and self.frames > 0

    async def _rest(self) -> None:
        """Wait until there is something for another second. The time till then belongs to none."""
        self._stirred.clear()
        await self._stirred.wait()
        self._last_tick = self._clock()

    async def until(self, known: Callable[[Fleet], bool], within_s: float = _LATE_S) -> None:
        """Wait until what somebody has just added is known here, too; a watch that is late is not waited for long."""
        await self._awaiting.until(lambda: known(self.fleet), within_s)

    def _lost(self, why: str) -> None:
        if self.connected or not self.error:
            log.warning("the watch is lost", error=why)
        if self.connected:
            self.lost_since = datetime.now(UTC)
            self.looks_different()
        self.connected, self.error = False, why

    # --- what changed

    def apply(self, change: Change) -> None:
        """Take a change in."""
        if change.begins:
            self._next = Fleet()
            self._shown, self._told, self._on, self._users, self._over = {}, {}, {}, {}, {}
        elif not self._gathering:
            self._next = self.fleet
        self._gathering = not change.complete
        fleet = self._next
        if change.begins or change.deleted or structural(fleet, self._told, change):
            self.looks_different()
        self._told.update((port.key, port) for port in change.ports)
        moved = any(
            one.name not in fleet.printers or fleet.printers[one.name].ports != one.ports
            for one in change.printers
        )
        fleet.printers.update((one.name, one) for one in change.printers)
        self._hosts(fleet, change.hosts)
        touched = {port.key for port in change.ports}
        for job in change.jobs:
            touched |= self._job(fleet, job)
        gone = [self._deleted(fleet, name) for name in change.deleted]
        if moved or any(isinstance(one, Printer) for one in gone):
            self._users = users_of_ports(fleet)
            touched |= self._told.keys()
        for key in touched & self._told.keys():
            self._port(fleet, self._told[key])
        if change.complete:
            if not self.connected or change.begins:
                log.info("the watch is there", ports=len(fleet.ports), jobs=len(fleet.jobs))
                self.looks_different()
            if fleet is not self.fleet:
                self._lively.update(self.pulses, fleet.ports)
            self.fleet, self.connected, self.lost_since, self.error = fleet, True, None, ""
            self.ready.set()
            self._awaiting.tell()
        self._stirred.set()

    def _deleted(self, fleet: Fleet, name: str) -> object:
        """Forget what is gone, and return what it was."""
        gone = forget(fleet, name)
        if isinstance(gone, Job):
            self._over.pop(gone.number, None)
        self._told.pop(key := name.removeprefix("hosts/").replace("/ports/", "/", 1), None)
        self._lively.add(key)
        return gone

    def _hosts(self, fleet: Fleet, hosts: Iterable[Host]) -> None:
        for host in hosts:
            self.chronicle.host(self.fleet.hosts.get(host.name), host, datetime.now(UTC))
            fleet.hosts[host.name] = host

    def _port(self, fleet: Fleet, told: Port) -> None:
        """Take a port as its host told of it, with what the spooler knows: its printers, and that it prints."""
        busy = bool(self._on.get(told.key))
        state = PortState.PRINTING if busy and told.state is PortState.READY else told.state
        known, at = fleet.ports.get(told.key) or self.fleet.ports.get(told.key), datetime.now(UTC)
        fleet.ports[told.key] = now = replace(
            told, state=state, printers=tuple(self._users.get(told.key, ()))
        )
        self.chronicle.port(known, now, at)
        self.pulses.setdefault(told.key, Pulse()).mark(state, self._clock(), at, told.since)
        self._lively.add(told.key)

    def _job(self, fleet: Fleet, job: Job) -> set[str]:
        """Take a job and return the ports that it came to or left."""
        before = fleet.jobs.get(job.number)
        if before is not None and before.active and not job.active:
            self._ended.add(self._clock())
        if job.port and (before is not None or job.active):
            self.pulses.setdefault(job.port, Pulse()).hear(before, job)
            self._lively.add(job.port)
        fleet.jobs[job.number] = job
        if not job.active:
            self._over[job.number] = None
            if len(self._over) > _KEPT_ENDED * 2:
                forget_oldest(fleet, self._over, _KEPT_ENDED)
        touched = {key for key in (job.port, before.port if before else "") if key}
        for key in touched:
            going = self._on.setdefault(key, set())
            (going.add if key == job.port and job.state is JobState.PROCESSING else going.discard)(job.number)
            if not going:
                del self._on[key]
        return touched

    # --- what is shown

    def tick(self) -> None:
        """End a second: rings move on, and a frame says what changed since the last one."""
        now = self._clock()
        passed_s = max(now - self._last_tick, 1e-3)
        self._last_tick = now
        for key in self._lively - self.fleet.ports.keys():
            self.pulses.pop(key, None)
            self._shown.pop(key, None)
            self._lively.discard(key)
        lively = {key: self.pulses.setdefault(key, Pulse()) for key in self._lively}
        for pulse in lively.values():
            pulse.tick(now, passed_s)
        if (still := standing_still(lively)) != self._still:
            self._still = still
            self.looks_different()
        self.frames += 1
        shown = {key: self.figures(self.fleet.ports[key]) for key in lively}
        changed = {key: row for key, row in shown.items() if self._shown.get(key) != row}
        self._shown |= changed
        self._lively = {key for key, pulse in lively.items() if not pulse.at_rest}
        jobs = {job.number: round(100 * job.share) for job in self.printing()}
        moved = {number: share for number, share in jobs.items() if self._shares.get(number) != share}
        self._shares = jobs
        self._last_figures = moved, changed
        self._say({"jobs": moved}, changed)

    def tell(self) -> None:
        """Make a frame in the middle of a second. Who was too slow for the last one has its figures here, too."""
        self.frames += 1
        moved, changed = self._last_figures
        self._say({"jobs": moved, "news": True}, changed)

    def _say(self, about: Mapping[str, object], ports: Mapping[str, object]) -> None:
        self._news.clear()
        since = self.lost_since.isoformat(timespec="seconds") if self.lost_since else ""
        common = {"live": self.connected, "since": since, "structure": self.structure, **about}
        self.frames_of_now = Frames(self.frames, common, ports)

    def looks_different(self) -> None:
        """Let pages be drawn anew."""
        self.structure += 1
        self._news.set()
        self._stirred.set()

    def figures(self, port: Port) -> list[object]:
        """Return a port's row of a frame: busy per cent, bytes a second."""
        pulse = self.pulses.get(port.key)
        return [pulse.busy[-1], rounded(pulse.rate)] if pulse is not None else [0, 0]

    def ended(self) -> list[int]:
        """Return how many jobs ended in each of the last 60 minutes, the present one last."""
        return self._ended.counts(self._clock())

    def last_hour(self, port: Port) -> list[int]:
        """Return the bytes that a port's far end acknowledged in each of the last 60 minutes, the present one last."""
        return (self.pulses.get(port.key) or Pulse()).last_hour(self._clock())

    def printing(self) -> list[Job]:
        """Return the jobs whose bytes are on their way."""
        on = (self.fleet.jobs.get(number) for jobs in self._on.values() for number in jobs)
        return [job for job in on if job is not None and job.state is JobState.PROCESSING]

    def queued(self, port: Port) -> int:
        """Return the jobs that wait for a port: those of its printers."""
        return sum(self.fleet.printers[name].queued for name in port.printers if name in self.fleet.printers)

    def now_on(self, port: Port) -> Job | None:
        """Return the job that is on a port now."""
        return next((job for job in self.printing() if job.port == port.key), None)
