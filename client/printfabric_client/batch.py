"""Many small documents over one stream; answers come as jobs become durable."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import grpc

from printfabric.spooler.v1.print_service_pb2 import (
    SubmitJobRequest,
    SubmitJobsRequest,
    SubmitJobsResponse,
    SubmitResult,
)
from printfabric_client.batch_source import BatchSource, Jobs
from printfabric_client.connection import Connection
from printfabric_client.errors import FabricError, HostUnreachable, StoreUnavailable
from printfabric_client.retry import Patience

if TYPE_CHECKING:
    from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceAsyncStub

_MESSAGE_JOBS = 64
_MESSAGE_BYTES = 256 * 1024
# Of documents that are sent and unanswered: as much as a spooler takes of one stream before it answers.
IN_FLIGHT_BYTES = 16 * 1024 * 1024

_Call = grpc.aio.StreamStreamCall[SubmitJobsRequest, SubmitJobsResponse]


class _Room:
    """For jobs that are sent and unanswered: so many, and so many bytes. The last one may be larger than what is left."""

    def __init__(self, jobs: int, size: int) -> None:
        self._jobs, self._bytes = jobs, size  # left
        self._free = asyncio.Event()

    @property
    def full(self) -> bool:
        return self._jobs <= 0 or self._bytes <= 0

    async def wait(self) -> None:
        """Return when there is some."""
        while self.full:
            self._free.clear()
            await self._free.wait()

    def take(self, request: SubmitJobRequest) -> None:
        self._jobs, self._bytes = self._jobs - 1, self._bytes - len(request.document)

    def give_back(self, request: SubmitJobRequest) -> None:
        self._jobs, self._bytes = self._jobs + 1, self._bytes + len(request.document)
        self._free.set()


class Batch:
    """The documents of one `submit_many`: what was sent and not answered yet is sent again on a new stream.

    Args:
        in_flight: so many jobs at most are sent and unanswered, of IN_FLIGHT_BYTES and a document more.
    """

    def __init__(
        self, connection: Connection, stub: PrintServiceAsyncStub, jobs: Jobs, *, in_flight: int
    ) -> None:
        self._connection = connection
        self._stub = stub
        self._source = BatchSource(jobs)
        self._room = _Room(in_flight, IN_FLIGHT_BYTES)
        self._taken = 0
        self._exhausted = False
        # By number in the whole batch, in the order of sending.
        self._unanswered: dict[int, SubmitJobRequest] = {}

    async def results(self) -> AsyncGenerator[SubmitResult, None]:
        """Yield an answer for every job, with `index` counted over the whole batch.

        Raises:
            FabricError: the spooler stayed away, or refused the whole stream.
        """
        patience = Patience(self._connection.retry)
        async with self._source.reading():
            while self._unanswered or not self._exhausted:
                try:
                    async with contextlib.aclosing(self._one_stream()) as answers:
                        async for result in answers:
                            patience.progressed()
                            yield result
                    if self._unanswered or not self._exhausted:
                        raise HostUnreachable("the spooler ended the stream before every job was answered")
                except FabricError as error:
                    await patience.pause(error)

    async def _one_stream(self) -> AsyncGenerator[SubmitResult, None]:
        call = self._stub.SubmitJobs(metadata=self._connection.metadata)
        # The stream counts its jobs from 0; this leads from its count to ours.
        sent: list[int] = []
        feeder = asyncio.create_task(self._feed(call, sent))
        try:
            async for answer in call:
                for result in answer.results:
                    if result.error.reason == StoreUnavailable.reason:
                        # Nothing is wrong with the job, and the spooler may be back soon: it is not answered yet.
                        raise StoreUnavailable(result.error.message)
                    number = sent[result.index] if result.index < len(sent) else -1
                    if (request := self._unanswered.pop(number, None)) is None:
                        continue  # answered twice
                    self._room.give_back(request)
                    result.index = number
                    yield result
        except grpc.aio.AioRpcError as failed:
            raise self._connection.explained(failed) from None
        except asyncio.CancelledError:
            # Either we are cancelled, or the feeder cancelled the call because the caller's iterable failed.
            if not (feeder.done() and not feeder.cancelled() and feeder.exception()):
                raise
        finally:
            call.cancel()
            if not feeder.done():
                feeder.cancel()
            await asyncio.wait([feeder])
        if not feeder.cancelled() and (fault := feeder.exception()):
            raise fault

    async def _feed(self, call: _Call, sent: list[int]) -> None:
        try:
            for number, request in list(self._unanswered.items()):
                sent.append(number)
                await call.write(SubmitJobsRequest(jobs=[request]))
            while not self._exhausted:
                message = await self._next_message(sent)
                if message.jobs:
                    await call.write(message)
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass  # the reading side sees why
        except BaseException:
            call.cancel()
            raise

    async def _next_message(self, sent: list[int]) -> SubmitJobsRequest:
        """Return as many jobs as there are at once, at least one unless the source has ended."""
        message, size = SubmitJobsRequest(), 0
        while len(message.jobs) < _MESSAGE_JOBS and size < _MESSAGE_BYTES:
            # What is in hand goes out before waiting for room or for a slow source.
            if message.jobs and (self._room.full or not self._source.ready):
                break
            await self._room.wait()
            request = await self._source.take()
            if request is None:
                self._exhausted = True
                break
            self._room.take(request)
            self._unanswered[self._taken] = request
            sent.append(self._taken)
            self._taken += 1
            message.jobs.append(request)
            size += len(request.document)
        return message
