"""What people do on pages: print a file, pause, move, look at the wire; and what of it works without scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Alive
from tests.console.visit import Visit
from tests.rig.programs import wait_until

pytestmark = pytest.mark.timeout(300)


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
    expect(page.locator("[data-part=events]")).to_contain_text("somebody looked at the wire")


def test_without_scripts_marked_jobs_are_moved_together(visit: Visit, alive: Alive):
    alive.run("printers", "pause", "receipts")
    numbers = [alive.run("print", "-P", "receipts", "-q", "-", stdin=b"box\r\n").strip() for _ in range(2)]
    page = visit.window(scripts=False)
    visit.open(page, "/jobs?show=active&printer=receipts")
    for number in numbers:
        page.get_by_label(f"Mark job {number}", exact=True).check()
    page.get_by_label("Printer to move to").select_option("picklists")
    page.get_by_role("button", name="Move").click()
    expect(page.locator(".said")).to_contain_text("2 jobs moved to picklists")
    alive.run("printers", "resume", "receipts")
    assert "picklists" in alive.run("job", numbers[0])
