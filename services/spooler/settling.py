"""Documents whose outcome is durable here, and whose host has not been told: the word goes with the next message to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from spooler.port import DocumentKey

# A journal has at least twice as many slots, and a message settles before what it brings is begun.
MOST = 8
WITHIN_S = 1.0  # how long a word waits for a message that goes anyway


class Settling:
    """The words for one port. `wake` is called when they are due though nothing else is to be said."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._keys: dict[DocumentKey, None] = {}  # in order
        self._timer: asyncio.TimerHandle | None = None
        self.due = False  # they go now, in a message of their own if need be

    def __bool__(self) -> bool:
        return bool(self._keys)

    def add(self, keys: Sequence[DocumentKey], *, may_wait: bool = False) -> None:
        """Have the host told; `may_wait`: with its next message, or within a second."""
        self._keys.update(dict.fromkeys(keys))
        if not may_wait or len(self._keys) >= MOST:
            self._is_due()
        elif self._timer is None:  # one for all that come meanwhile, though they be told before
            self._timer = asyncio.get_running_loop().call_later(WITHIN_S, self._waited)

    def next(self) -> list[DocumentKey]:
        """Return what is to be told now; it stays until it is `told`, for being told twice does no harm."""
        self.due = False
        return list(self._keys)

    def told(self, keys: Sequence[DocumentKey]) -> None:
        """The host has these words."""
        for key in keys:
            self._keys.pop(key, None)

    def opened(self) -> None:
        """There is a new stream: what may not have come over the one before goes with its first message."""
        self.due = bool(self._keys)

    def stop(self) -> None:
        """Nobody sends any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _waited(self) -> None:
        self._timer = None
        if self._keys:
            self._is_due()

    def _is_due(self) -> None:
        self.due = True
        self._wake()
