"""Events: faults come and go as lines of one list, what a host drags along is one line, and people's acts stand beside."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from types import SimpleNamespace
from typing import cast

from portui.chronicle import Chronicle, Happening
from portui.fabric_watch import Change
from portui.model import Host, Port, PortState
from portui.model_answers import Event
from portui.web import happenings
from portui.web.devices import Devices, Found
from tests.unit.portui.page_rig import Answers, console_over, page_of
from tests.unit.portui.test_console_words import live, port

NOW = datetime(2026, 11, 21, 10, 42, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def told(chronicle: Chronicle) -> list[str]:
    rows = happenings.rows(chronicle.newest(20), [])
    return [f"{one.state.word if one.state else one.what} {one.name} {one.text}".strip() for one in rows]


def states(*names: PortState, name: str = "COM1:") -> list[Port]:
    return [port(name, one, text="out of paper" if one is PortState.ERROR else "") for one in names]


def test_a_fault_and_its_end_are_two_lines_and_printing_is_none():
    chronicle = Chronicle()
    ready, busy, broken, mended = states(
        PortState.READY, PortState.PRINTING, PortState.ERROR, PortState.READY
    )
    chronicle.port(None, ready, at(0))
    chronicle.port(ready, busy, at(1))
    chronicle.port(busy, broken, at(2))
    chronicle.port(broken, replace(broken), at(3))
    chronicle.port(broken, mended, at(254))

    assert told(chronicle) == ["Ready edge/COM1: after 4 min 12 s", "Error edge/COM1: out of paper"]


def test_a_host_that_is_silent_is_one_line_with_its_ports_and_so_is_its_return():
    chronicle, there, away = Chronicle(), Host("edge", "online"), Host("edge", "silent")
    pairs = [states(PortState.READY, PortState.UNKNOWN, name=f"COM{number}:") for number in range(12)]
    for ready, unknown in pairs[:4]:
        chronicle.port(ready, unknown, at(0))
    chronicle.host(there, away, at(1))
    for ready, unknown in pairs[4:]:
        chronicle.port(ready, unknown, at(2))
    chronicle.host(away, there, at(31))
    for ready, unknown in pairs:
        chronicle.port(unknown, ready, at(32))

    assert told(chronicle) == ["Reporting edge after 30 s; 12 ports with it", "Silent edge 12 ports with it"]


def test_a_port_of_another_host_or_of_another_time_stands_for_itself():
    chronicle = Chronicle()
    ready, unknown = states(PortState.READY, PortState.UNKNOWN)
    chronicle.host(Host("other", "online"), Host("other", "silent"), at(0))
    chronicle.port(ready, unknown, at(1))
    chronicle.host(Host("edge", "online"), Host("edge", "silent"), at(90))

    assert sorted(told(chronicle)) == ["Silent edge", "Silent other", "Unknown edge/COM1:"]


def test_what_was_wrong_before_anybody_looked_is_told_since_then():
    chronicle, broken = Chronicle(), states(PortState.ERROR)[0]
    chronicle.port(None, broken, at(600))
    assert chronicle.newest(1) == [Happening(NOW, "edge", "COM1:", "error", "out of paper")]


def test_a_watch_that_begins_anew_tells_nothing_twice():
    found = live(port("COM1:", PortState.ERROR, text="out of paper"))
    before = found.chronicle.newest(20)
    found.apply(
        Change(
            begins=True,
            ports=tuple(found.fleet.ports.values()),
            hosts=(Host("edge", "online"),),
        )
    )
    assert found.chronicle.newest(20) == before
    assert len(before) == 1


async def test_the_page_of_alerts_lists_them_with_what_people_did_newest_first():
    found = live(port("COM1:", PortState.ERROR, text="out of paper"))
    found.connected = True
    answers = Answers()
    answers.events = [
        Event(
            datetime.now(UTC), "configured", "m.ortiz", "baud 9600 → 19200", subject="hosts/edge/ports/COM1:"
        )
    ]
    page = await page_of(console_over(found, answers), "/alerts")
    text = " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())
    assert re.search(
        r"configured edge/COM1: baud 9600 → 19200 by m.ortiz .*Error edge/COM1: out of paper", text
    )


def act(seconds: float, name: str, text: str = "", kind: str = "printer-added") -> Event:
    return Event(at(seconds), kind, "ann", text, subject=f"printers/{name}")


def test_what_one_person_did_to_many_things_at_once_is_one_line():
    row = happenings.rows([], [act(number, f"p{number}", f"kind {number}") for number in range(5)])
    assert [(one.what, one.name, one.more, one.left_out, one.text, one.by) for one in row] == [
        ("printer added", "p4", (("p3", "/printers/p3"), ("p2", "/printers/p2")), 2, "", "ann")
    ]


def test_what_says_something_of_its_own_is_a_line_of_its_own():
    events = [
        act(0, "p1", "baud 9600 → 19200", "configured"),
        act(1, "p2", "baud 300 → 1200", "configured"),
        act(2, "p2", "baud 300 → 1200", "configured"),
        act(40, "p3", "out of labels", "paused"),
        act(80, "p4", "out of labels", "paused"),
    ]
    assert [one.name for one in happenings.rows([], events)] == ["p4", "p3", "p2", "p2", "p1"]


def test_a_port_has_its_own_events_and_a_host_those_of_its_ports():
    chronicle = Chronicle()
    for name in ("COM1:", "COM2:"):
        ready, unknown = states(PortState.READY, PortState.UNKNOWN, name=name)
        chronicle.port(ready, unknown, at(0))
    chronicle.host(Host("edge", "online"), Host("edge", "silent"), at(1))
    chronicle.host(Host("other", "online"), Host("other", "silent"), at(1))
    assert [(one.port, one.state) for one in chronicle.newest(9, host="edge", port="COM1:")] == [
        ("COM1:", "unknown")
    ]
    assert [(one.port, one.folded) for one in chronicle.newest(9, host="edge")] == [("", 2)]


async def test_a_ports_page_and_its_hosts_say_what_came_and_went():
    found = live(port("COM1:", PortState.ERROR, text="out of paper"))
    found.connected = True
    console = console_over(found, Answers())
    console.devices = cast("Devices", SimpleNamespace(of=_nothing_found))
    for path, part in (("/hosts/edge/ports/COM1:", "events"), ("/hosts/edge", "lately")):
        told = (await page_of(console, path)).partition(f'id="{part}-title"')[2].partition("</section>")[0]
        assert "out of paper" in told, path


async def _nothing_found(_host: str) -> Found:
    return Found()
