"""Calls that only look: some at once, some wait, and who comes on top is told to ask again."""

from __future__ import annotations

import asyncio

import pytest

from chassis.errors import Overloaded
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
