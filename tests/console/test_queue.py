"""The order of a queue, files dropped on a printer, the lamps of a serial line: by mouse, and without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import Alive
from tests.console.visit import DESKTOP, PHONE, Visit
from tests.rig.programs import wait_until

pytestmark = pytest.mark.timeout(300)
# Drops a file on what a selector finds, as a browser does when somebody brings one from the desk.
DROP = """([selector, name, text]) => {
    const bag = new DataTransfer();
    bag.items.add(new File([text], name, { type: "text/plain" }));
    const place = document.querySelector(selector);
    for (const kind of ["dragover", "drop"]) place.dispatchEvent(new DragEvent(kind, { dataTransfer: bag, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def queue(alive: Alive) -> Iterator[list[str]]:
    """Lend three jobs that wait for a paused printer, in their order."""
    alive.run("printers", "pause", "picklists")
    numbers = [alive.run("print", "-P", "picklists", "-q", "-", stdin=b"box\r\n\f").strip() for _ in range(3)]
    wait_until(lambda: shown(alive) == numbers, 60, "the console never heard of them")
    yield numbers
    for number in numbers:
        alive.run("cancel", number)
    alive.run("printers", "resume", "picklists")


def shown(alive: Alive) -> list[str]:
    """Return the numbers of the queue as the console's page has it now."""
    with urlopen(f"{alive.console}/printers/picklists", timeout=20) as answer:
        return re.findall(r'data-queued="(\d+)"', answer.read().decode())


def stands(page: Page, *numbers: str) -> None:
    """Wait until the page shows the queue in this order."""
    for place, number in enumerate(numbers):
        expect(page.locator("[data-queued]").nth(place)).to_have_attribute("data-queued", number)


def test_waiting_jobs_are_put_in_another_order_with_the_keyboard_and_by_dragging(
    visit: Visit, alive: Alive, queue: list[str]
):
    first, second, third = queue
    page = visit.window(DESKTOP)
    visit.open(page, "/printers/picklists")
    stands(page, first, second, third)
    page.locator(f"[data-queued='{third}'] button[value=earlier]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text(f"Job {third} prints before job {second}.")
    stands(page, first, third, second)
    assert visit.barriers(page) == []
    visit.screen(page, "queue-desktop-light")
    page.drag_and_drop(
        f"[data-queued='{second}'] .grip", f"[data-queued='{first}']", target_position={"x": 60, "y": 3}
    )
    expect(page.locator(".said")).to_contain_text(f"Job {second} prints before job {first}.")
    stands(page, second, first, third)
    assert re.search(r"priority +52", alive.run("job", second))


def test_without_scripts_a_job_goes_earlier_all_the_same(visit: Visit, queue: list[str]):
    page = visit.window(PHONE, scripts=False)
    visit.open(page, "/printers/picklists")
    page.locator(f"[data-queued='{queue[2]}'] button[value=earlier]").click()
    expect(page.locator(".said")).to_contain_text(f"Job {queue[2]} prints before job {queue[1]}.")


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
