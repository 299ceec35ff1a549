"""What is told on a channel is heard, each and in order; what comes close together is heard together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import psycopg.connection_async
import pytest

from spooler.sql.postgres.connection import connect, notifications
from tests.rig.postgres import PostgresServer, postgres_server

MANY = 300


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


async def test_hundreds_of_notifications_a_second_wake_who_hears_them_some_tens_of_times(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, said, waited = server.database(), [str(number) for number in range(MANY)], 0
    wait = getattr(psycopg.connection_async, "notifies")  # noqa: B009 - it is not for callers

    def counted(*arguments: Any) -> Any:
        nonlocal waited
        waited += 1
        return wait(*arguments)

    monkeypatch.setattr(psycopg.connection_async, "notifies", counted)

    def tell() -> None:
        with connect(url, "tells") as connection:
            for text in said:
                connection.execute("SELECT pg_notify('news', %s)", (text,))
                time.sleep(0.001)

    heard: list[str] = []
    async with aclosing(notifications(url, "hears", "news")) as texts, asyncio.timeout(30):
        assert await anext(texts) == ""
        telling = asyncio.create_task(asyncio.to_thread(tell))
        async for text in texts:
            heard.append(text)
            if len(heard) == MANY:
                break
        await telling
    assert heard == said
    assert waited < MANY / 4
