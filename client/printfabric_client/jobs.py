"""Jobs: seeing and steering them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from google.protobuf.field_mask_pb2 import FieldMask

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.types.v1.job_pb2 import Attempt, Job, JobState
from printfabric.types.v1.ledger_pb2 import Outcome, UnitRange
from printfabric_client.connection import Connection
from printfabric_client.errors import FabricError
from printfabric_client.names import JobRef, PrinterRef, job_name, printer_name
from printfabric_client.paging import PAGE_SIZE, pages
from printfabric_client.retry import Patience
from printfabric_client.spec import new_request_id, timestamp

if TYPE_CHECKING:
    from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceAsyncStub
    from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceAsyncStub

ENDED = frozenset({JobState.JOB_STATE_COMPLETED, JobState.JOB_STATE_ABORTED, JobState.JOB_STATE_CANCELED})


def job_filter(  # noqa: PLR0913 - keyword-only, one for each field of the contract
    *,
    printers: Iterable[PrinterRef] = (),
    states: Iterable[JobState.ValueType] = (),
    outcomes: Iterable[Outcome.ValueType] = (),
    active_only: bool = False,
    user: str = "",
    request_id: str = "",
    attributes: Mapping[str, str] | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    jobs: Iterable[JobRef] = (),
) -> pb.JobFilter:
    """Return the contract's filter; what is not given does not narrow it."""
    return pb.JobFilter(
        printers=[printer_name(printer) for printer in printers],
        states=states,
        outcomes=outcomes,
        active_only=active_only,
        user=user,
        request_id=request_id,
        attributes=dict(attributes or {}),
        created_after=timestamp(created_after) if created_after else None,
        created_before=timestamp(created_before) if created_before else None,
        names=[job_name(job) for job in jobs],
    )


class JobCalls:
    """The part of a client that sees and steers jobs."""

    _connection: Connection
    _print: PrintServiceAsyncStub
    _watch: WatchServiceAsyncStub

    async def get(self, job: JobRef) -> Job:
        """Return a job as it is now.

        Raises:
            JobNotFound: there is none of that number.
        """
        request = pb.GetJobRequest(name=job_name(job))
        return (await self._connection.call(self._print.GetJob, request, safe=True)).job

    async def list(
        self, where: pb.JobFilter | None = None, *, oldest_first: bool = False, limit: int | None = None
    ) -> AsyncGenerator[Job, None]:
        """Yield jobs, newest first; pages are fetched as they are needed. `where` is made by `job_filter`."""
        order = pb.JOB_ORDER_OLDEST_FIRST if oldest_first else pb.JOB_ORDER_NEWEST_FIRST
        size = PAGE_SIZE if limit is None else max(1, min(PAGE_SIZE, limit))

        async def fetch(token: str) -> pb.ListJobsResponse:
            request = pb.ListJobsRequest(filter=where, page_size=size, page_token=token, order=order)
            return await self._connection.call(self._print.ListJobs, request, safe=True)

        left = limit
        if left == 0:
            return
        async for page in pages(fetch):
            for job in page.jobs:
                yield job
                left = None if left is None else left - 1
                if left == 0:
                    return

    async def update(self, job: Job, *fields: str, reason: str = "") -> Job:
        """Write the named fields of `job`: priority, copies, not_before_time, expire_time and so on."""
        request = pb.UpdateJobRequest(job=job, update_mask=FieldMask(paths=fields), reason=reason)
        return (await self._connection.call(self._print.UpdateJob, request)).job

    async def cancel(self, job: JobRef, *, reason: str = "") -> Job:
        """End a job. What the device has taken cannot be called back; the ledger says how much. Idempotent."""
        request = pb.CancelJobRequest(name=job_name(job), reason=reason)
        return (await self._connection.call(self._print.CancelJob, request, safe=True)).job

    async def hold(self, job: JobRef, *, reason: str = "") -> Job:
        """Hold a job until it is released. Raises `WrongState` when it is printing."""
        request = pb.HoldJobRequest(name=job_name(job), reason=reason)
        return (await self._connection.call(self._print.HoldJob, request)).job

    async def release(self, job: JobRef, *, reason: str = "") -> Job:
        """Release a held job. One of which nobody knows what came out needs `resolve` instead."""
        request = pb.ReleaseJobRequest(name=job_name(job), reason=reason)
        return (await self._connection.call(self._print.ReleaseJob, request)).job

    async def restart(self, job: JobRef, *, mark: bool = False, reason: str = "") -> Job:
        """Print a job again from its beginning, whatever came out before. `mark`: visibly, where possible."""
        request = pb.RestartJobRequest(name=job_name(job), mark=mark, reason=reason)
        return (await self._connection.call(self._print.RestartJob, request)).job

    async def move(self, job: JobRef, printer: PrinterRef, *, reason: str = "") -> Job:
        """Move a job that is not printing to another printer."""
        request = pb.MoveJobRequest(name=job_name(job), printer=printer_name(printer), reason=reason)
        return (await self._connection.call(self._print.MoveJob, request)).job

    async def resume(
        self,
        job: JobRef,
        *,
        unit: int | None = None,
        offset: int | None = None,
        mark: bool = False,
        reason: str = "",
    ) -> Job:
        """Go on with a job that stopped in the middle, at a unit (from 1) or at a payload byte (from 0)."""
        if (unit is None) == (offset is None):
            raise ValueError("name either a unit or an offset to resume at")
        request = pb.ResumeJobRequest(name=job_name(job), mark=mark, reason=reason)
        if unit is not None:
            request.unit = unit
        else:
            request.offset = offset or 0
        return (await self._connection.call(self._print.ResumeJob, request)).job

    async def resolve(
        self,
        job: JobRef,
        decision: pb.UncertainDecision.ValueType,
        *,
        units: tuple[int, int] | None = None,
        reason: str = "",
    ) -> Job:
        """Decide about the uncertain units of a job: all of them, or `units` (first, last)."""
        chosen = UnitRange(first=units[0], last=units[1]) if units else None
        decisions = [pb.UnitDecision(units=chosen, decision=decision)]
        return await self.resolve_each(job, decisions, reason=reason)

    async def resolve_each(
        self, job: JobRef, decisions: Iterable[pb.UnitDecision], *, reason: str = ""
    ) -> Job:
        """Decide about several ranges of uncertain units at once."""
        request = pb.ResolveJobRequest(name=job_name(job), decisions=decisions, reason=reason)
        return (await self._connection.call(self._print.ResolveJob, request)).job

    async def reprint(
        self,
        job: JobRef,
        units: Iterable[tuple[int, int]],
        *,
        mark: bool = False,
        request_id: str | None = None,
        reason: str = "",
    ) -> Job:
        """Print units (first, last) again; return the new job that does it."""
        request = pb.ReprintUnitsRequest(
            name=job_name(job),
            units=[UnitRange(first=first, last=last) for first, last in units],
            mark=mark,
            request_id=request_id or new_request_id(),
            reason=reason,
        )
        return (await self._connection.call(self._print.ReprintUnits, request, safe=True)).job

    async def attempts(self, job: JobRef) -> AsyncGenerator[Attempt, None]:
        """Yield the attempts of a job with their ledgers, the first one first."""
        name = job_name(job)

        async def fetch(token: str) -> pb.ListAttemptsResponse:
            request = pb.ListAttemptsRequest(parent=name, page_size=PAGE_SIZE, page_token=token)
            return await self._connection.call(self._print.ListAttempts, request, safe=True)

        async for page in pages(fetch):
            for attempt in page.attempts:
                yield attempt

    async def events(self, job: JobRef) -> AsyncGenerator[pb.JobEvent, None]:
        """Yield what happened to a job and who did it, oldest first."""
        name = job_name(job)

        async def fetch(token: str) -> pb.ListJobEventsResponse:
            request = pb.ListJobEventsRequest(parent=name, page_size=PAGE_SIZE, page_token=token)
            return await self._connection.call(self._print.ListJobEvents, request, safe=True)

        async for page in pages(fetch):
            for event in page.events:
                yield event

    async def read_document(
        self, job: JobRef, *, offset: int = 0, limit: int = 0
    ) -> AsyncGenerator[bytes, None]:
        """Yield a job's document in pieces, from `offset`, at most `limit` bytes (0: all). Resumes by itself."""
        patience = Patience(self._connection.retry)
        end = offset + limit if limit else None
        while end is None or offset < end:
            request = pb.ReadDocumentRequest(
                name=job_name(job), offset=offset, limit=end - offset if end else 0
            )
            try:
                stream = self._connection.stream(self._print.ReadDocument, request)
                async with contextlib.aclosing(stream) as pieces:
                    async for piece in pieces:
                        offset = piece.offset + len(piece.data)
                        patience.progressed()
                        yield piece.data
            except FabricError as error:
                await patience.pause(error)
            else:
                return

    async def follow(self, job: JobRef) -> AsyncGenerator[Job, None]:
        """Yield a job as it is now and after each change, until it has ended."""
        from printfabric_client import watching  # noqa: PLC0415 - who only prints needs no watching

        async def ask() -> Job:
            return await self.get(job)

        async with contextlib.aclosing(
            watching.follow(self._connection, self._watch, await ask(), ask)
        ) as states:
            async for state in states:
                yield state

    async def wait(self, job: JobRef, *, timeout_s: float | None = None, or_decision: bool = False) -> Job:
        """Return a job when it has ended: completed, aborted or canceled; `outcome` says what is on paper.

        Args:
            job: which.
            timeout_s: wait no longer.
            or_decision: return also when the job waits for a person who says what came out.

        Raises:
            TimeoutError: it has not ended in time.
        """
        async with asyncio.timeout(timeout_s), contextlib.aclosing(self.follow(job)) as states:
            async for state in states:
                if state.state in ENDED or (or_decision and awaits_decision(state)):
                    return state
        raise AssertionError("follow ends only with a job that has ended")


_BY_RULE = frozenset({"on-uncertain-skip", "on-uncertain-reprint-marked", "rest-moves"})  # state reasons


def awaits_decision(job: Job) -> bool:
    """Tell whether a person has to say what came out, or where to go on, before the job does anything more."""
    # One that is stopped in its middle (PROCESSING_STOPPED) goes on by itself when its port does.
    # One that its printer's rule decides about is held for a moment only.
    held = job.state == JobState.JOB_STATE_PENDING_HELD and not _BY_RULE.intersection(job.state_reasons)
    return held and job.outcome in {Outcome.OUTCOME_UNKNOWN, Outcome.OUTCOME_PARTIAL}
