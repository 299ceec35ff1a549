"""One Watch stream: a snapshot, then what changes, each thing as it is now, merged while the watcher is slow.

A snapshot of a hundred thousand jobs is a second of work. It is made in slices, and others have the event loop between
them: each thing is told as it is when its slice is made. What changes meanwhile is gathered, each thing once, and follows
as changes, so that whoever has heard both knows how everything is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import TypeVar

from chassis.errors import NotBuiltYet
from printfabric.spooler.v1 import watch_service_pb2 as pb
from spooler.api.convert import port_from_pb, put_time
from spooler.api.convert_job import put_job
from spooler.api.convert_port import host_to_pb
from spooler.api.inside import Inside
from spooler.api.job_finder import ended_too, matcher, stored_ended
from spooler.api.look import Look
from spooler.api.looking import Looking
from spooler.api.submission import invalid
from spooler.hosts import HostInfo
from spooler.hub import Change, Key, Topic, Watcher
from spooler.job import Job
from spooler.port_info import PortInfo
from spooler.printer import Printer
from spooler.store import JobOrder, Jobs
from spooler.turns import SLICE

MERGE_S = 0.01  # so long changes are gathered once a watcher has been told of one
MESSAGE_ITEMS = 200
SNAPSHOT_ENDED = 1000  # most ended jobs in a snapshot, newest first

_TOPICS = {
    pb.WATCH_TOPIC_JOBS: Topic.JOB,
    pb.WATCH_TOPIC_PRINTERS: Topic.PRINTER,
    pb.WATCH_TOPIC_PORTS: Topic.PORT,
    pb.WATCH_TOPIC_HOSTS: Topic.HOST,
}
_T = TypeVar("_T")
_Thing = Job | Printer | PortInfo | HostInfo | str  # a string is the name of what was deleted


class WatchStream:
    """What one watcher wants, and what it was told."""

    def __init__(
        self, request: pb.WatchRequest, jobs: Jobs, inside: Inside, look: Look, looking: Looking
    ) -> None:
        self._request = request
        self._jobs = jobs
        self._inside = inside
        self._look = look
        self._looking = looking
        self._topics = _topics(request)
        self._wanted = matcher(request.jobs)
        self._would_be_wanted = matcher(request.jobs, at_any_state=True)
        self._ports = {
            port_from_pb(name, f"ports[{number}]").key for number, name in enumerate(request.ports)
        }
        self._told: set[int] = set()  # unfinished jobs the watcher knows of
        self._open: set[int] = set()  # unfinished jobs that fit, for until_ended only
        self._gathered: dict[tuple[Topic, Key], Change] = {}  # what has changed since a snapshot was begun
        self._lost = False  # … or some of it was lost
        self._sequence = 0

    async def run(self) -> AsyncGenerator[pb.WatchResponse]:
        """Yield messages until the watcher goes, or, if so asked, until all its jobs have ended."""
        hub = self._inside.hub
        since = hub.find(self._request.since) if self._request.since else None
        with hub.watch(since) as watcher:
            if self._request.since and since is None:
                yield self._message(gap=True)
            pictured = since is not None or self._request.skip_snapshot
            if pictured:
                await self._find_open()
                yield self._message(position=watcher.position)
            while True:
                if not pictured:
                    async for message in self._snapshot(watcher):
                        yield message
                    pictured = True
                if self._request.until_ended and not (self._open or self._behind(watcher)):
                    return
                changes = await self._changes(watcher)
                if changes is None:
                    yield self._message(gap=True)
                    pictured = False
                    continue
                for start in range(0, len(changes), MESSAGE_ITEMS):
                    if start:
                        await asyncio.sleep(0)
                    some = changes[start : start + MESSAGE_ITEMS]
                    position = watcher.position if start + MESSAGE_ITEMS >= len(changes) else ""
                    things = [thing for change in some for thing in self._news(change)]
                    for message in self._messages(things, position):
                        yield message
                await asyncio.sleep(MERGE_S)

    async def _find_open(self) -> None:
        if self._request.until_ended:
            for _jobs in self._fitting():
                await asyncio.sleep(0)

    async def _changes(self, watcher: Watcher) -> Sequence[Change] | None:
        """Wait for changes; what was gathered during a snapshot comes first. None: some were lost."""
        if not (self._gathered or self._lost):
            return await watcher.changes()
        self._gather(watcher)
        changes, lost = list(self._gathered.values()), self._lost
        self._gathered, self._lost = {}, False
        return None if lost else changes

    def _behind(self, watcher: Watcher) -> bool:
        return bool(self._gathered) or self._lost or watcher.behind

    def _gather(self, watcher: Watcher) -> None:
        if watcher.behind and not watcher.gathered(self._gathered):
            self._lost = True

    # --- what happened

    def _news(self, change: Change) -> Iterator[_Thing]:
        """Yield what the watcher is to be told of a change: nothing, or one thing."""
        value = change.value
        if change.topic is Topic.JOB:
            yield from self._news_of_job(change)
        elif change.topic not in self._topics or (
            change.topic is Topic.PORT and self._ports and change.key not in self._ports
        ):
            return
        elif value is None:
            yield change.name
        elif isinstance(value, Printer | PortInfo):
            yield value
        elif isinstance(value, HostInfo):
            yield value
            if Topic.PORT in self._topics:  # what is known of a host decides what its ports are
                yield from self._live_ports(value.name)

    def _news_of_job(self, change: Change) -> Iterator[_Thing]:
        job, number = change.value, change.key
        assert isinstance(number, int)
        if not isinstance(job, Job):
            self._open.discard(number)
            if Topic.JOB in self._topics and number in self._told:
                self._told.discard(number)
                yield change.name
            return
        if self._would_be_wanted(job):
            (self._open.discard if job.ended else self._open.add)(number)
        # A job that leaves the filter is told of once more, as it is now.
        if Topic.JOB in self._topics and (self._wanted(job) or number in self._told):
            (self._told.discard if job.ended or not self._wanted(job) else self._told.add)(number)
            yield job

    # --- how things are

    async def _snapshot(self, watcher: Watcher) -> AsyncIterator[pb.WatchResponse]:
        """Yield all that is wanted, and gather what changes meanwhile. Ends early when some of that was lost."""
        watcher.catch_up()
        position = watcher.position
        self._told, self._open = set(), set()
        ended = await self._ended_jobs() if Topic.JOB in self._topics else []
        message, items = self._message(), 0
        for things in chain(_sliced(ended), self._live_things()):
            if things and items >= MESSAGE_ITEMS:
                message.snapshot = True
                yield message
                message, items = self._message(), 0
            for thing in things:
                self._put(message, thing)
            items += len(things)
            await asyncio.sleep(0)
            self._gather(watcher)
            if self._lost:
                return
        message.snapshot = message.snapshot_complete = True
        message.position = position
        yield message

    async def _ended_jobs(self) -> list[Job]:
        if not ended_too(self._request.jobs):
            return []
        where = stored_ended(self._request.jobs)
        async with self._looking.turn():
            page = await self._jobs.list_jobs(where, order=JobOrder.NEWEST_FIRST, limit=SNAPSHOT_ENDED)
        return [job for job in page.jobs if self._wanted(job)]

    def _fitting(self) -> Iterator[list[Job]]:
        """Yield the unfinished jobs that fit in any state, slice by slice, each as it is then."""
        live = self._inside.dispatch.book.jobs
        for numbers in _sliced(list(live)):
            now = (live.get(number) for number in numbers)
            jobs = [job for job in now if job is not None and self._would_be_wanted(job)]
            if self._request.until_ended:
                self._open.update(job.number for job in jobs)
            yield jobs

    def _live_things(self) -> Iterator[Sequence[_Thing]]:
        """Yield what is wanted, slice by slice."""
        inside = self._inside
        if Topic.JOB in self._topics or self._request.until_ended:
            for fitting in self._fitting():
                jobs = [job for job in fitting if Topic.JOB in self._topics and self._wanted(job)]
                self._told.update(job.number for job in jobs)
                yield jobs
        if Topic.PRINTER in self._topics:
            for queues in _sliced(list(inside.dispatch.book.queues.values())):
                yield [queue.printer for queue in queues if queue.printer.revision]
        if Topic.PORT in self._topics:
            yield from _sliced(list(self._live_ports()))
        if Topic.HOST in self._topics:
            yield from _sliced(inside.hosts.all())

    def _live_ports(self, host: str = "") -> Iterator[PortInfo]:
        ports = self._inside.hosts.ports(host)
        return (port for port in ports if not self._ports or port.name.key in self._ports)

    # --- messages

    def _messages(self, things: list[_Thing], position: str) -> Iterator[pb.WatchResponse]:
        """Yield messages; only the last says where the watcher is then."""
        for start in range(0, len(things), MESSAGE_ITEMS):
            message = self._message(position=position if start + MESSAGE_ITEMS >= len(things) else "")
            for thing in things[start : start + MESSAGE_ITEMS]:
                self._put(message, thing)
            yield message

    def _put(self, message: pb.WatchResponse, thing: _Thing) -> None:
        if isinstance(thing, str):
            message.deleted.append(thing)
        elif isinstance(thing, Job):
            put_job(message.jobs.add(), thing)
        elif isinstance(thing, Printer):
            message.printers.append(self._look.printer_to_pb(thing))
        elif isinstance(thing, PortInfo):
            message.ports.append(self._look.port_to_pb(thing))
        else:
            message.hosts.append(host_to_pb(thing))

    def _message(self, *, gap: bool = False, position: str = "") -> pb.WatchResponse:
        self._sequence += 1
        message = pb.WatchResponse(sequence=self._sequence, gap=gap, position=position)
        put_time(message.time, datetime.now(UTC))
        return message


def _sliced(things: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (things[start : start + SLICE] for start in range(0, len(things), SLICE))


def _topics(request: pb.WatchRequest) -> frozenset[Topic]:
    if pb.WATCH_TOPIC_PORT_STATS in request.topics:
        raise NotBuiltYet("watching WATCH_TOPIC_PORT_STATS", field="topics")
    for topic in request.topics:
        if topic not in _TOPICS:
            raise invalid("topics", f"{topic} is no topic")
    return frozenset(_TOPICS[topic] for topic in request.topics) or frozenset(Topic)
