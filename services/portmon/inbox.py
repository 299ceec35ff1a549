"""Slices that wait for a port's thread: bounded, so that a sender is never faster than the device for long."""

from __future__ import annotations

import asyncio
from collections import deque

from chassis import logs
from chassis.errors import FabricError
from portmon.document import DocKey, Phase, Progress, Reply, Slice

BUFFER_BYTES = 1 << 20
# A slice costs memory beside its bytes; without this, a million empty ones would be welcome.
_SLICE_BYTES = 512
_SMALL_BYTES = 16384
MANY = 4  # while so many slices wait, what was answered may wait for what will be
log = logs.get(__name__)


class Inbox:
    """The queue of one session. `put`, `room`, `window` and `let_in` belong to the loop, `take` to the thread."""

    def __init__(self) -> None:
        self._slices: deque[Slice] = deque()
        # Bytes; each is counted by one side only, so that no lock is needed.
        self._handed_over = self._taken = 0
        self._unbegun: dict[DocKey, Slice] = {}  # what begins a document and is not answered
        self._waiters: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._slices)

    @property
    def window(self) -> int:
        """How many more bytes would be taken now without waiting."""
        return max(0, BUFFER_BYTES - (self._handed_over - self._taken))

    async def room(self) -> None:
        """Wait until there is room, or until somebody calls `let_in`."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def let_in(self) -> None:
        """End every wait for room."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def put(self, piece: Slice) -> None:
        """Queue a slice. Whoever begins a document again, after a broken stream, hears at once how far it is."""
        if piece.start is not None:
            before = self._unbegun.setdefault(piece.key, piece)
            if before is not piece:
                before.reply = _both(before.reply, piece.reply)
        self._handed_over += _cost(piece)
        self._slices.append(piece)

    @property
    def next_is_small(self) -> bool:
        """Whether the next slice is handed over at a stroke, with nothing of it on the disk. There is one."""
        piece = self._slices[0]
        return piece.source is None and len(piece.data) <= _SMALL_BYTES

    def take(self) -> Slice:
        """Return the next slice; it counts against the window until it is `done`."""
        return self._slices.popleft()

    def take_all(self) -> list[Slice]:
        """Return all that wait."""
        return [self._slices.popleft() for _ in range(len(self._slices))]

    def done(self, piece: Slice) -> None:
        """Give a slice's room back."""
        self._taken += _cost(piece)

    def answered(self, piece: Slice, progress: Progress) -> Progress:
        """Take note of the answer to a slice; return what may be said: of a staged document only what is durable."""
        self._unbegun.pop(piece.key, None)
        if piece.source is not None:
            try:
                piece.source.answered(progress)
            except FabricError as error:
                log.exception("staged document not given back", document=str(piece.key), why=error.message)
                return Progress(piece.key, Phase.QUEUED, staged=True)
        return progress

    @property
    def goes_on(self) -> bool:
        """Whether there is a document that is printed though nobody can be reached."""
        return any(piece.source is not None for piece in list(self._unbegun.values()))

    def unbegun(self) -> list[DocKey]:
        """Return the documents that were received and not begun."""
        return list(self._unbegun)


def _both(first: Reply, second: Reply) -> Reply:
    def reply(progress: Progress, last: bool) -> None:
        first(progress, last)
        second(progress, False)

    return reply


def _cost(piece: Slice) -> int:
    return len(piece.data) + len(piece.resume_prefix) + _SLICE_BYTES
