"""Every screen, in three widths and two themes: it is there, complains of nothing, bars nobody, and its picture is kept."""

from __future__ import annotations

import pytest

from tests.console.visit import AT_200, AT_400, DESKTOP, PHONE, TABLET, TURNED, Visit

pytestmark = pytest.mark.timeout(300)

# By how much the page, or a list in it, is wider than its place.
SIDEWAYS = """Math.max(document.documentElement.scrollWidth - innerWidth,
    ...[...document.querySelectorAll("table.list")].map((list) => list.offsetWidth - list.parentElement.clientWidth))"""
# Whether something else is drawn over what has the focus.
COVERED = """() => {
    const one = document.activeElement, box = one.getBoundingClientRect();
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return !(top && one.contains(top));
}"""
# What nobody can read or press: beyond the edge of what cuts it off, or words one letter beneath the other.
CUT_OFF = """() => [...document.querySelectorAll("main *")].flatMap((one) => {
    const box = one.getBoundingClientRect();
    if (!box.width || one.closest("svg, dialog:not([open]), .quiet")) return [];
    const told = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim().length > 6);
    if (!told && !one.matches("button, a, input:not([type=radio]), select")) return [];
    let edge = one.parentElement;
    while (edge !== document.body && getComputedStyle(edge).overflowX === "visible") edge = edge.parentElement;
    const cuts = edge !== document.body && /hidden|clip/.test(getComputedStyle(edge).overflowX);
    const beyond = cuts && box.right - edge.getBoundingClientRect().right > 2;
    return beyond || (told && box.width < 40 && box.height > 60) ? [one.outerHTML.slice(0, 120)] : [];
})"""
# Links of the navigation that a finger does not hit: of no size to tap, out of sight, or beneath something else.
UNREACHED = """() => [...document.querySelectorAll(".side a")].filter((one) => {
    const box = one.getBoundingClientRect();
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return box.width < 36 || box.height < 44 || !one.contains(top);
}).map((one) => one.title)"""
SCREENS = {
    "ports": "/ports",
    "port": "/hosts/local/ports/LABELS",
    "port-paper-out": "/hosts/kitchen/ports/GRILL",
    "port-no-device": "/hosts/warehouse/ports/LPT2:",
    "configure": "/hosts/local/configure/COM1:",
    "delete": "/hosts/local/delete/LABELS",
    "add": "/add",
    "add-settings": "/add?host=local&monitor=Standard+TCP/IP+Port&name=IP_10.0.0.7",
    "jobs": "/jobs",
    "job": "/jobs/1",
    "printers": "/printers",
    "printer": "/printers/labels",
    "printer-edit": "/printers/labels/edit",
    "print": "/print",
    "hosts": "/hosts",
    "host": "/hosts/warehouse",
    "alerts": "/alerts",
    "rules": "/alerts/rules",
    "find": "/find",
    "search": "/search?q=dock",
    "raw": "/hosts/warehouse/raw/COM1:",
    "status": "/hosts/warehouse/status/SHELF_1",
    "move": "/move?printer=labels",
    "drain": "/move?host=local&drain=1",
    "map-by-kind": "/?by=kind",
    "audit": "/settings/audit",
    "licences": "/settings/licences",
    "settings": "/settings",
    "wall": "/wall",
    "overview": "/",
}
# axe-core takes half a second a page: everything in one view, the busiest in the others.
BUSY = ("overview", "ports", "port", "configure", "job", "printer-edit")
VIEWS = {
    "desktop-light": (DESKTOP, "light"),
    "tablet-dark": (TABLET, "dark"),
    "tablet-turned-light": (TURNED, "light"),
    "phone-light": (PHONE, "light"),
}


@pytest.mark.parametrize("view", VIEWS)
def test_each_screen_is_whole_and_bars_nobody(visit: Visit, view: str):
    size, theme = VIEWS[view]
    page = visit.window(size, theme)
    barriers, sideways, cut_off = {}, {}, {}
    for name, path in SCREENS.items():
        visit.open(page, path)
        visit.screen(page, f"{name}-{view}")
        barriers[name] = visit.barriers(page) if view == "desktop-light" or name in BUSY else []
        sideways[name] = page.evaluate(SIDEWAYS)
        cut_off[name] = page.evaluate(CUT_OFF)

    assert {name: found for name, found in barriers.items() if found} == {}
    assert {name: by for name, by in sideways.items() if by > 0} == {}
    assert {name: found for name, found in cut_off.items() if found} == {}


@pytest.mark.parametrize("size", [PHONE, (320, 640)], ids=["390", "320"])
def test_every_part_of_the_console_is_a_tap_away_on_a_phone(visit: Visit, size: tuple[int, int]):
    page = visit.window(size)
    visit.open(page, "/")
    assert page.locator(".side a").count() == 8
    assert page.evaluate(UNREACHED) == []


def test_the_other_pairs_of_width_and_theme_bar_nobody_either(visit: Visit):
    barriers = {}
    for size, theme in ((DESKTOP, "dark"), (PHONE, "dark")):
        page = visit.window(size, theme)
        for name in ("ports", "port", "configure"):
            visit.open(page, SCREENS[name])
            visit.screen(page, f"{name}-{size[0]}-{theme}")
            barriers[f"{name} {size} {theme}"] = visit.barriers(page)

    assert {name: found for name, found in barriers.items() if found} == {}


@pytest.mark.parametrize("size", [AT_400, AT_200], ids=["400 %", "200 %"])
def test_an_enlarged_page_is_read_without_moving_sideways_and_what_has_the_focus_is_in_sight(
    visit: Visit, size: tuple[int, int]
):
    page = visit.window(size)
    sideways = {}
    for name in SCREENS if size == AT_400 else BUSY:
        visit.open(page, SCREENS[name])
        sideways[name] = page.evaluate(SIDEWAYS)
    assert {name: by for name, by in sideways.items() if by > 0} == {}
    visit.open(page, SCREENS["configure"])
    visit.screen(page, f"configure-{size[0]}")
    page.get_by_role("button", name="Save").focus()
    assert page.evaluate(COVERED) is False


def test_with_the_colours_of_somebodys_own_everything_is_there_and_bars_nobody(visit: Visit):
    page = visit.window(forced=True)
    barriers = {}
    for name in ("ports", "configure"):
        visit.open(page, SCREENS[name])
        visit.screen(page, f"{name}-forced")
        barriers[name] = visit.barriers(page)
    assert {name: found for name, found in barriers.items() if found} == {}


def test_a_page_that_is_not_there_says_so_and_leads_on(visit: Visit):
    page = visit.window()
    answer = page.goto(f"{visit.address}/hosts/nowhere/ports/COM9:")
    assert answer is not None
    assert answer.status == 404
    assert page.get_by_role("heading", name="There is no such page.").is_visible()
    assert visit.barriers(page) == []
    visit.forget("404")
