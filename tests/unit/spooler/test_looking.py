"""Calls that only look: some at once, some wait, and who comes on top is told to ask again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from chassis.errors import Overloaded
from printfabric.spooler.v1 import print_service_pb2 as pb
from spooler.api.at_owner import AtOwner
from spooler.api.job_finder import JobFinder
from spooler.api.looking import AT_ONCE, MOST, Looking


async def test_a_few_look_at_once_the_next_wait_and_those_on_top_are_refused():
    looking, inside, most_inside = Looking(), 0, 0
    full, go_on = asyncio.Event(), asyncio.Event()

    async def look() -> None:
        nonlocal inside, most_inside
        async with looking.turn():
            inside += 1
            if inside == AT_ONCE:
                full.set()
            most_inside = max(most_inside, inside)
            await go_on.wait()
            inside -= 1

    calls = [asyncio.ensure_future(look()) for _ in range(MOST)]
    await full.wait()
    with pytest.raises(Overloaded, match="100 calls look at stored jobs already"):
        await look()
    go_on.set()
    await asyncio.gather(*calls)
    assert most_inside == AT_ONCE
    await look()


async def test_who_gives_up_while_waiting_makes_room():
    looking, go_on = Looking(), asyncio.Event()

    async def look() -> None:
        async with looking.turn():
            await go_on.wait()

    calls = [asyncio.ensure_future(look()) for _ in range(MOST)]
    await asyncio.sleep(0)
    for call in calls[AT_ONCE:]:
        call.cancel()
    await asyncio.wait(calls[AT_ONCE:])
    later = asyncio.ensure_future(look())
    go_on.set()
    await asyncio.gather(*calls[:AT_ONCE], later)


class _Store:
    """Jobs that nobody works on any more."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def get_job(self, number: int) -> Any:
        self.asked.append(number)
        return SimpleNamespace(number=number, printer="labels")


class _Steering:
    """A servicer with one method, and the owner of everything."""

    methods: dict[str, Any] = {}  # noqa: RUF012 - `Owners` has one of its own

    async def CancelJob(self, request: pb.CancelJobRequest, _context: Any) -> str:
        return request.name

    def is_mine(self, _printer: str) -> bool:
        return True

    async def ask(self, _method: str, _printer: str, _request: bytes) -> bytes | None:
        raise AssertionError


async def test_a_job_that_goes_on_is_steered_however_many_look_and_an_ended_one_is_looked_up_in_turn():
    store, looking, go_on = _Store(), Looking(), asyncio.Event()
    inside: Any = SimpleNamespace(book=SimpleNamespace(jobs={7: SimpleNamespace(printer="labels")}))
    finder = JobFinder(store, inside)  # type: ignore[arg-type]
    steering = AtOwner(_Steering(), _Steering(), finder, looking, inside)

    async def look() -> None:
        async with looking.turn():
            await go_on.wait()

    calls = [asyncio.ensure_future(look()) for _ in range(MOST)]
    await asyncio.sleep(0)
    assert await steering.CancelJob(pb.CancelJobRequest(name="jobs/7"), None) == "jobs/7"
    with pytest.raises(Overloaded):
        await steering.CancelJob(pb.CancelJobRequest(name="jobs/8"), None)
    assert not store.asked
    go_on.set()
    await asyncio.gather(*calls)
    assert await steering.CancelJob(pb.CancelJobRequest(name="jobs/8"), None) == "jobs/8"
    assert store.asked == [8]
