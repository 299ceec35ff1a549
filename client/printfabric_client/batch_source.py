"""The caller's documents, read ahead a little, whatever kind of iterable they come from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

from printfabric.spooler.v1.print_service_pb2 import SubmitJobRequest
from printfabric_client.spec import new_request_id

Jobs = Iterable[SubmitJobRequest] | AsyncIterable[SubmitJobRequest]

# So many jobs, of so many bytes and one more document, are read ahead, and as much again in a visit.
_READ_AHEAD = 64
_READ_AHEAD_BYTES = 1024 * 1024
# One visit to the thread in which a plain iterator runs costs some 50 µs; a fast one is asked for many jobs a visit.
_VISIT_S = 0.002


class BatchSource:
    """Jobs as they come. Waiting for one may be cancelled without losing it."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._queue: asyncio.Queue[SubmitJobRequest | None] = asyncio.Queue(_READ_AHEAD)
        self._bytes = 0  # of the documents in it
        self._taken = asyncio.Event()
        self._fault: BaseException | None = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Read ahead as long as the block runs."""
        reader = asyncio.create_task(self._read())
        try:
            yield
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    @property
    def ready(self) -> bool:
        """Whether `take` would answer at once."""
        return not self._queue.empty()

    async def take(self) -> SubmitJobRequest | None:
        """Return the next job, with a request id; None at the end. Raises what the caller's iterable raised."""
        job = await self._queue.get()
        if job is None:
            if self._fault is not None:
                raise self._fault
            return None
        self._bytes -= len(job.document)
        self._taken.set()
        if not job.request_id:
            # Without one it could not be sent again when an answer is lost.
            job.request_id = new_request_id()
        return job

    async def _read(self) -> None:
        try:
            if isinstance(self._jobs, AsyncIterable):
                async for job in self._jobs:
                    await self._put(job)
            else:
                iterator = iter(self._jobs)
                while visit := await asyncio.to_thread(_some, iterator):
                    for job in visit:
                        await self._put(job)
        except asyncio.CancelledError:
            raise
        except BaseException as fault:  # noqa: BLE001 - it belongs to the caller, who gets it from `take`
            self._fault = fault
        await self._queue.put(None)

    async def _put(self, job: SubmitJobRequest) -> None:
        while self._bytes >= _READ_AHEAD_BYTES:
            self._taken.clear()
            await self._taken.wait()
        self._bytes += len(job.document)
        await self._queue.put(job)


def _some(iterator: Iterator[SubmitJobRequest]) -> list[SubmitJobRequest]:
    found: list[SubmitJobRequest] = []
    until, size = time.monotonic() + _VISIT_S, 0
    for job in iterator:
        found.append(job)
        size += len(job.document)
        if len(found) == _READ_AHEAD or size >= _READ_AHEAD_BYTES or time.monotonic() > until:
            break
    return found
