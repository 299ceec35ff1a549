"""Five people, each with what brings them to the console, at a desk and with a tablet, by day and by night, and without a mouse.

All of it through two consoles behind one address, each request to the other one (criterion 13): what works so works
with one, where the other modules are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.console.conftest import AXE, Alive
from tests.console.person import VIEWS, By, Person
from tests.console.simulated import Simulated
from tests.console.two_doors import TwoDoors
from tests.console.visit import Visit
from tests.rig.programs import wait_until
from tests.rig.receivers import TcpReceiver

pytestmark = pytest.mark.timeout(300)
# What the page itself knows of where it is.
SURROUNDINGS = (
    "[innerWidth, navigator.maxTouchPoints > 0, matchMedia('(prefers-color-scheme: dark)').matches]"
)
TICKET = b"\x1b@box\n\x1dVA\x03"


@pytest.fixture(scope="module")
def both(front: TwoDoors) -> Iterator[TwoDoors]:
    """Lend the address in front of two consoles, both of which are used."""
    yield front
    assert len(front.used) == 2
    assert min(front.used.values()) > 5


@pytest.fixture(params=VIEWS)
def person(request: pytest.FixtureRequest, both: TwoDoors, browser: Browser) -> Iterator[Person]:
    """Lend a person at each device, in each theme, and one with the keyboard alone."""
    size, theme, by = VIEWS[request.param]
    visit = Visit(browser, both.address, AXE)
    page = visit.window(size, theme)
    visit.open(page, "/")
    assert page.evaluate(SURROUNDINGS) == [size[0], by is By.FINGER, theme == "dark"]
    yield Person(visit, page, request.param, by)
    visit.close()
    assert visit.complaints == []


@pytest.fixture(scope="module")
def out_of_paper(alive: Alive) -> Iterator[str]:
    """Take the paper out of a till that prints; lend its port's name. There is paper again afterwards."""
    till = Simulated(alive, "till-1")
    till.breaks("media-out")
    for _ in range(8):  # what holds up most jobs stands first on the overview
        alive.run("print", "-P", "till-1", "-q", "-", stdin=TICKET)
    wait_until(lambda: "paper" in alive.run("explain", "local/TILL_1").lower(), 60, "it never said so")
    yield "TILL_1"
    till.mend()


def test_on_the_floor_somebody_asks_why_a_till_prints_nothing_and_is_one_press_from_the_answer(
    person: Person, out_of_paper: str
):
    page = person.page
    problem = page.locator("[data-part=problems] li").filter(has_text=f"{out_of_paper} on local")
    expect(problem).to_contain_text(re.compile("paper", re.IGNORECASE))
    person.sees("journey-floor")
    person.press(problem.get_by_role("link", name="Open"))
    expect(page.get_by_role("heading", level=1)).to_have_text(out_of_paper)
    verdict = page.locator(".verdict")
    expect(verdict.locator("h2")).to_have_text(re.compile("paper", re.IGNORECASE))
    expect(verdict).to_contain_text("What to do")
    # Whether anything is lost, and the first thing to press, are there without looking for them.
    expect(verdict.locator(".say > p").last).to_be_in_viewport()
    expect(verdict.locator(".row .button").first).to_be_in_viewport()
    person.sees("journey-floor-verdict")


@pytest.fixture(scope="module")
def box() -> Iterator[TcpReceiver]:
    """Lend a printer that was just taken out of its box: it takes what it is sent."""
    found = TcpReceiver("box")
    found.begin()
    yield found
    found.end()


def test_in_the_shop_somebody_adds_a_network_printer_and_its_test_label_comes_out(
    person: Person, alive: Alive, box: TcpReceiver
):
    page, name, before = person.page, f"new-{person.view}", box.count
    person.press_link("Add port")
    person.choose(page.get_by_label("Host", exact=True), "local")
    person.type(page.get_by_label("Port name"), f"IP_{person.view}")
    person.press(page.get_by_label("Standard TCP/IP Port"))
    person.press_button("Next")
    person.type(page.get_by_label("Host", exact=True), box.settings["host"])
    person.type(page.locator("[name='f.port']"), str(box.settings["port"]))
    expect(page.locator("#form-verdict")).to_contain_text("can be added")
    person.sees("journey-shop")
    person.press_button("Add and make a printer")
    person.type(page.get_by_label("Name", exact=True), name)
    person.choose(page.get_by_label("Language"), "Labels (ZPL)")
    person.press_button("Add printer")
    page.wait_for_url(f"**/printers/{name}")
    person.press_button("Test page")
    expect(page.locator(".said")).to_contain_text("Test label is job")
    wait_until(lambda: b"^XZ" in box.now()[before:], 60, "no label came out")
    person.sees("journey-shop-printer")
    person.visit.open(page, "/")  # a page of what is being deleted would complain
    alive.run("printers", "delete", name)
    wait_until(lambda: name not in alive.run("printers", "list"), 60, "its test label never ended")
    alive.run("ports", "delete", f"local/IP_{person.view}")


def test_at_two_screens_an_engineer_finds_what_is_degraded_and_shares_it_as_one_address(
    person: Person, out_of_paper: str
):
    page = person.page
    person.press_link("by place")
    page.wait_for_url("**/?by=place")
    expect(page.locator(f".square-port.error[aria-label^='{out_of_paper} ']")).to_be_visible()
    person.press(page.locator("a.tile").filter(has_text="Error"))
    page.wait_for_url("**/ports?state=error")
    person.type(page.locator("#filter"), out_of_paper)
    person.press_button("Filter")
    page.wait_for_url(re.compile(rf"/ports\?(?=.*q={out_of_paper})(?=.*state=error)"))
    expect(page.locator("[data-port]")).to_have_count(1)
    person.sees("journey-screens")
    colleague = person.visit.window()
    colleague.goto(page.url)
    expect(colleague.locator("[data-port]")).to_have_count(1)
    expect(colleague.locator("[data-port]")).to_contain_text(out_of_paper)


@pytest.fixture
def queue(alive: Alive) -> Iterator[set[str]]:
    """Let tickets wait at a port that shall be mended; lend their numbers."""
    alive.run("ports", "pause", "local/RECEIPTS")
    yield {alive.run("print", "-P", "receipts", "-q", "-", stdin=TICKET).strip() for _ in range(3)}
    alive.run("ports", "resume", "local/RECEIPTS")


def test_in_the_office_somebody_takes_the_jobs_off_a_port_in_five_presses_and_none_is_lost(
    person: Person, alive: Alive, queue: set[str]
):
    page = person.page
    person.visit.open(page, "/hosts/local/ports/RECEIPTS")
    person.press_link(re.compile(r"Move \d+ waiting jobs"))
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=1)).to_contain_text("Move jobs off")
    assert queue <= {one.inner_text() for one in dialog.locator("table .muted").all()}
    expect(dialog.get_by_label(re.compile("^labels"))).to_be_disabled()
    person.sees("move-dialog")
    person.press(dialog.get_by_label(re.compile("^kitchen")))
    person.press(dialog.get_by_role("button", name=re.compile(r"Move \d+ jobs")))
    expect(dialog.get_by_role("heading", level=1)).to_contain_text("moved to kitchen")
    person.sees("moved")
    assert all("kitchen" in alive.run("job", number) for number in queue)
    person.press(dialog.get_by_role("link", name="Done"))
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text("RECEIPTS")


def test_for_the_audit_somebody_finds_who_changed_a_printer_and_what_it_was_before(
    person: Person, alive: Alive
):
    alive.run("printers", "set", "receipts", "--location", f"Aisle {person.view}")
    alive.run("printers", "set", "receipts", "--location", "Counter 2")
    change = f"Aisle {person.view} -> Counter 2"
    page = person.page
    person.visit.open(page, "/printers/receipts")
    expect(page.locator("[data-part=events] li").filter(has_text=change)).to_have_count(1)
    person.press(page.get_by_role("navigation", name="Main").get_by_role("link", name="Settings"))
    person.press_link("Who did what")
    line = page.locator("tbody tr").filter(has_text=change)
    expect(line).to_contain_text("receipts")
    who = line.locator("td").nth(1).inner_text()
    person.sees("journey-audit")
    export = page.get_by_role("link", name="Export CSV").get_attribute("href")
    lines = page.request.get(f"{person.visit.address}{export}").text().splitlines()
    assert any(change in one and who in one for one in lines)
