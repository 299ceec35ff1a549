from __future__ import annotations

import json
from typing import Any

import pytest

from chassis.errors import (
    FabricError,
    InvalidArgument,
    NotSupported,
    PortNotFound,
    UnknownPrintMonitor,
)
from printfabric.portui.v1 import portui_service_pb2 as pb
from tests.fakes.port_service import FakePortService
from tests.unit.portui.requests import ACME, COM1, add, configure


async def test_a_ports_form_comes_with_its_values_and_their_revision_and_without_secrets(
    portui: Any, spooler: FakePortService
):
    answer = await portui.DescribeForm(pb.DescribeFormRequest(port=COM1))
    assert answer.ui == "acme.serial.ui;1;sha256=4711cafe"
    assert json.loads(answer.descriptor_json) == spooler.form
    assert json.loads(answer.values_json) == {"baud": 9600, "title": ""}
    assert answer.settings_revision == "r1"
    assert spooler.sessions == {}


async def test_a_monitors_form_has_no_values(portui: Any, spooler: FakePortService):
    answer = await portui.DescribeForm(pb.DescribeFormRequest(monitor=ACME, locale="de-AT"))
    assert (answer.values_json, answer.settings_revision) == (b"", "")
    assert spooler.documents[0] == ("MonitorUI", {"dialog": "add", "locale": "de-AT"})


async def test_a_form_the_caller_has_is_not_sent_again_but_the_values_are(portui: Any):
    asked = pb.DescribeFormRequest(port=COM1, known_ui="acme.serial.ui;1;sha256=4711cafe")
    answer = await portui.DescribeForm(asked)
    assert (answer.ui, answer.descriptor_json) == (asked.known_ui, b"")
    assert json.loads(answer.values_json) == {"baud": 9600, "title": ""}


async def test_an_older_form_of_the_caller_is_replaced(portui: Any):
    asked = pb.DescribeFormRequest(port=COM1, known_ui="acme.serial.ui;0;sha256=00000000")
    assert (await portui.DescribeForm(asked)).descriptor_json


async def test_looking_at_a_form_asks_for_no_more_than_to_look(portui: Any, spooler: FakePortService):
    seen = []
    spooler.before["MonitorUI"] = lambda: seen.append([one.access for one in spooler.sessions.values()])
    await portui.DescribeForm(pb.DescribeFormRequest(port=COM1))
    await portui.ConfigurePortUI(configure({"baud": 9600}))
    assert seen == [[2], [1]]


@pytest.mark.parametrize("ui", ["../../evil.ui", "/lib/evil.ui", "evil\\ui.dll", ["acme.serial.ui"]])
async def test_a_ui_with_a_path_is_refused_and_never_asked_for(
    portui: Any, spooler: FakePortService, ui: Any
):
    spooler.ui = ui
    for call in (
        portui.DescribeForm(pb.DescribeFormRequest(port=COM1)),
        portui.ConfigurePortUI(configure({"baud": 19200})),
        portui.AddPortUI(add({})),
    ):
        with pytest.raises(FabricError, match="not a base name") as caught:
            await call
        assert (caught.value.reason, caught.value.code, caught.value.win32) == (
            "FORM_REFUSED",
            "FAILED_PRECONDITION",
            126,
        )
    assert not {"DescribeUI", "ConfigurePort", "AddPort"} & set(spooler.calls)


async def test_a_form_of_more_than_64_kib_is_refused(portui: Any, spooler: FakePortService):
    spooler.form["note"] = "x" * 65536
    with pytest.raises(FabricError, match="65536 are allowed"):
        await portui.DescribeForm(pb.DescribeFormRequest(port=COM1))


@pytest.mark.parametrize("status", [50, 87])
async def test_a_monitor_without_a_form_is_unimplemented(portui: Any, spooler: FakePortService, status: int):
    spooler.answers["MonitorUI"] = (status, b"", "no command 'MonitorUI'")
    with pytest.raises(NotSupported, match="has no form") as caught:
        await portui.DescribeForm(pb.DescribeFormRequest(monitor=ACME))
    assert caught.value.win32 == 50


async def test_what_is_wrong_with_a_monitor_is_said_without_the_name_of_the_function_that_asked(
    portui: Any, spooler: FakePortService
):
    spooler.answers["MonitorUI"] = (2, b"", "no port monitor 'Simulated Port' on this host")
    with pytest.raises(FabricError) as caught:
        await portui.DescribeForm(pb.DescribeFormRequest(monitor=ACME))
    assert caught.value.message == "no port monitor 'Simulated Port' on this host"


async def test_a_port_whose_monitor_has_no_form_is_configured_all_the_same(
    portui: Any, spooler: FakePortService
):
    spooler.answers["MonitorUI"] = (50, b"", "")
    assert (await portui.ConfigurePortUI(configure({"baud": 19200}))).changed


# --- unknown names (contract.md §4.21: 1796 for all three functions)


@pytest.mark.parametrize("port", ["hosts/edge-7/ports/COM9:", "hosts/edge-8/ports/COM1:"])
async def test_an_unknown_port_is_1796_in_every_function(portui: Any, port: str):
    for call in (
        portui.DescribeForm(pb.DescribeFormRequest(port=port)),
        portui.ConfigurePortUI(pb.ConfigurePortUIRequest(name=port)),
        portui.DeletePortUI(pb.DeletePortUIRequest(name=port)),
    ):
        with pytest.raises(PortNotFound) as caught:
            await call
        assert (caught.value.win32, caught.value.code) == (1796, "NOT_FOUND")


async def test_an_empty_name_is_1796_too(portui: Any, spooler: FakePortService):
    for call in (
        portui.DescribeForm(pb.DescribeFormRequest(port="")),
        portui.DescribeForm(pb.DescribeFormRequest(monitor="")),
        portui.ConfigurePortUI(pb.ConfigurePortUIRequest()),
        portui.DeletePortUI(pb.DeletePortUIRequest()),
        portui.AddPortUI(add({}, parent="")),
        portui.AddPortUI(add({}, monitor="")),
        portui.AddPortUI(add({}, port_id="  ")),
    ):
        with pytest.raises(PortNotFound) as caught:
            await call
        assert caught.value.win32 == 1796
    assert spooler.calls == []


async def test_an_unknown_monitor_is_1796(portui: Any):
    for call in (
        portui.AddPortUI(add({}, monitor="Nobody's Port")),
        portui.DescribeForm(pb.DescribeFormRequest(monitor="hosts/edge-7/monitors/Nobody's Port")),
    ):
        with pytest.raises(UnknownPrintMonitor) as caught:
            await call
        assert (caught.value.win32, caught.value.code) == (1796, "NOT_FOUND")


async def test_a_form_of_nothing_is_an_invalid_argument(portui: Any):
    with pytest.raises(InvalidArgument, match="port or monitor is required"):
        await portui.DescribeForm(pb.DescribeFormRequest())
