"""People sign in at the console, by password and at a real provider; what they may is the spooler's word."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.conftest import AXE
from tests.console.door import PASSWORD, Guarded, guarded
from tests.console.two_doors import two_doors
from tests.console.visit import PHONE, Visit
from tests.rig.programs import wait_for_listener

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("door")) as found:
        yield found


@pytest.fixture
def visit(door: Guarded, browser: Browser) -> Iterator[Visit]:
    found = Visit(browser, door.web, AXE)
    yield found
    found.close()
    assert found.complaints == []


def with_password(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_nobody_sees_anything_before_signing_in_and_comes_back_to_what_was_wanted(visit: Visit):
    page = visit.window()
    visit.open(page, "/jobs?show=decide")
    expect(page).to_have_url(f"{visit.address}/sign-in?back=/jobs%3Fshow%3Ddecide")
    assert page.get_by_role("navigation").count() == 0
    visit.screen(page, "sign-in-desktop-light")
    assert visit.barriers(page) == []
    with_password(page, "ada", "guess")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("Name", exact=True)).to_have_value("ada")
    visit.forget("401")
    with_password(page, "ada")
    page.wait_for_url("**/jobs?show=decide")
    page.get_by_label("Account: ada").click()
    expect(page.locator(".account")).to_contain_text("administrator")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto(f"{visit.address}/jobs")
    expect(page).to_have_url(f"{visit.address}/sign-in?back=/jobs")


def test_at_a_provider_somebody_signs_in_and_is_what_their_group_is(visit: Visit):
    page = visit.window(PHONE, "dark")
    visit.open(page, "/printers")
    visit.screen(page, "sign-in-phone-dark")
    page.get_by_role("link", name="Sign in with the company").click()
    page.locator("input[name=sub]").fill("olga")
    page.locator("input[name=sub]").press("Enter")
    page.wait_for_url(f"{visit.address}/printers")
    page.get_by_label("Account: olga").click()
    expect(page.locator(".account")).to_contain_text("operator, by the OpenID provider")
    expect(page.get_by_role("link", name="Print a file").first).to_be_visible()
    assert page.get_by_role("link", name="Add printer").count() == 0
    visit.forget("asked somebody else", "404", "ERR_NAME_NOT_RESOLVED")


def test_who_only_looks_has_no_buttons_and_is_refused_by_the_spooler_all_the_same(visit: Visit):
    page = visit.window()
    visit.open(page, "/printers")
    with_password(page, "vera")
    page.wait_for_url("**/printers")
    assert page.get_by_role("link", name="Add printer").count() == 0
    assert page.get_by_role("link", name="Print a file").count() == 0
    visit.screen(page, "viewer-printers-desktop-light")
    # A form of hers, as somebody would make it who knows the address.
    page.evaluate(
        """() => { const form = document.querySelector("form[action='/sign-out']");
            form.action = "/printers/new"; form.insertAdjacentHTML("beforeend",
            "<input name=name value=mine><input name=known value='edge/P1'><input name='place.edge/P1' value=1>");
            form.submit(); }"""
    )
    expect(page.locator("[role=alert]")).to_contain_text("administrator")
    visit.screen(page, "refused-desktop-light")
    assert visit.barriers(page) == []
    visit.forget("422", "403")


def test_a_session_lives_through_a_restart_of_the_console(door: Guarded, browser: Browser, tmp_path: Path):
    # A console of its own: what is started in a test ends with it.
    with door.another_console(tmp_path) as (console, web):
        visit = Visit(browser, web, AXE)
        page = visit.window()
        visit.open(page, "/")
        with_password(page, "ada")
        expect(page.locator("#pulse-text")).to_have_text("Live")
        console.kill()
        console.start()
        wait_for_listener(web.removeprefix("http://"))
        expect(page.locator("#pulse-text")).to_have_text("Live", timeout=60_000)
        visit.open(page, "/settings")
        expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
        visit.close()


def test_somebody_who_was_signed_out_elsewhere_keeps_what_was_typed(visit: Visit):
    page = visit.window()
    visit.open(page, "/printers")
    with_password(page, "ada")
    page.wait_for_url("**/printers")
    page.get_by_role("link", name="Add printer").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Description").fill("typed for ten minutes")
    other = page.context.new_page()
    other.goto(f"{visit.address}/settings")
    other.get_by_label("Account: ada").click()
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/sign-in")
    dialog.get_by_label("Name").fill("late")
    dialog.get_by_role("button", name="Add printer").click()
    expect(page.locator("#lost")).to_contain_text("signed in no more")
    expect(dialog.get_by_label("Description")).to_have_value("typed for ten minutes")
    with_password(other, "ada")
    other.wait_for_url(f"{visit.address}/")
    dialog.get_by_role("button", name="Add printer").click()
    expect(dialog.get_by_role("alert")).to_contain_text("at least one port")
    expect(dialog.get_by_label("Description")).to_have_value("typed for ten minutes")
    visit.forget("401", "403", "422")


def test_through_two_consoles_without_affinity_somebody_signs_in_works_and_signs_out(
    door: Guarded, browser: Browser, tmp_path: Path
):
    with door.another_console(tmp_path) as (_, other), two_doors([door.web, other]) as front:
        visit = Visit(browser, front.address, AXE)
        page = visit.window()
        visit.open(page, "/printers")
        with_password(page, "ada")
        page.wait_for_url("**/printers")
        for path in ("/", "/ports", "/jobs", "/settings", "/printers"):
            visit.open(page, path)
            expect(page.get_by_label("Account: ada")).to_be_visible()
        expect(page.locator("#pulse-text")).to_have_text("Live")
        page.get_by_role("link", name="Add printer").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill("labels")
        dialog.get_by_role("button", name="Add printer").click()
        expect(dialog.get_by_role("alert")).to_contain_text("at least one port")
        expect(dialog.get_by_label("Name", exact=True)).to_have_value("labels")
        page.keyboard.press("Escape")
        page.get_by_label("Account: ada").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in")
        page.goto(f"{visit.address}/jobs")
        expect(page).to_have_url(f"{visit.address}/sign-in?back=/jobs")
        visit.forget("422")
        assert visit.complaints == []
        assert len(front.used) == 2
        assert min(front.used.values()) > 5
        visit.close()


def ask(door: Guarded, method: str, path: str, cookie: str = "", body: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(door.web).netloc, timeout=20)
    headers = {"cookie": cookie, "accept": "text/html", "content-type": "application/x-www-form-urlencoded"}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("location") or ""
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path", ["/", "/ports", "/jobs/1", "/settings", "/live", "/wall", "/paper/labels/1", "/search?q=a"]
)
def test_every_page_leads_to_the_door_whatever_cookie_is_brought(door: Guarded, path: str):
    for cookie in ("", "pf_session=made-up", "pf_session=" + "A" * 4000):
        status, where = ask(door, "GET", path, cookie)
        assert (status, where.partition("?")[0]) == (303, "/sign-in")


@pytest.mark.parametrize("path", ["/jobs/1/act", "/add", "/printers/new", "/move", "/undelete", "/sign-out"])
def test_no_change_is_made_for_somebody_who_has_not_signed_in(door: Guarded, path: str):
    assert ask(door, "POST", path, body=urlencode({"do": "cancel"}))[0] in (401, 403)


def test_a_way_back_from_the_provider_that_this_browser_did_not_begin_opens_nothing(visit: Visit):
    page = visit.window()
    page.goto(f"{visit.address}/sign-in/back?code=stolen&state=guessed")
    expect(page.get_by_role("alert")).to_contain_text("not begun in this browser")
    assert not [one for one in page.context.cookies() if one.get("name") == "pf_session"]
    visit.forget("401")
