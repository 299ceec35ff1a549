"""Text at twice its size, as somebody has set it in the browser, and nothing else larger (WCAG 1.4.4)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.console.conftest import Alive, chromium
from tests.console.test_screens import SCREENS, SIDEWAYS
from tests.console.visit import DESKTOP

pytestmark = pytest.mark.timeout(300)
# Texts that reach out of what cuts them off or frames them. A list may shorten a text with dots: its own page has all of it.
CUT = """() => {
    const found = [], range = document.createRange();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const frames = "button, .button, .tile, .card, label, td, th";
    while (texts.nextNode()) {
        const own = texts.currentNode.parentElement;
        if (!texts.currentNode.textContent.trim() || own.closest("svg, select, script, progress") || !own.checkVisibility()) continue;
        range.selectNode(texts.currentNode);
        const text = range.getBoundingClientRect();
        for (let box = own; box !== document.body; box = box.parentElement) {
            const style = getComputedStyle(box), ways = style.overflowX + style.overflowY, rect = box.getBoundingClientRect();
            if (style.clipPath !== "none" || style.textOverflow === "ellipsis" || /auto|scroll/.test(ways)) break;
            const out = Math.max(text.right - rect.right, rect.left - text.left, text.bottom - rect.bottom, rect.top - text.top);
            if (out > 3 && (/hidden|clip/.test(ways) || box.matches(frames))) {
                found.push(`${texts.currentNode.textContent.trim()}: ${Math.round(out)} px beyond its ${box.tagName}`);
                break;
            }
        }
    }
    return found;
}"""


@pytest.fixture
def large(browser: Browser) -> Browser:
    """Lend a browser in which somebody has chosen letters twice as large."""
    return chromium(browser.browser_type, "--blink-settings=defaultFontSize=32,defaultFixedFontSize=26")


def test_letters_twice_as_large_are_all_there_on_each_page_and_none_is_read_by_moving_sideways(
    large: Browser, alive: Alive
):
    page = large.new_page(viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, reduced_motion="reduce")
    sizes, cut, sideways = {}, {}, {}
    try:
        for name, path in SCREENS.items():
            page.goto(alive.console + path)
            sizes[name] = page.evaluate("getComputedStyle(document.querySelector('main')).fontSize")
            cut[name] = page.evaluate(CUT)
            sideways[name] = page.evaluate(SIDEWAYS)
    finally:
        large.close()
    assert sizes == dict.fromkeys(SCREENS, "28px") | {"wall": "36px"}
    assert {name: found for name, found in cut.items() if found} == {}
    assert {name: by for name, by in sideways.items() if by > 0} == {}
