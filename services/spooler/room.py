"""Room in the spool: documents of jobs that have ended are kept for a restart only as long as nobody needs the space."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from chassis import logs
from chassis.errors import SpoolFull
from spooler.job import Job
from spooler.store import Changes, JobFilter, JobOrder, Store

log = logs.get(__name__)

Written = TypeVar("Written")
_AT_ONCE = 200  # jobs in one commit
_SPARE = JobFilter(spare=True)


class Room:
    """Gives back documents, oldest job first; jobs that are to be retained keep theirs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Guards what is given back: two askers at once would give back twice as much as is needed.
        self._turn = asyncio.Lock()

    async def make(self, wanted_bytes: int = 0) -> bool:
        """Free `wanted_bytes` and as much again as the reserve; return whether anything was given back."""
        async with self._turn:
            given = 0
            while not await self._enough(wanted_bytes):
                count = await self._give_back()
                if not count:
                    break
                given += count
            if given:
                log.info("documents of ended jobs given back", jobs=given)
            return given > 0

    async def keep(self, most_bytes: int) -> bool:
        """Give documents back until what is kept takes at most so much; return whether anything was given back."""
        async with self._turn:
            given = 0
            while (await self._store.usage()).live_bytes > most_bytes:
                count = await self._give_back()
                if not count:
                    break
                given += count
            return given > 0

    async def within(self, write: Callable[[], Awaitable[Written]]) -> Written:
        """Write; when there is no room, make some and write once more. Raises SpoolFull when that did not help."""
        try:
            return await write()
        except SpoolFull:
            if not await self.make():
                raise
            return await write()

    async def _enough(self, wanted_bytes: int) -> bool:
        usage = await self._store.usage()
        return usage.free_bytes - 2 * usage.reserve_bytes >= wanted_bytes

    async def _give_back(self) -> int:
        """Give back the documents of the oldest ended jobs that have theirs; return how many."""
        page = await self._store.list_jobs(_SPARE, order=JobOrder.OLDEST_FIRST, limit=_AT_ONCE)
        jobs = [_without_document(job) for job in page.jobs]
        if jobs:
            await self._store.record(Changes(jobs=jobs, drop_documents=[job.number for job in jobs]))
        return len(jobs)


def _without_document(job: Job) -> Job:
    return replace(job, has_document=False, revision=job.revision + 1)
