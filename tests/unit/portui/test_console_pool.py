"""The order of a printer's ports, changed by the form that buttons and what is dragged send."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast
from urllib.parse import unquote

import pytest

from chassis.errors import EtagMismatch
from portui.fabric_watch import Change
from portui.model import Job, JobState, Printer
from portui.model_answers import Event
from portui.person import ROLES, Person
from tests.unit.portui.job_desk import Desk, Jobs

POOL = Printer("labels", ("edge/P1", "edge/P2", "edge/P3"), frozenset({"edge/P3"}), etag="7")


class Printers(Jobs):
    """Changes a printer unless somebody else has, and tells the watch."""

    def __init__(self, person: Person | None = None) -> None:
        super().__init__(Job(1, "labels", "", "me", 1, JobState.PENDING))
        self.desk = Desk(self, person)
        self.live = self.desk.app.state.console.live
        self.live.apply(Change(printers=(POOL,), jobs=(self.one, replace(self.one, number=2))))

    async def history(self, name: str) -> list[Event]:
        return []

    async def update_printer(self, settings: Printer) -> None:
        if settings.etag != POOL.etag:
            raise EtagMismatch("printer labels was changed in between", printer="labels", etag=POOL.etag)
        self.live.apply(Change(printers=(settings,)))

    async def put(self, **fields: str) -> Any:
        return await self.desk.post("/printers/labels/pool", **{"etag": "7", **fields})

    @property
    def ports(self) -> tuple[str, ...]:
        return cast("tuple[str, ...]", self.live.fleet.printers["labels"].ports)


@pytest.mark.parametrize(
    ("fields", "order", "said"),
    [
        ({"port": "edge/P3", "do": "earlier"}, "132", "edge/P3 is number 2 of 3 now."),
        ({"port": "edge/P1", "do": "after", "other": "edge/P3"}, "231", "edge/P1 is number 3 of 3 now."),
        ({"port": "edge/P1", "do": "earlier"}, "123", "It stands there already."),
        ({"port": "edge/P9", "do": "earlier"}, "123", "Nothing was changed"),
    ],
)
async def test_a_port_is_put_in_its_place_and_it_is_said(fields: dict[str, str], order: str, said: str):
    printers = Printers()
    answer = await printers.put(**fields)
    assert answer.status == 303
    assert said in unquote(answer.headers["set-cookie"])
    assert printers.ports == tuple(f"edge/P{number}" for number in order)
    assert printers.live.fleet.printers["labels"].standby == POOL.standby


async def test_an_order_that_somebody_changed_meanwhile_is_not_overwritten():
    printers = Printers()
    answer = await printers.put(port="edge/P3", do="first", etag="6")
    assert answer.status == 409
    assert "Nothing was overwritten" in answer.text
    assert printers.ports == POOL.ports


@pytest.mark.parametrize(
    ("role", "places", "goes"),
    [
        ("viewer", [], []),
        ("user", [], ["1", "2"]),
        ("operator", ["1", "2"], ["1", "2"]),
        ("administrator", [*POOL.ports, "1", "2"], ["1", "2"]),
    ],
)
async def test_what_somebody_may_put_elsewhere_can_be_dragged_and_has_buttons_and_nothing_else_has(
    role: str, places: list[str], goes: list[str]
):
    person = Person("vera", "local", frozenset(ROLES[: ROLES.index(role) + 1]))
    page = (await Printers(person).desk.get("/printers/labels")).text
    assert re.findall(r'data-place="([^"]+)"', page) == places
    assert page.count('value="earlier"') == page.count('value="later"') == len(places)
    assert re.findall(r'data-goes="([^"]+)"', page) == re.findall(r'href="/move\?jobs=(\d+)"', page) == goes
    assert page.count('draggable="true"') == len({*places, *goes})


async def test_a_printer_that_is_not_there_has_no_order():
    assert (await Printers().desk.post("/printers/gone/pool", port="edge/P1", do="first")).status == 404
