import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from chassis.errors import SpoolFull, StoreUnavailable
from spooler import group_commit
from spooler.group_commit import Entry, GroupThread


class Ledger:
    """A handler that remembers its batches and can be told to be slow, or to fail."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.pause_s = 0.0
        self.failures = 0
        self.threads: set[str] = set()

    def commit(self, batch: Sequence[Entry[int]]) -> None:
        self.threads.add(threading.current_thread().name)
        time.sleep(self.pause_s)
        if self.failures:
            self.failures -= 1
            for entry in batch:
                entry.error = SpoolFull("full")
                entry.retry = True
            return
        self.batches.append([entry.work for entry in batch])
        for entry in batch:
            entry.result = entry.work * 10
            if entry.work < 0:
                entry.error = SpoolFull("refused")

    @property
    def written(self) -> list[int]:
        return [work for batch in self.batches for work in batch]


@pytest.fixture
async def ledger():
    return Ledger()


@pytest.fixture
async def thread(ledger):
    thread: GroupThread[int] = GroupThread("test", ledger.commit, max_soon=100, max_batch=1002)
    yield thread
    await thread.close()


async def test_each_caller_gets_its_own_answer(thread):
    assert await asyncio.gather(*(thread.submit(n) for n in range(50))) == [n * 10 for n in range(50)]


async def test_callers_that_come_together_share_batches_in_their_order(thread, ledger):
    ledger.pause_s = 0.01
    await asyncio.gather(*(thread.submit(n) for n in range(200)))

    assert ledger.written == list(range(200))
    assert len(ledger.batches) < 20
    assert ledger.threads == {"test"}


async def test_one_refusal_does_not_touch_the_neighbours(thread):
    answers = await asyncio.gather(*(thread.submit(n) for n in (1, -1, 2)), return_exceptions=True)

    assert (answers[0], answers[2]) == (10, 20)
    assert isinstance(answers[1], SpoolFull)


async def test_a_caller_that_goes_away_harms_nobody(thread, ledger):
    ledger.pause_s = 0.02
    gone = asyncio.create_task(thread.submit(1))
    await asyncio.sleep(0)
    gone.cancel()

    assert await thread.submit(2) == 20
    assert ledger.written == [1, 2]


async def test_what_nobody_waits_for_is_written_within_fifty_milliseconds(thread, ledger):
    thread.submit_soon(1)
    assert ledger.written == []
    await asyncio.sleep(0.15)

    assert ledger.written == [1]


async def test_what_nobody_waits_for_keeps_its_place_before_what_somebody_does(thread, ledger):
    for n in range(5):
        thread.submit_soon(n)
    await thread.submit(5)

    assert ledger.written == [0, 1, 2, 3, 4, 5]


async def test_what_may_wait_shares_the_commit_of_what_may_not_and_keeps_its_place(thread, ledger):
    waiting = [thread.enqueue(1, within_s=60.0), thread.enqueue(2, within_s=60.0)]
    await asyncio.sleep(0.05)
    assert ledger.batches == []

    assert await thread.submit(3) == 30
    assert ledger.batches == [[1, 2, 3]]
    assert [await one for one in waiting] == [10, 20]


async def test_what_may_wait_is_not_committed_behind_the_commit_that_is_under_way(thread, ledger):
    ledger.pause_s = 0.05
    under_way = thread.enqueue(1)
    await asyncio.sleep(0.02)
    waiting = thread.enqueue(2, within_s=60.0)
    await under_way
    await asyncio.sleep(0.1)
    assert ledger.batches == [[1]]

    await thread.submit(3)
    assert ledger.batches == [[1], [2, 3]]
    assert await waiting == 20


async def test_what_may_wait_is_committed_by_itself_in_its_time(thread, ledger):
    await asyncio.gather(*(thread.submit(n) for n in range(50)))  # many come at once
    ledger.batches.clear()
    waiting = thread.enqueue(1, within_s=0.05)
    await asyncio.sleep(0.01)
    assert ledger.batches == []
    assert await waiting == 10


async def test_nothing_waits_while_others_come_more_seldom_than_that(ledger, monkeypatch):
    monkeypatch.setattr(group_commit, "_SELDOM_S", 60.0)
    thread: GroupThread[int] = GroupThread("test", ledger.commit)
    async with asyncio.timeout(10):
        assert await thread.enqueue(1, within_s=50.0) == 10
    await thread.close()


@pytest.mark.parametrize("waits", [(0.02, 60.0), (60.0, 0.02)])
async def test_what_may_wait_longer_is_committed_with_what_may_not(thread, waits):
    async with asyncio.timeout(10):
        await asyncio.gather(*(thread.enqueue(1, within_s=within_s) for within_s in waits))


async def test_more_than_a_batch_takes_is_committed_though_nothing_else_comes(ledger):
    ledger.pause_s = 0.02
    thread: GroupThread[int] = GroupThread("test", ledger.commit, max_batch=4)
    first = thread.enqueue(0)
    async with asyncio.timeout(10):
        await asyncio.gather(first, *(thread.enqueue(n) for n in range(1, 12)))
    assert ledger.written == list(range(12))
    await thread.close()


async def test_after_a_failure_what_nobody_waits_for_is_tried_again_and_callers_are_told(thread, ledger):
    ledger.failures = 1
    thread.submit_soon(1)
    with pytest.raises(SpoolFull):
        await thread.submit(2)
    thread.submit_soon(3)
    await thread.submit(4)

    assert ledger.written == [1, 3, 4]


async def test_while_the_disk_does_not_answer_memory_stays_bounded_and_the_newest_stay(thread, ledger):
    ledger.failures = 1
    waited = [asyncio.ensure_future(thread.submit(-2)), asyncio.ensure_future(thread.submit(-3))]
    for n in range(1000):
        thread.submit_soon(n)
    answers = await asyncio.gather(*waited, thread.submit(1000), return_exceptions=True)

    assert [type(answer) for answer in answers] == [SpoolFull, SpoolFull, int]
    assert [work for work in ledger.written if work >= 0] == [*range(900, 1000), 1000]


async def test_closing_writes_what_is_waiting(ledger):
    thread: GroupThread[int] = GroupThread("test", ledger.commit)
    thread.submit_soon(1)
    await thread.close()

    assert ledger.written == [1]
    with pytest.raises(StoreUnavailable):
        await thread.submit(2)


async def test_a_handler_that_breaks_fails_its_callers_and_goes_on():
    def commit(batch: Sequence[Entry[int]]) -> None:
        for entry in batch:
            entry.result = 1 // entry.work

    thread: GroupThread[int] = GroupThread("test", commit)
    with pytest.raises(StoreUnavailable, match="internal error"):
        await thread.submit(0)
    assert await thread.submit(1) == 1
    await thread.close()


class Unheard(BaseException):
    """Nothing that a handler's wall catches."""


async def test_a_thread_that_dies_fails_all_who_wait_and_all_who_come_later_and_says_so():
    begun = threading.Event()
    go_on = threading.Event()

    def commit(batch: Sequence[Entry[int]]) -> None:
        begun.set()
        go_on.wait(5)
        raise Unheard("out of the blue")

    thread: GroupThread[int] = GroupThread("test", commit)
    in_the_batch = thread.enqueue(1)
    await asyncio.to_thread(begun.wait, 5)
    in_the_queue = [thread.enqueue(2), thread.enqueue(3)]
    thread.submit_soon(4)
    assert not thread.dead.done()
    go_on.set()
    async with asyncio.timeout(30):
        answers = await asyncio.gather(in_the_batch, *in_the_queue, return_exceptions=True)
        assert "out of the blue" in await thread.dead
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    with pytest.raises(StoreUnavailable, match="out of the blue"):
        await thread.submit(5)
    with pytest.raises(StoreUnavailable, match="out of the blue"):
        thread.submit_soon(6)
    async with asyncio.timeout(30):
        await thread.close()


async def test_a_thread_that_was_closed_is_not_dead(thread):
    await thread.submit(1)
    await thread.close()
    assert not thread.dead.done()


async def test_who_is_told_hears_before_the_caller_and_though_it_has_gone(thread, ledger):
    heard: list[object] = []

    async def call(work: int) -> None:
        await thread.submit(work, lambda result: heard.append(("told", result)))
        heard.append(("answered", work))

    await call(1)
    assert heard == [("told", 10), ("answered", 1)]
    ledger.pause_s = 0.02
    gone = asyncio.create_task(call(2))
    await asyncio.sleep(0)
    gone.cancel()
    await thread.submit(3)
    assert heard[2:] == [("told", 20)]


async def test_who_is_told_of_a_failure_hears_nothing_came_of_it(thread):
    heard: list[object] = []
    with pytest.raises(SpoolFull):
        await thread.submit(-1, heard.append)
    assert heard == [None]


async def test_who_breaks_when_told_harms_nobody(thread):
    def broken(_result: object) -> None:
        raise RuntimeError("a bug")

    assert [await thread.submit(1, broken), await thread.submit(2)] == [10, 20]
