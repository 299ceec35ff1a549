"""Every route of the console and who asks: nobody, another site, a page that was not given to this visitor, and each role.

Rights are the spooler's, so what a person does has to reach it under that person's own session, and a refusal has to come back as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from portui.acknowledging import Alerts as AlertsProtocol
from portui.fabric import Spooler
from portui.fabric_alerts import Alerts
from portui.fabric_print import Printing
from portui.fabric_status import Status
from portui.live import Live
from portui.model import JobState, Outcome
from portui.person import ROLES
from portui.simulated import Simulators
from portui.web import security
from portui.web.app import application
from portui.web.doorman import Doorman
from portui.web.rendering import Console
from tests.unit.portui.page_rig import Answered, asked
from tests.unit.portui.role_wire import Access, Wire
from tests.unit.portui.test_console_words import job, live, port

VISIT = "v" * 43
PLACES = {
    "{host}": "edge",
    "{port:path}": "COM1:",
    "{number:int}": "8",
    "{name:path}": "labels",
    "{name}": "labels",
}
# What forms say, so that a change gets as far as its right is asked for.
FORMS: Mapping[str, Mapping[str, str]] = {
    "/acknowledge": {"alert": "hosts/edge", "hours": "1", "reason": "x"},
    "/add": {"host": "edge", "monitor": "Local Port", "name": "COM9:"},
    "/jobs/many": {"do": "hold", "job": "7"},
    "/jobs/{number:int}/act": {"do": "hold"},
    "/jobs/{number:int}/decide": {"do": "skip"},
    "/move": {"host": "edge", "port": "COM1:", "to": "spare", "job": "7"},
    "/ports/many": {"do": "pause", "port": "hosts/edge/ports/COM1:"},
    "/printers/new": {"name": "labels", "known": "edge/COM1:", "place.edge/COM1:": "1"},
    "/printers/{name}/act": {"do": "pause"},
    "/printers/{name}/order": {"job": "7", "do": "later"},
}
# What there is for people who have not signed in: how they do, what pages are made of, and how they look.
FOR_ALL = {"/sign-in", "/sign-in/start", "/sign-in/back", "/wall/in", "/static/{name}", "/theme"}
# Routes that ask for a right at once, and the least role that has it. The others look first, and refuse what they do not find.
LEAST = {
    "/acknowledge": "operator",
    "/acknowledge/withdraw": "operator",
    "/hosts/{host}/wire/{port:path}": "administrator",
    "/jobs/many": "user",
    "/jobs/{number:int}/act": "user",
    "/ports/many": "operator",
    "/print/upload": "user",
    "/printers/new": "administrator",
    "/printers/{name}/act": "operator",
    "/printers/{name}/edit": "administrator",
}


def console() -> tuple[Console, Wire]:
    wire = Wire()
    channels: Any = wire
    return Console(
        live=known(),
        printing=Printing(channels, ""),
        spooler=Spooler(channels, ""),
        status=Status(channels, ""),
        simulators=Simulators(""),
        alerts=cast("AlertsProtocol", Alerts(channels, "")),
        doorman=Doorman(Access(), always=True),
        provider=None,
        address="",
    ), wire


def known() -> Live:
    waits = replace(job(7), port="edge/COM1:", attempts=1)
    broken = replace(job(8, JobState.HELD, Outcome.UNKNOWN), port="edge/COM1:", attempts=1)
    found = live(port("COM1:"), jobs=(waits, broken))
    found.connected = True
    found.looks_different()
    return found


def routes(*methods: str) -> list[tuple[str, str]]:
    found: Any = application(console()[0]).routes
    return [(method, one.path) for one in found for method in sorted(one.methods) if method in methods]


async def by(
    role: str, at: Console, which: tuple[str, str], *, token: bool = True, origin: str = "http://localhost"
) -> Answered:
    method, path = which
    for name, value in PLACES.items():
        path = path.replace(name, value)
    form = {"token": security.token_of(VISIT) if token else "another", **FORMS.get(which[1], {})}
    if which[1] == "/print/upload":
        path += f"?printer=labels&token={form['token']}"
    cookies = {security.COOKIE: VISIT}
    if role:
        cookies[security.SESSION] = at.doorman.seals.session(role, 1e12)
    return await asked(at, method, path, form if method == "POST" else None, cookies, origin)


@pytest.mark.parametrize(
    ("method", "path"), [which for which in routes("GET", "POST") if which[1] not in FOR_ALL]
)
async def test_nobody_gets_anything_who_has_not_signed_in(method: str, path: str):
    at, wire = console()
    answer = await by("", at, (method, path))
    assert answer.status == (303 if method == "GET" else 401)
    assert method == "POST" or answer.headers["location"].startswith("/sign-in")
    assert wire.asked == []


@pytest.mark.parametrize("path", [path for _, path in routes("POST")])
async def test_another_sites_page_changes_nothing_under_an_administrators_session(path: str):
    at, wire = console()
    answer = await by("administrator", at, ("POST", path), origin="https://elsewhere.example")
    assert (answer.status, wire.asked) == (403, [])


@pytest.mark.parametrize("path", [path for _, path in routes("POST")])
async def test_a_page_of_another_visitor_changes_nothing(path: str):
    at, wire = console()
    answer = await by("administrator", at, ("POST", path), token=False)
    assert answer.status in (401, 403)
    assert wire.asked == []


@pytest.mark.parametrize(("method", "path"), routes("GET", "POST"))
async def test_what_somebody_does_is_done_under_their_own_session_and_refused_in_words(
    method: str, path: str
):
    for role in ROLES:
        at, wire = console()
        answer = await by(role, at, (method, path))
        assert answer.status < 500
        assert {token for _, token in wire.asked} <= {role}
        if path in LEAST and (method == "POST" or "wire" in path):
            assert bool(wire.refused) == (ROLES.index(role) < ROLES.index(LEAST[path])), role


def test_routes_that_are_spoken_of_here_are_there():
    there = {path for _, path in routes("GET", "POST")}
    assert {*FORMS, *FOR_ALL, *LEAST} <= there
