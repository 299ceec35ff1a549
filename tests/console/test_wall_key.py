"""A screen's link in a real browser: its key stands behind the #, is handed over once, and is gone from the address."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.console.visit import Visit

pytestmark = pytest.mark.timeout(120)


def test_the_key_of_a_link_is_handed_over_in_no_address_and_one_that_fits_no_screen_is_refused_in_words(
    visit: Visit,
):
    page, key = visit.window(), "k" * 43
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    with page.expect_request(lambda request: request.method == "POST") as handed:
        page.goto(f"{visit.address}/wall/in#{key}")
    assert f"key={key}" in (handed.value.post_data or "")
    expect(page.get_by_role("alert")).to_have_text("That key opens no wall, or no more.")
    assert page.url == f"{visit.address}/wall/in"
    assert not any(key in address.partition("#")[0] for address in addresses)
    assert visit.barriers(page) == []
    visit.forget("401", "Failed to load")
