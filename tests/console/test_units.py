"""What a person decides about units, at the console, and what the printer then prints: its own record is compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import Alive
from tests.console.simulated import Simulated
from tests.console.visit import AT_400, PHONE, TABLET, Visit
from tests.rig.programs import wait_until

pytestmark = pytest.mark.timeout(300)
LABELS = 24
MARK = "*** DUPLICATE? ***"
_USUAL = 2  # labels a second, of the demonstration's printers


def strip(count: int) -> bytes:
    """Return labels of 3 kB: a printer takes in a few at once, so that a break is amid the document."""
    return "".join(
        f"^XA^FX{'x' * 3000}^FS^FO40,40^A0N,40,40^FDlabel {number}^FS^XZ\n" for number in range(1, count + 1)
    ).encode()


class Paper(Simulated):
    """The simulated printer `labels`: what it says came out."""

    def units(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the units that left it whole behind one of them, oldest first."""
        found = json.loads(self.ask(f"/units?from={after + 1}"))["units"]
        return [one for one in found if one["outcome"] == "printed"]

    def last(self) -> int:
        """Return the number of the last unit."""
        found = json.loads(self.ask("/units?from=1"))["units"]
        return int(found[-1]["unit"]) if found else 0

    def text(self, unit: dict[str, Any]) -> str:
        """Return what is to be read on a unit."""
        return self.ask(f"/units/{unit['unit']}.txt").decode()


@pytest.fixture
def paper(alive: Alive) -> Iterator[Paper]:
    """Lend the printer; it is mended afterwards."""
    found = Paper(alive, "labels")
    yield found
    found.mend()
    found.speed(_USUAL)


def about_to_break(paper: Paper) -> int:
    """Let the power go behind the third label from now; return the last unit before it."""
    before = paper.last()
    paper.speed(5)
    paper.breaks(f"power-cut=1@unit:{before + 3}")
    return before


def sent(alive: Alive) -> int:
    """Send the labels; return the job's number."""
    return int(alive.run("print", "-P", "labels", "-q", "-", stdin=strip(LABELS)).strip())


def uncertain(alive: Alive, paper: Paper, number: int) -> None:
    """Wait until nobody knows what came out of a job."""
    wait_until(lambda: "unknown" in alive.run("job", str(number)).lower(), 60)
    paper.speed(50)


def broken(alive: Alive, paper: Paper) -> tuple[int, int]:
    """Break a job off behind its third label; return its number, and the last unit before it."""
    before = about_to_break(paper)
    number = sent(alive)
    uncertain(alive, paper, number)
    return number, before


def serials(units: list[dict[str, Any]]) -> list[int]:
    """Return which labels units are."""
    return [int(one["serial"]) for one in units]


def ended(alive: Alive, number: int) -> None:
    """Wait for a job's end."""
    wait_until(lambda: "completed" in alive.run("job", str(number)).lower(), 60)


def choose(page: Page, unit: int, what: str) -> None:
    """Choose what becomes of a unit."""
    page.get_by_role("group", name=f"Label {unit}", exact=True).get_by_role(
        "radio", name=what, exact=True
    ).check()


def fits_a_phone(visit: Visit, number: int) -> None:
    """Look at the forms about a job's units on a phone in the dark, and enlarged to 400 %."""
    large = visit.window(AT_400)
    page = visit.window(PHONE, "dark")
    for form in ("", "/reprint"):
        visit.open(large, f"/jobs/{number}{form}")
        assert large.evaluate("document.documentElement.scrollWidth <= innerWidth"), form
        visit.open(page, f"/jobs/{number}{form}")
        assert visit.barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), form
        if not form:
            page.locator(".units").scroll_into_view_if_needed()
        visit.screen(page, f"job-{form.strip('/') or 'decide'}-phone-dark")


def test_what_nobody_knows_is_decided_label_by_label_and_comes_out_as_decided(
    visit: Visit, alive: Alive, paper: Paper
):
    number, before = broken(alive, paper)
    came = serials(paper.units(before))
    page = visit.window()
    visit.open(page, f"/jobs/{number}")
    expect(page.get_by_role("heading", name="What came out?")).to_be_visible()
    expect(page.locator(".verdict .say")).to_contain_text("Why: ")
    expect(page.locator(".verdict .say").locator('a[href="/hosts/local/ports/LABELS"]')).to_be_visible()
    assert page.get_by_role("button", name="Print all again").count() == 0
    unsure = [int(one.inner_text().split()[-1]) for one in page.locator(".unit legend").all()]
    assert len(unsure) > 3
    print_ = page.get_by_role("button", name="Print as chosen")
    expect(print_).to_be_disabled()
    missing = [unit for unit in unsure if unit not in came]
    marked, *again = missing
    choose(page, marked, "Again, marked")
    for unit in again:
        choose(page, unit, "Again")
    expect(page.locator("#form-verdict")).to_contain_text(f"label {marked} with “{MARK}” on it")
    fits_a_phone(visit, number)
    page.get_by_role("heading", name="What came out?").evaluate(
        "(one) => scrollBy(0, one.getBoundingClientRect().top - 88)"
    )
    visit.screen(page, "job-decide-desktop-light")
    assert visit.barriers(page) == []
    print_.dblclick()
    expect(page.locator(".said")).to_contain_text(
        re.compile("print again, 1 of them marked|gone on meanwhile")
    )
    ended(alive, number)
    wait_until(lambda: len(paper.units(before)) == LABELS, 60)
    out = paper.units(before)
    assert sorted(serials(out)) == list(range(1, LABELS + 1))
    assert [int(one["serial"]) for one in out[len(came) :] if MARK in paper.text(one)] == [marked]


def test_a_decision_comes_onto_the_page_that_is_open_and_what_was_chosen_stays_while_that_is_drawn_anew(
    visit: Visit, alive: Alive, paper: Paper
):
    alive.run("printers", "pause", "labels")
    about_to_break(paper)
    number = sent(alive)
    page = visit.window()
    visit.open(page, f"/jobs/{number}")
    expect(page.get_by_role("heading", name="Attempts")).to_be_visible()
    question = page.get_by_role("heading", name="What came out?")
    assert question.count() == 0
    alive.run("printers", "resume", "labels")
    uncertain(alive, paper, number)
    expect(question).to_be_visible()
    unsure = int(page.locator(".unit legend").last.inner_text().split()[-1])
    choose(page, unsure, "Again")
    print_ = page.get_by_role("button", name="Print as chosen")
    expect(print_).to_be_enabled()
    expect(page.locator("#form-verdict")).to_contain_text(re.compile(rf"labels? {unsure}\b"))
    page.locator("h1").click()  # nothing of the form has the focus
    for what in ("pause", "resume", "pause", "resume"):
        with page.expect_response(page.url):
            alive.run("printers", what, "kitchen")
    expect(print_).to_be_enabled()
    expect(page.locator(".unit").last.get_by_role("radio", name="Again", exact=True)).to_be_checked()
    print_.click()
    ended(alive, number)


def test_a_printer_that_stops_without_a_word_needs_somebody_and_its_check_is_not_green(
    visit: Visit, alive: Alive, paper: Paper
):
    paper.speed(5)
    paper.breaks(f"zero-window=600@unit:{paper.last() + 3}")
    number = sent(alive)
    page = visit.window()
    visit.open(page, "/")
    line = page.locator("[data-part=problems] li").filter(has_text="LABELS on local")
    expect(line).to_contain_text("nothing", timeout=60_000)
    visit.open(page, "/hosts/local/ports/LABELS")
    expect(page.locator(".ladder .attention").filter(has_text="Printer ready")).to_be_visible()
    visit.open(page, "/alerts")
    expect(page.locator("[data-part=open] li").filter(has_text="LABELS on local")).to_be_visible()
    paper.speed(50)
    paper.mend()
    ended(alive, number)
    expect(page.locator("[data-part=open] li").filter(has_text="LABELS on local")).to_have_count(0)


def test_a_job_goes_on_at_the_label_that_somebody_names_without_scripts(
    visit: Visit, alive: Alive, paper: Paper
):
    number, _before = broken(alive, paper)
    last = paper.last()
    plain = visit.window(TABLET, scripts=False)
    visit.open(plain, f"/jobs/{number}")
    plain.get_by_role("link", name="Or go on at a label that you name").click()
    plain.get_by_label("Go on at label").fill("99")
    plain.get_by_role("button", name="Show what comes out").click()
    expect(plain.locator("#unit-unit-say")).to_have_text(f"The document has {LABELS} labels.")
    plain.get_by_label("Go on at label").fill("4")
    assert plain.get_by_role("button", name="Go on there").count() == 0
    plain.get_by_role("button", name="Show what comes out").click()
    expect(plain.locator("#form-verdict")).to_contain_text(f"prints labels 4 to {LABELS}")
    plain.get_by_role("button", name="Go on there").click()
    expect(plain.locator(".said")).to_contain_text(f"Job {number} goes on")
    ended(alive, number)
    wait_until(lambda: len(paper.units(last)) == LABELS - 3, 60)
    assert serials(paper.units(last)) == list(range(4, LABELS + 1))
    visit.forget("422")


def test_two_labels_of_a_job_print_again_by_keyboard_as_one_new_job(visit: Visit, alive: Alive, paper: Paper):
    paper.speed(50)
    before = paper.last()
    number = int(alive.run("print", "-P", "labels", "-q", "-", stdin=strip(3)).strip())
    ended(alive, number)
    wait_until(lambda: len(paper.units(before)) == 3, 60)
    last = paper.last()
    page = visit.window()
    visit.open(page, f"/jobs/{number}")
    page.get_by_role("link", name="Print some labels again").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("From label")).to_be_focused()
    page.keyboard.type("3")
    page.keyboard.press("Tab")
    page.keyboard.type("2")
    expect(dialog.locator("#unit-last-say")).to_have_text("It is before the first, 3.")
    expect(dialog.get_by_role("button", name="Print them again")).to_be_disabled()
    assert visit.barriers(page) == []
    dialog.get_by_label("From label").fill("2")
    dialog.get_by_label("To label").fill("3")
    dialog.get_by_label("Mark each of them").press("Space")
    expect(dialog.locator("#form-verdict")).to_contain_text(f"prints labels 2 to 3 with “{MARK}” on each")
    visit.screen(page, "job-reprint-desktop-light")
    dialog.get_by_role("button", name="Print them again").dblclick()
    page.wait_for_url(re.compile(rf"/jobs/(?!{number}$)\d+$"))
    expect(page.locator(".said")).to_contain_text(f"prints 2-3 of job {number} again")
    expect(page.locator("[data-part=head]").get_by_role("link", name=f"job {number}")).to_be_visible()
    ended(alive, int(page.url.rpartition("/")[2]))
    wait_until(lambda: len(paper.units(last)) == 2, 60)
    out = paper.units(last)
    assert (serials(out), [MARK in paper.text(one) for one in out]) == ([2, 3], [True, True])
