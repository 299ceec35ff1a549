"""Pages as they are sent: what runs low on every page that has a port, times with their zone, hosts with an age, rules."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from portui.live import Live
from portui.model import Acknowledged, Host, Port, PortState, Report, Source
from portui.model_answers import Event, Explanation
from portui.standing import Saying, standing
from tests.unit.portui.page_rig import Answers, console_over, page_of
from tests.unit.portui.test_console_words import live, port

NOW = datetime.now(UTC)
SINCE = NOW - timedelta(days=2, hours=12)  # "2 d ago", however long the test takes
WORDS = "Ribbon is low: 8 % left"


def low() -> Port:
    reports = (Report(WORDS, "warning", "printer", SINCE),)
    sources = (Source("printer", PortState.ATTENTION, WORDS, SINCE),)
    return replace(port("COM1:", PortState.ATTENTION), reports=reports, sources=sources)


def fleet(*ports: Port, hosts: tuple[Host, ...] = ()) -> Live:
    found = live(*ports, hosts=hosts)
    found.connected = True
    return found


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/alerts",
        "/ports",
        "/wall",
        "/printers/labels",
        "/hosts/edge/ports/COM1:",
        "/hosts/edge/status/COM1:",
    ],
)
async def test_what_runs_low_is_an_attention_with_its_level_on_every_page_that_shows_its_port(path: str):
    page = text_of(await page_of(console_over(fleet(low()), Answers()), path))
    assert WORDS in page
    assert "Attention" in page


@pytest.mark.parametrize("path", ["/alerts", "/hosts/edge/ports/COM1:", "/hosts/edge/status/COM1:"])
async def test_it_is_told_since_when(path: str):
    assert re.search(
        r'data-age="2[1-5]\d{4}">2 d ago</time>',
        await page_of(console_over(fleet(low()), Answers()), path),
    )


async def test_supplies_say_their_level_at_which_it_is_low_who_says_so_and_how_long_ago():
    answers = Answers()
    answers.standing = standing(
        0,
        [
            Saying(r"\Printer.Consumables.Ribbon:Level", "8", "INT", "printer", SINCE),
            Saying(r"\Printer.Extension.LowLevel.Consumables:Ribbon", "10", "INT", "host", SINCE),
        ],
    )
    page = text_of(await page_of(console_over(fleet(low()), answers), "/hosts/edge/status/COM1:"))
    assert re.search(r"Ribbon 8 % 8 % low the printer says, 2 d ago · low at 10 %", page)


async def test_a_moment_in_the_spoolers_sentence_is_an_element_with_its_zone():
    answers = Answers()
    answers.explanation = Explanation(
        "printer-paused", "Printer labels is paused by ann at 2020-02-03T10:42:07Z: <b>.", "Nothing is lost."
    )
    page = await page_of(console_over(fleet(port("COM1:")), answers), "/printers/labels")
    assert (
        'paused by ann at <time datetime="2020-02-03T10:42:07+00:00" title="2020-02-03 10:42:07 UTC">' in page
    )
    assert ">2020-02-03 10:42 UTC</time>: &lt;b&gt;." in page


@pytest.mark.parametrize(
    "path", ["/", "/alerts", "/hosts", "/hosts/edge", "/printers/labels", "/hosts/edge/ports/COM1:"]
)
async def test_no_page_shows_a_clock_without_its_zone(path: str):
    now, answers = fleet(low(), hosts=(Host("edge", "silent", last_seen=SINCE, error="gone"),)), Answers()
    now.acknowledged = {"hosts/edge": Acknowledged("mia", NOW, NOW + timedelta(hours=1), "on my way")}
    answers.events = [Event(SINCE, "acknowledged", "mia", "until 2020-02-03T10:42:07Z: soon")]
    page = await page_of(console_over(now, answers), path)
    bare = re.sub(r"<time [^>]*>[^<]*</time>", "", page)
    assert "<time " in page
    assert not re.search(r"\d\d:\d\d:\d\d(?! UTC|Z)", bare.partition("<main")[2]), bare
    assert all(shown.endswith((" UTC", " ago")) for shown in re.findall(r"<time [^>]*>([^<]*)</time>", page))


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (Host("edge", "online", last_seen=SINCE), "connected now"),
        (Host("edge", "silent", last_seen=SINCE), r"last heard \S+ \S+ UTC ?, 2 d ago"),
        (Host("edge", "connecting"), "never heard"),
    ],
)
async def test_when_a_host_was_heard_has_an_age_and_one_whose_connection_is_open_is_heard_now(
    host: Host, words: str
):
    console = console_over(fleet(port("COM1:"), hosts=(host,)), Answers())
    assert re.search(words, text_of(await page_of(console, "/hosts")))


async def test_the_rules_of_alerts_are_shown_with_how_many_are_open():
    page = text_of(await page_of(console_over(fleet(low()), Answers()), "/alerts/rules"))
    assert "Until it is filled, or over." in page
    assert "reports of severity warning 1 Attention" in page


async def test_a_serial_line_says_what_came_damaged_where_its_driver_counts():
    answers = Answers()
    console = console_over(fleet(port("COM1:")), answers)
    path = "/hosts/edge/ports/COM1:"
    assert "Damaged bytes are counted while it is open." in text_of(await page_of(console, path))
    counts = {"FramingErrors": "3", "ParityErrors": "0"}
    line = [
        Saying(rf"\Printer.Extension.Line:{name}", count, "INT", "transport", NOW)
        for name, count in counts.items()
    ]
    answers.standing = standing(0, line)
    page = text_of(await page_of(console, path))
    assert "Came damaged since it was opened: framing errors 3 , parity errors 0 ." in page
