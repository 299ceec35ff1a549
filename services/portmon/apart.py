"""Somebody else's code on a thread of its own: it may raise, hang or return what it likes, and harms nobody else."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from chassis import logs
from chassis.errors import DeadlineExceeded, FabricError, Internal

_MOST_TRACE = 4000  # characters
T = TypeVar("T")
log = logs.get(__name__)


def apart(name: str, work: Callable[[], T]) -> Future[T]:
    """Start `work` on a thread that the process does not wait for at its end.

    The future has its result, the FabricError that it raised, or Internal (31) in place of anything else.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # nobody can cancel it

    def run() -> None:
        try:
            result = work()
        except FabricError as error:
            future.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - the wall around a monitor's code, for SystemExit too
            why = "".join(traceback.format_exception_only(error)).strip()[:200]
            future.set_exception(Internal(f"monitor {name} failed: {why}", monitor=name))
            # No exc_info: a log that shows variables would run their code.
            log.warning(
                "monitor failed",
                monitor=name,
                trace="".join(traceback.format_exception(error))[-_MOST_TRACE:],
            )
        else:
            future.set_result(result)

    threading.Thread(target=run, name=f"monitor-{name}", daemon=True).start()
    return future


class OneAtATime:
    """Calls of one monitor: each waits for the one before. One that does not return keeps its thread, the only one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: asyncio.Future[Any] | None = None
        self._what = ""  # is running
        self._overdue = False

    async def free(self) -> None:
        """Wait until nothing runs, for ever if need be."""
        while self._running is not None and not self._running.done():
            await asyncio.wait([self._running])

    async def call(self, what: str, work: Callable[[], T], timeout_s: float) -> T:
        """Return what `work` does, or raise what it raises.

        Raises:
            DeadlineExceeded: 1460, it takes longer, or an earlier call does; the latter is said at once when it is late.
            Internal: 31, it failed.
        """
        try:
            async with asyncio.timeout(0 if self._late() else timeout_s):
                await self.free()
                running = asyncio.wrap_future(apart(self._name, work))
                self._running, self._what, self._overdue = running, what, False
                running.add_done_callback(_heard)
                return await asyncio.shield(running)
        except TimeoutError as error:
            self._overdue = True
            text = f"monitor {self._name} has not returned from {self._what}"
            raise DeadlineExceeded(text, monitor=self._name) from error

    def _late(self) -> bool:
        return self._overdue and self._running is not None and not self._running.done()


def _heard(done: asyncio.Future[T]) -> None:
    """Take note of the end of a call that nobody waits for any more; `apart` has logged it."""
    if not done.cancelled():
        done.exception()
