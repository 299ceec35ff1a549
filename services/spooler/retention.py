"""Forgetting: jobs that ended long ago, uploads that nobody went on with. Bounded work, now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from chassis import logs
from spooler.metrics import SpoolerMetrics
from spooler.room import Room
from spooler.store import Store

log = logs.get(__name__)

EVERY_S = 180.0
_AT_ONCE = 500  # jobs in one commit
_ROUNDS = 20  # commits in one go, with a pause after each, so that jobs that come in meanwhile do not wait
_PAUSE_S = 0.05


class Retention:
    """The timer.

    Args:
        keep_finished_s: how long ended jobs are remembered, in seconds.
        forget_uploads: forgets those that are idle for too long and says how many.
    """

    def __init__(
        self,
        store: Store,
        metrics: SpoolerMetrics,
        keep_finished_s: float,
        forget_uploads: Callable[[], Awaitable[int]],
    ) -> None:
        self._store = store
        self._room = Room(store)
        self._metrics = metrics
        self._keep = timedelta(seconds=keep_finished_s)
        self._forget_uploads = forget_uploads

    async def run(self) -> None:
        """Forget, for ever."""
        while True:
            gone = await self.forget()
            # A busy spooler ends more jobs than one round forgets: then the next round follows at once.
            await asyncio.sleep(EVERY_S if gone < _AT_ONCE * _ROUNDS else _PAUSE_S)

    async def forget(self) -> int:
        """Forget what is due, at most ten thousand jobs; return how many jobs went."""
        gone = 0
        for _ in range(_ROUNDS):
            count = await self._store.purge_finished(datetime.now(UTC) - self._keep, _AT_ONCE)
            gone += count
            if count < _AT_ONCE:
                break
            await asyncio.sleep(_PAUSE_S)
        await self._room.make()
        uploads = await self._forget_uploads()
        self._metrics.spool_bytes = (await self._store.usage()).spool_bytes
        if gone or uploads:
            log.info("forgotten", jobs=gone, uploads=uploads)
        return gone
