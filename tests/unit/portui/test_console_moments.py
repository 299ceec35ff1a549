"""Points in time on pages: UTC as long as no script has put them into somebody's zone, and said to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from portui.model import Host, JobState
from portui.model_answers import Moment
from portui.web import pages_wire, samples, story
from portui.web.moments import ago, clock, plainly, stamp, told, when
from tests.unit.portui.test_console_words import NOW, job, port

LATE = datetime(2020, 2, 3, 19, 42, 7, tzinfo=timezone(timedelta(hours=9)))  # 10:42:07 UTC
ELEMENT = (
    '<time datetime="2020-02-03T10:42:07+00:00" title="2020-02-03 10:42:07 UTC">2020-02-03 10:42 UTC</time>'
)


def test_a_moment_says_its_zone_and_its_day_when_that_is_not_todays():
    assert clock(LATE) == "2020-02-03 10:42 UTC"
    now = datetime.now(UTC)
    assert clock(now) in (f"{now:%H:%M:%S} UTC", f"{now:%Y-%m-%d %H:%M} UTC")  # the latter at midnight
    assert clock(None) == stamp(None) == when(None) == ago(None) == ""
    assert stamp(LATE) == "2020-02-03T10:42:07Z"


def test_on_a_page_it_is_an_element_that_a_script_can_put_into_another_zone():
    assert when(LATE) == ELEMENT
    aged = ELEMENT.replace(' UTC">2020-02-03 10:42 UTC', ' UTC" data-age="50400">14 h ago')
    assert ago(LATE, LATE + timedelta(hours=14)) == aged


def test_moments_in_a_sentence_are_such_elements_and_the_rest_stays_text():
    sentence = f"Printer <a> is paused by ann at {stamp(LATE)}: a & b, not 2020-13-41T10:42:07Z."
    assert told(sentence) == (
        f"Printer &lt;a&gt; is paused by ann at {ELEMENT}: a &amp; b, not 2020-13-41T10:42:07Z."
    )
    assert plainly(sentence) == (
        "Printer <a> is paused by ann at 2020-02-03 10:42 UTC: a & b, not 2020-13-41T10:42:07Z."
    )


def test_what_the_console_says_itself_carries_them_too():
    rungs = story.ladder(
        port("COM1:"), Host("edge", "silent", last_seen=NOW), job(), NOW + timedelta(seconds=90)
    )
    facts = {rung.title: rung.fact for rung in rungs}
    assert facts["Job accepted"].startswith("2026-11-21T10:42:00Z by me")
    assert facts["Host edge"] == "silent, last heard 1 min 30 s ago"
    assert story.timeline(job(state=JobState.PENDING), [])[0].fact == "2026-11-21T10:42:00Z"


def test_a_line_of_the_wire_begins_with_its_time_to_the_millisecond():
    moment = Moment(LATE + timedelta(milliseconds=65), "out", b"^XA")
    (line,) = [line for _kind, line, _note in pages_wire.lines(moment)]
    assert line.startswith("2020-02-03T10:42:07.065Z  → out  5e 58 41")
    assert pages_wire.lamps(moment) == {"TX": "2020-02-03T10:42:07Z"}


def test_a_test_page_says_its_time_and_the_zone_for_paper_cannot_be_pointed_at():
    content, _kind = samples.document("", "labels", LATE)
    assert b"\n2020-02-03 10:42:07 UTC\n" in content
