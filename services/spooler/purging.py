"""All waiting jobs of a printer are cancelled: in few commits, and in many turns of the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chassis.errors import FabricError
from spooler.acts import ended, to_its_end
from spooler.dispatcher import Dispatcher
from spooler.job import HistoryEvent, Job, event_of
from spooler.job_state import JobEvent, JobState
from spooler.store import Changes
from spooler.turns import in_slices

# Jobs that are cancelled together: others wait for the disk some hundredths of a second at most.
_OF_A_COMMIT = 500
_WAITS = (JobState.PENDING, JobState.PENDING_HELD)


class Purging:
    """See above. `who` is the caller as authenticated."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._book = dispatcher.book

    @to_its_end
    async def cancel_all(
        self, printer: str, numbers: Sequence[int], who: str, reason: str, line: Callable[[int], HistoryEvent]
    ) -> int:
        """Cancel those of a printer's jobs that wait; return how many. `line` says for the history that so many were.

        Nothing of the printer leaves meanwhile. Some hundred are one commit, and the last one has the line: when the store
        refuses, what was cancelled before stays so.
        """
        queue, count = self._book.queue(printer), 0
        queue.returning += 1
        try:
            for start in range(0, max(1, len(numbers)), _OF_A_COMMIT):
                jobs, lines = await self._cancel(printer, numbers[start : start + _OF_A_COMMIT], who, reason)
                count += len(jobs)
                if start + _OF_A_COMMIT >= len(numbers):
                    lines.append(line(count))
                await self._write(jobs, lines)
        finally:
            queue.returning -= 1
            self._dispatcher.kick(printer)
        return count

    async def _cancel(
        self, printer: str, numbers: Sequence[int], who: str, reason: str
    ) -> tuple[list[tuple[Job, Job]], list[HistoryEvent]]:
        """Cancel jobs in memory; return them before and after, and what is to be written of them."""
        jobs, lines = list[tuple[Job, Job]](), list[HistoryEvent]()
        async for some in in_slices(numbers):
            for number in some:
                job = self._book.jobs.get(number)
                if job is None or job.printer != printer or job.state not in _WAITS:
                    continue  # somebody was faster
                end = ended(job, JobEvent.CANCEL, "job-canceled-by-user")
                after = replace(end, revision=job.revision + 1)
                self._book.change(after)
                jobs.append((job, after))
                lines.append(event_of(after, "canceled", who, reason))
        return jobs, lines

    async def _write(self, jobs: Sequence[tuple[Job, Job]], lines: Sequence[HistoryEvent]) -> None:
        try:
            await self._dispatcher.store.record(
                Changes(jobs=[after for _before, after in jobs], history=lines)
            )
        except FabricError:
            for before, _after in jobs:
                self._book.add(before)
            raise
        async for some in in_slices(jobs):
            for _before, after in some:
                self._dispatcher.ended(after)
