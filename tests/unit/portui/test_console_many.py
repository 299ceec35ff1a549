"""Many at once: marked ports are paused, tested and relieved of their jobs, each said for itself; jobs are found by whose and how old they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from chassis.errors import HostUnreachable
from portui.fabric_print import Printing
from portui.fabric_watch import Change
from portui.model import Job, Printer
from portui.web import security
from printfabric.spooler.v1 import print_service_pb2 as pb
from tests.unit.portui.page_rig import Answered, Answers, asked, console_over, page_of
from tests.unit.portui.test_console_words import job, live, port

VISIT = "v" * 43


class Spooler(Answers):
    """Notes what is printed and paused; one port's printer does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []
        self.filters: list[dict[str, Any]] = []

    async def submit(
        self, printer: str, title: str, pieces: AsyncIterator[bytes], _request_id: str, _size: int
    ) -> Job:
        if printer == "silent":
            raise HostUnreachable("edge does not answer")
        assert b"".join([piece async for piece in pieces])
        self.done.append(f"{title} on {printer}")
        return job(7)

    async def pause_port(self, name: str) -> None:
        self.done.append(f"pause {name}")

    async def resume_port(self, name: str) -> None:
        self.done.append(f"resume {name}")

    async def jobs_of(self, **wanted: Any) -> tuple[list[Job], str]:
        self.filters.append(wanted)
        return [job(3)], "next"


def rig() -> tuple[Any, Spooler]:
    spooler = Spooler()
    spooler.jobs = spooler.jobs_of  # type: ignore[assignment]
    found = live(port("COM1:"), jobs=(replace(job(1), port="edge/COM1:"), replace(job(2), port="edge/COM1:")))
    found.apply(
        Change(
            ports=(port("COM2:"), port("COM3:")),
            printers=(Printer("labels", ("edge/COM1:",)), Printer("silent", ("edge/COM2:",))),
        )
    )
    found.connected = True
    return console_over(found, spooler), spooler


async def with_marked(console: Any, what: str, *ports: str) -> Answered:
    fields = {"token": security.token_of(VISIT), "do": what, "back": "/ports"}
    body = [*fields.items(), *(("port", f"hosts/edge/ports/{one}") for one in ports)]
    return await asked(console, "POST", "/ports/many", body, {security.COOKIE: VISIT})


def said(answer: Answered) -> str:
    return unquote(answer.cookies["pf_say"])


async def test_marked_ports_are_given_a_test_page_and_those_that_cannot_are_named_with_the_reason():
    console, spooler = rig()
    answer = await with_marked(console, "test", "COM1:", "COM2:", "COM3:", "COM9:")
    assert spooler.done == ["Test page on labels"]
    assert said(answer) == (
        "1 port given a test page. Not: COM2:: edge does not answer; COM3:: no printer uses it;"
        " COM9:: no printer uses it"
    )


async def test_what_waits_at_marked_ports_goes_to_the_preview_of_a_move():
    console, _spooler = rig()
    answer = await with_marked(console, "move", "COM1:", "COM3:")
    assert (answer.status, answer.headers["location"]) == (303, "/move?jobs=1,2")
    answer = await with_marked(console, "move", "COM3:")
    assert (answer.headers["location"], said(answer)) == ("/ports", "No job waits there.")


async def test_without_a_mark_or_a_known_word_nothing_is_done():
    console, spooler = rig()
    for what, ports in (("pause", ()), ("move", ()), ("explode", ("COM1:",))):
        assert said(await with_marked(console, what, *ports)) == "No port was marked."
    assert spooler.done == []


async def test_jobs_are_listed_by_whose_they_are_and_how_long_they_have_been_there():
    console, spooler = rig()
    page = await page_of(console, "/jobs?show=active&user=m.ortiz&older=5")
    wanted = spooler.filters[-1]
    assert (wanted["user"], wanted["active"]) == ("m.ortiz", True)
    assert abs(datetime.now(UTC) - timedelta(minutes=5) - wanted["before"]) < timedelta(seconds=20)
    # Older ones are of the same time, though it goes on meanwhile.
    link = page.partition('href="/jobs?show=active&amp;printer=')[2].partition('"')[0].replace("&amp;", "&")
    await page_of(console, f"/jobs?show=active&printer={link}")
    assert spooler.filters[-1] == {**wanted, "page": "next"}


async def test_an_age_that_is_not_offered_is_any_age():
    console, spooler = rig()
    for query in ("older=-1", "older=x", "older=7&before=2026-01-01T00:00:00Z"):
        await page_of(console, f"/jobs?{query}")
        assert spooler.filters[-1]["before"] is None
    await page_of(console, "/jobs?older=5&before=yesterday")
    assert spooler.filters[-1]["before"] is not None


async def test_the_spooler_is_asked_for_them():
    requests: list[pb.ListJobsRequest] = []

    class Stub:
        async def ListJobs(self, request: pb.ListJobsRequest) -> pb.ListJobsResponse:
            requests.append(request)
            return pb.ListJobsResponse()

    printing = Printing.__new__(Printing)
    printing._jobs = Stub()
    await printing.jobs(user="ann", before=datetime(2026, 11, 21, tzinfo=UTC))
    assert requests[0].filter.user == "ann"
    assert requests[0].filter.created_before.ToDatetime(UTC) == datetime(2026, 11, 21, tzinfo=UTC)
