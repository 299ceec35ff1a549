"""Points in time in a real browser: the viewer's own, with the zone where somebody points; without scripts UTC, and said to be."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import Page, expect

from tests.console.visit import Visit

pytestmark = pytest.mark.timeout(120)
KATHMANDU = timezone(timedelta(hours=5, minutes=45))


def started(visit: Visit, page: Page) -> tuple[datetime, str, str]:
    """Return when the console started, as its page of settings has it: the moment, what is shown, what pointing shows."""
    visit.open(page, "/settings")
    one = page.locator("dd time").first
    expect(one).to_be_visible()
    shown, title = one.inner_text(), one.get_attribute("title") or ""
    return datetime.fromisoformat(one.get_attribute("datetime") or ""), shown, title


def test_a_viewer_reads_their_own_zone_and_sees_which_one_it_is(visit: Visit):
    page = visit.window(zone="Asia/Kathmandu")
    moment, shown, title = started(visit, page)
    there = moment.astimezone(KATHMANDU)
    assert shown in (f"{there:%H:%M:%S}", f"{there:%Y-%m-%d %H:%M}")
    assert re.search(r"GMT\+5:45|Nepal", title)
    assert f"{there:%H:%M:%S}" in title
    ages = page.locator("dd time[data-age]")
    before = ages.inner_text()
    expect(ages).not_to_have_text(before)


def test_without_scripts_it_is_utc_and_says_so(visit: Visit):
    moment, shown, title = started(visit, visit.window(scripts=False, zone="Asia/Kathmandu"))
    assert shown in (f"{moment:%H:%M:%S} UTC", f"{moment:%Y-%m-%d %H:%M} UTC")
    assert title == f"{moment:%Y-%m-%d %H:%M:%S} UTC"
