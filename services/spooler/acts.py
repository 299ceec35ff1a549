"""What all acts on jobs share: a job that is not between two states, and a change that is durable when it returns.

Memory is changed first, so that nothing is sent meanwhile that was just held; when the store refuses, memory goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from chassis.errors import DocumentLost, FabricError, PrinterDeleted, StoreUnavailable, WrongState
from spooler.dispatcher import Dispatcher
from spooler.job import Job, event_of
from spooler.job_state import AT_A_PORT, JobEvent, step
from spooler.ledger import Outcome, begun_anew
from spooler.store import Changes

_MOST_SHOWN = 80  # characters of a value in a line of history
STOP_WAIT_S = 3.0  # how long a caller waits for a device to let go of a document; then it hears "stopping"


Its = ParamSpec("Its")
Result = TypeVar("Result")


class _Acting(Protocol):
    _dispatcher: Dispatcher


Self_ = TypeVar("Self_", bound=_Acting)


def to_its_end(
    act: Callable[Concatenate[Self_, Its], Coroutine[Any, Any, Result]],
) -> Callable[Concatenate[Self_, Its], Coroutine[Any, Any, Result]]:
    """Let an act go on when its caller gives up: what is durable must be known in memory too, and be acted upon."""

    @wraps(act)
    async def acted(self: Self_, /, *args: Its.args, **kwargs: Its.kwargs) -> Result:
        return await self._dispatcher.tasks.finish(act.__name__, act(self, *args, **kwargs))

    return acted


class Acts:
    """`who` is the caller as authenticated; `number` is the job's."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._book = dispatcher.book
        self._store = dispatcher.store

    async def _settled(self, number: int) -> Job:
        """Return a job that is not between two states: what a lane brought back is written down first."""
        if not await self._dispatcher.pulse.until(
            lambda: not self._dispatcher.is_landing(number), STOP_WAIT_S
        ):
            raise StoreUnavailable(f"job {number}: its outcome is still being written, ask again", job=number)
        return self._book.jobs.get(number) or await self._store.get_job(number)

    @staticmethod
    def _released(job: Job, event: JobEvent = JobEvent.RELEASE) -> Job:
        return replace(
            job,
            state=step(job.state, event),
            reasons=(),
            hold_reason="",
            not_before=None,
            outcome=Outcome.PENDING,
            ledger=begun_anew(job.ledger),
            resume_offset=0,
            rest=(),
        )

    @staticmethod
    def _check_whole(job: Job) -> None:
        if job.incoming:
            raise WrongState(f"job {job.number}: its document is still coming in", job=job.number)

    def _check_document(self, job: Job) -> None:
        """Raise unless a job's document can be read from its beginning to its end."""
        self._check_whole(job)
        if not job.has_document:
            raise DocumentLost(f"job {job.number}: its document is no longer kept", job=job.number)

    def _check_printer(self, name: str) -> None:
        printer = self._book.queue(name).printer
        if printer.pending_deletion:
            raise PrinterDeleted(f"printer {name} is being deleted", printer=name)

    def _check_owner(self, printer: str) -> None:
        if self._book.is_others(printer):
            raise StoreUnavailable(f"printer {printer} is another spooler's now: ask again", printer=printer)

    async def note(self, before: Job, after: Job, what: str, who: str, detail: str = "") -> Job:
        """Write down what became of a job by a rule, unless it is another one meanwhile."""
        if self._book.jobs.get(before.number) is not before:
            return self._book.jobs.get(before.number, before)
        return await self._put(before, after, what, who, detail)

    async def _put(self, before: Job, after: Job, what: str, who: str, detail: str = "") -> Job:
        self._check_owner(before.printer)
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
            left = self._book.queues.get(before.printer)
            if left is not None:
                self._dispatcher.hub.printer(left.printer)
            self._dispatcher.kick(after.printer)
        return self._book.jobs.get(after.number, after)


def ended(job: Job, event: JobEvent, reason: str) -> Job:
    """Return a job that waits no more: what is on paper of it, stays."""
    untouched = Outcome.PARTIAL if job.copies_printed or job.resume_offset else Outcome.NOT_PRINTED
    return replace(
        job,
        state=step(job.state, event),
        reasons=(reason,),
        outcome=untouched if job.outcome is Outcome.PENDING else job.outcome,
        ended_at=datetime.now(UTC),
        hold_reason="",
    )


def because(what: str, reason: str) -> str:
    """Return what was done, and why if somebody said so."""
    return f"{what}: {reason}" if what and reason else what or reason


def shown(value: object) -> str:
    """Return a value that was changed as a line of history has it."""
    if isinstance(value, frozenset):
        value = tuple(sorted(map(str, value)))
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        # In its order: a printer's first port is the preferred one.
        return " ".join(map(str, value)) or "none"
    text = "none" if value in (None, "") else str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
