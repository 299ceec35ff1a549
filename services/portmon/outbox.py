"""Answers from a port's thread to the event loop: one wake-up for as many as there are."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from chassis import logs
from chassis.errors import FabricError
from portmon.document import Progress, Slice

log = logs.get(__name__)


class Outbox:
    """Carries answers over. `put` and `call` belong to the thread; replies and `flushed` run on the loop."""

    def __init__(self, flushed: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._flushed = flushed
        self._answers: deque[tuple[Slice, Progress, bool]] = deque()
        self._notified = False

    def put(self, piece: Slice, progress: Progress, *, last: bool) -> None:
        """Answer a slice; `last` says that it is done with."""
        self._answers.append((piece, progress, last))
        if not self._notified:
            self._notified = True
            self.call(self._flush)

    def call(self, what: Callable[..., None], *args: object) -> None:
        """Run something on the loop."""
        try:
            self._loop.call_soon_threadsafe(what, *args)
        except RuntimeError:
            log.warning("the event loop ended before a port did")

    def _flush(self) -> None:
        # First: an answer put after this line wakes the loop again, one put before it is handed out now.
        self._notified = False
        while self._answers:
            piece, progress, last = self._answers.popleft()
            piece.reply(progress, last)
        self._flushed()


def settle(future: asyncio.Future[None], error: FabricError | None = None) -> None:
    """End a wait, well or with an error; one that has ended already stays as it is."""
    if not future.done() and error is not None:
        future.set_exception(error)
    elif not future.done():
        future.set_result(None)
