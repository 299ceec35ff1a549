"""What people do to jobs: cancel, hold, release, restart, move, change, resume, decide.

Every act is durable when it returns, says in the job's history who did it, and is refused with the reason when the
job's state does not allow it. Memory is changed first, so that nothing is sent meanwhile that was just held; when the
store refuses, memory goes back.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chassis import logs
from chassis.errors import (
    FabricError,
    InvalidArgument,
    WrongState,
)
from spooler.acts import STOP_WAIT_S, because, ended, shown, to_its_end
from spooler.aftermath import error_of
from spooler.by_policy import ByPolicy
from spooler.delivery import INTERRUPTED
from spooler.dispatcher import Dispatcher
from spooler.having_back import HavingBack
from spooler.job import STOPPING, Job, event_of
from spooler.job_state import AT_A_PORT, JobEvent, JobState, step
from spooler.ledger import NOTHING_PROVEN, Outcome, goes_on
from spooler.new_job import UploadInterrupted
from spooler.pace import span_words
from spooler.printer import Printer
from spooler.redirecting import Redirecting
from spooler.reprinting import Reprinting
from spooler.store import Changes
from spooler.turns import SLICE

log = logs.get(__name__)


OVERDUE = "backlog-overdue"  # a job-state-reason of ours: it waited too long for its printer
CHANGEABLE = frozenset(
    {"priority", "not_before", "expires_at", "attributes", "retain", "copies", "document_name"}
)


class Steering(Reprinting):
    """The acts; resuming and deciding are `Deciding`'s, printing units again is `Reprinting`'s."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher)
        self._overdue: list[tuple[Job, str]] = []  # waited too long, not held yet
        dispatcher.on_overdue = self._hold_overdue_soon
        self.having_back = HavingBack(dispatcher)
        self.by_policy = ByPolicy(dispatcher, self)
        self.redirecting = Redirecting(dispatcher, self)
        dispatcher.while_spooling.end = self.interrupt
        self._late: list[Job] = []  # their time has run out while they waited
        dispatcher.on_expired = self._expire_soon

    @to_its_end
    async def cancel(self, number: int, who: str, reason: str = "") -> Job:
        """End a job. One that has ended is returned as it is; one that prints stops as soon as its device lets go."""
        job = await self._settled(number)
        if job.ended:
            return job
        if self._dispatcher.flight_of(number) is not None:
            return await self._stop_flight(job, who, reason)
        self._dispatcher.unpin(job)
        after = ended(job, JobEvent.CANCEL, "job-canceled-by-user")
        return await self._put(job, after, "canceled", who, reason)

    async def _stop_flight(self, job: Job, who: str, reason: str) -> Job:
        found = self._dispatcher.flight_of(job.number)
        if found is None:
            return await self._settled(job.number)
        lane, flight = found
        if not flight.cancelled:
            # Before the wait for the disk: it may land, or its next copy leave, meanwhile.
            flight.cancelled = True
            try:
                stopping = replace(job, reasons=(STOPPING,))
                await self._put(job, stopping, "cancel-requested", who, reason)
            except FabricError:
                lane.keep(flight)
                raise
            if not flight.ended:
                lane.cancel(flight)
        await self._dispatcher.pulse.until(lambda: job.number not in self._book.jobs, STOP_WAIT_S)
        return self._book.jobs.get(job.number) or await self._store.get_job(job.number)

    @to_its_end
    async def interrupt(self, number: int, error: UploadInterrupted) -> None:
        """End a job whose document will never be whole; one that prints stops as soon as its device lets go."""
        job = await self._settled(number)
        found = self._dispatcher.flight_of(number)
        if not job.incoming:
            return
        if found is None:
            self._dispatcher.unpin(job)
            after = replace(ended(job, JobEvent.ABORT, INTERRUPTED), last_error=error_of(error))
            await self._put(job, after, "aborted", "spooler", error.message)
        elif not found[1].cancelled:
            found[0].spoil(found[1], error)

    @to_its_end
    async def hold(self, number: int, who: str, reason: str = "") -> Job:
        """Hold a job until it is released. Raises WrongState when it prints or has ended."""
        job = await self._settled(number)
        if job.state is JobState.PENDING_HELD:
            return job
        text = f"held by {who}" + (f": {reason}" if reason else "")
        async with self.having_back.at_rest(job, text):
            job = await self._settled(number)
            if job.state in AT_A_PORT:
                raise WrongState(
                    f"job {number} is printing: let it end, or cancel it", job=number, state=job.state
                )
            held = step(job.state, JobEvent.HOLD)
            after = replace(job, state=held, reasons=("job-hold-until-specified",), hold_reason=text)
            return await self._put(job, after, "held", who, reason)

    @to_its_end
    async def release(self, number: int, who: str, reason: str = "") -> Job:
        """Let a held job print; try again at once what waits for a port."""
        job = await self._settled(number)
        if job.state is JobState.PENDING_HELD:
            if job.outcome in (Outcome.UNKNOWN, Outcome.PARTIAL):
                raise WrongState(
                    f"job {number} needs a decision: {job.hold_reason}; resolve, resume, restart or cancel it",
                    job=number,
                    state=job.state,
                )
            # What waited too long was released knowingly: its waiting is counted from now.
            since = datetime.now(UTC) if OVERDUE in job.reasons else None
            return await self._put(job, replace(self._let_go(job), not_before=since), "released", who, reason)
        if job.ended:
            raise WrongState(f"job {number} has ended ({job.state})", job=number, state=job.state)
        if job.state is JobState.PENDING and job.not_before is not None:
            return await self._put(job, replace(job, not_before=None), "released", who, reason)
        await self._store.record(
            Changes(history=[event_of(job, "released", who, because("its ports are tried now", reason))])
        )
        self._try_ports(job)
        return job

    def _let_go(self, job: Job) -> Job:
        """Return a job that was only held: what was decided about it, and what is on paper of it, still holds."""
        after = self._released(job)
        if not job.rest and not job.resume_offset:
            return after
        ledger = goes_on(job.ledger, job.resume_offset)
        return replace(after, ledger=ledger, rest=job.rest, resume_offset=job.resume_offset)

    @to_its_end
    async def restart(self, number: int, who: str, mark: bool = False, reason: str = "") -> Job:
        """Print a job again from its beginning, whatever came out before; with a mark on each unit if that is wanted.

        Raises:
            NotSupported: the language has no mark.
            InvalidArgument: it has more units than can be marked.
        """
        job = await self._settled(number)
        if job.state in (JobState.PROCESSING, JobState.PROCESSING_STOPPED, JobState.PENDING):
            raise WrongState(
                f"job {number} has not ended ({job.state}): cancel it first", job=number, state=job.state
            )
        self._check_document(job)
        self._check_printer(job.printer)
        copies = 0 if job.ended else job.copies_printed
        event = JobEvent.RESTART if job.ended else JobEvent.RELEASE
        segments = await self._all_marked(job) if mark else []
        after = replace(self._released(job, event), copies_printed=copies, ended_at=None)
        if not copies:
            after = replace(after, ledger=NOTHING_PROVEN)
        if segments:
            # No port has printed any of it this time: it is bound to none.
            after = replace(after, rest=tuple(segments), resume_offset=segments[0].start, port=None)
        return await self._put(job, after, "restarted", who, because("with a mark" if mark else "", reason))

    @to_its_end
    async def move(self, number: int, printer: str, who: str, reason: str = "") -> Job:
        """Let another printer print a job that waits; it keeps its number, owner and priority."""
        job = await self._settled(number)
        self._check_printer(printer)
        self._check_whole(job)
        if job.outcome in (Outcome.UNKNOWN, Outcome.PARTIAL):
            raise WrongState(
                f"job {number} has been on paper in part: decide about that first",
                job=number,
                state=job.state,
            )
        words = f"from {job.printer} to {printer}"
        async with self.having_back.at_rest(job, f"moved by {who}"):
            job = await self._settled(number)
            after = replace(job, state=step(job.state, JobEvent.MOVE), printer=printer, port=None)
            return await self._put(job, after, "moved", who, because(words, reason))

    @to_its_end
    async def update(self, /, number: int, who: str, reason: str = "", **fields: Any) -> Job:
        """Change what may be changed of a job that has not ended."""
        wrong = sorted(set(fields) - CHANGEABLE)
        if wrong:
            raise InvalidArgument(f"{wrong[0]} of a job cannot be changed", field=wrong[0])
        job = await self._settled(number)
        if job.ended:
            raise WrongState(f"job {number} has ended ({job.state})", job=number, state=job.state)
        before = {"document_name": job.document.name}
        words = ", ".join(
            f"{name}: {shown(before.get(name) or getattr(job, name, None))} -> {shown(value)}"
            for name, value in sorted(fields.items())
        )
        if "document_name" in fields:
            fields["document"] = job.document._replace(name=fields.pop("document_name"))
        if fields.get("copies", job.copies) <= job.copies_printed:
            raise InvalidArgument(f"{job.copies_printed} copies are printed already", field="copies")
        return await self._put(job, replace(job, **fields), "changed", who, because(words, reason))

    def _try_ports(self, job: Job) -> None:
        for port in self._book.queue(job.printer).printer.ports:
            lane = self._dispatcher.lanes.get(port.key)
            if lane is not None:
                lane.clear()

    def _hold_overdue_soon(self, job: Job, words: str) -> None:
        self._overdue.append((job, words))
        if len(self._overdue) == 1:
            self._dispatcher.tasks.spawn("hold overdue jobs", self._hold_overdue())

    async def _hold_overdue(self) -> None:
        """Hold for a person what has waited too long, all of it in one commit."""
        await asyncio.sleep(0)  # those that are found in the same turn come along
        before, self._overdue = self._overdue, []
        after = [
            _held_overdue(job, self._book.queue(job.printer).printer, words)
            for job, words in before
            if self._book.jobs.get(job.number) is job
        ]
        for job in after:
            self._book.change(job)
        history = [event_of(job, "held", "spooler", job.hold_reason) for job in after]
        try:
            await self._store.record(Changes(jobs=after, history=history))
        except FabricError as error:  # it prints no job of which nobody could be told that it was held
            log.warning("overdue jobs are held, not durably", jobs=len(after), error=str(error))
        for job in after:
            self._dispatcher.hub.job(job)

    def _expire_soon(self, job: Job) -> None:
        if job.state is JobState.PROCESSING:  # its host is asked first: nobody waits for that
            self._dispatcher.tasks.spawn(f"expire {job.number}", self._expire(job))
            return
        self._late.append(job)
        if len(self._late) == 1:
            self._dispatcher.tasks.spawn("expire jobs", self._expire_late())

    async def _expire_late(self) -> None:
        """End what came too late, a few at a time: a hundred thousand may be late at the same moment."""
        while some := self._late[:SLICE]:
            spawn = self._dispatcher.tasks.spawn
            await asyncio.wait({spawn(f"expire {job.number}", self._expire(job)) for job in some})
            del self._late[: len(some)]

    async def _expire(self, job: Job) -> None:
        words = f"its time ended at {job.expires_at}"
        async with self.having_back.at_rest(job, words):
            if job.state is JobState.PROCESSING:
                job = await self._settled(job.number)
            waits = job.state in (JobState.PENDING, JobState.PENDING_HELD)
            if not waits or job.outcome is not Outcome.PENDING or self._book.jobs.get(job.number) is not job:
                return
            after = ended(job, JobEvent.EXPIRE, "job-expired")
            await self._put(job, after, "expired", "spooler", words)


def _held_overdue(job: Job, printer: Printer, words: str) -> Job:
    limit = span_words(printer.max_backlog_age_s or 0)
    return replace(
        job,
        state=step(job.state, JobEvent.HOLD),
        reasons=("job-held-by-system", OVERDUE),
        hold_reason=f"it waited longer than {limit} {words}",
        revision=job.revision + 1,
    )
