"""A member's lease, renewed by a thread with a connection and a loop of its own: however much the spooler has to answer.

Whatever else is slow, and wherever the database is now. The spooler's loop says now and then that it turns; one that has
not for long is stuck, sends nothing, and keeps no printers.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from chassis.errors import StoreUnavailable
from spooler.sql.postgres.connection import (
    AsyncConnection,
    Failure,
    connect_async,
    cut,
    place_of,
    row_within,
    told,
)
from spooler.sql.postgres.members import RENEW

_EVERY_S = 1.0
_LATE_S = 1.5  # who beats does not renew what the thread has just renewed
_STUCK_S = 30.0  # longer than any flood of calls keeps a loop from turning


class Lease:
    """The lease of the member with this epoch, for `lease_s` seconds each time."""

    def __init__(self, url: str, name: str, epoch: int, lease_s: float) -> None:
        # Told on the thread. Nobody here is a member any more; members came, went, fell silent or are leaving, as far as
        # is known; no server answered.
        self.on_over: Callable[[], object] = lambda: None
        self.on_members: Callable[[], object] = lambda: None
        self.on_missed: Callable[[], object] = lambda: None
        self._url = url
        self._name = name
        self._epoch = epoch
        self._lease_s = lease_s
        self._thread: threading.Thread | None = None
        self._heard_at = 0.0  # when the spooler's loop turned; written by it
        # The thread's own.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: AsyncConnection | None = None
        self._renewed_at = 0.0
        # As the last renewal found them; None: it may have been otherwise since.
        self._members: str | None = None
        self._turn = asyncio.Lock()  # guards the connection: a beat, and the thread's own renewals

    async def beat(self) -> None:
        """Say that the spooler's loop turns, and renew the lease unless the thread has: it goes on renewing it by itself.

        Raises:
            StoreUnavailable: no server answers.
        """
        self._heard_at = now = time.monotonic()
        loop = self._begin()
        if now - self._renewed_at < _LATE_S:
            return
        # Not cancelled with the caller: a question that was sent is waited for by whoever asks next.
        await asyncio.shield(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._renew(), loop)))

    async def close(self) -> None:
        """End the thread, and close its connection."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._end)
            await asyncio.to_thread(self._thread.join)

    def _begin(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name="lease", daemon=True)
            self._thread.start()
        return self._loop

    # --- on the thread

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner, suppress(asyncio.CancelledError):
            runner.run(self._keep())

    async def _keep(self) -> None:
        try:
            while True:
                await asyncio.sleep(_EVERY_S)
                if time.monotonic() - self._heard_at < _STUCK_S:
                    with suppress(StoreUnavailable):
                        await self._renew()
        finally:
            await self._let_go()

    def _end(self) -> None:
        if self._connection is not None:
            cut(self._connection)
        for task in asyncio.all_tasks():
            task.cancel()

    async def _renew(self) -> None:
        async with self._turn:
            try:
                if self._connection is None:
                    self._connection = await connect_async(self._url, self._name)
                row = await row_within(self._connection, RENEW, (self._lease_s, self._epoch), self._lease_s)
            except Failure as error:
                self._members = None
                self.on_missed()
                await self._let_go()
                raise told(error, place_of(self._url)) from error
        self._renewed_at = time.monotonic()
        if row is None or not row[0]:
            self.on_over()
        elif row[1] != self._members:
            self._members = row[1]
            self.on_members()

    async def _let_go(self) -> None:
        if self._connection is not None:
            with suppress(Failure):
                await self._connection.close()
            self._connection = None
