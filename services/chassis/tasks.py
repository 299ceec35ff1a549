"""Supervised tasks: loops that come back after a failure, and background work that is never lost.

Nobody else calls `asyncio.create_task`: a task without an owner is garbage-collected in mid-work, and its
exception is printed when it is too late.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from chassis import logs
from chassis.metrics import TASK_RESTARTS

log = logs.get(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between restarts in seconds: `first_s`, doubled up to `most_s`, from the start after `calm_s` of work.

    Each wait is shortened at random by up to a quarter, so that a fleet does not come back in step.
    """

    first_s: float = 0.1
    most_s: float = 30.0
    calm_s: float = 60.0

    def wait_s(self, failures: int) -> float:
        """Return the wait after `failures` failures in a row (1 for the first)."""
        longest = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return longest * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, guards nothing


DEFAULT_BACKOFF = Backoff()


async def supervise(
    name: str,
    factory: Callable[[], Awaitable[None]],
    backoff: Backoff = DEFAULT_BACKOFF,
    *,
    fatal: tuple[type[Exception], ...] = (),
) -> None:
    """Run `factory()` until it returns; when it raises, log the traceback, wait, run it again.

    Raises:
        asyncio.CancelledError: when cancelled, at once.
        Exception: one of `fatal`, for failures that no restart cures.
    """
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        started = loop.time()
        try:
            await factory()
        except fatal:
            raise
        except Exception as error:
            failures = 1 if loop.time() - started >= backoff.calm_s else failures + 1
            wait_s = backoff.wait_s(failures)
            TASK_RESTARTS.labels(name).inc()
            log.exception(
                "task failed, restarting",
                task=name,
                error=repr(error),
                failures=failures,
                wait_s=round(wait_s, 3),
            )
        else:
            return
        await asyncio.sleep(wait_s)


class Tasks:
    """Background tasks with one owner; leaving the `async with` cancels what still runs and waits for it.

    Unlike a TaskGroup, one task's failure is logged and does not end its siblings: a port's session shall
    not end because another's did.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._running)

    @property
    def closed(self) -> bool:
        """Whether the owner starts nothing any more."""
        return self._closed

    def spawn(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start `work` once; if it raises, that is logged. The task may be awaited or cancelled by the caller.

        Raises:
            RuntimeError: the owner has been closed.
        """
        if self._closed:
            work.close()
            raise RuntimeError(f"{self.name} is closed: {name} cannot start")
        # An empty context: background work has neither the deadline nor the caller of the call that began it.
        task = asyncio.get_running_loop().create_task(work, name=f"{self.name}: {name}", context=Context())
        self._running.add(task)
        task.add_done_callback(self._finished)
        return task

    async def finish(self, name: str, work: Coroutine[Any, Any, Result]) -> Result:
        """Await `work`, which goes on to its end when the caller is cancelled: half of it must not happen.

        Failures are the caller's; they are logged only when it has gone.
        """
        if self._closed:
            work.close()
            raise RuntimeError(f"{self.name} is closed: {name} cannot start")
        task = asyncio.get_running_loop().create_task(work, name=f"{self.name}: {name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._finished)
            raise

    def supervise(
        self, name: str, factory: Callable[[], Awaitable[None]], backoff: Backoff = DEFAULT_BACKOFF
    ) -> asyncio.Task[Any]:
        """Start a loop that comes back after a failure."""
        return self.spawn(name, supervise(name, factory, backoff))

    async def join(self) -> None:
        """Wait until everything that was started has ended by itself."""
        while self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        """Cancel all and wait until their `finally` blocks are through; harmless when repeated."""
        self._closed = True
        mine = asyncio.current_task()
        while others := self._running - {mine}:
            for task in others:
                task.cancel()
            await asyncio.wait(others)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed", task=task.get_name(), error=repr(error), exc_info=error)
