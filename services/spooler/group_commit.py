"""One thread that does the work of many callers at once, so that they share one fsync."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from chassis import logs
from chassis.errors import FabricError, StoreUnavailable
from spooler.refusal import of_one

log = logs.get(__name__)

Work = TypeVar("Work")

_SOON_S = 0.05  # what was submitted without waiting is committed within this
_SELDOM_S = 0.1  # a longer pause between two callers counts as one of this
_RETRY_S = 0.5  # how long the thread rests after a commit failed and left unwaited work behind


class Entry(Generic[Work]):
    """One caller's work in a batch: the handler sets `result` or `error`, or `retry` if nobody waits for it."""

    __slots__ = ("error", "future", "result", "retry", "told", "work")

    def __init__(
        self, work: Work, future: asyncio.Future[Any] | None, told: Callable[[Any], None] | None = None
    ) -> None:
        self.work = work
        self.future = future
        self.told = told
        self.result: Any = None
        self.error: FabricError | None = None
        self.retry = False


Handler = Callable[[Sequence[Entry[Work]]], None]


class GroupThread(Generic[Work]):
    """Takes work in order, hands all that has gathered to `commit` on its own thread, then wakes the callers.

    While one batch is being synced the next one gathers: the slower the disk, the larger the batches.

    Should the thread die, by what no handler catches, nobody waits for ever: all callers get StoreUnavailable, and
    `dead` says why. Only a new process helps then.
    """

    def __init__(
        self, name: str, commit: Handler[Work], *, max_batch: int = 1024, max_soon: int = 100_000
    ) -> None:
        self._name = name
        self._commit = commit
        self._max_batch = max_batch
        self._max_soon = max_soon
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Entry[Work]] = deque()  # appended by the loop, emptied by the thread
        self._wake = threading.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None  # ends when work that may wait has waited
        self._last_s = 0.0  # when something came that may not wait
        self._pace_s = _SELDOM_S  # between two of these, smoothed
        # Entries that nobody waits for: came in (counted by the loop), went out (counted by the thread).
        self._soon_in = 0
        self._soon_out = 0
        self._resting = False  # a commit failed; written by the thread
        self._closing = False
        self._closed = self._loop.create_future()
        self._batch: Sequence[Entry[Work]] = ()  # the one being committed
        self.dead: asyncio.Future[str] = (
            self._loop.create_future()
        )  # why; a thread that was closed is not dead
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def submit(self, work: Work, told: Callable[[Any], None] | None = None) -> Any:
        """Return the handler's result once the batch with `work` is committed, or raise its error.

        `told` hears the result, None if there is none, on the loop before the caller goes on, and though it has gone.
        """
        return await self.enqueue(work, told)

    def enqueue(
        self, work: Work, told: Callable[[Any], None] | None = None, *, within_s: float = 0.0
    ) -> asyncio.Future[Any]:
        """Put `work` in its place in the order now; the future tells of the commit.

        within_s: how long the commit may wait for another that it can be part of; 0: it begins as soon as it can. Nothing
            waits while others come more seldom than that.
        """
        self._check_open()
        future = self._loop.create_future()
        self._queue.append(Entry(work, future, told))
        if not within_s:
            self._note_pace()
        if self._pace_s >= within_s:
            self._hurry()
        elif self._patience is None or self._patience.when() > self._loop.time() + within_s:
            self._wait(within_s)
        return future

    def submit_soon(self, work: Work) -> None:
        """Put `work` in its place in the order and return; it is committed with the next batch, within 50 ms."""
        self._check_open()
        self._soon_in += 1
        self._queue.append(Entry(work, None))
        if (self._soon_in - self._soon_out) * 4 >= self._max_soon and not self._resting:
            self._wake.set()
        elif self._soon is None:
            self._soon = self._loop.call_later(_SOON_S, self._soon_is_now)

    def on_loop(self, callback: Callable[[], None]) -> None:
        """Have `callback` run on the loop, before the callers of the present batch go on. From the handler."""
        self._loop.call_soon_threadsafe(callback)

    async def close(self) -> None:
        """Commit what is waiting, then stop the thread. What cannot be committed is lost, and logged."""
        self._closing = True
        if self._soon is not None:
            self._soon.cancel()
        self._hurry()
        await asyncio.shield(self._closed)
        self._thread.join()

    def _check_open(self) -> None:
        if self.dead.done():
            raise StoreUnavailable(self.dead.result())
        if self._closing:
            raise StoreUnavailable(f"{self._name} is closed")

    def _hurry(self) -> None:
        """Have all that has gathered committed, also what might wait."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._wake.set()

    def _note_pace(self) -> None:
        before, self._last_s = self._last_s, time.monotonic()
        self._pace_s += (min(self._last_s - before, _SELDOM_S) - self._pace_s) / 4

    def _wait(self, within_s: float) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self._loop.call_later(within_s, self._waited)

    def _waited(self) -> None:
        self._patience = None
        if self._queue:  # else another commit has taken it along
            self._wake.set()

    def _soon_is_now(self) -> None:
        self._soon = None
        self._wake.set()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # the thread's last wall: nobody else would ever hear of it
            self._loop.call_soon_threadsafe(self._die, f"{self._name}: its thread died: {error!r}")
            log.critical("writing thread died", thread=self._name, error=repr(error), exc_info=error)
        else:
            self._loop.call_soon_threadsafe(self._closed.set_result, None)

    def _die(self, why: str) -> None:
        """Let nobody wait for a thread that is gone; on the loop, which alone appends to the queue."""
        self.dead.set_result(why)
        left = [*self._batch, *self._queue]
        self._queue.clear()
        for entry in left:
            entry.error = StoreUnavailable(why)
        _wake_callers([entry for entry in left if entry.future is not None])
        self._closed.set_result(None)

    def _work(self) -> None:
        while True:
            self._wake.wait(_RETRY_S if self._resting else None)
            self._wake.clear()
            more = len(self._queue) > self._max_batch
            self._resting = bool(self._queue) and self._one_batch()
            if more and not self._resting:
                self._wake.set()
            if self._closing and (self._resting or not self._queue):
                break
        if self._queue:
            log.error("progress not written at the end", thread=self._name, entries=len(self._queue))

    def _one_batch(self) -> bool:
        """Commit one batch and wake its callers. Return whether unwaited work must be tried again later."""
        self._batch = batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._max_batch))]
        try:
            self._commit(batch)
        except Exception as error:  # the thread's wall: a bug must fail its callers, not silence the store
            log.exception("commit failed", thread=self._name)
            for entry in batch:
                entry.error = of_one(StoreUnavailable(f"{self._name}: internal error: {error}"))
                entry.retry = False
        again = [entry for entry in batch if entry.future is None and entry.retry]
        for entry in reversed(again):
            entry.retry = False
            self._queue.appendleft(entry)
        self._soon_out += sum(entry.future is None for entry in batch) - len(again)
        if again:
            self._forget_oldest()
        self._loop.call_soon_threadsafe(_wake_callers, [e for e in batch if e.future is not None])
        self._batch = ()
        return bool(again)

    def _forget_oldest(self) -> None:
        """Bound the memory that unwaited work takes while the disk does not answer; on the thread."""
        excess = self._soon_in - self._soon_out - self._max_soon
        if excess <= 0:
            return
        log.warning("unwritten progress dropped", thread=self._name, entries=excess, bound=self._max_soon)
        self._soon_out += excess
        # The loop only appends, on the right; the left end is this thread's.
        kept: list[Entry[Work]] = []
        while excess:
            entry = self._queue.popleft()
            if entry.future is None:
                excess -= 1
            else:
                kept.append(entry)
        self._queue.extendleft(reversed(kept))


def _wake_callers(batch: list[Entry[Any]]) -> None:
    """Resolve the futures, on the loop. A caller that has gone is passed over, but not who is told for it."""
    for entry in batch:
        future = entry.future
        if entry.told is not None:
            try:
                entry.told(None if entry.error is not None else entry.result)
            except Exception as error:  # a bug in one must not keep the others waiting
                log.exception("what follows a commit failed", error=repr(error))
        if future is None or future.done():
            continue
        if entry.error is not None:
            future.set_exception(entry.error)
        else:
            future.set_result(entry.result)
