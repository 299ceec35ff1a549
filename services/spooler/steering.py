"""What people do to jobs: cancel, hold, release, restart, move, change, resume, decide.

Every act is durable when it returns, says in the job's history who did it, and is refused with the reason when the
job's state does not allow it. Memory is changed first, so that nothing is sent meanwhile that was just held; when the
store refuses, memory goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chassis import logs
from chassis.errors import (
    DocumentLost,
    FabricError,
    InvalidArgument,
    NotBuiltYet,
    PrinterDeleted,
    WrongState,
)
from spooler.dispatcher import Dispatcher
from spooler.job import Job, event_of
from spooler.job_state import JobEvent, JobState, step
from spooler.ledger import NOTHING_PROVEN, Evidence, EvidenceLevel, EvidenceSource, Ledger, Outcome
from spooler.store import Changes

log = logs.get(__name__)

AT_A_PORT = (JobState.PROCESSING, JobState.PROCESSING_STOPPED)
STOP_WAIT_S = 3.0  # how long a caller waits for a device to let go of a document; then it hears "stopping"

CHANGEABLE = frozenset(
    {"priority", "not_before", "expires_at", "attributes", "retain", "copies", "document_name"}
)


class Steering:
    """The acts. `who` is the caller as authenticated; `number` is the job's."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._book = dispatcher.book
        self._store = dispatcher.store
        dispatcher.on_expired = lambda job: dispatcher.tasks.spawn(f"expire {job.number}", self._expire(job))

    async def cancel(self, number: int, who: str, reason: str = "") -> Job:
        """End a job. One that has ended is returned as it is; one that prints stops as soon as its device lets go."""
        job = await self._settled(number)
        if job.ended:
            return job
        if self._dispatcher.flight_of(number) is not None:
            return await self._stop_flight(job, who, reason)
        self._dispatcher.unpin(job)
        after = replace(
            job,
            state=step(job.state, JobEvent.CANCEL),
            reasons=("job-canceled-by-user",),
            outcome=Outcome.NOT_PRINTED if job.outcome is Outcome.PENDING else job.outcome,
            ended_at=datetime.now(UTC),
            hold_reason="",
        )
        return await self._put(job, after, "canceled", who, reason)

    async def _stop_flight(self, job: Job, who: str, reason: str) -> Job:
        found = self._dispatcher.flight_of(job.number)
        if found is None:
            return await self._settled(job.number)
        lane, flight = found
        if not flight.cancelled:
            stopping = replace(job, reasons=("processing-to-stop-point",))
            await self._put(job, stopping, "cancel-requested", who, reason)
            lane.cancel(flight)
        await self._dispatcher.pulse.until(lambda: job.number not in self._book.jobs, STOP_WAIT_S)
        return self._book.jobs.get(job.number) or await self._store.get_job(job.number)

    async def hold(self, number: int, who: str, reason: str = "") -> Job:
        """Hold a job until it is released. Raises WrongState when it prints or has ended."""
        job = await self._settled(number)
        if job.state is JobState.PENDING_HELD:
            return job
        if job.state in AT_A_PORT:
            raise WrongState(
                f"job {number} is printing: let it end, or cancel it", job=number, state=job.state
            )
        text = f"held by {who}" + (f": {reason}" if reason else "")
        after = replace(
            job, state=step(job.state, JobEvent.HOLD), reasons=("job-hold-until-specified",), hold_reason=text
        )
        return await self._put(job, after, "held", who, reason)

    async def release(self, number: int, who: str) -> Job:
        """Let a held job print; try again at once what waits for a port."""
        job = await self._settled(number)
        if job.state is JobState.PENDING_HELD:
            if job.outcome in (Outcome.UNKNOWN, Outcome.PARTIAL):
                raise WrongState(
                    f"job {number} needs a decision: {job.hold_reason}; resolve, resume, restart or cancel it",
                    job=number,
                    state=job.state,
                )
            return await self._put(job, self._released(job), "released", who)
        if job.ended:
            raise WrongState(f"job {number} has ended ({job.state})", job=number, state=job.state)
        if job.state is JobState.PENDING and job.not_before is not None:
            return await self._put(job, replace(job, not_before=None), "released", who)
        self._try_ports(job)
        return job

    async def restart(self, number: int, who: str, mark: bool = False) -> Job:
        """Print a job again from its beginning, whatever came out before."""
        if mark:
            raise NotBuiltYet("a mark on restarted jobs")
        job = await self._settled(number)
        if job.state in (JobState.PROCESSING, JobState.PROCESSING_STOPPED, JobState.PENDING):
            raise WrongState(
                f"job {number} has not ended ({job.state}): cancel it first", job=number, state=job.state
            )
        if not job.has_document:
            raise DocumentLost(f"job {number}: its document is no longer kept", job=number)
        self._check_printer(job.printer)
        copies = 0 if job.ended else job.copies_printed
        event = JobEvent.RESTART if job.ended else JobEvent.RELEASE
        after = replace(self._released(job, event), copies_printed=copies, ended_at=None)
        return await self._put(job, after, "restarted", who)

    async def move(self, number: int, printer: str, who: str) -> Job:
        """Let another printer print a job that waits; it keeps its number, owner and priority."""
        job = await self._settled(number)
        self._check_printer(printer)
        if job.outcome in (Outcome.UNKNOWN, Outcome.PARTIAL):
            raise WrongState(
                f"job {number} has been on paper in part: decide about that first",
                job=number,
                state=job.state,
            )
        after = replace(job, state=step(job.state, JobEvent.MOVE), printer=printer, port=None)
        return await self._put(job, after, "moved", who, f"from {job.printer} to {printer}")

    async def update(self, number: int, who: str, **fields: Any) -> Job:
        """Change what may be changed of a job that has not ended."""
        wrong = sorted(set(fields) - CHANGEABLE)
        if wrong:
            raise InvalidArgument(f"{wrong[0]} of a job cannot be changed", field=wrong[0])
        job = await self._settled(number)
        if job.ended:
            raise WrongState(f"job {number} has ended ({job.state})", job=number, state=job.state)
        if "document_name" in fields:
            fields["document"] = job.document._replace(name=fields.pop("document_name"))
        if fields.get("copies", job.copies) <= job.copies_printed:
            raise InvalidArgument(f"{job.copies_printed} copies are printed already", field="copies")
        return await self._put(job, replace(job, **fields), "changed", who, ", ".join(sorted(fields)))

    async def resume(self, number: int, who: str, offset: int, mark: bool = False) -> Job:
        """Go on with a job that stopped in its middle, at a payload byte that the caller names."""
        if mark:
            raise NotBuiltYet("a mark on resumed jobs")
        job = await self._settled(number)
        size = job.document.size_bytes
        if not 0 <= offset < max(size, 1):
            raise InvalidArgument(f"byte {offset} is not in a document of {size} bytes", field="offset")
        self._dispatcher.unpin(job)
        event = JobEvent.REQUEUE if job.state is JobState.PROCESSING_STOPPED else JobEvent.RELEASE
        after = replace(self._released(job, event), resume_offset=offset)
        return await self._put(job, after, "resumed", who, f"at byte {offset}")

    async def resolve(self, number: int, who: str, decision: str, reason: str = "") -> Job:
        """Decide about a job of which nobody can say what came out: the whole document counts as one unit."""
        job = await self._settled(number)
        if job.outcome not in (Outcome.UNKNOWN, Outcome.PARTIAL) or job.state is not JobState.PENDING_HELD:
            raise WrongState(f"nothing of job {number} is uncertain", job=number, state=job.state)
        detail = f"{decision}" + (f": {reason}" if reason else "")
        if decision == "reprint":
            return await self._put(job, self._released(job), "decided", who, detail)
        if decision != "skip":
            raise NotBuiltYet(f"the decision {decision}")
        copies = job.copies_printed + 1
        if copies < job.copies:
            return await self._put(
                job, replace(self._released(job), copies_printed=copies), "decided", who, detail
            )
        proof = Evidence(
            EvidenceLevel.NONE, EvidenceSource.OPERATOR, job.document.size_bytes, datetime.now(UTC), who
        )
        after = replace(
            job,
            state=step(job.state, JobEvent.COMPLETE),
            copies_printed=copies,
            reasons=("job-completed-with-warnings",),
            ledger=replace(job.ledger, evidence=(*job.ledger.evidence, proof)),
            ended_at=datetime.now(UTC),
            hold_reason="",
        )
        return await self._put(job, after, "decided", who, detail)

    async def cancel_all(self, jobs: Sequence[Job], who: str, reason: str) -> int:
        """Cancel many jobs that wait, in one commit; return how many."""
        now = datetime.now(UTC)
        after = [
            replace(
                job,
                state=step(job.state, JobEvent.CANCEL),
                reasons=("job-canceled-by-user",),
                outcome=Outcome.NOT_PRINTED if job.outcome is Outcome.PENDING else job.outcome,
                ended_at=now,
                hold_reason="",
                revision=job.revision + 1,
            )
            for job in jobs
        ]
        for job in after:
            self._book.change(job)
        history = [event_of(job, "canceled", who, reason) for job in after]
        try:
            await self._store.record(Changes(jobs=after, history=history))
        except FabricError:
            for job in jobs:
                self._book.add(job)
            raise
        for job in after:
            self._dispatcher.ended(job)
        return len(after)

    # --- how

    async def _settled(self, number: int) -> Job:
        """Return a job that is not between two states: what a lane brought back is written down first."""
        await self._dispatcher.pulse.until(lambda: not self._is_landing(number), STOP_WAIT_S)
        return self._book.jobs.get(number) or await self._store.get_job(number)

    def _is_landing(self, number: int) -> bool:
        job = self._book.jobs.get(number)
        return (
            job is not None
            and job.state is JobState.PROCESSING
            and self._dispatcher.flight_of(number) is None
        )

    @staticmethod
    def _released(job: Job, event: JobEvent = JobEvent.RELEASE) -> Job:
        return replace(
            job,
            state=step(job.state, event),
            reasons=(),
            hold_reason="",
            not_before=None,
            outcome=Outcome.PENDING,
            ledger=NOTHING_PROVEN if job.document.size_bytes == 0 else Ledger(),
            resume_offset=0,
        )

    def _check_printer(self, name: str) -> None:
        printer = self._book.queue(name).printer
        if printer.pending_deletion:
            raise PrinterDeleted(f"printer {name} is being deleted", printer=name)

    def _try_ports(self, job: Job) -> None:
        for port in self._book.queue(job.printer).printer.ports:
            lane = self._dispatcher.lanes.get(port.key)
            if lane is not None:
                lane.clear()

    async def _put(self, before: Job, after: Job, what: str, who: str, detail: str = "") -> Job:
        after = replace(after, revision=before.revision + 1)
        was_live = before.number in self._book.jobs
        self._book.change(after) if was_live or not after.ended else None
        at = before if before.state in AT_A_PORT else None
        history = [event_of(after, what, who, detail, at=at)]
        try:
            await self._store.record(Changes(jobs=[after], history=history))
        except FabricError:
            if was_live:
                self._book.change(before)
            else:
                self._book.forget(before)
            raise
        if after.ended:
            self._dispatcher.ended(after)
        else:
            self._dispatcher.timetable.note(after)
            self._dispatcher.hub.job(self._book.jobs.get(after.number, after))
        self._dispatcher.kick(before.printer)
        if before.printer != after.printer:
            self._dispatcher.hub.printer(self._book.queue(before.printer).printer)
            self._dispatcher.kick(after.printer)
        return self._book.jobs.get(after.number, after)

    async def _expire(self, job: Job) -> None:
        waits = job.state in (JobState.PENDING, JobState.PENDING_HELD)
        if not waits or job.outcome is not Outcome.PENDING or self._book.jobs.get(job.number) is not job:
            return
        after = replace(
            job,
            state=step(job.state, JobEvent.EXPIRE),
            reasons=("job-expired",),
            outcome=Outcome.NOT_PRINTED,
            ended_at=datetime.now(UTC),
            hold_reason="",
        )
        await self._put(job, after, "expired", "spooler", f"its time ended at {job.expires_at}")
