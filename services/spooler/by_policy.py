"""What a printer's own rule decides about uncertain units, without a person: skip, or print again with a mark.

A job is held first, durably, with the rule's word among its reasons; then it is decided as a person would decide, with a
line in its history. A spooler that dies in between goes on with it. Where a rule cannot be followed without losing or
doubling something silently, the job stays held and says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chassis import logs
from chassis.errors import FabricError, WrongState
from spooler.aftermath import REST_MOVES, rule_word
from spooler.deciding import Deciding
from spooler.dispatcher import Dispatcher
from spooler.job import Attempt, Job
from spooler.ledger import Outcome, UnitKind, UnitSpan
from spooler.printer import OnPortError, OnUncertain
from spooler.unit_plan import Decision, What, backup_words

log = logs.get(__name__)

WHO = "spooler"
MOST_WITHOUT_PROGRESS = 3  # breaks at the same place, or before it, until a person has to look
_OPEN = (Outcome.UNKNOWN, Outcome.PARTIAL)
_RULES: Mapping[str, tuple[str, What]] = {  # by the job-state-reason: what it is called, what it does
    rule_word(OnUncertain.SKIP): ("skip", What.SKIP),
    rule_word(OnUncertain.REPRINT_MARKED): ("reprint marked", What.REPRINT_MARKED),
    REST_MOVES: ("redirect", What.SKIP),  # nothing is uncertain
}


class ByPolicy:
    """Decides what `Concluding` has held with a rule's word."""

    def __init__(self, dispatcher: Dispatcher, deciding: Deciding) -> None:
        self._dispatcher = dispatcher
        self._deciding = deciding
        dispatcher.on_doubt = self.decide_soon

    def decide_soon(self, job: Job) -> None:
        """Decide about a job that was held, now or before a restart, if a rule is among its reasons."""
        if _rule_of(job) is not None:
            self._dispatcher.tasks.spawn(f"decide {job.number}", self._decide(job))

    async def _decide(self, job: Job) -> None:
        word = _rule_of(job)
        assert word is not None
        rule, what = _RULES[word]
        try:
            job = await self._deciding.counted(job, None)
            await self._check_progress(job)
            decisions = await self._decisions(job, what)
            reason = f"the printer's rule: {rule}"
            await self._deciding.resolve_units(job.number, WHO, decisions, reason, self._backup(job))
        except FabricError as error:
            await self._leave_to_a_person(job, word, error)

    def _backup(self, job: Job) -> str:
        """Return the mark for what another port prints in place of the one that failed; empty: none."""
        queue = self._dispatcher.book.queues.get(job.printer)
        if queue is None or job.port is None or not queue.printer.mark_redirected:
            return ""
        leaves = queue.printer.on_port_error is not OnPortError.WAIT and self._dispatcher.has_other_port(job)
        return backup_words(job.port) if leaves else ""

    async def _check_progress(self, job: Job) -> None:
        """Raise WrongState when it breaks at the same place again and again."""
        attempts = await self._dispatcher.store.attempts(job.number)
        broken = [one for one in attempts if one.outcome in _OPEN and one.copy == job.copies_printed + 1]
        here = _place(broken[-1]) if broken else 0
        if sum(_place(one) >= here for one in broken) > MOST_WITHOUT_PROGRESS:
            raise WrongState(
                f"it broke {MOST_WITHOUT_PROGRESS + 1} times and came no further",
                job=job.number,
                state=job.state,
            )

    async def _decisions(self, job: Job, what: What) -> list[Decision]:
        """Return what the rule means for this job.

        Raises:
            WrongState: following it would lose what certainly did not come out whole.
        """
        units, unsure, span = job.ledger.units, job.ledger.uncertain_units, job.ledger.uncertain
        end = span.end if span is not None else job.ledger.offsets.accepted
        size = job.document.size_bytes
        if units.kind is UnitKind.DOCUMENT:
            if what is What.SKIP and (job.outcome is Outcome.PARTIAL or end < size):
                raise WrongState(
                    f"bytes {end} to {size} were never sent and the document shows no units",
                    job=job.number,
                    state=job.state,
                )
            if job.outcome is Outcome.PARTIAL:
                raise WrongState("the document shows no units", job=job.number, state=job.state)
            return [Decision(None, what)]
        if unsure is None:
            return [Decision(None, what)]
        if what is What.SKIP:
            ends = await self._deciding.units.ends(job, {unsure.last})
            if (
                ends.at.get(unsure.last, size) > end
            ):  # its last bytes never left: it cannot have come out whole
                torn = Decision(UnitSpan(unsure.last, unsure.last), What.REPRINT)
                whole = [Decision(UnitSpan(unsure.first, unsure.last - 1), What.SKIP)]
                return [*(whole if unsure.first < unsure.last else []), torn]
        return [Decision(unsure, what)]

    async def _leave_to_a_person(self, job: Job, word: str, why: FabricError) -> None:
        now = self._dispatcher.book.jobs.get(job.number)
        if now is None or _rule_of(now) is None:  # somebody decided, cancelled, moved it meanwhile
            return
        text = f"the printer's rule ({_RULES[word][0]}) cannot be followed: {why.message}"
        after = replace(
            now,
            reasons=tuple(one for one in now.reasons if one != word),
            hold_reason=f"{now.hold_reason}; {text}" if now.hold_reason else text,
        )
        try:
            await self._deciding.note(now, after, "left-to-a-person", WHO, text)
        except FabricError as error:  # the disk: it stays as it is until the next start
            log.warning("a held job cannot be written down", job=job.number, error=str(error))


def _rule_of(job: Job) -> str | None:
    """Return the word of the rule that shall decide about a held job."""
    return next((word for word in _RULES if word in job.reasons), None)


def _place(attempt: Attempt) -> int:
    """Return the first byte that an attempt left open."""
    span = attempt.ledger.uncertain
    return span.start if span is not None else attempt.ledger.offsets.accepted
