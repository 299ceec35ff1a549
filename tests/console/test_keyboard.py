"""Journeys with the keyboard alone: Tab, Enter, Space, arrows, and the keys of the console."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import Alive
from tests.console.visit import Visit
from tests.rig.programs import wait_until

pytestmark = pytest.mark.timeout(300)
# The accessible name of what has the focus, near enough: its label, its own text, or its value.
NAME = """() => {
    const one = document.activeElement;
    return (one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent ?? "").trim();
}"""
MOST_TABS = 90


def has_focus(page: Page, name: str) -> None:
    """Wait until something of that name has the focus."""
    wait_until(lambda: page.evaluate(NAME) == name, 30, f"{name} never has the focus")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of that name has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if re.search(name, str(page.evaluate(NAME))):
            return
    pytest.fail(f"Tab never comes to {name}")


def test_with_the_keyboard_alone_somebody_finds_a_port_and_looks_at_its_settings(visit: Visit):
    page = visit.window()
    visit.open(page, "/")
    page.keyboard.press("Tab")
    has_focus(page, "Skip to content")
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
    expect(dialog.locator("#form-summary")).to_have_text(re.compile(r"^\d+ 8N1$"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    has_focus(page, "Configure")
    page.keyboard.press("Control+k")
    page.keyboard.type("kitchen")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Find")


def test_a_port_is_paused_and_resumed(visit: Visit, alive: Alive):
    page = visit.window()
    visit.open(page, "/hosts/local/ports/LABELS")
    page.keyboard.press("p")
    expect(page.locator(".said")).to_contain_text("LABELS is paused")
    assert "paused" in alive.run("explain", "local/LABELS").lower()
    tab_to(page, "^Resume$")
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text("takes jobs again")


def test_a_setting_is_changed_in_its_dialog_and_the_focus_comes_back(visit: Visit, alive: Alive):
    page = visit.window()
    visit.open(page, "/ports?q=COM1")
    tab_to(page, "^Configure COM1: on local$")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=1)).to_have_text("Configure COM1:")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    has_focus(page, "Configure COM1: on local")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("heading", level=1)).to_have_text("Configure COM1:")
    tab_to(page, "Bits per second")
    before = str(page.evaluate("document.activeElement.value"))
    page.keyboard.press("ArrowDown")
    after = str(page.evaluate("document.activeElement.value"))
    assert after != before
    tab_to(page, "^Save$")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ports/COM1:")
    assert after in alive.run("ports", "show", "local/COM1:")


def test_a_file_is_printed(visit: Visit, tmp_path: Path):
    file = tmp_path / "strip.txt"
    file.write_bytes(b"3 x box 17\r\n\f")
    page = visit.window()
    visit.open(page, "/printers/picklists")
    tab_to(page, "^Print a file$")
    page.keyboard.press("Enter")
    page.wait_for_url("**/print*")
    tab_to(page, "Choose a file")
    # The dialog that Space opens here is the system's own, which no test can reach.
    page.get_by_label("Choose a file").set_input_files(file)
    tab_to(page, "^Print$")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/jobs/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("strip.txt")


def test_jobs_are_marked_and_held_together(visit: Visit, alive: Alive):
    alive.run("printers", "pause", "picklists")
    numbers = [alive.run("print", "-P", "picklists", "-q", "-", stdin=b"box\r\n\f").strip() for _ in range(2)]
    page = visit.window()
    visit.open(page, "/jobs?show=active&printer=picklists")
    for number in reversed(numbers):
        tab_to(page, f"^Mark job {number}$")
        page.keyboard.press("Space")
    expect(page.locator("#bulk-count")).to_have_text("2 marked")
    tab_to(page, "^Hold$")
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text("2 jobs held")
    for number in numbers:
        alive.run("cancel", number)
    alive.run("printers", "resume", "picklists")
