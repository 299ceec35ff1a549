"""What only people can say because they saw the paper: where a job goes on, and what of it is printed again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from chassis import logs
from chassis.errors import FabricError, InvalidArgument, NotSupported, WrongState
from spooler.acts import Acts, because, to_its_end
from spooler.aftermath import hold_reason, with_units
from spooler.dispatcher import Dispatcher
from spooler.evidence import word_of
from spooler.job import Attempt, Job, Segment, event_of
from spooler.job_state import JobEvent, JobState, step
from spooler.ledger import (
    Evidence,
    Outcome,
    UnitKind,
    UnitSpan,
    goes_on,
    next_copy,
    over_copies,
)
from spooler.store import Changes
from spooler.unit_plan import (
    DUPLICATE,
    MOST_PARTS,
    Decision,
    Part,
    What,
    decided,
    edges_of,
    going_on,
    parts_of,
    within,
    words_of,
)
from spooler.unit_scan import Ends, UnitScan, Wanted

log = logs.get(__name__)

COUNTED_BYTES = 4 << 20  # the largest document that is read for the sake of a look at its attempts
LOOK_WAIT_S = 1.0  # how long an answer waits for units that are being counted
_OPEN = (Outcome.UNKNOWN, Outcome.PARTIAL)


class Deciding(Acts):
    """Resume, resolve."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher)
        self.units = UnitScan(dispatcher.store)
        self._counting: dict[int, asyncio.Task[None]] = {}
        dispatcher.on_uncounted = lambda job: dispatcher.tasks.spawn(
            f"units of {job.number}", self.counted(job, None)
        )

    # --- units on demand

    async def counted(self, job: Job, wait_s: float | None = LOOK_WAIT_S) -> Job:
        """Return a job that waits for a decision with its units, if they are counted within `wait_s` (None: at last).

        Counting goes on without the caller; what it finds is durable.
        """
        if not _is_uncounted(job) or self._book.is_others(job.printer):
            return job
        task = self._counting.get(job.number)
        if task is None:
            task = self._dispatcher.tasks.spawn(f"units of {job.number}", self._count(job))
            self._counting[job.number] = task
            task.add_done_callback(lambda _task: self._counting.pop(job.number, None))
        await asyncio.wait({task}, timeout=wait_s)
        return self._book.jobs.get(job.number, job)

    async def in_units(self, job: Job, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Return attempts of a job whose ledgers speak of units, as far as its document is kept and not too large."""
        if not job.has_document or job.document.size_bytes > COUNTED_BYTES:
            return list(attempts)
        return [one if one.ledger.units.total else await self._counted_attempt(job, one) for one in attempts]

    async def _counted_attempt(self, job: Job, attempt: Attempt) -> Attempt:
        try:
            return replace(
                attempt, ledger=with_units(attempt.ledger, await self.units.count(job, attempt.ledger))
            )
        except FabricError:  # its document has just gone: it is told in bytes
            return attempt

    async def _count(self, job: Job) -> None:
        try:
            count = await self.units.count(job, job.ledger)
            now = self._book.jobs.get(job.number)
            if now is None or now.ledger != job.ledger or not _is_uncounted(now):
                return
            after = replace(now, ledger=with_units(now.ledger, count), revision=now.revision + 1)
            after = replace(after, hold_reason=hold_reason(after, count.repeats))
            last = [one for one in await self._store.attempts(job.number) if one.number == job.attempts]
            attempts = [replace(one, ledger=with_units(one.ledger, count)) for one in last]
            if self._book.jobs.get(job.number) is now:
                self._book.change(after)
                history = [event_of(after, "counted", "spooler", after.hold_reason)]
                await self._store.record(Changes(jobs=[after], attempts=attempts, history=history))
                self._dispatcher.hub.job(after)
        except FabricError as error:
            log.warning("units cannot be counted", job=job.number, error=str(error))

    # --- going on at a place

    @to_its_end
    async def resume(self, number: int, who: str, offset: int, mark: bool = False, reason: str = "") -> Job:
        """Go on with a job that stopped in its middle, at a payload byte that the caller names; nothing goes before it."""
        if mark:
            raise InvalidArgument(
                "a mark goes before a unit, not before a byte", fields=[("mark", "needs a unit")]
            )
        job = await self._settled(number)
        self._resumable(job)
        size = job.document.size_bytes
        if not 0 <= offset < max(size, 1):
            raise InvalidArgument(f"byte {offset} is not in a document of {size} bytes", field="offset")
        return await self._resume(
            job, [Segment(offset, size)], offset, who, because(f"at byte {offset}", reason)
        )

    @to_its_end
    async def resume_at_unit(
        self, number: int, who: str, unit: int, mark: bool = False, reason: str = ""
    ) -> Job:
        """Go on with a job that stopped in its middle, at a unit, from 1.

        Raises:
            InvalidArgument: the document has no such unit.
            WrongState: it cannot begin there, or the job's state does not allow it.
            NotSupported: the language has no mark.
        """
        job = await self._settled(number)
        self._resumable(job)
        ends = await self.units.ends(job, {unit - 1, unit, unit + 1})
        if not 1 <= unit <= ends.total:
            why = f"job {number} has {ends.total} {ends.kind}{'s' if ends.total > 1 else ''}"
            raise InvalidArgument(f"there is no {ends.kind} {unit}: {why}", fields=[("unit", why)])
        behind_it = [Part(unit + 1, ends.total)] * (unit < ends.total)
        parts = [Part(unit, unit, True), *behind_it] if mark else [Part(unit, ends.total)]
        segments = await self._segments(job, ends, parts)
        behind = ends.at.get(unit + mark, job.document.size_bytes)
        return await self._resume(job, segments, behind, who, because(f"at {ends.kind} {unit}", reason))

    async def _resume(self, job: Job, segments: Sequence[Segment], behind: int, who: str, place: str) -> Job:
        """Go on at a place; what is left out before it, and not proven, is the caller's word."""
        segments = going_on(segments, job.rest, behind)
        span, proof = job.ledger.uncertain, None
        if segments[0].start > (span.start if span is not None else job.ledger.offsets.acked):
            proof = word_of(f"{who}: resumed {place}", job.document.size_bytes, datetime.now(UTC))
        return await self._go_on(job, segments, "resumed", who, place, proof)

    # --- deciding

    @to_its_end
    async def resolve(self, number: int, who: str, decision: str, reason: str = "") -> Job:
        """Decide about all that is uncertain of a job: skip, reprint, reprint_marked."""
        return await self.resolve_units(number, who, [Decision(None, What(decision))], reason)

    @to_its_end
    async def resolve_units(
        self, number: int, who: str, decisions: Sequence[Decision], reason: str = "", backup: str = ""
    ) -> Job:
        """Decide about the uncertain units of a job; what comes behind them is printed.

        A document without visible units counts as one. `backup` is a mark for the first of what is printed, where the
        language allows one.

        Raises:
            WrongState: nothing is uncertain, or the job cannot go on where it would have to.
            InvalidArgument: a unit is left out, named twice, or not uncertain.
            NotSupported: the language has no mark.
        """
        job = await self._settled(number)
        self._undecided(job)
        job = await self.counted(job, None)
        self._undecided(job)  # somebody else may have decided meanwhile
        units, unsure = job.ledger.units, job.ledger.uncertain_units
        behind = unsure.last + 1 if unsure is not None else units.accepted + 1
        if units.kind is UnitKind.DOCUMENT:
            unsure, behind = UnitSpan(1, 1), 2
        chosen = decided(unsure, decisions, units.kind)
        detail = because(words_of(units.kind, chosen), reason)
        parts = parts_of(chosen, behind, max(units.total, 1))
        numbers = edges_of(parts)
        ends = await self.units.ends(job, numbers) if parts else None
        segments = await self._segments(job, ends, parts) if ends is not None else []
        if ends is not None and backup and not parts[0].marked:
            with suppress(NotSupported):
                segments = await self._segments(
                    job, ends, [parts[0]._replace(marked=True), *parts[1:]], backup
                )
        if job.rest:
            known = ends.at if ends is not None else {}
            segments = within(segments, job.rest, known.get(behind - 1, job.document.size_bytes))
        proof = None
        if any(what is What.SKIP for _units, what in chosen):
            proof = word_of(f"{who}: {detail}", job.document.size_bytes, datetime.now(UTC))
        self._undecided(self._book.jobs.get(number, job))
        if segments:
            return await self._go_on(job, segments, "decided", who, detail, proof)
        return await self._close_copy(job, who, detail, proof)

    async def _close_copy(self, job: Job, who: str, detail: str, proof: Evidence | None) -> Job:
        """Nothing more of this copy is printed."""
        copies, ledger = job.copies_printed + 1, job.ledger
        if proof is not None:
            ledger = replace(ledger, evidence=(*ledger.evidence, proof))
        if copies < job.copies:
            after = replace(self._released(job), copies_printed=copies, ledger=next_copy(ledger))
            return await self._put(job, after, "decided", who, detail)
        after = replace(
            job,
            state=step(job.state, JobEvent.COMPLETE),
            copies_printed=copies,
            reasons=("job-completed-with-warnings",),
            rest=(),
            ledger=over_copies(ledger),
            ended_at=datetime.now(UTC),
            hold_reason="",
        )
        return await self._put(job, after, "decided", who, detail)

    # --- how

    async def _go_on(
        self,
        job: Job,
        segments: Sequence[Segment],
        what: str,
        who: str,
        detail: str,
        proof: Evidence | None = None,
    ) -> Job:
        self._dispatcher.unpin(job)
        event = JobEvent.REQUEUE if job.state is JobState.PROCESSING_STOPPED else JobEvent.RELEASE
        after = self._released(job, event)
        whole = (Segment(0, job.document.size_bytes),)
        rest = () if tuple(segments) == whole else tuple(segments)
        start = segments[0].start
        ledger = goes_on(job.ledger, start) if rest else after.ledger
        if proof is not None:
            ledger = replace(ledger, evidence=(*ledger.evidence, proof))
        after = replace(after, ledger=ledger, rest=rest, resume_offset=start)
        words = "; ".join(one.words for one in segments if one.words)
        return await self._put(job, after, what, who, detail + (f" ({words})" if words else ""))

    async def _segments(
        self, job: Job, ends: Ends, parts: Sequence[Part], mark: str = DUPLICATE
    ) -> list[Segment]:
        """Return the stretches of bytes of some units, with what each needs before it. Raises WrongState."""
        whole = {1: job.document.size_bytes} if ends.total == 1 else {}
        at = {**ends.at, **whole}
        wanted = [
            Wanted(at[part.first - 1], at.get(part.first, 0), mark if part.marked else "") for part in parts
        ]
        segments = []
        for part, begin in zip(parts, await self.units.beginnings(job, wanted), strict=True):
            if begin.refusal:
                raise WrongState(
                    f"job {job.number} cannot go on at {ends.kind} {part.first}: {begin.refusal}",
                    job=job.number,
                    state=job.state,
                    unit=part.first,
                )
            end = job.document.size_bytes if part.last == ends.total else at[part.last]
            words = f"{begin.prefix.size:,} bytes before {ends.kind} {part.first}" if begin.prefix else ""
            segments.append(Segment(begin.start, end, begin.prefix, words, mark if part.marked else ""))
        return segments

    async def _all_marked(self, job: Job) -> list[Segment]:
        """Return a whole document, each of its units with a mark. Raises NotSupported, InvalidArgument."""
        ends = await self.units.ends(job, set(range(MOST_PARTS + 1)))
        if ends.total > MOST_PARTS:
            why = f"at most {MOST_PARTS} units can be marked; job {job.number} has {ends.total}"
            raise InvalidArgument(why, fields=[("mark", why)])
        return await self._segments(job, ends, [Part(unit, unit, True) for unit in range(1, ends.total + 1)])

    def _resumable(self, job: Job) -> None:
        if job.state not in (JobState.PENDING_HELD, JobState.PROCESSING_STOPPED):
            raise WrongState(
                f"job {job.number} does not wait to go on ({job.state})", job=job.number, state=job.state
            )
        self._check_document(job)

    def _undecided(self, job: Job) -> None:
        if job.outcome not in _OPEN or job.state is not JobState.PENDING_HELD:
            raise WrongState(f"nothing of job {job.number} is uncertain", job=job.number, state=job.state)


def _is_uncounted(job: Job) -> bool:
    undecided = job.state is JobState.PENDING_HELD and job.outcome in _OPEN
    return undecided and not job.ledger.units.total and job.has_document
