"""Commands of a pipeline that go to the server together. psycopg sends each by itself, after it has asked whether it may.

Each such question and each packet is a system call, and each packet wakes the server's process once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg.generators import send

# So many are put together at most: then what has come back is read, and libpq's buffer emptied.
_MOST = 64


class _Together(psycopg.Pipeline):
    """Puts commands into libpq's buffer, and lets it go when an answer is asked for, or at the end.

    It takes the place of two methods that psycopg keeps for itself: a version without them sends each command as it
    did, which `tests/contract/test_postgres_round_trips.py` would see.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        self._put = 0
        self._answers_wanted = False

    def _enqueue_sync(self) -> None:
        self._answers_wanted = True
        super()._enqueue_sync()

    def _communicate_gen(self) -> Any:
        self._put += 1
        if self._answers_wanted:
            self._answers_wanted = False
            yield from super()._communicate_gen()
            yield from send(self.pgconn)  # all of it: nobody else will before the answers are read
        elif self._put % _MOST == 0:
            yield from super()._communicate_gen()
        else:
            while self.command_queue:
                self.command_queue.popleft()()


class TogetherConnection(psycopg.Connection[Any]):
    """A connection whose pipelines send so."""

    @contextmanager
    def pipeline(self: Self) -> Iterator[psycopg.Pipeline]:
        """See psycopg's."""
        if self._pipeline is None:
            self._pipeline = _Together(self)
        with super().pipeline() as pipeline:
            yield pipeline
