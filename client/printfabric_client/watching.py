"""What changes, live, over broken connections; and waiting for one job to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

from printfabric.spooler.v1.print_service_pb2 import JobFilter
from printfabric.spooler.v1.watch_service_pb2 import WatchRequest, WatchResponse, WatchTopic
from printfabric.types.v1.job_pb2 import Job
from printfabric_client.connection import Connection
from printfabric_client.errors import FabricError, HostUnreachable
from printfabric_client.jobs import ENDED
from printfabric_client.retry import Patience

if TYPE_CHECKING:
    from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceAsyncStub

# A job that waits for paper changes nothing for hours. Asking now and then finds out whether the watch still lives.
_ASK_AGAIN_S = 30.0


async def watch(
    connection: Connection, stub: WatchServiceAsyncStub, request: WatchRequest
) -> AsyncGenerator[WatchResponse, None]:
    """Yield changes; after a broken connection go on behind the last one seen.

    When that is not possible a message with `gap` set says that changes were lost, and a snapshot follows.

    Raises:
        FabricError: refused, or the spooler stayed away.
    """
    wanted = WatchRequest()
    wanted.CopyFrom(request)
    patience = Patience(connection.retry)
    in_snapshot = not (request.since or request.skip_snapshot)
    while True:
        try:
            async with contextlib.aclosing(connection.stream(stub.Watch, wanted)) as changes:
                async for change in changes:
                    patience.progressed()
                    in_snapshot = change.gap or (
                        not change.snapshot_complete and (in_snapshot or change.snapshot)
                    )
                    wanted.since = change.position or wanted.since
                    yield change
            if request.until_ended:
                return
            raise HostUnreachable("the spooler ended the watch")
        except FabricError as error:
            await patience.pause(error)
            if in_snapshot:
                # A position inside a snapshot leads nowhere: begin again, and say so, for what was deleted in
                # between appears in neither half.
                wanted.since, wanted.skip_snapshot = "", False
                yield WatchResponse(gap=True)


async def follow(
    connection: Connection,
    stub: WatchServiceAsyncStub,
    job: Job,
    ask: Callable[[], Awaitable[Job]],
) -> AsyncGenerator[Job, None]:
    """Yield `job` as it is now and after each change, until it has ended."""
    yield job
    if job.state in ENDED:
        return
    changes = _changes_of(connection, stub, job)
    async with contextlib.aclosing(changes):
        pending: asyncio.Task[Job] = asyncio.ensure_future(anext(changes))
        try:
            while job.state not in ENDED:
                done, _ = await asyncio.wait([pending], timeout=_ASK_AGAIN_S)
                if done:
                    latest = pending.result()
                    pending = asyncio.ensure_future(anext(changes))
                else:
                    latest = await ask()
                if latest != job:
                    job = latest
                    yield job
        finally:
            pending.cancel()
            await asyncio.wait([pending])


async def _changes_of(
    connection: Connection, stub: WatchServiceAsyncStub, job: Job
) -> AsyncGenerator[Job, None]:
    request = WatchRequest(topics=[WatchTopic.WATCH_TOPIC_JOBS], jobs=JobFilter(names=[job.name]))
    while True:
        async with contextlib.aclosing(watch(connection, stub, request)) as changes:
            async for change in changes:
                for seen in change.jobs:
                    if seen.uid == job.uid:
                        yield seen
