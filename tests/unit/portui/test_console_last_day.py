"""The last 24 hours of a port: what the spooler keeps and this console saw, and that no more is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pytest

from portui.fabric_print import Printing
from portui.model import Job, JobState, Outcome, Proof
from portui.model_answers import Attempt
from portui.web import day_strip
from portui.web.day_strip import DAY, Known, Stretch
from portui.web.last_day import LastDay, LastDays
from tests.unit.portui.page_rig import Answers, console_over, page_of
from tests.unit.portui.test_console_pages import fleet, text_of
from tests.unit.portui.test_console_words import NOW, job, live, port

ALL = Known(NOW - DAY, NOW - DAY)
COM1 = port("COM1:")


def ago(**how_long: float) -> datetime:
    return NOW - timedelta(**how_long)


def printed(number: int, start: datetime, seconds: float = 60, attempts: int = 1) -> Job:
    done = replace(job(number, JobState.COMPLETED, Outcome.PRINTED), port=COM1.key, attempts=attempts)
    return replace(done, created=start, started=start, ended=start + timedelta(seconds=seconds))


def attempt(number: int, start: datetime, outcome: Outcome, at: str = COM1.key) -> Attempt:
    return Attempt(number, 1, at, start, start + timedelta(seconds=60), outcome, Proof())


def test_the_strip_has_faults_taller_than_work_and_says_it_in_words():
    day = [Stretch(ago(hours=30), ago(hours=23), "printing"), Stretch(ago(hours=2), ago(hours=1), "error")]
    printing, error = day_strip.strip(day, NOW, ALL)
    assert error.height > printing.height
    assert printing.x == 0
    assert day_strip.sentence(day, NOW, ALL) == "error 1 h in 1 stop, printing 1 h in 1 job"


@pytest.mark.parametrize("seconds", [0, 0.001, 1, 43, 86, 200, 43_200, 86_399, 86_400, 90_000])
@pytest.mark.parametrize("long_s", [0, 1, 3600, 100_000])
def test_every_block_of_the_strip_is_inside_it_and_wide_enough_to_be_seen(seconds: float, long_s: float):
    start = ago(seconds=seconds)
    for one in day_strip.strip([Stretch(start, start + timedelta(seconds=long_s), "error")], NOW, ALL):
        assert one.x >= 0
        assert one.x + one.width <= 1000
        assert one.width >= 2


def test_what_is_not_known_is_drawn_as_unknown_and_said():
    known = Known(ago(hours=6), ago(hours=12))
    (unknown,) = day_strip.strip([], NOW, known)
    assert (unknown.x, unknown.width, unknown.tone) == (0, 750, "unknown")
    said = day_strip.sentence([], NOW, known)
    assert said == (
        "nothing is known to have been printed; jobs are known since 2026-11-21T04:42:00Z; "
        "faults are known since 2026-11-20T22:42:00Z"
    )


def test_a_job_that_rested_counts_by_its_attempts_at_this_port_and_once():
    begun_anew = replace(printed(7, ago(hours=9), 8 * 3600, attempts=3))
    attempts = {
        7: [
            attempt(1, ago(hours=9), Outcome.PARTIAL),
            attempt(2, ago(hours=5), Outcome.PRINTED, "edge/COM2:"),
            attempt(3, ago(hours=2), Outcome.PRINTED),
            attempt(4, ago(hours=1), Outcome.PRINTED),
        ]
    }
    found = day_strip.stretches([begun_anew], attempts, COM1, NOW)
    assert day_strip.sentence(found, NOW, ALL) == "error 1 min in 1 stop, printing 2 min in 1 job"
    assert day_strip.stretches([begun_anew], {}, COM1, NOW) == [], "nobody knows when it rested"


def answered(jobs: Sequence[Job], *, whole: bool = True) -> Answers:
    answers = Answers()
    answers.jobs, answers.all_jobs = list(jobs), whole
    return answers


async def of(answers: Answers, printers: tuple[str, ...] = ("labels",)) -> LastDay:
    return await LastDays(cast("Printing", answers)).of(replace(COM1, printers=printers), NOW)


async def test_the_spooler_is_asked_for_the_jobs_of_the_ports_printers_and_its_answer_is_kept_a_while():
    now, answers = [0.0], answered([printed(7, ago(hours=20))])
    days, found = (
        LastDays(cast("Printing", answers), lambda: now[0]),
        replace(COM1, printers=("labels", "tags")),
    )
    for _ in range(3):
        day = await days.of(found, NOW)
        assert (list(day.jobs), day.since) == ([7], NOW - DAY)
    assert answers.asked_lately == ["labels", "tags"]
    now[0] += 31
    await days.of(found, NOW)
    assert len(answers.asked_lately) == 4


async def test_of_more_jobs_than_the_spooler_tells_at_once_only_the_time_since_the_oldest_is_known():
    day = await of(answered([printed(9, ago(hours=1)), printed(8, ago(hours=3))], whole=False))
    assert day.since == ago(hours=3)


async def test_of_many_jobs_that_rested_the_newest_are_asked_about_and_the_others_are_not_known():
    day = await of(answered([printed(n, ago(minutes=100 - n), attempts=2) for n in range(99, 0, -1)]))
    assert sorted(day.attempts) == list(range(80, 100)) == sorted(day.jobs)
    assert day.since == ago(minutes=20)


async def test_nothing_is_claimed_when_the_spooler_is_away_or_no_printer_uses_the_port():
    answers = Answers()
    assert (await of(answers, ())).since == NOW
    answers.away = True
    assert (await of(answers)).since == NOW


async def test_a_ports_page_counts_what_the_spooler_has_and_this_console_never_saw():
    answers = Answers()
    now = fleet(COM1)
    start = now.started - timedelta(hours=20)
    answers.jobs = [printed(number, start + timedelta(minutes=number), 30) for number in range(400, 0, -1)]
    page = text_of(await page_of(console_over(now, answers), "/hosts/edge/ports/COM1:"))
    assert "printing 3 h 20 min in 400 jobs; faults are known since" in page
    assert live(COM1).fleet.jobs == {}
