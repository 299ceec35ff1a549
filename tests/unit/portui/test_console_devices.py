"""Hosts that somebody looks at are asked for their devices; which monitors a new port may have."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chassis.errors import HostUnreachable
from portui.fabric import XcvAnswer
from portui.live import Live, Watch
from portui.model import Host as HostRow
from portui.model_answers import Monitor
from portui.web.devices import Device, Devices, Found
from portui.web.pages_add import at_hand, kinds
from tests.unit.portui.page_rig import Answers, console_over, page_of


class Host:
    """A host with one monitor, in place of the spooler's two sides: what is plugged in, and whether it answers."""

    def __init__(self) -> None:
        self.plugged: list[str] = []
        self.away = False

    async def monitors(self, host: str) -> list[Monitor]:
        if self.away:
            raise HostUnreachable(f"{host} does not answer")
        return [Monitor(host, "Local Port", ())]

    def on_behalf_of(self) -> Host:
        return self

    @asynccontextmanager
    async def session(self, **_where: str) -> AsyncIterator[Host]:
        yield self

    async def data(self, _name: str, _input: bytes) -> XcvAnswer:
        rows = [{"path": path, "description": path, "state": "found"} for path in self.plugged]
        return XcvAnswer(0, json.dumps({"devices": rows}).encode(), "")


async def test_pages_are_drawn_anew_when_a_host_sees_something_else_and_only_then():
    host: Any = Host()
    live = Live(host)
    devices = Devices(host, host, live)
    host.plugged = ["/dev/usb/lp0"]
    await devices.look("edge")
    before = live.structure
    await devices.look("edge")
    assert live.structure == before
    host.plugged.append("/dev/usb/lp1")
    await devices.look("edge")
    assert live.structure == before + 1
    assert [one.path for one in (await devices.of("edge")).free] == host.plugged
    host.away = True
    await devices.look("edge")
    assert (await devices.of("edge")).failed == ["edge does not answer"]


async def test_the_list_of_what_is_not_used_holds_nothing_that_is_used_and_that_is_folded_below():
    answers = Answers()
    live = Live(cast("Watch", answers))
    live.fleet.hosts["edge"] = HostRow("edge", "online", "1.0", "here:26151")
    console = console_over(live, answers)
    free = Device("Serial Port", "/dev/ttyS1", "Serial adapter", name="COM2:")
    used = Device("Serial Port", "/dev/ttyS0", "Scale", in_use="COM1:")

    async def of(_host: str) -> Found:
        return Found(free=[free], used=[used])

    console.devices = cast("Devices", SimpleNamespace(of=of))
    page = await page_of(console, "/hosts/edge")
    part = page.partition('data-part="found"')[2].partition("</section>")[0]
    listed, _, folded = part.partition("<details")
    assert "Serial adapter" in listed
    assert "Scale" not in listed
    assert '<p class="sub">1</p>' in listed
    assert "Used already, 1" in folded
    assert "used by COM1:" in folded
    assert "Add port" not in folded


def test_a_monitor_that_all_hosts_have_is_listed_once_and_another_says_where_it_is():
    found = [Monitor(host, "Local Port", ()) for host in ("bar", "dock")] + [Monitor("dock", "Acme", ())]
    assert kinds(found, "") == [("Local Port", ""), ("Acme", "dock")]
    assert kinds(found, "bar") == [("Local Port", "")]
    assert kinds([], "") == []


@pytest.mark.parametrize(
    ("hosts", "meant"),
    [
        (["kitchen", "local", "office"], "local"),
        (["kitchen", "print-7.example.com", "local"], "print-7.example.com"),
        (["kitchen"], "kitchen"),
        (["kitchen", "office"], ""),
        ([], ""),
    ],
)
def test_a_new_port_is_proposed_on_this_machine_and_on_no_other_by_chance(hosts: list[str], meant: str):
    assert at_hand(hosts, "print-7") == meant


async def test_who_has_to_choose_a_host_is_asked_to():
    answers = Answers()
    live = Live(cast("Watch", answers))
    live.fleet.hosts.update((name, HostRow(name, "online")) for name in ("kitchen", "office"))
    console = console_over(live, answers)
    console.devices = cast("Devices", SimpleNamespace(of_all=_nothing))
    page = await page_of(console, "/add")
    assert '<option value="">Choose a host</option><option>kitchen</option>' in page
    assert "<option selected>office</option>" in await page_of(console, "/add?host=office")


async def _nothing(_hosts: list[str]) -> list[tuple[str, Found]]:
    return []
