"""Forgetting: jobs that ended long ago, uploads that nobody went on with. Bounded work, now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from chassis import logs
from spooler.metrics import SpoolerMetrics
from spooler.room import Room
from spooler.store import KeptDecisions, Store

log = logs.get(__name__)

EVERY_S = 180.0
_AT_ONCE = 500  # jobs in one commit
_ROUNDS = 20  # commits in one go, with a pause after each, so that jobs that come in meanwhile do not wait
_PAUSE_S = 0.05


class Keep(NamedTuple):
    """What is kept of what is over. None: no limit of this kind."""

    finished_s: float  # ended jobs, in seconds after their end
    finished_jobs: int | None = None  # of them, the newest so many
    # Of all documents in the spool; those of ended jobs go first, and only they.
    document_bytes: int | None = None
    events_s: float = 90 * 86400.0  # what happened to printers and ports, and nobody decided
    decisions_s: float = 400 * 86400.0  # what people decided, about jobs that are forgotten too
    decisions: int | None = 100_000  # of that, the newest so many
    decision_bytes: int | None = 64 << 20  # of that, about


class Retention:
    """The timer.

    Args:
        keep: how much is remembered.
        forget_uploads: forgets those that are idle for too long and says how many.
        is_due: whether it is this spooler's turn; another that shares the store does it else.
    """

    def __init__(
        self,
        store: Store,
        metrics: SpoolerMetrics,
        keep: Keep,
        forget_uploads: Callable[[], Awaitable[int]],
        is_due: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._room = Room(store)
        self._metrics = metrics
        self._keep = keep
        self._forget_uploads = forget_uploads
        self._is_due = is_due

    async def run(self) -> None:
        """Forget, for ever."""
        while True:
            gone = await self.forget() if self._is_due() else 0
            await self._measure()
            # A busy spooler ends more jobs than one round forgets: then the next round follows at once.
            await asyncio.sleep(EVERY_S if gone < _AT_ONCE * _ROUNDS else _PAUSE_S)

    async def _forget_events(self) -> None:
        for _ in range(_ROUNDS):
            before = datetime.now(UTC) - timedelta(seconds=self._keep.events_s)
            if await self._store.purge_events(before, _AT_ONCE) < _AT_ONCE:
                return
            await asyncio.sleep(_PAUSE_S)

    async def _forget_decisions(self) -> None:
        keep = self._keep
        for _ in range(_ROUNDS):
            since = datetime.now(UTC) - timedelta(seconds=keep.decisions_s)
            kept = KeptDecisions(since, keep.decisions, keep.decision_bytes)
            if await self._store.purge_decisions(kept, _AT_ONCE) < _AT_ONCE:
                return
            await asyncio.sleep(_PAUSE_S)

    async def forget(self) -> int:
        """Forget what is due, at most ten thousand jobs; return how many jobs went."""
        gone = 0
        for _ in range(_ROUNDS):
            count = await self._store.purge_finished(
                datetime.now(UTC) - timedelta(seconds=self._keep.finished_s),
                _AT_ONCE,
                self._keep.finished_jobs,
            )
            gone += count
            if count < _AT_ONCE:
                break
            await asyncio.sleep(_PAUSE_S)
        await self._room.make()
        if self._keep.document_bytes is not None:
            await self._room.keep(self._keep.document_bytes)
        await self._forget_events()
        await self._forget_decisions()
        uploads = await self._forget_uploads()
        if gone or uploads:
            log.info("forgotten", jobs=gone, uploads=uploads)
        return gone

    async def _measure(self) -> None:
        usage = await self._store.usage()
        self._metrics.spool_bytes = usage.spool_bytes
        self._metrics.spool_free_bytes = usage.free_bytes
        self._metrics.spool_reserve_bytes = usage.reserve_bytes
