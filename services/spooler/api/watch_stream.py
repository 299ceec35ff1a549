"""One Watch stream: a snapshot, then what changes, each thing as it is now, merged while the watcher is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import UTC, datetime

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
from spooler.hub import Change, Topic, Watcher
from spooler.job import Job
from spooler.port_info import PortInfo
from spooler.printer import Printer
from spooler.store import JobOrder, Jobs

MERGE_S = 0.01  # so long changes are gathered once a watcher has been told of one
MESSAGE_ITEMS = 200
SNAPSHOT_ENDED = 1000  # most ended jobs in a snapshot, newest first

_TOPICS = {
    pb.WATCH_TOPIC_JOBS: Topic.JOB,
    pb.WATCH_TOPIC_PRINTERS: Topic.PRINTER,
    pb.WATCH_TOPIC_PORTS: Topic.PORT,
    pb.WATCH_TOPIC_HOSTS: Topic.HOST,
}
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
        self._open: set[int] = set()  # unfinished jobs that fit, for until_ended
        self._sequence = 0

    async def run(self) -> AsyncGenerator[pb.WatchResponse]:
        """Yield messages until the watcher goes, or, if so asked, until all its jobs have ended."""
        hub = self._inside.hub
        since = hub.find(self._request.since) if self._request.since else None
        with hub.watch(since) as watcher:
            if self._request.since and since is None:
                yield self._message(gap=True)
            if since is None and not self._request.skip_snapshot:
                async for message in self._snapshot(watcher):
                    yield message
            else:
                self._open = {job.number for job in self._live_jobs()}
                yield self._message(position=watcher.position)
            while not (self._request.until_ended and not self._open):
                changes = await watcher.changes()
                if changes is None:
                    yield self._message(gap=True)
                    async for message in self._snapshot(watcher):
                        yield message
                    continue
                for message in self._messages([thing for change in changes for thing in self._news(change)]):
                    message.position = watcher.position
                    yield message
                await asyncio.sleep(MERGE_S)

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
        """Yield all that is wanted, as it is now; what changes meanwhile follows as changes."""
        watcher.catch_up()
        position = watcher.position
        things: list[_Thing] = []
        if Topic.JOB in self._topics:
            things += await self._ended_jobs()
        things += self._live_things()
        self._open = {job.number for job in self._live_jobs()}
        messages = list(self._messages(things)) or [self._message()]
        for message in messages:
            message.snapshot = True
        messages[-1].snapshot_complete = True
        messages[-1].position = position
        for message in messages:
            yield message

    async def _ended_jobs(self) -> list[Job]:
        if not ended_too(self._request.jobs):
            return []
        where = stored_ended(self._request.jobs)
        async with self._looking.turn():
            page = await self._jobs.list_jobs(where, order=JobOrder.NEWEST_FIRST, limit=SNAPSHOT_ENDED)
        return [job for job in page.jobs if self._wanted(job)]

    def _live_jobs(self) -> Iterator[Job]:
        return filter(self._would_be_wanted, list(self._inside.dispatch.book.jobs.values()))

    def _live_things(self) -> Iterator[_Thing]:
        inside = self._inside
        if Topic.JOB in self._topics:
            jobs = [job for job in self._live_jobs() if self._wanted(job)]
            self._told = {job.number for job in jobs}
            yield from jobs
        if Topic.PRINTER in self._topics:
            yield from (
                queue.printer for queue in inside.dispatch.book.queues.values() if queue.printer.revision
            )
        if Topic.PORT in self._topics:
            yield from self._live_ports()
        if Topic.HOST in self._topics:
            yield from inside.hosts.all()

    def _live_ports(self, host: str = "") -> Iterator[PortInfo]:
        ports = self._inside.hosts.ports(host)
        return (port for port in ports if not self._ports or port.name.key in self._ports)

    # --- messages

    def _messages(self, things: list[_Thing]) -> Iterator[pb.WatchResponse]:
        for start in range(0, len(things), MESSAGE_ITEMS):
            message = self._message()
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


def _topics(request: pb.WatchRequest) -> frozenset[Topic]:
    if pb.WATCH_TOPIC_PORT_STATS in request.topics:
        raise NotBuiltYet("watching WATCH_TOPIC_PORT_STATS", field="topics")
    for topic in request.topics:
        if topic not in _TOPICS:
            raise invalid("topics", f"{topic} is no topic")
    return frozenset(_TOPICS[topic] for topic in request.topics) or frozenset(Topic)
