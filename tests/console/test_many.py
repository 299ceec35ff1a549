"""Several ports configured at once: what is not touched stays, each port's result is said, nobody is overwritten silently."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import Alive
from tests.console.visit import PHONE, Visit

pytestmark = pytest.mark.timeout(300)


def mark_and_configure(visit: Visit, page: Page) -> None:
    """Mark the serial ports and open their form."""
    visit.open(page, "/ports?q=Serial")
    for port in ("COM1:", "COM2:"):
        page.get_by_label(f"Mark {port} on local").check()
    page.locator("#bulk").get_by_role("button", name="Configure").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Configure 2 ports")


def test_two_ports_get_one_setting_and_keep_what_differs(visit: Visit, alive: Alive):
    before = [alive.run("ports", "show", f"local/{port}") for port in ("COM1:", "COM2:")]
    devices = [line for text in before for line in text.splitlines() if "ttyPRN" in line]
    page = visit.window()
    mark_and_configure(visit, page)
    assert visit.barriers(page) == []
    visit.screen(page, "configure-many-desktop-light")
    page.get_by_label("Bits per second").select_option("57600")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 ports changed")
    after = [alive.run("ports", "show", f"local/{port}") for port in ("COM1:", "COM2:")]
    assert all("57600" in text for text in after)
    assert all(line in "".join(after) for line in devices)


def test_a_form_that_was_open_while_somebody_changed_one_of_the_ports_changes_none(
    visit: Visit, alive: Alive
):
    page = visit.window(PHONE, scripts=False)
    visit.open(page, "/ports?q=Serial")
    for port in ("COM1:", "COM2:"):
        page.get_by_label(f"Mark {port} on local").check()
    page.locator("#bulk").get_by_role("button", name="Configure").click()
    alive.run("ports", "configure", "local/COM2:", "baud=1200")
    page.get_by_label("Bits per second").select_option("2400")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#form-wrong")).to_contain_text("COM2: on local: somebody changed it meanwhile")
    assert "2400" not in alive.run("ports", "show", "local/COM1:")
    visit.forget("422")
