"""What another spooler asks of this one, through the store."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from google.rpc import status_pb2  # type: ignore[import-untyped]

from chassis.errors import NotSupported
from chassis.identity import NOBODY
from chassis.status import error_from_status
from chassis.tasks import Tasks
from spooler.membership import Answer, Ask, News
from spooler.replicas.asking import Asking, identity_text


class Asks:
    """A member's part in the store, as far as it is asked."""

    def __init__(self, *asked: Ask) -> None:
        self._asked = dict(enumerate(asked, start=1))
        self.answers: asyncio.Queue[tuple[int, Answer]] = asyncio.Queue()

    async def take_ask(self, number: int) -> Ask | None:
        return self._asked.pop(number, None)

    async def answer(self, number: int, answer: Answer) -> None:
        self.answers.put_nowait((number, answer))


async def _echo(request: bytes) -> bytes:
    return request


async def test_what_a_newer_spooler_asks_and_this_one_does_not_know_is_refused_at_once():
    asks: Any = Asks(Ask("Fold", b"", identity_text(NOBODY)), Ask("Echo", b"x", identity_text(NOBODY)))
    ownership: Any = SimpleNamespace()
    async with Tasks("test") as tasks, asyncio.timeout(30):
        asking = Asking(asks, ownership, tasks)
        asking.methods["Echo"] = _echo
        asking.heard(News(asks=frozenset({1, 2})))
        answers = dict([await asks.answers.get(), await asks.answers.get()])
    error = error_from_status(status_pb2.Status.FromString(answers[1].status))
    assert isinstance(error, NotSupported)
    assert error.code == "UNIMPLEMENTED"
    assert "is older, and has no Fold" in error.message
    assert answers[2] == Answer(b"x", b"")
