"""What lanes bring back, judged and written down: outcomes are durable before anybody hears of them.

Judging is `spooler.delivery`'s. Writing is done by one loop for all ports, so that what ends together shares a commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from chassis import logs
from chassis.errors import FabricError, SpoolFull, StoreUnavailable
from chassis.tasks import Backoff
from spooler.delivery import Conclusion, PortAction, conclude
from spooler.dispatch_view import Landing
from spooler.dispatcher import Dispatcher
from spooler.job import Attempt, HistoryEvent, Job, JobError, event_of
from spooler.job_state import JobEvent, JobState, step
from spooler.ledger import Evidence, EvidenceLevel, Ledger, Offsets, Outcome, merge
from spooler.port import DocumentKey, Phase, Progress
from spooler.store import Changes

log = logs.get(__name__)

SAVE_EVERY_S = 1.0  # how old the stored progress of a running document may be
RETRY = Backoff(first_s=0.1, most_s=2.0)


@dataclass(frozen=True, slots=True)
class Judged:
    """A landing and what follows from it."""

    landing: Landing
    progress: Progress
    conclusion: Conclusion


class Concluding:
    """The far end of the dispatcher's work. `count_attempts` is told how many have ended, each once."""

    def __init__(
        self, dispatcher: Dispatcher, count_attempts: Callable[[int], object] = lambda _count: None
    ) -> None:
        self._count_attempts = count_attempts
        self._dispatcher = dispatcher
        self._judged: list[Judged] = []
        self._writing = 0
        self._arrived = asyncio.Event()
        dispatcher.on_landed = self.landed
        dispatcher.on_news = self.news
        dispatcher.unconcluded = lambda: len(self._judged) + self._writing

    def landed(self, landing: Landing) -> None:
        """Judge a flight at once, as far as its port goes; the job follows when it is durable."""
        flight = landing.flight
        progress = landing.progress or Progress(
            flight.key, Phase.ENDED, accepted=flight.info.resume_offset, error=landing.error
        )
        conclusion = conclude(
            progress,
            flight.size_bytes,
            flight.info.resume_offset,
            cancelled=flight.cancelled and flight.failure is None,
            pinned=flight.pinned,
        )
        lane = self._dispatcher.lane(landing.port)
        if progress.error is not None and not lane.failed:
            if conclusion.port_action is PortAction.PAUSE:
                lane.pause(progress.error)
            elif conclusion.port_action is PortAction.STOP:
                lane.stop(progress.error)
        if conclusion.event is JobEvent.STOP:
            lane.pinned = flight.number
        if not landing.began:
            self._dispatcher.untouched[flight.number] = landing.port.key
        queue = self._dispatcher.book.queues.get(flight.info.printer)
        if conclusion.event is JobEvent.REQUEUE and queue is not None:
            queue.returning += 1
        self._judged.append(Judged(landing, progress, conclusion))
        self._arrived.set()
        if lane.has_room:
            self._dispatcher.lane_changed(landing.port)

    def news(self, landing: Landing) -> None:
        """A document has got further: the job shows it, and now and then it is written down."""
        flight = landing.flight
        job = self._dispatcher.book.jobs.get(flight.number)
        progress = landing.progress
        if job is None or progress is None or job.attempts != flight.key.attempt:
            return
        job = replace(
            job,
            ledger=_ledger(job.ledger, progress, flight.size_bytes),
            last_error=_error(progress.error),
            reasons=("job-outgoing",) if progress.error is None else ("job-outgoing", "printer-stopped"),
        )
        self._dispatcher.book.jobs[job.number] = job
        self._dispatcher.hub.job(job)
        now = asyncio.get_running_loop().time()
        if now - flight.saved_at >= SAVE_EVERY_S:
            flight.saved_at = now
            lane = self._dispatcher.lane(landing.port)
            self._dispatcher.store.record_soon(Changes(attempts=[_attempt(job, landing, lane.fence, None)]))

    async def run(self) -> None:
        """Write down what has landed, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            batch, self._judged = self._judged, []
            if batch:
                self._writing = len(batch)
                await self._conclude(batch)
                self._writing = 0
                self._dispatcher.pulse.beat()

    async def _conclude(self, batch: Sequence[Judged]) -> None:
        jobs: list[Job] = []
        attempts: list[Attempt] = []
        history: list[HistoryEvent] = []
        for judged in batch:
            job = self._dispatcher.book.jobs.get(judged.landing.flight.number)
            if job is None:
                continue
            after = _job_after(job, judged)
            jobs.append(after)
            lane = self._dispatcher.lane(judged.landing.port)
            if judged.landing.flight.recorded:
                attempts.append(_attempt(after, judged.landing, lane.fence, judged))
            if judged.conclusion.event is not JobEvent.COMPLETE and not _known_trouble(job, judged):
                history.append(_history(after, judged))
        await self._write(Changes(jobs=jobs, attempts=attempts, history=history))
        self._count_attempts(sum(judged.landing.began for judged in batch))
        self._settle(batch)
        self._apply(batch, jobs)

    async def _write(self, changes: Changes) -> None:
        """Write until it is written: an outcome is never given up because a disk is full."""
        failures = 0
        while True:
            try:
                await self._dispatcher.store.record(changes)
            except (StoreUnavailable, SpoolFull) as error:
                failures += 1
                log.warning("outcomes cannot be written", jobs=len(changes.jobs), error=str(error))
                await asyncio.sleep(RETRY.wait_s(failures))
            else:
                return

    def _settle(self, batch: Sequence[Judged]) -> None:
        settled: dict[tuple[str, str], list[DocumentKey]] = {}
        for judged in batch:
            landing = judged.landing
            if landing.progress is not None:
                settled.setdefault(landing.port.key, []).append(landing.flight.key)
        for key, keys in settled.items():
            self._dispatcher.lanes[key].settle(keys)

    def _apply(self, batch: Sequence[Judged], jobs: Sequence[Job]) -> None:
        dispatcher = self._dispatcher
        for judged in batch:
            queue = dispatcher.book.queues.get(judged.landing.flight.info.printer)
            if judged.conclusion.event is JobEvent.REQUEUE and queue is not None:
                queue.returning -= 1
        for job in jobs:
            if job.ended:
                dispatcher.ended(job)
                continue
            dispatcher.book.change(job)
            dispatcher.timetable.note(job)
            dispatcher.hub.job(job)
            if job.state is JobState.PROCESSING_STOPPED and job.port is not None:
                dispatcher.pin(dispatcher.lane(job.port), job)
        for name in {judged.landing.flight.info.printer for judged in batch}:
            dispatcher.kick(name)


def _known_trouble(job: Job, judged: Judged) -> bool:
    """Whether the port has refused the same attempt again, for the same reason: no news for anybody."""
    error, last = judged.progress.error, job.last_error
    return (
        judged.landing.flight.again and error is not None and last is not None and error.reason == last.reason
    )


def _ledger(known: Ledger, progress: Progress, size_bytes: int) -> Ledger:
    news = Offsets(size_bytes, progress.accepted, progress.acked, progress.confirmed)
    return replace(known, offsets=merge(known.offsets, news))


def _final_ledger(known: Ledger, judged: Judged, size_bytes: int) -> Ledger:
    progress = judged.progress
    ledger = replace(_ledger(known, progress, size_bytes), uncertain=judged.conclusion.uncertain)
    if progress.source is not None and progress.level is not EvidenceLevel.NONE:
        reach = progress.acked if progress.level is EvidenceLevel.ACKED else progress.accepted
        proof = Evidence(progress.level, progress.source, reach, datetime.now(UTC))
        others = tuple(one for one in ledger.evidence if one.source is not progress.source)
        ledger = replace(ledger, evidence=(*others, proof))
    return ledger


def _error(error: FabricError | None) -> JobError | None:
    if error is None:
        return None
    return JobError(error.reason, error.win32, error.message, error.verdict.value, datetime.now(UTC))


def _job_after(job: Job, judged: Judged) -> Job:
    """Return the job as it is after an attempt has ended."""
    conclusion, now = judged.conclusion, datetime.now(UTC)
    event = conclusion.event
    size = job.document.size_bytes
    copies = job.copies_printed + (conclusion.outcome is Outcome.PRINTED)
    more_copies = event is JobEvent.COMPLETE and copies < job.copies
    if more_copies:
        event = JobEvent.REQUEUE
    job = replace(
        job,
        state=_stepped(job.state, event),
        copies_printed=copies,
        ledger=_final_ledger(job.ledger, judged, size),
        outcome=conclusion.outcome,
        last_error=_error(judged.progress.error) or job.last_error,
        reasons=(conclusion.reason,) if conclusion.reason else (),
        resume_offset=conclusion.resume_offset,
        hold_reason=_hold_reason(judged, size) if event is JobEvent.HOLD else "",
        revision=job.revision + 1,
    )
    if more_copies:  # the next copy starts its own ledger
        return replace(job, outcome=Outcome.PENDING, ledger=Ledger(Offsets(spooled=size)))
    if event is JobEvent.REQUEUE:
        return replace(job, outcome=Outcome.PENDING)
    if job.ended:
        reason = {JobEvent.COMPLETE: "job-completed-successfully", JobEvent.CANCEL: "job-canceled-by-user"}
        return replace(
            job, ended_at=now, reasons=(reason.get(event, conclusion.reason or "aborted-by-system"),)
        )
    return job


def _stepped(state: JobState, event: JobEvent) -> JobState:
    if event is JobEvent.STOP and state is JobState.PROCESSING_STOPPED:
        return state
    return step(state, event)


def _hold_reason(judged: Judged, size: int) -> str:
    span = judged.conclusion.uncertain
    if span is not None:
        return f"nobody can say whether bytes {span.start} to {span.end} of {size} were printed"
    if judged.conclusion.outcome is Outcome.PARTIAL:
        return f"it stopped after byte {judged.progress.accepted} of {size}"
    return str(judged.progress.error or "held by the system")


def _attempt(job: Job, landing: Landing, fence: int, judged: Judged | None) -> Attempt:
    """Return the attempt's record: as it stands, or ended when it was judged."""
    flight = landing.flight
    attempt = Attempt(
        job_uid=job.uid,
        job_number=job.number,
        number=flight.key.attempt,
        port=landing.port,
        fence=fence,
        copy=flight.info.copy,
        resume_offset=flight.info.resume_offset,
        ledger=job.ledger,
    )
    if judged is None:
        return attempt
    return replace(
        attempt,
        ledger=_final_ledger(Ledger(Offsets(spooled=flight.size_bytes)), judged, flight.size_bytes),
        ended_at=datetime.now(UTC),
        outcome=judged.conclusion.outcome,
        error=_error(judged.progress.error),
    )


def _history(job: Job, judged: Judged) -> HistoryEvent:
    words = {
        JobEvent.REQUEUE: "requeued",
        JobEvent.STOP: "broke-off",
        JobEvent.HOLD: "held",
        JobEvent.CANCEL: "canceled",
        JobEvent.ABORT: "aborted",
    }
    error = judged.progress.error
    detail = f"attempt {judged.landing.flight.key.attempt} on {judged.landing.port}"
    if error is not None:
        detail += f": {error.reason}: {error.message}"
    if job.hold_reason:
        detail += f"; {job.hold_reason}"
    return event_of(job, words.get(judged.conclusion.event, "ended"), "spooler", detail)._replace(
        attempt=judged.landing.flight.key.attempt, port=judged.landing.port
    )
