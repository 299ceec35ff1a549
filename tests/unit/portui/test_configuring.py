from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from chassis.errors import (
    AccessDenied,
    EtagMismatch,
    FabricError,
    InvalidArgument,
    InvalidHandle,
    PortInUse,
    PortNotFound,
)
from printfabric.portui.v1 import portui_service_pb2 as pb
from tests.fakes.port_service import FakePortService
from tests.unit.portui.requests import COM1, add, configure, found


async def test_a_port_is_changed_and_what_is_not_given_stays(portui: Any, spooler: FakePortService):
    answer = await portui.ConfigurePortUI(configure({"baud": 19200}, settings_revision="r1"))
    assert answer.changed
    assert answer.port.settings_revision == "r2"
    assert spooler.ports["com1:"].settings == {"baud": 19200, "title": "", "pin": "1234"}


async def test_settings_as_they_are_already_are_ok_and_not_changed(portui: Any, spooler: FakePortService):
    answer = await portui.ConfigurePortUI(configure({"baud": 9600, "title": ""}))
    assert not answer.changed
    assert answer.port.name == COM1
    assert "ConfigurePort" not in spooler.calls


async def test_wrong_settings_are_answered_by_field_and_nothing_is_changed(
    portui: Any, spooler: FakePortService
):
    answer = await portui.ConfigurePortUI(configure({"baud": 9601, "title": "till"}))
    assert found(answer.errors) == {"/baud": "must be one of [1200, 9600, 19200]"}
    assert not answer.changed
    assert spooler.ports["com1:"].settings["title"] == ""


async def test_settings_somebody_else_changed_meanwhile_are_an_etag_mismatch(
    portui: Any, spooler: FakePortService
):
    with pytest.raises(EtagMismatch) as caught:
        await portui.ConfigurePortUI(configure({"baud": 19200}, settings_revision="r0"))
    assert caught.value.code == "ABORTED"
    assert spooler.ports["com1:"].settings["baud"] == 9600


async def test_a_change_between_reading_and_writing_is_an_etag_mismatch_too(
    portui: Any, spooler: FakePortService
):
    def somebody_else() -> None:
        spooler.ports["com1:"].revision += 1

    spooler.before["PortIsValid"] = somebody_else
    with pytest.raises(EtagMismatch):
        await portui.ConfigurePortUI(configure({"baud": 19200}, settings_revision="r1"))


async def test_only_validating_changes_nothing(portui: Any, spooler: FakePortService):
    answer = await portui.ConfigurePortUI(configure({"baud": 19200}, validate_only=True))
    assert not answer.errors
    assert spooler.ports["com1:"].settings["baud"] == 9600


async def test_a_secret_that_is_set_already_needs_not_be_given_again(portui: Any, spooler: FakePortService):
    spooler.answers["PortIsValid"] = (87, b'{"errors":{"/pin":"is required"}}', "wrong")
    assert (await portui.ConfigurePortUI(configure({"baud": 19200}))).changed
    answer = await portui.ConfigurePortUI(configure({"pin": ""}))
    assert found(answer.errors) == {"/pin": "is required"}


@pytest.mark.parametrize(
    ("status", "error"), [(5, AccessDenied), (2, PortNotFound), (170, PortInUse), (1306, EtagMismatch)]
)
async def test_the_monitors_own_codes_are_errors_of_their_name(
    portui: Any, spooler: FakePortService, status: int, error: type[FabricError]
):
    spooler.answers["GetConfigInfo"] = (status, b"", "no")
    with pytest.raises(error, match="GetConfigInfo: no"):
        await portui.ConfigurePortUI(configure({"baud": 19200}))


@pytest.mark.parametrize(
    ("status", "code"), [(21, "UNAVAILABLE"), (1460, "DEADLINE_EXCEEDED"), (99999, "INTERNAL")]
)
async def test_a_code_without_a_name_here_keeps_its_number_and_its_grpc_code(
    portui: Any, spooler: FakePortService, status: int, code: str
):
    spooler.answers["GetConfigInfo"] = (status, b"", "")
    with pytest.raises(FabricError) as caught:
        await portui.ConfigurePortUI(configure({"baud": 19200}))
    assert (caught.value.reason, caught.value.win32, caught.value.code) == ("COMMAND_FAILED", status, code)


async def test_settings_that_are_no_object_are_refused_before_anybody_is_asked(
    portui: Any, spooler: FakePortService
):
    for call in (
        portui.ConfigurePortUI(pb.ConfigurePortUIRequest(name=COM1, settings=b"[1]")),
        portui.AddPortUI(
            pb.AddPortUIRequest(parent="edge-7", monitor="Acme Port", port_id="X", settings=b"{")
        ),
    ):
        with pytest.raises(InvalidArgument, match="settings"):
            await call
    assert spooler.calls == []


# --- DeletePortUI


async def test_a_port_is_deleted(portui: Any, spooler: FakePortService):
    await portui.DeletePortUI(pb.DeletePortUIRequest(name=COM1))
    assert spooler.ports == {}


async def test_a_port_that_a_printer_uses_stays(portui: Any, spooler: FakePortService):
    spooler.ports["com1:"].printers.append("labels")
    with pytest.raises(PortInUse, match="used by labels") as caught:
        await portui.DeletePortUI(pb.DeletePortUIRequest(name=COM1))
    assert (caught.value.win32, caught.value.code) == (170, "FAILED_PRECONDITION")


# --- the audit


async def test_each_change_is_one_line_with_who_which_port_and_old_and_new_but_no_secrets(
    portui: Any, spooler: FakePortService
):
    with capture_logs() as lines:
        await portui.AddPortUI(add({"baud": 19200, "pin": "0000"}))
        await portui.ConfigurePortUI(configure({"baud": 19200, "pin": "5678"}))
        await portui.ConfigurePortUI(configure({"baud": 19200}))
        await portui.DeletePortUI(pb.DeletePortUIRequest(name=COM1))
    said = [
        {name: line.get(name) for name in ("event", "who", "port", "settings")}
        for line in lines
        if line["event"].startswith("port ")
    ]
    assert said == [
        {
            "event": "port added",
            "who": "loopback",
            "port": "hosts/edge-7/ports/COM2:",
            "settings": {"baud": "None → 19200", "pin": "(secret)"},
        },
        {
            "event": "port configured",
            "who": "loopback",
            "port": COM1,
            "settings": {"baud": "9600 → 19200", "pin": "(secret)"},
        },
        {"event": "port deleted", "who": "loopback", "port": COM1, "settings": None},
    ]
    assert not {"0000", "1234", "5678"} & set(json.dumps(lines, default=str).split('"'))


async def test_a_host_that_lost_the_session_is_said_and_nothing_is_changed(
    portui: Any, spooler: FakePortService
):
    spooler.before["PortIsValid"] = spooler.sessions.clear
    with pytest.raises(InvalidHandle):
        await portui.ConfigurePortUI(configure({"baud": 19200}))
    assert "ConfigurePort" not in spooler.calls
