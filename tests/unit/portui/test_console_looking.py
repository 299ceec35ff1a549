"""Hosts are told which ports people look at: once for all who do, as long as they do."""

from __future__ import annotations

import asyncio
from collections import Counter

from chassis.errors import HostUnreachable
from portui.looking import Looking

PORT, OTHER = "hosts/edge/ports/A", "hosts/edge/ports/B"


async def test_a_port_is_told_while_somebody_looks_once_for_all_who_do_and_failing_ends_nothing():
    told, news = Counter[str](), asyncio.Event()

    async def tell(port: str) -> None:
        told[port] += 1
        news.set()
        if port == PORT:
            raise HostUnreachable("edge is away")

    async def until(port: str, times: int) -> None:
        async with asyncio.timeout(30):
            while told[port] < times:
                news.clear()
                await news.wait()

    looking = Looking(tell, every_s=0.02)
    following = asyncio.create_task(looking.follow())
    try:
        with looking.at(""), looking.at(PORT), looking.at(PORT):
            await until(PORT, 3)
            with looking.at(OTHER):
                await until(OTHER, 2)
        before = told.copy()
        assert before[PORT] >= 3
        with looking.at(OTHER):
            await until(OTHER, before[OTHER] + 2)
        # One round may have been on its way when the last one left.
        assert told[PORT] <= before[PORT] + 1
        assert set(told) == {PORT, OTHER}
    finally:
        following.cancel()


async def test_somebody_new_is_told_of_at_once():
    told = asyncio.Queue[str]()
    looking = Looking(told.put, every_s=3600)
    following = asyncio.create_task(looking.follow())
    try:
        async with asyncio.timeout(30):
            with looking.at(PORT):
                assert await told.get() == PORT
                with looking.at(OTHER):
                    assert {await told.get(), await told.get()} == {PORT, OTHER}
    finally:
        following.cancel()
