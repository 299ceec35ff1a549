"""What people do at the console, done in a real browser: with the keyboard, without scripts.

All of it through two consoles behind one address, each request to the other one (criterion 13): what works so works
with one, where the other modules are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.console.conftest import AXE, Alive
from tests.console.two_doors import TwoDoors, two_doors
from tests.console.visit import TABLET, Visit
from tests.rig.programs import Program, wait_until
from tests.surroundings import free_port

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def front(alive: Alive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoDoors]:
    """Run a second console, and lend one address in front of both."""
    address = alive.address
    web = f"127.0.0.1:{free_port()}"
    settings = (
        f'spooler = "{address["spooler"]}"\nsimulators = "{address["simulators"]}"\nweb_listen = "{web}"\n'
    )
    program = Program("portui", tmp_path_factory.mktemp("second"), settings)
    try:
        program.start()
        with two_doors([alive.console, f"http://{web}"]) as found:
            yield found
            assert min(found.used[one] for one in (alive.console, f"http://{web}")) > 5
    finally:
        program.stop()


@pytest.fixture
def visit(front: TwoDoors, browser: Browser) -> Iterator[Visit]:
    found = Visit(browser, front.address, AXE)
    yield found
    found.close()
    assert found.complaints == []


def focused(page: Page) -> str:
    """Return what has the focus, as its text or name."""
    return str(
        page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
        )
    )


def test_with_the_keyboard_alone_somebody_finds_a_port_and_looks_at_its_settings(visit: Visit):
    page = visit.window()
    visit.open(page, "/")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/ports")
    page.keyboard.press("/")
    page.keyboard.type("ward-lists")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ports?q=ward-lists")
    page.keyboard.press("Tab")
    page.locator("body").press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ports/COM2:")
    page.locator("[data-key=c]").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Configure COM2:")).to_be_visible()
    expect(dialog.locator("#form-summary")).to_have_text("19200 8N1")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert focused(page).strip() == "Configure"
    page.keyboard.press("Control+k")
    page.keyboard.type("kitchen")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Find")


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


def test_without_scripts_a_port_is_paused_configured_and_resumed(visit: Visit, alive: Alive):
    page = visit.window(scripts=False)
    visit.open(page, "/hosts/local/ports/RECEIPTS")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".said")).to_contain_text("is paused")
    # Without scripts a page is of its moment: it is loaded again.
    wait_until(lambda: page.reload() and page.locator(".head .state").inner_text().strip() == "Paused", 60)
    assert "paused" in alive.run("explain", "local/RECEIPTS").lower()
    page.get_by_role("button", name="Resume").first.click()
    expect(page.locator(".said")).to_contain_text("takes jobs again")
    page.get_by_role("link", name="Configure").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".said")).to_contain_text("Nothing was changed")
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")


def test_a_port_is_added_and_deleted_and_taken_back_and_its_printer_goes_first(
    visit: Visit, tmp_path: Path, alive: Alive
):
    page = visit.window()
    visit.open(page, "/add")
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


def test_a_file_is_sent_and_becomes_a_job_that_prints(visit: Visit, tmp_path: Path):
    file = tmp_path / "pick list.txt"
    file.write_bytes(b"3 x box 17\r\n\f")
    page = visit.window()
    visit.open(page, "/print?printer=picklists")
    page.get_by_label(re.compile("Choose a file")).set_input_files(file)
    page.get_by_role("button", name="Print").click()
    page.wait_for_url(re.compile(r"/jobs/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("pick list.txt")
    expect(page.locator("[data-part=head] .state")).to_have_text("Handed over")
    expect(page.locator("#document .hex")).to_contain_text("3 x box 17")


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
    expect(second.locator("#form-wrong")).to_contain_text("theirs 9600, yours 38400). Saving asks once more.")
    second.get_by_role("button", name="Save").click()
    expect(second.locator("#form-wrong")).to_contain_text("theirs 9600, yours 38400). Save again to make")
    expect(second.get_by_label("Bits per second")).to_have_value("38400")
    second.get_by_role("button", name="Save").click()
    expect(second.locator(".said")).to_contain_text("COM2: is changed")
    visit.forget("422")


def test_the_wire_is_shown_when_somebody_asks_and_the_history_says_who_did(visit: Visit, alive: Alive):
    page = visit.window()
    visit.open(page, "/hosts/local/ports/TILL_1")
    page.keyboard.press("w")
    expect(page.locator("#wire .out").first).to_be_visible(timeout=30_000)
    assert visit.barriers(page) == []
    visit.screen(page, "wire-desktop-light")
    page.get_by_role("button", name="Hold").click()
    expect(page.locator("#wire-say")).to_contain_text("held")
    page.get_by_role("button", name="Stop").click()
    visit.open(page, "/hosts/local/ports/TILL_1")
    expect(page.locator("[data-part=events]")).to_contain_text("tapped")


def test_marked_jobs_are_moved_together(visit: Visit, alive: Alive):
    alive.run("printers", "pause", "receipts")
    numbers = [alive.run("print", "-P", "receipts", "-q", "-", stdin=b"box\r\n").strip() for _ in range(2)]
    page = visit.window()
    visit.open(page, "/jobs?show=active&printer=receipts")
    for number in numbers:
        page.get_by_label(f"Mark job {number}", exact=True).check()
    expect(page.locator("#bulk-count")).to_have_text("2 marked")
    page.get_by_label("Printer to move to").select_option("picklists")
    page.get_by_role("button", name="Move").click()
    expect(page.locator(".said")).to_contain_text("2 jobs moved to picklists")
    alive.run("printers", "resume", "receipts")
    assert "picklists" in alive.run("job", numbers[0])
