"""What is typed and pressed in dialogs: what is wrong is told beside it, nothing is lost or overwritten, all can be taken back.

Through two consoles behind one address: what a dialog knows is in the browser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.console.conftest import AXE, Alive
from tests.console.two_doors import TwoDoors
from tests.console.visit import TABLET, Visit

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def visit(front: TwoDoors, browser: Browser) -> Iterator[Visit]:
    found = Visit(browser, front.address, AXE)
    yield found
    found.close()
    assert found.complaints == []


def test_wrong_settings_are_told_at_their_field_while_they_are_chosen_and_right_ones_are_saved(visit: Visit):
    page = visit.window(TABLET, "dark")
    visit.open(page, "/ports?q=COM1")
    page.get_by_role("link", name="Configure COM1: on local").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("label", has_text=re.compile(r"^\s*1\.5\s*$")).click()
    wrong = dialog.locator("[data-field=stopBits] .wrongly, [data-field=dataBits] .wrongly, #form-wrong")
    expect(wrong.filter(has_text=re.compile("bits")).first).to_be_visible()
    expect(dialog.locator("#form-verdict")).to_contain_text("to save")
    visit.screen(page, "configure-error-tablet-dark")
    assert visit.barriers(page) == []
    dialog.locator("[data-field=stopBits] label", has_text=re.compile(r"^\s*1\s*$")).click()
    dialog.get_by_label("Bits per second").select_option("9600")
    expect(dialog.locator("#form-summary")).to_have_text("9600 8N1")
    expect(dialog.locator("#form-verdict")).to_contain_text("valid")
    dialog.get_by_role("button", name="Save").click()
    page.wait_for_url("**/ports/COM1:")
    expect(page.locator(".said")).to_contain_text("COM1: is changed")
    visit.forget("422")


def test_a_late_answer_about_what_was_typed_before_changes_nothing(visit: Visit):
    page = visit.window()
    visit.open(page, "/hosts/local/configure/COM1:")
    checks: list[Route] = []
    page.route("**/configure/COM1:", lambda route: checks.append(route))  # noqa: PLW0108 (Playwright marks what it calls)
    for count, bits in enumerate((r"1\.5", "1"), 1):
        page.locator("[data-field=stopBits] label", has_text=re.compile(rf"^\s*{bits}\s*$")).click()
        while len(checks) < count:
            page.wait_for_timeout(20)
    wrong, right = checks
    right.continue_()
    expect(page.locator("#form-verdict")).to_contain_text("valid")
    with page.expect_response("**/configure/COM1:"):
        wrong.continue_()
    page.wait_for_timeout(200)  # what it would change, it changes now
    expect(page.get_by_role("button", name="Save")).to_be_enabled()
    expect(page.locator("#form-verdict")).to_contain_text("valid")


def test_a_port_is_added_and_deleted_and_taken_back_and_its_printer_goes_first(visit: Visit, alive: Alive):
    page = visit.window()
    visit.open(page, "/add")
    page.get_by_label("Host", exact=True).select_option("local")
    page.get_by_label("Port name").fill("IP_CONSOLE")
    page.get_by_label("Standard TCP/IP Port").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Host", exact=True).fill("127.0.0.1")
    page.get_by_role("button", name="Add and make a printer").click()
    page.get_by_label("Name", exact=True).fill("console-made")
    page.get_by_role("button", name="Add printer").click()
    page.wait_for_url("**/printers/console-made")
    visit.open(page, "/hosts/local/delete/IP_CONSOLE")
    page.get_by_label(re.compile("to confirm")).fill("IP_CONSOLE")
    page.get_by_role("button", name="Delete port").click()
    expect(page.locator(".wrongly")).to_contain_text("console-made")
    alive.run("printers", "delete", "console-made")
    page.get_by_label(re.compile("to confirm")).fill("IP_CONSOLE")
    page.get_by_role("button", name="Delete port").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("IP_CONSOLE on local is deleted")
    assert "IP_CONSOLE" not in alive.run("ports", "list")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".said")).to_contain_text("is there again")
    assert "IP_CONSOLE" in alive.run("ports", "list")
    visit.open(page, "/hosts/local/delete/IP_CONSOLE")
    page.get_by_label(re.compile("to confirm")).fill("IP_CONSOLE")
    page.get_by_role("button", name="Delete port").click()
    page.get_by_role("link", name="Done").click()
    page.wait_for_url("**/ports")
    visit.forget("422")


def caught(page: Page, waiting: list[Route]) -> Route:
    """Return the request that is held up."""
    while not waiting:
        page.wait_for_timeout(50)
    return waiting.pop()


def test_a_form_that_is_slow_to_come_shows_its_bones_and_whoever_closes_them_is_left_alone(visit: Visit):
    page = visit.window()
    waiting: list[Route] = []
    page.route("**/configure/COM2:", lambda route: waiting.append(route))  # noqa: PLW0108 (Playwright marks what it calls)
    visit.open(page, "/hosts/local/ports/COM2:")
    dialog = page.get_by_role("dialog")
    page.get_by_role("link", name="Configure").click()
    expect(dialog.get_by_role("heading")).to_have_text("One moment")
    visit.screen(page, "loading-desktop-light")
    assert visit.barriers(page) == []
    caught(page, waiting).continue_()
    expect(dialog.get_by_label("Bits per second")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Configure").click()
    dialog.get_by_role("button", name="Cancel").click()
    with page.expect_response("**/configure/COM2:"):
        caught(page, waiting).continue_()
    page.wait_for_timeout(300)  # what came would be drawn by now
    expect(dialog).to_have_count(0)


def test_two_people_on_one_port_see_each_other_and_nobody_overwrites_silently(visit: Visit):
    first, second = visit.window(), visit.window()
    for page in (first, second):
        visit.open(page, "/hosts/local/configure/COM2:")
    first.get_by_label("Bits per second").select_option("9600")
    first.get_by_role("button", name="Save").click()
    expect(first.locator(".said")).to_contain_text("COM2: is changed")
    second.get_by_label("Bits per second").select_option("38400")
    # Told while it is typed already; that keeps nobody from saving.
    expect(second.locator("#form-wrong")).to_contain_text(
        "Bits per second: theirs 9600, yours 38400). Saving asks once more."
    )
    second.get_by_role("button", name="Save").click()
    expect(second.locator("#form-wrong")).to_contain_text("theirs 9600, yours 38400). Save again to make")
    expect(second.get_by_label("Bits per second")).to_have_value("38400")
    second.get_by_role("button", name="Save").click()
    expect(second.locator(".said")).to_contain_text("COM2: is changed")
    visit.forget("422")
