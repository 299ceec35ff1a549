"""The console's pages without a browser and without a fabric: a made-up fleet, a spooler by hand, one request at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from chassis.errors import HostUnreachable
from portui.fabric import Spooler
from portui.fabric_print import Printing
from portui.fabric_status import Status
from portui.live import Live
from portui.model import Acknowledged, Job
from portui.model_answers import Attempt, Event, Explanation, Monitor
from portui.person import Opened, Person, SignInOptions
from portui.simulated import Simulators
from portui.standing import Standing
from portui.web.app import application
from portui.web.doorman import Doorman
from portui.web.rendering import Console

FINE = Explanation("fine", "Nothing is wrong.", "Nothing is lost.")


class Answers:
    """A spooler that says of everything what it was told to say. It is asked for sentences, histories and standings."""

    def __init__(self) -> None:
        self.explanation, self.standing, self.events = FINE, Standing(), list[Event]()
        self.jobs, self.all_jobs, self.attempts_of = list[Job](), True, dict[int, list[Attempt]]()
        self.asked_lately = list[str]()
        self.away = False

    async def explain(self, _name: str) -> Explanation:
        return self.explanation

    async def history(self, _name: str, _size: int = 0) -> list[Event]:
        return self.events

    async def lately(self, printer: str, since: datetime) -> tuple[list[Job], bool]:
        if self.away:
            raise HostUnreachable("gone")
        self.asked_lately.append(printer)
        return self.jobs, self.all_jobs

    async def attempts(self, number: int) -> list[Attempt]:
        return self.attempts_of.get(number, [])

    async def acts(self, _page: str = "", size: int = 0) -> tuple[list[Event], str]:
        return self.events, ""

    async def monitors(self, _host: str = "-") -> list[Monitor]:
        return []

    async def of(self, _port: str) -> Standing:
        return self.standing

    async def look(self, _port: str) -> None:
        raise HostUnreachable("nobody is there")

    async def acknowledged(self) -> Mapping[str, Acknowledged]:
        return {}

    async def acknowledge(self, name: str, until: datetime, reason: str) -> None:
        raise AssertionError(name)

    async def withdraw(self, name: str) -> None:
        raise AssertionError(name)

    async def options(self) -> SignInOptions:
        return SignInOptions(False, False, ())

    async def by_password(self, user: str, password: str) -> Opened:
        raise AssertionError(user)

    async def by_id_token(self, token: str, nonce: str) -> Opened:
        raise AssertionError

    async def end(self, token: str) -> None:
        raise AssertionError

    async def who(self, token: str) -> Person:
        raise AssertionError


def console_over(live: Live, answers: Answers, doorman: Doorman | None = None) -> Console:
    """Return a console that shows a fleet; without a doorman of its own nobody signs in."""
    return Console(
        live=live,
        printing=cast("Printing", answers),
        spooler=cast("Spooler", None),
        status=cast("Status", answers),
        simulators=Simulators(""),
        alerts=answers,
        doorman=doorman or Doorman(answers),
        provider=None,
        address="here:26151",
    )


class Answered(NamedTuple):
    """An answer: its status, its headers by name, cookies it sets, its text."""

    status: int
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    text: str


async def asked(
    console: Console,
    method: str,
    path: str,
    form: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
    cookies: Mapping[str, str] | None = None,
    origin: str = "http://localhost",
) -> Answered:
    """Make one request."""
    parts: list[Any] = []
    body = urlencode(form or {}).encode()

    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})  # whoever would listen for ever has gone

    async def send(message: Any) -> None:
        parts.append(message)

    cookie = "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())
    headers = {
        "host": "localhost", "origin": origin, "cookie": cookie, "accept": "text/html",
        "content-type": "application/x-www-form-urlencoded", "content-length": str(len(body)),
    }  # fmt: skip
    where, _, query = path.partition("?")
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": where, "raw_path": where.encode(),
        "query_string": query.encode(), "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("localhost", 80), "scheme": "http",
    }  # fmt: skip
    await application(console)(scope, receive, send)
    raw = [(name.decode(), value.decode()) for name, value in parts[0]["headers"]]
    pairs = [value.partition(";")[0].partition("=") for name, value in raw if name == "set-cookie"]
    text = b"".join(part.get("body", b"") for part in parts[1:]).decode()
    return Answered(parts[0]["status"], dict(raw), {name: value for name, _, value in pairs}, text)


async def page_of(console: Console, path: str) -> str:
    """Return a page's HTML."""
    found = await asked(console, "GET", path)
    assert found.status == 200, found
    return found.text
