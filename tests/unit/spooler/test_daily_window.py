"""Daily windows on the clock of a time zone, on the days on which that clock is changed too."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import InvalidArgument
from spooler.daily_window import DAY, Window, check_zone
from spooler.printer import Printer
from spooler.sql.printers import printer_of_text, printer_text

BERLIN = "Europe/Berlin"  # 2026: forward on 29 March, 01:00 UTC; back on 25 October, 01:00 UTC


def at(text: str) -> datetime:
    """Return a moment of 2026, given in UTC as month-day hour:minute."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


@pytest.mark.parametrize(("start", "until", "zone", "now", "opens"), [
    ("08:00", "18:00", BERLIN, "01-10 06:59", "01-10 07:00"),  # winter
    ("08:00", "18:00", BERLIN, "07-10 05:59", "07-10 06:00"),  # summer
    ("08:00", "18:00", BERLIN, "07-10 15:59", "07-10 15:59"),
    ("08:00", "18:00", BERLIN, "07-10 16:00", "07-11 06:00"),
    ("22:00", "06:00", "America/New_York", "01-10 11:00", "01-11 03:00"),  # past midnight
    ("08:00", "18:00", "Asia/Kathmandu", "01-10 00:00", "01-10 02:15"),  # 5:45 before UTC
    ("08:00", "18:00", BERLIN, "03-28 17:00", "03-29 06:00"),  # the night is an hour shorter
    ("08:00", "18:00", BERLIN, "10-24 16:00", "10-25 07:00"),  # an hour longer
    ("02:30", "04:00", BERLIN, "03-29 00:10", "03-29 01:00"),  # begins in the skipped hour: when that is over
    ("02:10", "02:50", BERLIN, "03-29 00:10", "03-30 00:10"),  # lies in it: not on that day
    ("02:10", "02:50", BERLIN, "10-25 00:20", "10-25 00:20"),
    ("02:10", "02:50", BERLIN, "10-25 00:50", "10-25 01:10"),  # comes twice
    ("01:30", "02:20", BERLIN, "10-25 00:20", "10-25 01:00"),  # its end comes twice: open again at once
    ("01:30", "02:20", BERLIN, "10-25 01:20", "10-26 00:30"),
    ("02:10", "02:50", "Australia/Lord_Howe", "10-03 15:00", "10-03 15:30"),  # half an hour is skipped there
])  # fmt: skip
def test_a_window_goes_by_the_clock_on_the_wall(
    start: str, until: str, zone: str, now: str, opens: str
) -> None:
    begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in (start, until))
    window = Window(begin, end, zone)
    assert window.opens(at(now)) == at(opens)
    assert window.is_open(at(now)) is (now == opens)


@settings(deadline=None)
@given(
    st.integers(0, DAY), st.integers(0, DAY), st.sampled_from(["", BERLIN, "America/New_York", "Australia/Lord_Howe"]),
    st.sampled_from(["03-08", "03-29", "04-04", "10-04", "10-25", "11-01"]), st.integers(0, 86_399),
)  # fmt: skip
def test_what_opens_is_open_then_and_was_shut_until_then(
    start: int, until: int, zone: str, day: str, second: int
) -> None:
    window, moment = Window(start, until, zone), at(f"{day} 00:00") + timedelta(seconds=second)
    opens = window.opens(moment)
    assert window.is_open(opens)
    minutes = range(int((opens - moment) / timedelta(minutes=1)))
    assert not any(window.is_open(moment + timedelta(minutes=minute)) for minute in minutes)


@pytest.mark.parametrize(
    "name",
    ["Europe/Berln", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe", "CET+1", "\0", "x" * 999],
)
def test_an_unknown_zone_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(
        InvalidArgument, match=r"is no time zone that is known here; it is written as in Europe/Berlin"
    ):
        check_zone(name)


def test_a_zone_that_has_gone_from_the_database_counts_as_utc() -> None:
    assert Window(480, 1080, "Gone/Away").opens(at("01-10 07:00")) == at("01-10 08:00")


@pytest.mark.parametrize(
    ("window", "kept"),
    [(Window(480, 1080), "[480,1080]"), (Window(480, 1080, BERLIN), f'[480,1080,"{BERLIN}"]')],
)
def test_a_window_in_utc_is_kept_as_before_there_were_zones(window: Window, kept: str) -> None:
    text = printer_text(Printer("labels", window=window))
    assert f'"window":{kept}' in text.replace(" ", "")
    assert printer_of_text(text, 1).window == window


def test_zones_are_known_on_a_machine_without_a_database() -> None:
    code = "from spooler.daily_window import check_zone; check_zone('Europe/Berlin')"
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONTZPATH": ""}, check=True, timeout=60
    )
