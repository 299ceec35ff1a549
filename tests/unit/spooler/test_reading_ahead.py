import asyncio
import random

import pytest

from chassis.errors import DocumentLost
from chassis.tasks import Tasks
from spooler.reading_ahead import CHUNK_BYTES, ReadAhead

DATA = random.Random(1).randbytes(5 * CHUNK_BYTES + 321)


class Owner:
    """Has one document, and knows what was asked of it; nothing is read before `let`."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.left, self.let = 0, asyncio.Event()
        self.let.set()
        self.lost_from = len(DATA)

    async def document(self, number, offset, max_bytes):
        self.asked.append(offset)
        try:
            await self.let.wait()
        finally:
            self.left += 1
        if offset >= self.lost_from:
            raise DocumentLost("gone")
        return DATA[offset : offset + max_bytes]


@pytest.fixture
async def tasks():
    async with Tasks("test") as tasks:
        yield tasks


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_piece_is_read_ahead_and_no_more(tasks):
    owner, sent = Owner(), b""
    ahead = ReadAhead(owner.document, tasks)

    while len(sent) < len(DATA):
        sent += await ahead.read(7, len(sent), len(DATA))
        ahead.go_on(7, len(sent), len(DATA))
        await settled()
        assert owner.asked == list(range(0, min(len(sent) + 1, len(DATA)), CHUNK_BYTES))

    assert sent == DATA
    assert not tasks


async def test_from_another_offset_it_is_read_anew(tasks):
    owner = Owner()
    ahead = ReadAhead(owner.document, tasks)
    ahead.go_on(7, CHUNK_BYTES, len(DATA))
    await settled()

    assert await ahead.read(7, 100, len(DATA)) == DATA[100:][:CHUNK_BYTES]
    assert await ahead.read(8, CHUNK_BYTES, len(DATA)) == DATA[CHUNK_BYTES:][:CHUNK_BYTES]
    assert owner.asked == [CHUNK_BYTES, 100, CHUNK_BYTES]


async def test_what_is_dropped_is_not_read_to_its_end(tasks):
    owner = Owner()
    owner.let.clear()
    ahead = ReadAhead(owner.document, tasks)
    ahead.go_on(7, 0, len(DATA))
    await settled()

    ahead.drop(8)
    await settled()
    assert owner.left == 0
    ahead.drop(7)
    await settled()
    assert owner.left == 1
    assert not tasks


async def test_whoever_waits_for_a_piece_and_goes_ends_its_reading(tasks):
    owner = Owner()
    owner.let.clear()
    ahead = ReadAhead(owner.document, tasks)
    waiting = asyncio.ensure_future(ahead.read(7, 0, len(DATA)))
    await settled()
    waiting.cancel()
    await settled()

    assert owner.left == 1
    assert not tasks


async def test_what_is_gone_is_told_to_who_asks_for_it(tasks):
    owner = Owner()
    owner.lost_from = CHUNK_BYTES
    ahead = ReadAhead(owner.document, tasks)

    first = await ahead.read(7, 0, len(DATA))
    ahead.go_on(7, len(first), len(DATA))
    await settled()
    with pytest.raises(DocumentLost):
        await ahead.read(7, len(first), len(DATA))
