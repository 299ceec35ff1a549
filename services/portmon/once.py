"""What was asked for by an idempotency key is done once: whoever repeats it has the first one's answer, or waits for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from chassis.errors import RequestIdReused

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Once(Generic[K, T]):
    """The latest answers by their keys, in memory: what a lost answer was is known as long as this process runs."""

    def __init__(self, most: int, failed: Callable[[T], bool] = lambda _answer: False) -> None:
        """`most`: so many are remembered. `failed`: whether an answer says that nothing was done, and is forgotten."""
        self._most, self._failed = most, failed
        self._known: OrderedDict[K, tuple[Hashable, asyncio.Future[T]]] = OrderedDict()

    def get(self, key: K, words: Hashable = None) -> asyncio.Future[T] | None:
        """Return the answer to a key, come or to come.

        Raises:
            RequestIdReused: the key stands for other words.
        """
        found = self._known.get(key)
        if found is not None and found[0] != words:
            raise RequestIdReused("this request id was used for something else before")
        return None if found is None else found[1]

    def put(self, key: K, answer: asyncio.Future[T], words: Hashable = None) -> asyncio.Future[T]:
        """Remember an answer that has come, or will, unless it fails; the oldest make room."""
        self._known[key] = (words, answer)
        answer.add_done_callback(lambda done: self._ended(key, done))
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return answer

    def forget(self, key: K) -> None:
        """Whoever asks by this key again begins anew."""
        self._known.pop(key, None)

    async def do(self, key: K, work: Callable[[], Awaitable[T]], words: Hashable = None) -> T:
        """Return what comes of the work, which goes on when its caller hangs up. What failed is forgotten, and tried again.

        Raises:
            RequestIdReused: the key stands for other words. And whatever the work raises.
        """
        if (known := self.get(key, words)) is not None:
            return await asyncio.shield(known)
        return await asyncio.shield(self.put(key, asyncio.ensure_future(work()), words))

    def _ended(self, key: K, done: asyncio.Future[T]) -> None:
        failed = done.cancelled() or done.exception() is not None or self._failed(done.result())
        if failed and self._known.get(key, (None, None))[1] is done:
            self.forget(key)
