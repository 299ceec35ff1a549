"""What lanes bring back, judged and written down: outcomes are durable before anybody hears of them.

Judging is `spooler.delivery`'s. Writing is done by one loop for all ports, so that what ends together shares a commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from chassis import logs
from chassis.errors import FabricError
from spooler.aftermath import (
    Judged,
    attempt_of,
    error_of,
    final_ledger,
    history_of,
    job_after,
    ledger_of,
    under_rule,
)
from spooler.delivery import Conclusion, PortAction, conclude
from spooler.dispatch_view import Landing
from spooler.dispatcher import Dispatcher
from spooler.evidence import note
from spooler.job import Attempt, HistoryEvent, Job
from spooler.job_state import JobEvent, JobState
from spooler.ledger import Ledger, Offsets, Outcome
from spooler.port import DocumentKey, Phase, Progress
from spooler.routes import Backup
from spooler.store import Changes
from spooler.unit_plan import backup_words
from spooler.unit_scan import UnitScan
from spooler.unwritten import Unwritten

log = logs.get(__name__)

SAVE_EVERY_S = 1.0  # how old the stored progress of a running document may be
# How long the outcome of what printed well waits for a commit that others make: nobody's OK does, and nothing behind it.
WRITE_WITHIN_S = 0.005
COUNT_WAIT_S = 1.0  # how long an outcome may wait for the units of its document


class Concluding:
    """The far end of the dispatcher's work. `count_attempts` is told how many have ended, each once."""

    def __init__(
        self, dispatcher: Dispatcher, count_attempts: Callable[[int], object] = lambda _count: None
    ) -> None:
        self._count_attempts = count_attempts
        self._dispatcher = dispatcher
        self._judged: list[Judged] = []
        self._writing = 0
        self._counting = 0
        self._units = UnitScan(dispatcher.store)
        self._arrived = asyncio.Event()
        dispatcher.on_landed = self.landed
        dispatcher.on_news = self.news
        self._unwritten = Unwritten(dispatcher, self._arrived.set)
        dispatcher.unconcluded = lambda: len(self._judged) + self._writing + self._counting

    def landed(self, landing: Landing) -> None:
        """Judge a flight at once, as far as its port goes; the job follows when it is durable."""
        flight = landing.flight
        self._unwritten.forget([flight.number])  # it is judged anew, by who has its printer again
        progress = landing.progress or Progress(
            flight.key, Phase.ENDED, accepted=flight.info.resume_offset, error=landing.error
        )
        job = self._dispatcher.book.jobs.get(flight.number)
        if self._dispatcher.book.is_others(flight.info.printer):
            return  # who has the printer now asks the host
        stopping = flight.cancelled or (job is not None and job.stopping)
        conclusion = conclude(
            progress,
            flight.size_bytes,
            flight.info.resume_offset,
            confirmed=job.ledger.offsets.confirmed if job is not None else 0,
            cancelled=stopping and flight.failure is None,
            pinned=flight.pinned,
            incoming=flight.incoming,
            withdrawn=flight.withdrawn is not None,
        )
        backup = self._dispatcher.routes.backups.get(flight.number)
        if backup is not None and conclusion.event is JobEvent.REQUEUE:
            # Its first byte stands behind its mark: that it begins there does not mean that something is on paper.
            conclusion = replace(conclusion, outcome=Outcome.NOT_PRINTED, resume_offset=0)
        elif backup is not None:
            self._dispatcher.routes.backups.pop(flight.number)
        lane = self._dispatcher.lane(landing.port)
        self._tell_port(landing, progress.error, conclusion)
        if conclusion.event is JobEvent.STOP:
            lane.pinned = flight.number
        judged = Judged(landing, progress, conclusion, known=self._refused_before(landing, progress.error))
        self._returning(judged, 1)
        self._judge(judged)
        if lane.has_room:
            self._dispatcher.lane_changed(landing.port)

    def _refused_before(self, landing: Landing, error: FabricError | None) -> bool:
        """Note a port's refusal to begin a job; return whether it has refused it for this reason before."""
        tries, flight = self._dispatcher.tries, landing.flight
        if landing.began or flight.withdrawn:  # its host takes the same attempt for withdrawn for ever
            tries.forget(flight.number)
            return False
        return tries.refused(flight.number, landing.port.key, error.reason if error is not None else "")

    def _tell_port(self, landing: Landing, error: FabricError | None, conclusion: Conclusion) -> None:
        """Let the port rest if it failed, and the printer know whether it has one that works."""
        lane, flight = self._dispatcher.lane(landing.port), landing.flight
        if error is None:
            self._dispatcher.port_works(flight.info.printer)
            return
        if not lane.failed and conclusion.port_action is PortAction.PAUSE:
            lane.pause(error)
        elif not lane.failed and conclusion.port_action is PortAction.STOP:
            lane.stop(error)
        if conclusion.port_action is not PortAction.GO_ON:
            job = self._dispatcher.book.jobs.get(flight.number)
            self._dispatcher.port_failed(landing.port, job)

    def _judge(self, judged: Judged) -> None:
        """Have it written down; where something stays open, with the units it is about, if they are counted soon."""
        job = self._dispatcher.book.jobs.get(judged.landing.flight.number)
        if judged.leaves_doubt and job is not None and job.has_document:
            self._counting += 1
            self._dispatcher.tasks.spawn(f"units of {job.number}", self._count(job, judged))
        elif job is not None and self._wants_backup(job, judged):
            self._counting += 1
            self._dispatcher.tasks.spawn(f"backup of {job.number}", self._mark_backup(job, judged))
        else:
            self._judged.append(judged)
            self._arrived.set()

    def _wants_backup(self, job: Job, judged: Judged) -> bool:
        """Whether the paper shall say so, should another port print what this one refused."""
        queue = self._dispatcher.book.queues.get(job.printer)
        if queue is None or not queue.printer.mark_redirected or len(queue.printer.ports) < 2:
            return False
        refused = judged.conclusion.event is JobEvent.REQUEUE and judged.progress.error is not None
        return refused and not job.rest and job.number not in self._dispatcher.routes.backups

    async def _mark_backup(self, job: Job, judged: Judged) -> None:
        port = judged.landing.port
        try:
            async with asyncio.timeout(COUNT_WAIT_S):
                segment = await self._units.marked(job, backup_words(port))
            self._dispatcher.routes.backups[job.number] = Backup(port.key, segment)
        except (TimeoutError, FabricError) as error:
            log.info("no mark on what another port prints", job=job.number, error=str(error))
        finally:
            self._counting -= 1
            self._judged.append(judged)
            self._arrived.set()

    async def _count(self, job: Job, judged: Judged) -> None:
        ledger = final_ledger(
            Ledger(Offsets(spooled=job.document.size_bytes)), judged, job.document.size_bytes
        )
        try:
            async with asyncio.timeout(COUNT_WAIT_S):
                judged = replace(judged, count=await self._units.count(job, ledger))
        except TimeoutError:
            log.info("units are counted later", job=job.number, size_bytes=job.document.size_bytes)
        except FabricError as error:
            log.warning("units cannot be counted", job=job.number, error=str(error))
        finally:
            self._counting -= 1
            self._judged.append(judged)
            self._arrived.set()

    def news(self, landing: Landing) -> None:
        """A document has got further: the job shows it, and now and then it is written down."""
        flight = landing.flight
        job = self._dispatcher.book.jobs.get(flight.number)
        progress = landing.progress
        if job is None or progress is None or job.attempts != flight.key.attempt:
            return
        note(flight.reached, progress, datetime.now(UTC))
        reasons = ("job-outgoing",) if progress.error is None else ("job-outgoing", "printer-stopped")
        job = replace(
            job,
            ledger=ledger_of(job.ledger, progress, flight, flight.size_bytes),
            last_error=error_of(progress.error),
            reasons=job.reasons if job.stopping else reasons,
        )
        self._dispatcher.book.jobs[job.number] = job
        self._dispatcher.hub.job(job)
        now = asyncio.get_running_loop().time()
        if now - flight.saved_at >= SAVE_EVERY_S:
            flight.saved_at = now
            lane = self._dispatcher.lane(landing.port)
            self._dispatcher.store.record_soon(Changes(attempts=[attempt_of(job, landing, lane.fence, None)]))

    async def run(self) -> None:
        """Write down what has landed, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            batch, self._judged = self._judged, []
            if batch:
                await self._written(batch)
            if (again := self._unwritten.next()) is not None:
                self._returning(again, 1)
                await self._written([again])

    async def _written(self, batch: Sequence[Judged]) -> None:
        self._writing = len(batch)
        try:
            await self._conclude(batch)
        finally:
            self._writing = 0
        self._dispatcher.pulse.beat()

    def _returning(self, judged: Judged, by: int) -> None:
        """Count what comes back to a printer: nothing of it leaves before that is written down, or refused."""
        queue = self._dispatcher.book.queues.get(judged.landing.flight.info.printer)
        if judged.conclusion.event is JobEvent.REQUEUE and queue is not None:
            queue.returning += by

    async def _conclude(self, batch: Sequence[Judged]) -> None:
        try:
            jobs = await self._recorded(batch)
        except Exception as error:  # the wall: an outcome that cannot be written takes no other along
            if len(batch) > 1:
                for judged in batch:
                    await self._conclude([judged])
                return
            if self._unwritten.set_aside(batch[0], error):  # how it came about is said once
                number = batch[0].landing.flight.number
                log.exception("an outcome is refused, it is tried again", job=number, error=repr(error))
            self._apply(batch, [])
            return
        self._unwritten.forget(judged.landing.flight.number for judged in batch)
        self._count_attempts(sum(judged.landing.began for judged in batch))
        self._settle(batch)
        self._apply(batch, jobs)

    async def _recorded(self, batch: Sequence[Judged]) -> list[Job]:
        """Make outcomes durable; return the jobs as they are then."""
        jobs: list[Job] = []
        attempts: list[Attempt] = []
        history: list[HistoryEvent] = []
        for judged in batch:
            job = self._dispatcher.book.jobs.get(judged.landing.flight.number)
            if job is None or self._dispatcher.book.is_others(job.printer):
                continue
            after = job_after(job, judged)
            queue = self._dispatcher.book.queues.get(job.printer)
            after = under_rule(after, queue.printer) if queue is not None else after
            if after.state is JobState.PENDING and job.number in self._dispatcher.routes.backups:
                after = replace(after, rest=())
            jobs.append(after)
            lane = self._dispatcher.lane(judged.landing.port)
            if judged.landing.flight.recorded:
                attempts.append(attempt_of(after, judged.landing, lane.fence, judged))
            if judged.conclusion.event is not JobEvent.COMPLETE and not judged.known:
                history.append(history_of(after, judged))
        # What failed, or goes on with its next copy, does not wait; behind others that do it has their 5 ms at most.
        well = not history and all(job.ended for job in jobs)
        changes = Changes(jobs=jobs, attempts=attempts, history=history)
        await self._unwritten.write(changes, WRITE_WITHIN_S if well else 0.0)
        return jobs

    def _settle(self, batch: Sequence[Judged]) -> None:
        settled: dict[tuple[tuple[str, str], bool], list[DocumentKey]] = {}
        for judged in batch:
            landing = judged.landing
            if landing.progress is not None and not self._dispatcher.book.is_others(
                landing.flight.info.printer
            ):
                # A broken one keeps others from being begun at its host, one that lies there takes its room.
                may_wait = judged.conclusion.event is JobEvent.COMPLETE and not landing.flight.to_stage
                settled.setdefault((landing.port.key, may_wait), []).append(landing.flight.key)
        for (key, may_wait), keys in settled.items():
            if (lane := self._dispatcher.lanes.get(key)) is not None:
                lane.settle(keys, may_wait=may_wait)

    def _apply(self, batch: Sequence[Judged], jobs: Sequence[Job]) -> None:
        dispatcher = self._dispatcher
        for judged in batch:
            self._returning(judged, -1)
        for job in jobs:
            if job.ended:
                dispatcher.ended(job)
                continue
            dispatcher.book.change(job)
            dispatcher.timetable.note(job)
            dispatcher.hub.job(job)
            if job.state is JobState.PENDING_HELD and not job.ledger.units.total:
                dispatcher.on_uncounted(job)
            dispatcher.on_doubt(job)
            if job.state is JobState.PROCESSING_STOPPED and job.port is not None:
                dispatcher.pin(dispatcher.lane(job.port), job)
                dispatcher.on_stopped(job)
        for name in {judged.landing.flight.info.printer for judged in batch}:
            dispatcher.kick(name)
        dispatcher.unused_lanes.look()
