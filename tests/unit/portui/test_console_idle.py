"""A console that nobody is at: it asks for nothing, makes no frame and has no timer; who comes finds it up to date."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from email.utils import parsedate_to_datetime
from functools import partial

from portui.attention import Attention
from portui.fabric_watch import Change
from portui.live import Live
from portui.minutes import Minutes
from portui.model import JobState
from portui.web.app import serve
from tests.rig.timers import timers_of
from tests.rig.until import until
from tests.surroundings import free_port
from tests.unit.portui.page_rig import Answers, console_over
from tests.unit.portui.test_console_live import SNAPSHOT, Clock, Script, job, newest, port

PAUSE_S = 0.02


class Question:
    """Counts how often it is asked; waits for its answer while it is held."""

    def __init__(self) -> None:
        self.times = 0
        self.answered = asyncio.Event()
        self.answered.set()

    async def ask(self) -> float:
        self.times += 1
        await self.answered.wait()
        return PAUSE_S


async def test_nobody_is_asked_for_while_nobody_is_here_and_no_timer_runs():
    attention, question = Attention(), Question()
    asking = asyncio.create_task(attention.keep_asking(question.ask))
    try:
        await asyncio.sleep(5 * PAUSE_S)
        assert question.times == 1
        with timers_of(asyncio.get_running_loop()) as armed:
            await asyncio.wait([asking], timeout=10 * PAUSE_S)
        assert question.times == 1
        assert len(armed) == 1, "only the one that waits here has a timer"
    finally:
        asking.cancel()


async def test_who_comes_after_a_silence_finds_it_asked_and_it_is_asked_on_while_he_is_here():
    attention, question = Attention(), Question()
    asking = asyncio.create_task(attention.keep_asking(question.ask))
    try:
        await asyncio.sleep(5 * PAUSE_S)
        async with attention.visit():
            assert question.times == 2
            await until(lambda: question.times >= 5)
        before = question.times
        await asyncio.sleep(10 * PAUSE_S)
        assert question.times <= before + 1
    finally:
        asking.cancel()


async def test_one_visitor_waits_for_an_answer_that_does_not_come_and_not_for_long():
    attention, question = Attention(patience_s=0.2), Question()
    asking = asyncio.create_task(attention.keep_asking(question.ask))
    try:
        await asyncio.sleep(5 * PAUSE_S)
        question.answered.clear()
        began = time.monotonic()
        async with attention.visit():
            assert time.monotonic() - began >= 0.2
            with timers_of(asyncio.get_running_loop()) as armed:
                async with attention.visit():
                    assert armed == [], "the next one waits for nothing"
    finally:
        asking.cancel()


async def test_frames_are_made_while_somebody_waits_or_something_moves_and_a_rest_is_nobodys_second():
    clock = Clock()
    live = Live(Script(), clock)
    live.apply(SNAPSHOT)
    beat, loop = asyncio.create_task(live.beat()), asyncio.get_running_loop()
    try:
        await until(lambda: live.at_rest)
        await asyncio.sleep(0.3)  # the last frame's pause
        frames = live.frames
        with timers_of(loop) as armed:
            await asyncio.wait([beat], timeout=1.3)
        assert (live.frames, len(armed)) == (frames, 1)

        seen = (await live.next_frames(0)).number
        assert seen == frames, "who comes is shown what was last"
        async with asyncio.timeout(30):
            assert (await live.next_frames(seen)).number == frames + 1

        await until(lambda: live.at_rest)
        await asyncio.sleep(0.3)
        clock.now += 3600
        live.apply(Change(jobs=(job(1, JobState.PROCESSING),)))
        await asyncio.sleep(0)
        clock.now += 1
        async with asyncio.timeout(30):
            while "edge/COM1:" not in newest(live)["ports"] or newest(live).get("news"):
                await live.next_frames(live.frames)
        assert newest(live)["ports"]["edge/COM1:"][0] == 100
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)


async def test_the_web_server_has_no_clock_and_dates_its_answers_all_the_same():
    live, listen = Live(Script()), f"127.0.0.1:{free_port()}"
    live.apply(Change(begins=True, ports=(port(),)))
    serving = asyncio.create_task(serve(console_over(live, Answers()), listen))
    get = partial(urllib.request.urlopen, f"http://{listen}/static/favicon.svg", timeout=30)
    try:
        await asyncio.sleep(0.3)
        with timers_of(asyncio.get_running_loop()) as armed:
            await asyncio.wait([serving], timeout=0.5)
        assert len(armed) == 1
        for _ in range(2):
            with await asyncio.to_thread(get) as answer:
                assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()) < 5
            await asyncio.sleep(1.1)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def test_minutes_pass_though_nothing_ticks():
    found = Minutes(100.0)
    found.add(159.0)
    found.add(161.0)
    assert found.counts(219.0)[-2:] == [1, 1]
    assert found.counts(340.0)[-5:] == [1, 1, 0, 0, 0]
    assert sum(found.counts(100.0 + 60 * 60)) == 1
    assert sum(found.counts(1e9)) == 0
    assert len(found.counts(2e9)) == 60
