"""A console before a fake spooler that knows one job, and somebody who sends it forms as a browser without scripts does."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlencode

from starlette.applications import Starlette

from portui.fabric import Spooler
from portui.fabric_print import Printing
from portui.fabric_status import Status
from portui.model import Job, JobState
from portui.model_answers import Attempt, Event, Explanation
from portui.person import Person, SignInOptions
from portui.simulated import Simulators
from portui.web import security
from portui.web.app import application
from portui.web.doorman import Access, Doorman
from portui.web.rendering import Console
from portui.web.sessions import Seals
from tests.unit.portui.test_console_in_hand import Spooler as Alerts
from tests.unit.portui.test_console_words import live

_VISIT = "v" * 43
_TOKEN = security.token_of(_VISIT)


class Jobs:
    """Knows one job; notes what is done to it, once for each request id; refuses when it is told to."""

    def __init__(self, job: Job) -> None:
        self.one = job
        self.done: list[Any] = []
        self.refusal: Exception | None = None
        self.meanwhile: Job | None = None  # what the job is by the time of a refusal
        self.reprints: dict[str, Job] = {}

    async def job(self, number: int) -> Job:
        return self.reprints.get(str(number), self.one)

    async def attempts(self, number: int) -> list[Attempt]:
        return [Attempt(1, 1, "edge/COM1:", None, None, self.one.outcome, self.one.proof)]

    async def explain(self, name: str) -> Explanation:
        return Explanation("unknown", "Nobody knows what came out.", "Labels may be missing.")

    async def events(self, number: int) -> list[Event]:
        return []

    async def document(self, number: int, most_bytes: int) -> bytes:
        return b"^XA^XZ"

    def _do(self, what: Any) -> None:
        if self.refusal is not None:
            self.one = self.meanwhile or self.one
            raise self.refusal
        self.done.append(what)

    async def resolve(self, number: int, decisions: Sequence[tuple[int, int, str]]) -> None:
        self._do(list(decisions))
        self.one = replace(self.one, state=JobState.PENDING, attempts=2)

    async def resume(self, number: int, unit: int, *, mark: bool = False) -> None:
        self._do((unit, mark))
        self.one = replace(self.one, state=JobState.PENDING, attempts=2)

    async def reprint(
        self, number: int, units: tuple[int, int], request_id: str, *, mark: bool = False
    ) -> Job:
        if request_id not in self.reprints:
            self._do((units, mark))
            made = replace(self.one, number=40 + len(self.done), reprint_of=number, reprint_units="2-3")
            self.reprints[request_id] = self.reprints[str(made.number)] = made
        return self.reprints[request_id]


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.text = status, headers, html.unescape(body.decode())
        self.place = headers.get("location", "")

    def element(self, id_: str) -> str:
        """Return the text of an element."""
        found = re.search(rf'id="{id_}"[^>]*>(.*?)</', self.text, re.DOTALL)
        assert found is not None, id_
        return found[1]

    def value(self, name: str) -> str:
        """Return a field's value."""
        found = re.search(rf'name="{name}"[^>]*? value="([^"]*)"', self.text)
        assert found is not None, name
        return found[1]


class Desk:
    """A console before a fake spooler, and somebody who sends it forms as a browser without scripts does."""

    def __init__(self, jobs: Jobs, person: Person | None = None) -> None:
        doorman = Doorman(cast("Access", None), always=person is not None)
        self.session = ""
        if person is not None:
            doorman = Watched(person)
            self.session = doorman.seals.session("t", 1e12)
        nobody: Any = None
        self.app: Starlette = application(
            Console(
                live=live(),
                printing=cast("Printing", jobs),
                spooler=cast("Spooler", nobody),
                status=Status.__new__(Status),
                simulators=Simulators(""),
                alerts=Alerts(),
                doorman=doorman,
                provider=None,
                address="127.0.0.1:1",
            )
        )

    async def get(self, path: str) -> Answer:
        return await self._ask("GET", path, b"")

    async def post(self, path: str, token: str = _TOKEN, **fields: str) -> Answer:
        body = urlencode({"token": token, **{name.replace("__", "."): text for name, text in fields.items()}})
        return await self._ask("POST", path, body.encode())

    async def _ask(self, method: str, path: str, body: bytes) -> Answer:
        place, _, query = path.partition("?")
        cookie = f"{security.COOKIE}={_VISIT}; {security.SESSION}={self.session}"
        headers = {
            "host": "127.0.0.1",
            "cookie": cookie,
            "accept": "text/html",
            "content-type": "application/x-www-form-urlencoded",
        }
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": place, "raw_path": place.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        found = {name.decode(): text.decode() for name, text in sent[0]["headers"]}
        return Answer(sent[0]["status"], found, b"".join(one.get("body", b"") for one in sent))


class Watched(Doorman):
    """Lets in one person, whoever comes."""

    def __init__(self, person: Person) -> None:
        super().__init__(cast("Access", None), always=True)
        self.options = SignInOptions(needed=True, local=True, issuers=())
        self._person = person
        self._key = Seals(b"k" * 40, 1e9)

    @property
    def seals(self) -> Seals:
        return self._key

    async def person(self, session: Any) -> Person | None:
        return self._person
