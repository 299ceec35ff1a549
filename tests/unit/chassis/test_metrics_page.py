"""The page of metrics under callers who mean no good: slow ones, silent ones, and very many."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from chassis import metrics_page
from chassis.metrics import BUILD
from chassis.metrics_page import MOST, MetricsPage

WITHIN_S = 30.0
Caller = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def page() -> AsyncIterator[MetricsPage]:
    BUILD.labels("test", "1").set(1)
    page = await MetricsPage.open("127.0.0.1:0")
    yield page
    await page.close()


async def call(page: MetricsPage) -> Caller:
    host, _, port = page.address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def ask(page: MetricsPage, question: bytes) -> tuple[bytes, bytes]:
    """Return head and body of the answer, which ends with the connection."""
    reader, writer = await call(page)
    try:
        writer.write(question)
        async with asyncio.timeout(WITHIN_S):
            head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return head, body


def is_gone(caller: Caller) -> bool:
    return caller[0].at_eof() or caller[0].exception() is not None


async def test_a_scraper_gets_the_page_packed_when_it_says_that_it_can_unpack(page):
    head, body = await ask(page, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"printfabric_build_info" in body
    assert f"Content-Length: {len(body)}".encode() in head
    head, body = await ask(page, b"GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert b"printfabric_build_info" in gzip.decompress(body)


@pytest.mark.parametrize(
    ("question", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"\r\n", b"400"),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5_000 + b"\r\n", b"431"),
    ],
)
async def test_what_is_no_question_is_refused_however_long_it_is(page, question, status):
    head, _ = await ask(page, question)
    assert head.split()[1] == status


async def test_who_sends_a_byte_now_and_then_is_not_waited_for(page, monkeypatch):
    monkeypatch.setattr(metrics_page, "HEAD_S", 0.3)
    caller = await call(page)
    async with asyncio.timeout(WITHIN_S):
        while not is_gone(caller):
            caller[1].write(b"a")
            await asyncio.sleep(0.02)
    caller[1].close()


async def test_of_five_hundred_silent_callers_few_are_kept_and_a_scraper_gets_its_page(page):
    callers: list[Caller] = []
    try:
        for _ in range(500):
            callers.append(await call(page))
            callers[-1][1].write(b"GET /metrics HTTP/1.1\r\n")
        async with asyncio.timeout(WITHIN_S):
            while sum(not is_gone(one) for one in callers) > MOST:  # noqa: ASYNC110 - they go one by one
                await asyncio.sleep(0.01)
        head, _ = await ask(page, b"GET /metrics HTTP/1.1\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
    finally:
        for _, writer in callers:
            writer.close()


async def test_a_page_that_closes_waits_for_nobody(page):
    caller = await call(page)
    caller[1].write(b"GET /met")
    async with asyncio.timeout(WITHIN_S):
        await page.close()
        with suppress(ConnectionResetError):  # what it had said was not read
            assert await caller[0].read(-1) == b""
    caller[1].close()
