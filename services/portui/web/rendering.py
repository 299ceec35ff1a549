"""Pages from templates: everything a template may use, and what every page carries."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from typing import Any
from urllib.parse import quote, unquote

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from portui import printer_rules
from portui.acknowledging import Acknowledging, Alerts
from portui.fabric import Spooler
from portui.fabric_print import Printing
from portui.fabric_status import Status
from portui.live import Live
from portui.looking import Looking
from portui.model import Port
from portui.person import Person
from portui.simulated import Simulators
from portui.web import moments, moving, security, shown, words
from portui.web.devices import LOOK_S, Devices
from portui.web.doorman import EVERYBODY, Doorman
from portui.web.headlines import Headlines
from portui.web.last_day import LastDays
from portui.web.levels import Levels
from portui.web.oidc_flow import Provider
from portui.web.problems import problems as problems_of

_THEME, _SAY = "pf_theme", "pf_say"
_STATIC = files("portui.web") / "static"
NAV = (
    ("Overview", "/", "grid", "o"),
    ("Ports", "/ports", "plug", "p"),
    ("Printers", "/printers", "printer", "r"),
    ("Jobs", "/jobs", "layers", "j"),
    ("Hosts", "/hosts", "server", "h"),
    ("Alerts", "/alerts", "bell", "a"),
)


@dataclass(slots=True)
class Console:
    """What the pages need."""

    live: Live
    printing: Printing
    spooler: Spooler
    status: Status
    simulators: Simulators
    alerts: Alerts
    doorman: Doorman
    provider: Provider | None
    address: str
    origin: str = ""
    headlines: Headlines = field(init=False)
    looking: Looking = field(init=False)
    devices: Devices = field(init=False)
    last_days: LastDays = field(init=False)
    levels: Levels = field(init=False)
    looking_at_hosts: Looking = field(init=False)
    acknowledging: Acknowledging = field(init=False)

    def __post_init__(self) -> None:
        """Share the spooler's sentences, the questions to hosts, and who has what in hand among all who look."""
        self.headlines = Headlines(self.live, self.printing)
        self.looking = Looking(self.status.look)
        self.last_days = LastDays(self.printing)
        self.levels = Levels(self.status, self.live)
        self.devices = Devices(self.printing, self.spooler, self.live)
        self.looking_at_hosts = Looking(self.devices.look, LOOK_S)
        self.acknowledging = Acknowledging(self.live, self.alerts, self.doorman.attention)


def console_of(request: Request) -> Console:
    """Return the console a request was made to."""
    found = request.app.state.console
    assert isinstance(found, Console)
    return found


def port_asked(request: Request) -> Port | None:
    """Return the port that a request's address names; None when there is none."""
    return shown.port_of(console_of(request).live.fleet, request.path_params)


def person_of(request: Request) -> Person:
    """Return who made a request."""
    found = request.scope.get("person", EVERYBODY)
    assert isinstance(found, Person)
    return found


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Return a page."""
    console = console_of(request)
    said = unquote(request.cookies.get(_SAY, ""))
    theme = request.cookies.get(_THEME, "")
    problems, person = problems_of(console.live), person_of(request)
    html = _TEMPLATES.get_template(template).render(
        request=request,
        path=request.url.path,
        here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        live=console.live,
        nav=NAV,
        alerts=sum(one.in_hand is None for one in problems),
        undecided=sum(job.undecided for job in console.live.fleet.jobs.values()),
        token=security.token_of(security.visit_of(request)),
        theme=theme if theme in ("light", "dark") else "",
        said=said,
        person=person,
        may=person.may,
        now=datetime.now(UTC),
        **values,
    )
    response = HTMLResponse(html, status)
    if said:
        response.delete_cookie(_SAY)
    return response


def go(path: str, say: str = "") -> Response:
    """Send the browser to another page, which says something once."""
    response = RedirectResponse(path, 303)
    if say:
        response.set_cookie(_SAY, quote(say[:300]), max_age=30, httponly=True, samesite="strict")
    return response


def with_theme(response: Response, theme: str) -> Response:
    """Remember a theme in the browser."""
    response.set_cookie(_THEME, theme, max_age=365 * 86400, samesite="strict", httponly=True)
    return response


def back(target: str, fallback: str = "/") -> str:
    """Return a page of ours to go back to, whatever a form says."""
    good = (
        target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    )
    return target if good else fallback


def digest(name: str) -> str:
    """Return a few characters that change with a static file."""
    return hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:10]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("portui.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    versions = {name: digest(name) for name in ("console.css", "console.js", "icons.svg")}
    environment.filters.update(
        size=words.size,
        number=words.number,
        duration=words.duration,
        age=words.age,
        ago=moments.ago,
        clock=moments.clock,
        when=moments.when,
        told=moments.told,
        plainly=moments.plainly,
        apart=words.apart,
    )
    environment.globals.update(
        static=lambda name: f"/static/{name}?v={versions[name]}",
        many=words.many,
        words=words,
        rules=printer_rules,
        port_path=shown.port_path,
        path_of_key=shown.path_of_key,
        quoted=shown.quoted,
        can_go=moving.can_go,
        version=version("print-fabric"),
    )
    return environment


_TEMPLATES = _environment()
