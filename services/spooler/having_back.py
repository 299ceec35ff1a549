"""Jobs whose documents lie at a host that has not begun them: had back, to wait where people and rules reach them.

A port is sent more than it prints at a time. What is behind a document that takes long is on its way for all that, but no
byte of it has left its host: it is held, moved, paused, expired as if it waited here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from spooler.dispatcher import Dispatcher
from spooler.job import Job
from spooler.job_state import JobState

WAIT_S = 3.0  # how long a host has to answer


class HavingBack:
    """See above."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._book = dispatcher.book

    @asynccontextmanager
    async def at_rest(self, job: Job, why: str) -> AsyncIterator[None]:
        """Have a job back, if it has not begun, and let nothing of its printer leave until the caller is done with it."""
        queue = self._book.queues.get(job.printer)
        if job.state is not JobState.PROCESSING or queue is None or not queue.mine:
            yield
            return
        queue.returning += 1
        try:
            await self.jobs([job.number], why)
            yield
        finally:
            queue.returning -= 1
            self._dispatcher.kick(job.printer)

    async def jobs(self, numbers: Iterable[int], why: str) -> None:
        """Have jobs back that have not begun; returns when they wait here, or their hosts do not answer."""
        wanted = list(numbers)
        asked = {task for number in wanted if (task := self._ask(number, why)) is not None}
        if asked:
            await asyncio.wait(asked, timeout=WAIT_S)
        await self._dispatcher.pulse.until(lambda: not any(map(self._dispatcher.is_landing, wanted)), WAIT_S)

    def _ask(self, number: int, why: str) -> asyncio.Task[None] | None:
        found = self._dispatcher.flight_of(number)
        return None if found is None else found[0].have_back(found[1], why)
