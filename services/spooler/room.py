"""Room in the spool: documents of jobs that have ended are kept for a restart only as long as nobody needs the space."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from chassis import logs
from chassis.errors import SpoolFull
from spooler.job import Job
from spooler.job_state import TERMINAL
from spooler.store import Changes, JobFilter, JobOrder, Store

log = logs.get(__name__)

Written = TypeVar("Written")
_AT_ONCE = 200  # jobs in one commit
_ENDED = JobFilter(states=TERMINAL)


class Room:
    """Gives back documents, oldest job first; jobs that are to be retained keep theirs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Guards the page: two askers at once would give back twice as much as is needed.
        self._turn = asyncio.Lock()
        self._page = ""  # behind the jobs that have nothing left to give

    async def make(self, wanted_bytes: int = 0) -> bool:
        """Free `wanted_bytes` and as much again as the reserve; return whether anything was given back."""
        async with self._turn:
            given = 0
            while not await self._enough(wanted_bytes):
                count = await self._next_page()
                if count is None:
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
                count = await self._next_page()
                if count is None:
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

    async def _next_page(self) -> int | None:
        """Give back what the next page of ended jobs holds; None at the end."""
        page = await self._store.list_jobs(
            _ENDED, order=JobOrder.OLDEST_FIRST, limit=_AT_ONCE, page_token=self._page
        )
        jobs = [_without_document(job) for job in page.jobs if job.has_document and not job.retain]
        if jobs:
            await self._store.record(Changes(jobs=jobs, drop_documents=[job.number for job in jobs]))
        self._page = page.next_token
        if not page.next_token:
            return len(jobs) or None
        return len(jobs)


def _without_document(job: Job) -> Job:
    return replace(job, has_document=False, revision=job.revision + 1)
