"""One SubmitJobs stream: a reader, two submitters, and answers as they become durable.

While one group of jobs is being committed, what arrives in the meantime makes the next: groups grow by themselves to
what the disk can do, and no job costs a task. Two submitters keep one group on its way to the disk while the answers
of the other are written. Jobs are numbered in the order of the stream, unless the disk is full: what finds room once
something was forgotten comes behind what had it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import NamedTuple

from chassis.errors import CallCanceled, FabricError, Overloaded
from chassis.tasks import Tasks
from printfabric.spooler.v1.print_service_pb2 import SubmitJobRequest, SubmitJobsRequest, SubmitJobsResponse
from spooler.api.convert_job import put_refusal, put_result
from spooler.api.submission import MAX_REQUEST_ID, Caller, Submission, invalid
from spooler.job import Job
from spooler.new_job import Duplicate, NewJob, is_at_hand

GROUP_JOBS = 256  # most jobs in one commit of one stream
IN_FLIGHT_JOBS = 2048  # read and not answered yet
IN_FLIGHT_BYTES = 16 << 20
_SUBMITTERS = 2


class _Item(NamedTuple):
    """A checked job and its place in the stream."""

    place: int
    job: NewJob
    size_bytes: int


class SubmitStream:
    """The jobs of one stream on their way to the disk."""

    def __init__(self, submission: Submission, caller: Caller) -> None:
        self._submission = submission
        self._caller = caller
        self._next = 0  # index of the next document
        self._pending: list[_Item] = []
        self._in_flight = 0
        self._in_flight_bytes = 0
        self._submitting = 0  # groups on their way to the disk
        self._slow = False  # one of them is spooled first
        self._answers: list[SubmitJobsResponse] = []
        self._read_all = False
        self._stopping = False
        # One event for each kind of waiter, who looks at the state again when woken.
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._answered = asyncio.Event()

    async def run(self, requests: AsyncIterator[SubmitJobsRequest]) -> AsyncGenerator[SubmitJobsResponse]:
        """Yield answers until every document of `requests` is answered. A refused document never ends it."""
        async with Tasks("submit stream") as tasks:
            parts = [tasks.spawn("read", self._read(requests))]
            parts += [tasks.spawn("submit", self._submit()) for _ in range(_SUBMITTERS)]
            for part in parts:
                part.add_done_callback(lambda _part: self._answered.set())
            while True:
                while not self._answers:
                    for part in parts:
                        if part.done():
                            part.result()  # a part that failed ends the stream
                    if self._read_all and not self._in_flight:
                        return
                    if self._stopping and not self._in_flight:
                        raise CallCanceled("the spooler stops: what was not answered was not accepted")
                    self._answered.clear()
                    await self._answered.wait()
                answers, self._answers = self._answers, []
                for answer in answers:
                    yield answer
                    self._in_flight -= len(answer.results)
                self._room.set()

    def stop(self) -> None:
        """End it as soon as all that came is answered."""
        self._stopping = True
        self._answered.set()

    async def _read(self, requests: AsyncIterator[SubmitJobsRequest]) -> None:
        async for request in requests:
            answered = SubmitJobsResponse()  # without the disk
            items = []
            for job in request.jobs:
                index = self._next
                self._next += 1
                try:
                    items.append(self._check(job, index))
                except FabricError as error:
                    result = answered.results.add(index=index, request_id=job.request_id[:MAX_REQUEST_ID])
                    try:
                        twin = await self._submission.twin(job, self._caller)
                    except Overloaded as busy:
                        put_refusal(result, busy)
                        continue
                    if twin is not None:
                        put_result(result, twin, duplicate=True)
                    else:
                        put_refusal(result, error)
            await self._wait_for_room()
            self._enqueue(items, answered)
        self._read_all = True
        self._work.set()

    def _check(self, request: SubmitJobRequest, index: int) -> _Item:
        if request.validate_only:
            raise invalid("validate_only", "is for SubmitJob, not for a stream")
        job = self._submission.small_job(request, self._caller)
        return _Item(index, job, len(request.document))

    async def _wait_for_room(self) -> None:
        """Let a sender that is too fast, or does not read its answers, wait."""
        while self._in_flight >= IN_FLIGHT_JOBS or self._in_flight_bytes >= IN_FLIGHT_BYTES:
            self._room.clear()
            await self._room.wait()

    def _enqueue(self, items: list[_Item], answered: SubmitJobsResponse) -> None:
        self._in_flight += len(items) + len(answered.results)
        self._in_flight_bytes += sum(item.size_bytes for item in items)
        if items:
            self._pending += items
            self._work.set()
        if answered.results:
            self._answers.append(answered)
            self._answered.set()

    async def _submit(self) -> None:
        while self._pending or not self._read_all:
            group = self._pending[:GROUP_JOBS]
            slow = not all(is_at_hand(item.job.document) for item in group)
            # What is spooled before its commit would come behind what is not: then there is one group at a time.
            if not group or self._slow or (slow and self._submitting):
                self._work.clear()
                await self._work.wait()
                continue
            del self._pending[: len(group)]
            self._slow = slow
            self._submitting += 1
            answer = await self._accept(group)  # first: `_answers` is another list by then
            self._submitting -= 1
            self._slow = False
            self._answers.append(answer)
            self._in_flight_bytes -= sum(item.size_bytes for item in group)
            self._answered.set()
            self._work.set()

    async def _accept(self, group: list[_Item]) -> SubmitJobsResponse:
        response = SubmitJobsResponse()
        results: list[Job | Duplicate | FabricError]
        try:
            results = await self._submission.accept([item.job for item in group])
        except FabricError as error:  # nothing of the group was accepted
            results = [error] * len(group)
        for item, outcome in zip(group, results, strict=True):
            result = response.results.add(index=item.place, request_id=item.job.request_id)
            if isinstance(outcome, FabricError):
                put_refusal(result, outcome)
            elif isinstance(outcome, Duplicate):
                put_result(result, outcome.job, duplicate=True)
            else:
                put_result(result, outcome, duplicate=False)
        return response
