from __future__ import annotations

import asyncio

import pytest

from spooler.turns import Turns
from tests.rig.until import until


async def test_no_more_than_so_many_have_their_turn_at_once():
    turns, inside, seen = Turns(2, most_s=60.0), set[int](), list[int]()

    async def one(number: int):
        async with turns.turn():
            inside.add(number)
            seen.append(len(inside))
            await asyncio.sleep(0)
            inside.remove(number)

    await asyncio.gather(*map(one, range(10)))

    assert len(seen) == 10
    assert max(seen) == 2


async def test_whoever_takes_long_keeps_nobody_waiting_and_gives_his_place_back_once():
    turns, begun, end = Turns(1, most_s=0.01), list[int](), asyncio.Event()

    async def long(number: int):
        async with turns.turn():
            begun.append(number)
            await end.wait()

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(long(number))
        await until(lambda: len(begun) == 3)
        end.set()

    async with turns.turn():
        assert turns._places.locked()


async def test_a_turn_that_fails_is_over():
    turns = Turns(1, most_s=60.0)

    async def fails():
        async with turns.turn():
            raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            await fails()
    assert not turns._places.locked()
