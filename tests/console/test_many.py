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


def test_a_printer_on_the_network_is_found_at_the_addresses_that_were_named_and_its_form_is_filled(
    visit: Visit, alive: Alive
):
    device = next(
        line for line in alive.run("ports", "show", "local/LABELS").splitlines() if "127.0.0.1:" in line
    )
    at = device.rpartition(":")[2].strip()
    page = visit.window()
    visit.open(page, "/find")
    page.get_by_label("Seen from host").select_option("local")
    page.get_by_label("Addresses").fill("127.0.0.1-3")
    page.get_by_label("Port", exact=True).fill(at)
    page.get_by_role("button", name="Look", exact=True).click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("1 address answered")
    expect(page.locator("main")).to_contain_text("used by LABELS")
    assert visit.barriers(page) == []
    visit.screen(page, "found-desktop-light")
    page.get_by_label("Addresses").fill("the printers")
    page.get_by_role("button", name="Look", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was looked at")
    expect(page.get_by_label("Addresses")).to_have_value("the printers")
    visit.open(page, f"/add?host=local&monitor=Standard+TCP/IP+Port&name=IP_FOUND&address=127.0.0.1&at={at}")
    expect(page.get_by_label("Host", exact=True)).to_have_value("127.0.0.1")
    expect(page.locator("[name='f.port']")).to_have_value(at)
    visit.forget("422")
