"""The console's wall, as a program sees it that is no browser: who is let in, what goes along, and how heavy pages are."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlencode, urlsplit

import pytest

from tests.console.conftest import Alive

pytestmark = pytest.mark.timeout(60)
FORM = {"content-type": "application/x-www-form-urlencoded"}


def ask(
    alive: Alive, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    where = urlsplit(alive.console)
    connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def visitor(alive: Alive) -> tuple[str, str]:
    """Return a visitor's cookie and the token on the pages it is given."""
    _status, headers, page = ask(alive, "GET", "/ports")
    token = page.decode().partition('name="token" value="')[2].partition('"')[0]
    return headers["set-cookie"].partition(";")[0], token


def test_each_answer_has_the_strict_policy_and_a_cookie_that_scripts_and_other_sites_cannot_use(alive: Alive):
    status, headers, _page = ask(alive, "GET", "/")

    assert status == 200
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=Strict" in headers["set-cookie"]


@pytest.mark.parametrize("host", ["printers.example.com", "127.0.0.1.evil.example", "", "[bad"])
def test_a_name_that_is_not_this_machines_is_refused_even_if_it_leads_here(alive: Alive, host: str):
    status, _headers, body = ask(alive, "GET", "/ports", headers={"host": host})

    assert status in (400, 403)
    assert b"COM1" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/hosts/local/act/COM1:",
        "/jobs/1/act",
        "/jobs/many",
        "/printers/labels/act",
        "/printers/labels/order",
        "/ports/configure/save",
        "/add",
        "/add/ask",
        "/find",
    ],
)
@pytest.mark.parametrize(
    "bring",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "same-origin"},
    ],
)
def test_a_change_without_the_token_of_its_page_changes_nothing(
    alive: Alive, path: str, bring: dict[str, str]
):
    cookie, _token = visitor(alive)
    headers = {**FORM, **bring, "cookie": cookie}
    status, _headers, _body = ask(alive, "POST", path, urlencode({"do": "pause", "token": "0" * 40}), headers)

    assert status == 403


def test_a_change_asked_for_by_another_site_changes_nothing_even_with_the_token(alive: Alive):
    cookie, token = visitor(alive)
    body = urlencode({"do": "pause", "token": token})
    for bring in ({"origin": "http://127.0.0.1:1"}, {"sec-fetch-site": "same-site"}):
        assert (
            ask(alive, "POST", "/hosts/local/act/COM1:", body, {**FORM, **bring, "cookie": cookie})[0] == 403
        )

    assert "paused" not in alive.run("ports", "list").lower()


def test_an_upload_without_the_token_is_no_job(alive: Alive):
    cookie, _token = visitor(alive)
    status, _headers, body = ask(
        alive, "POST", "/print/upload?printer=labels&token=x", "^XA^XZ", {"cookie": cookie}
    )

    assert status == 403
    assert "job" not in json.loads(body)


def test_after_a_change_the_console_leads_only_to_itself(alive: Alive):
    cookie, token = visitor(alive)
    for target in ("//evil.example/", "https://evil.example/", "/\\evil.example"):
        body = urlencode({"theme": "dark", "token": token, "back": target})
        status, headers, _page = ask(alive, "POST", "/theme", body, {**FORM, "cookie": cookie})
        assert (status, headers["location"]) == (303, "/")


def test_markup_in_what_people_type_stays_text(alive: Alive):
    status, _headers, page = ask(alive, "GET", "/search?q=%3Cscript%3Ealert(1)%3C/script%3E")

    assert status == 200
    assert b"<script>alert" not in page


def test_a_cold_page_is_light_and_a_quiet_stream_costs_next_to_nothing(alive: Alive):
    files = ("/ports", "/static/console.css?v=1", "/static/console.js?v=1", "/static/icons.svg?v=1")
    weight = sum(len(ask(alive, "GET", file, headers={"accept-encoding": "gzip"})[2]) for file in files)
    assert weight < 150_000

    where = urlsplit(alive.console)
    connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=20)
    connection.request("GET", "/live")
    answer = connection.getresponse()
    began, received, frames = time.monotonic(), 0, 0
    while frames < 3:
        line = answer.readline()
        received += len(line)
        frames += line.startswith(b"data:")
    connection.close()
    assert received / (time.monotonic() - began) < 10_000
    print(f"cold page {weight} B in {len(files)} requests; stream {received / 3:.0f} B a frame")
