"""Waiting jobs and a pool's ports in another order, jobs onto another printer, files dropped, lamps: by mouse, and without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.conftest import Alive
from tests.console.visit import PHONE, TABLET, Visit
from tests.rig.programs import wait_until

pytestmark = pytest.mark.timeout(300)
# Drops a file on what a selector finds, as a browser does when somebody brings one from the desk.
DROP = """([selector, name, text]) => {
    const bag = new DataTransfer();
    bag.items.add(new File([text], name, { type: "text/plain" }));
    const place = document.querySelector(selector);
    for (const kind of ["dragover", "drop"]) place.dispatchEvent(new DragEvent(kind, { dataTransfer: bag, bubbles: true, cancelable: true }));
}"""
POOL = ("local/LABELS", "local/RECEIPTS", "local/TILL_1")


@pytest.fixture
def queue(alive: Alive) -> Iterator[list[str]]:
    """Lend three jobs that wait for a paused printer, in their order."""
    alive.run("printers", "pause", "picklists")
    numbers = [alive.run("print", "-P", "picklists", "-q", "-", stdin=b"box\r\n\f").strip() for _ in range(3)]
    wait_until(lambda: shown(alive, "picklists") == numbers, 60, "the console never heard of them")
    yield numbers
    alive.run("printers", "purge", "picklists")
    alive.run("printers", "resume", "picklists")


@pytest.fixture
def pool(alive: Alive) -> Iterator[str]:
    """Lend a printer with three ports."""
    alive.run("printers", "add", "counter", *(word for port in POOL for word in ("--port", port)))
    wait_until(lambda: tuple(shown(alive, "counter")) == POOL, 60, "the console never heard of it")
    yield "counter"
    alive.run("printers", "delete", "counter")


def shown(alive: Alive, printer: str) -> list[str]:
    """Return what stands in an order on the page of a printer as the console has it now."""
    with urlopen(f"{alive.console}/printers/{printer}", timeout=20) as answer:
        return re.findall(r'data-place="([^"]+)"', answer.read().decode())


def stands(page: Page, *order: str) -> None:
    """Wait until the page shows an order."""
    for place, name in enumerate(order):
        expect(page.locator("[data-place]").nth(place)).to_have_attribute("data-place", name)


def row(page: Page, name: str) -> Locator:
    """Return the row of a job or a port that can be put elsewhere."""
    return page.locator(f"[data-place='{name}']")


def dragged(page: Page, what: Locator, to: Locator, *, at: tuple[float, float] = (60, 3)) -> None:
    """Drag with the mouse, as a hand does: the place may appear only while something is dragged."""
    what.hover()
    page.mouse.down()
    page.mouse.move(640, 300)
    page.mouse.move(645, 305)
    to.wait_for()
    box = to.bounding_box()
    assert box is not None
    for shift in (0, 1):  # the second move is the one that says where it is dropped
        page.mouse.move(box["x"] + at[0], box["y"] + at[1] + shift)
    page.mouse.up()


def test_waiting_jobs_are_put_in_another_order_with_the_keyboard_and_by_dragging(
    visit: Visit, alive: Alive, queue: list[str]
):
    first, second, third = queue
    page = visit.window()
    visit.open(page, "/printers/picklists")
    stands(page, first, second, third)
    row(page, third).locator("[value=earlier]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text(f"Job {third} prints before job {second}.")
    stands(page, first, third, second)
    expect(row(page, third).locator("[value=earlier]")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".said")).to_contain_text(f"Job {third} prints before job {first}.")
    stands(page, third, first, second)
    assert visit.barriers(page) == []
    visit.screen(page, "queue-desktop-light")
    dragged(page, row(page, second).locator(".grip"), row(page, third))
    expect(page.locator(".said")).to_contain_text(f"Job {second} prints before job {third}.")
    stands(page, second, third, first)
    assert re.search(r"priority +52", alive.run("job", second))
    visit.open(page, "/hosts/local/ports/COM1:")
    for name in (f"it, job {third}: later", f"Move it, job {third}, to another printer"):
        button = page.get_by_label(name, exact=True)
        button.hover()  # waits through a page that is drawn anew
        expect(button).to_be_in_viewport(ratio=1)
    visit.screen(page, "waiting-desktop-light")


def test_without_scripts_a_job_goes_earlier_and_to_another_printer_all_the_same(
    visit: Visit, alive: Alive, queue: list[str]
):
    page = visit.window(PHONE, scripts=False)
    visit.open(page, "/printers/picklists")
    row(page, queue[2]).locator("[value=earlier]").click()
    expect(page.locator(".said")).to_contain_text(f"Job {queue[2]} prints before job {queue[1]}.")
    page.get_by_role("link", name=f"job {queue[0]}, to another printer").click()
    page.get_by_label(re.compile("^ward-lists")).check()
    page.get_by_role("button", name="Move 1 job").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 job moved to ward-lists")
    assert "ward-lists" in alive.run("job", queue[0])


def test_marked_jobs_are_dragged_onto_a_printer_together_and_come_back_at_a_press(
    visit: Visit, alive: Alive, queue: list[str]
):
    alive.run("printers", "pause", "ward-lists")
    alive.run("hold", *queue[:2])  # nothing of them prints there before they are taken back
    page = visit.window()
    visit.open(page, "/jobs?show=active&printer=picklists")
    for number in queue[:2]:
        page.get_by_label(f"Mark job {number}", exact=True).check()
    page.locator("#bulk").get_by_role("button", name="Move").click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=1)).to_have_text("Move 2 jobs")
    page.keyboard.press("Escape")
    dock = page.locator("#dock")
    taken = page.locator(f"[data-goes='{queue[0]}'] .state")
    assert dock.is_hidden()
    taken.hover()
    page.mouse.down()
    page.mouse.move(400, 300)
    page.mouse.move(405, 305)
    expect(dock).to_contain_text("Move 2 jobs to")
    expect(dock.locator(".unfit").filter(has_text="ward-lists")).to_contain_text("is paused")
    expect(dock.locator(".unfit").filter(has_text="kitchen")).to_contain_text(re.compile("not .*text"))
    visit.screen(page, "dragged-desktop-light")
    page.mouse.up()
    expect(dock).to_be_hidden()
    alive.run("printers", "resume", "ward-lists")
    dragged(page, taken, dock.locator("[data-takes=ward-lists]"), at=(20, 20))
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=1)).to_have_text("2 jobs moved to ward-lists")
    assert visit.barriers(page) == []
    dialog.get_by_role("button", name="Undo").click()
    expect(dialog.get_by_role("heading", level=1)).to_have_text("2 jobs moved to picklists")
    dialog.get_by_role("link", name="Done").click()
    expect(dialog).to_have_count(0)
    assert all("picklists" in alive.run("job", number) for number in queue[:2])


def test_the_ports_of_a_pool_are_put_in_another_order_with_the_keyboard_and_by_dragging(
    visit: Visit, alive: Alive, pool: str
):
    one, two, three = POOL
    page = visit.window()
    visit.open(page, f"/printers/{pool}")
    stands(page, one, two, three)
    row(page, three).locator("[data-open]").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".said")).to_contain_text(f"{three} is number 2 of 3 now.")
    stands(page, one, three, two)
    dragged(page, row(page, one).locator(".grip"), row(page, two), at=(60, 40))
    expect(page.locator(".said")).to_contain_text(f"{one} is number 3 of 3 now.")
    stands(page, three, two, one)
    assert visit.barriers(page) == []
    visit.screen(page, "pool-desktop-light")
    assert re.search(rf"{three}.*{two}.*{one}", alive.run("printers", "show", pool), re.DOTALL)


def test_on_a_tablet_ports_and_jobs_are_put_elsewhere_by_touch(visit: Visit, pool: str, queue: list[str]):
    page = visit.window(TABLET, "dark")
    visit.open(page, f"/printers/{pool}")
    one, two, three = POOL
    row(page, three).locator("[value=earlier]").tap()
    stands(page, one, three, two)
    visit.screen(page, "pool-tablet-dark")
    visit.open(page, "/hosts/local/ports/COM1:")
    page.get_by_role("link", name=f"job {queue[0]}, to another printer").tap()
    expect(page.get_by_role("dialog").get_by_role("heading", level=1)).to_have_text(f"Move job {queue[0]}")
    visit.screen(page, "move-job-tablet-dark")
    assert visit.barriers(page) == []


def test_a_file_that_is_dropped_on_a_printer_is_a_job_of_its_and_says_its_number(visit: Visit, alive: Alive):
    page = visit.window()
    visit.open(page, "/printers")
    page.evaluate(DROP, ["[data-drop='picklists']", "pick list 7.txt", "3 x box 17\r\n\f"])
    said = page.locator("#dropped")
    expect(said).to_contain_text(re.compile(r"pick list 7.txt is job \d+ on picklists"))
    number = re.findall(r"job (\d+)", said.inner_text())[0]
    wait_until(lambda: "completed" in alive.run("job", number), 60)


def test_a_serial_line_shows_when_bytes_went_each_way_while_somebody_looks_at_the_wire(
    visit: Visit, alive: Alive
):
    alive.run("print", "-P", "ward-lists", "-q", "-", stdin=b"bed 4\r\n\f")
    page = visit.window()
    visit.open(page, "/hosts/local/ports/COM2:")
    expect(page.locator("[data-lamp=TX].on")).to_have_count(0)
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-lamp=TX].on small")).to_have_text(
        re.compile(r"^\d\d:\d\d:\d\d$"), timeout=60_000
    )
    assert visit.barriers(page) == []
    visit.screen(page, "serial-wire-desktop-light")
