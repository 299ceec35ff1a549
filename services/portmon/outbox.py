"""Answers from ports' threads to the event loop: one wake-up for as many as there are, of all ports."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

from chassis import logs
from chassis.errors import FabricError
from portmon.document import Progress, Slice

log = logs.get(__name__)
# While answers come one after the other, the loop looks for more of them this often: a wake-up costs more than an answer.
_GATHER_S = 0.002


class _Post:
    """Ports of one event loop that have answers for it. `soon` and `now` belong to the threads, the rest to the loop."""

    def __init__(self) -> None:
        self._boxes: deque[Outbox] = deque()
        self._called = self._looks_again = False

    def soon(self, box: Outbox) -> None:
        """Have a port's answers handed out, when the loop looks again by itself if it does."""
        self._boxes.append(box)
        if not self._looks_again:
            self._wake(box)

    def now(self, box: Outbox) -> None:
        """Have a port's answers handed out in the loop's next turn."""
        self._boxes.append(box)
        self._wake(box)

    def _wake(self, box: Outbox) -> None:
        if not self._called:
            self._called = True
            box.run(self._look)

    def _look(self) -> None:
        # First: an answer put after this line wakes the loop again, one put before it is handed out now.
        self._called = False
        self._hand_out()

    def _look_again(self) -> None:
        self._looks_again = False  # first, as above
        self._hand_out()

    def _hand_out(self) -> None:
        if not self._boxes:
            return
        while self._boxes:
            self._boxes.popleft().hand_out()
        if not self._looks_again:
            self._looks_again = True
            asyncio.get_running_loop().call_later(_GATHER_S, self._look_again)


_POSTS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Post] = WeakKeyDictionary()


class Outbox:
    """Carries answers over. `put` and `call` belong to the thread; replies and `flushed` run on the loop."""

    def __init__(self, flushed: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._post = _POSTS.setdefault(self._loop, _Post())
        self._flushed = flushed
        self._answers: deque[tuple[Slice, Progress, bool]] = deque()

    def put(self, piece: Slice, progress: Progress, *, last: bool, gathers: bool = False) -> None:
        """Answer a slice; `last` says that it is done with. `gathers`: others follow, and nobody waits for it alone."""
        self._answers.append((piece, progress, last))
        if gathers:
            self._post.soon(self)
        else:
            self._post.now(self)

    def call(self, what: Callable[..., None], *args: object) -> None:
        """Run something on the loop, behind the answers that were put before."""
        self.run(self._behind, what, args)

    def run(self, what: Callable[..., None], *args: object) -> None:
        """Run something on the loop in its next turn."""
        try:
            self._loop.call_soon_threadsafe(what, *args)
        except RuntimeError:
            log.warning("the event loop ended before a port did")

    def _behind(self, what: Callable[..., None], args: tuple[object, ...]) -> None:
        self.hand_out()
        what(*args)

    def hand_out(self) -> None:
        """Reply to what was answered, on the loop. Never fails: an answer keeps no other back, nor what comes behind it."""
        if not self._answers:
            return
        while self._answers:
            piece, progress, last = self._answers.popleft()
            try:
                piece.reply(progress, last)
            except Exception as error:  # noqa: BLE001 - the wall
                self._cannot(error)
        try:
            self._flushed()
        except Exception as error:  # noqa: BLE001 - the wall
            self._cannot(error)

    def _cannot(self, error: Exception) -> None:
        message = "an answer of a port cannot be handed out"
        self._loop.call_exception_handler({"message": message, "exception": error})


def settle(future: asyncio.Future[None], error: FabricError | None = None) -> None:
    """End a wait, well or with an error; one that has ended already stays as it is."""
    if not future.done() and error is not None:
        future.set_exception(error)
    elif not future.done():
        future.set_result(None)
