"""Three faults, from the first look at the overview to the cause and what to press: how long it takes somebody who has to read it.

Nobody is asked here: people are, when the words change. What is timed is the way: pages as they come, presses, and the words
that stand between a reader and the answer, at the pace of somebody who reads slowly and on their feet.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.console import figures
from tests.console.conftest import Alive
from tests.console.visit import DESKTOP, TABLET, Visit
from tests.rig.programs import wait_until

pytestmark = pytest.mark.timeout(300)
GOAL_S = 20.0
WORDS_A_S = 3.0  # 180 a minute; silent reading of plain prose is about 240
PRESS_S = 1.5  # to see a button, go there and press it
PAGES_S = 2.0  # for two pages
MOST_PRESSES = 2


@dataclass(frozen=True)
class Fault:
    """What is wrong: the line on the overview, what the cause has to be called, what there is to do about it."""

    line: str
    cause: str
    step: str


FAULTS = {
    "out of paper": Fault("GRILL on kitchen", r"out of paper", r"put paper in"),
    "unplugged": Fault("LPT2: on warehouse", r"not there|gone", r"plug|cable|switch|choose|configure|move"),
    "paused by somebody": Fault("receipts", r"paused", r"resume"),
}


@pytest.fixture(scope="module")
def paused(alive: Alive) -> Iterator[None]:
    """Pause a printer for which a job waits; go on afterwards."""
    alive.run("printers", "pause", "receipts")
    alive.run("print", "-P", "receipts", "-q", "-", stdin=b"\x1b@wait\n\x1dVA\x03")
    wait_until(lambda: "paused" in alive.run("explain", "receipts").lower(), 60, "it never said so")
    yield
    alive.run("printers", "resume", "receipts")


def words_in(text: str) -> int:
    return len(text.split())


def read_until(page: Page, pattern: str) -> str:
    """Return what stands in the verdict from its top to the end of certain words, all of it in sight without scrolling."""
    parts = page.locator(".verdict .say :is(h2, p, button, a.button)")
    passed = ""
    for part in parts.all():
        text = part.inner_text()
        found = re.search(pattern, text, re.IGNORECASE)
        passed += f" {text[: found.end()] if found else text}"
        if found:
            expect(part).to_be_in_viewport()
            return passed
    raise AssertionError(f"nothing says {pattern}: {passed}")


@pytest.mark.parametrize("size", [DESKTOP, TABLET], ids=["desktop", "tablet"])
@pytest.mark.parametrize("name", FAULTS)
def test_cause_and_next_step_of_a_fault_are_known_within_twenty_seconds(
    visit: Visit, paused: None, name: str, size: tuple[int, int]
):
    fault, page = FAULTS[name], visit.window(size)
    began = time.monotonic()
    visit.open(page, "/")
    lines = page.locator("[data-part=problems] li")
    line = lines.filter(has_text=fault.line)
    expect(line).to_be_in_viewport()
    # Whoever looks for a port passes the names above it, each with a glance as long as a word, then reads its line.
    names = lines.locator("p > a.strong").all_inner_texts()
    read = names.index(fault.line) + words_in(line.locator("p").first.inner_text())
    line.get_by_role("link", name="Open").click()
    expect(page.locator(".verdict h2")).to_be_visible()
    came = time.monotonic() - began
    read_until(page, fault.cause)
    read += words_in(page.locator(".head h1").inner_text()) + words_in(read_until(page, fault.step))
    presses = 2  # the line's button, and the one that mends it
    took = read / WORDS_A_S + presses * PRESS_S + came
    figures.note(f"understanding: {name}, {size[0]}", seconds=round(took, 1), pages_s=round(came, 2), words=read, presses=presses, load=figures.load())  # fmt: skip
    assert presses <= MOST_PRESSES
    # Pages wait for who shares the cores: that time is the machine's, and noted.
    assert took - came <= GOAL_S - PAGES_S
