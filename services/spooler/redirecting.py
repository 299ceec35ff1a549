"""Leaving a port in the middle of a job: what is proven unprinted goes to another port, by the printer's rule.

A byte pipe that broke off goes on by itself at the exact byte when it comes back. A printer may not want to wait for
that: then the job leaves where the next unit begins. Whatever of it is uncertain is decided by the printer's rule for
doubt; where a person would have to, the job rather waits for its port.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from chassis import logs
from chassis.errors import FabricError
from spooler.aftermath import REST_MOVES, Count, hold_reason, rule_word, with_units
from spooler.deciding import Deciding
from spooler.delivery import OUTCOME_UNKNOWN, PARTIALLY_PRINTED
from spooler.dispatcher import Dispatcher
from spooler.job import Job
from spooler.job_state import JobEvent, JobState, step
from spooler.ledger import Outcome, Span, UnitKind
from spooler.printer import OnPortError, OnUncertain, Printer

log = logs.get(__name__)

WHO = "spooler"
LOOK_AGAIN_S = 5.0  # while no other port works


class Redirecting:
    """Waits beside a stopped job, and takes it away when its time is up and another port works."""

    def __init__(self, dispatcher: Dispatcher, deciding: Deciding) -> None:
        self._dispatcher = dispatcher
        self._deciding = deciding
        dispatcher.on_stopped = self._stopped

    def _stopped(self, job: Job) -> None:
        printer = self._printer(job)
        if printer is not None and printer.on_port_error is not OnPortError.WAIT and len(printer.ports) > 1:
            self._dispatcher.tasks.spawn(f"leave port of {job.number}", self._wait(job, printer))

    async def _wait(self, job: Job, printer: Printer) -> None:
        after_s = printer.redirect_after_s if printer.on_port_error is OnPortError.REDIRECT_AFTER else 0.0
        await asyncio.sleep(after_s)
        while (now := self._still_stopped(job)) is not None:
            if self._dispatcher.has_other_port(now):
                await self._leave(now)
                return
            await asyncio.sleep(LOOK_AGAIN_S)

    def _still_stopped(self, job: Job) -> Job | None:
        """Return the job as it is now, if it still waits for the port where it stopped."""
        now = self._dispatcher.book.jobs.get(job.number)
        stopped = now is not None and now.state is JobState.PROCESSING_STOPPED and not now.stopping
        return now if stopped and now.port == job.port else None  # type: ignore[union-attr]

    async def _leave(self, job: Job) -> None:
        offsets = job.ledger.offsets
        span = Span(offsets.acked, offsets.accepted) if offsets.acked < offsets.accepted else None
        ledger = replace(job.ledger, uncertain=span)
        try:
            count = await self._deciding.units.count(job, ledger)
        except FabricError as error:
            log.warning("units cannot be counted", job=job.number, error=str(error))
            return
        now, printer = self._still_stopped(job), self._printer(job)
        if now is None or printer is None or now.ledger.offsets != offsets or not _may_leave(count, printer):
            return
        after = replace(
            now,
            state=step(now.state, JobEvent.HOLD),
            outcome=Outcome.PARTIAL if count.uncertain is None else Outcome.UNKNOWN,
            ledger=with_units(ledger, count),
            reasons=(
                (PARTIALLY_PRINTED, REST_MOVES)
                if count.uncertain is None
                else (OUTCOME_UNKNOWN, rule_word(printer.on_uncertain))
            ),
        )
        after = replace(after, hold_reason=hold_reason(after, count.repeats))
        self._dispatcher.unpin(now)
        words = f"{now.port} does not come back: what is proven unprinted goes to another port"
        try:
            await self._deciding.note(now, after, "left-port", WHO, words)
        except FabricError as error:
            log.warning("a job cannot leave its port", job=job.number, error=str(error))
            return
        self._dispatcher.on_doubt(self._dispatcher.book.jobs.get(job.number, after))

    def _printer(self, job: Job) -> Printer | None:
        queue = self._dispatcher.book.queues.get(job.printer)
        return queue.printer if queue is not None else None


def _may_leave(count: Count, printer: Printer) -> bool:
    """Whether the place is known where another port goes on, or a rule decides about what is not known."""
    if count.units.kind is UnitKind.DOCUMENT:
        return False
    return count.uncertain is None or printer.on_uncertain is not OnUncertain.HOLD
