from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.errors import (
    DeadlineExceeded,
    FabricError,
    HostUnreachable,
    InvalidSettings,
    PortExists,
)
from tests.fakes.port_service import FakePortService
from tests.unit.portui.requests import add, found


async def test_a_port_is_added_in_the_order_of_the_contract(portui: Any, spooler: FakePortService):
    answer = await portui.AddPortUI(add({"baud": 19200}))
    assert answer.port.name == "hosts/edge-7/ports/COM2:"
    assert spooler.ports["com2:"].settings["baud"] == 19200
    assert spooler.calls == [
        "XcvOpen", "PortExists", "MonitorUI", "DescribeUI", "PortIsValid", "AddPort", "XcvClose",
    ]  # fmt: skip


async def test_wrong_settings_of_a_new_port_are_answered_by_field_and_nothing_is_added(
    portui: Any, spooler: FakePortService
):
    answer = await portui.AddPortUI(add({"baud": 7, "colour": "red"}))
    assert set(found(answer.errors)) == {"/baud", ""}  # the form has no colour: it is about the whole
    assert not answer.HasField("port")
    assert "com2:" not in spooler.ports


async def test_a_wrong_name_is_an_error_at_the_name(portui: Any, spooler: FakePortService):
    assert found((await portui.AddPortUI(add({}, port_id="a,b"))).errors) == {"/name": "has a comma"}
    spooler.answers["PortIsValid"] = (123, b"", "is a directory")
    assert found((await portui.AddPortUI(add({}))).errors) == {"": "is a directory"}


async def test_a_value_that_is_an_object_is_an_error_before_the_monitor_sees_it(
    portui: Any, spooler: FakePortService
):
    answer = await portui.AddPortUI(add({"baud": {"$gt": 0}}))
    assert list(found(answer.errors)) == ["/baud"]
    assert "PortIsValid" not in spooler.calls


async def test_a_name_that_exists_is_183_whatever_its_case(portui: Any, spooler: FakePortService):
    with pytest.raises(PortExists) as caught:
        await portui.AddPortUI(add({}, port_id="com1:"))
    assert (caught.value.win32, caught.value.code) == (183, "ALREADY_EXISTS")
    assert "AddPort" not in spooler.calls


async def test_the_same_request_again_is_the_same_port_and_without_an_id_it_exists(
    portui: Any, spooler: FakePortService
):
    first = await portui.AddPortUI(add({"baud": 19200}, request_id="r-1"))
    again = await portui.AddPortUI(add({"baud": 19200}, request_id="r-1"))
    assert again.port.name == first.port.name
    for other in ("", "r-2"):
        with pytest.raises(PortExists):
            await portui.AddPortUI(add({"baud": 19200}, request_id=other))


async def test_only_validating_adds_nothing(portui: Any, spooler: FakePortService):
    answer = await portui.AddPortUI(add({"baud": 19200}, validate_only=True))
    assert not answer.errors
    assert "com2:" not in spooler.ports


async def test_errors_that_only_the_adding_shows_are_answered_by_field_too(
    portui: Any, spooler: FakePortService
):
    spooler.raises["AddPort"] = InvalidSettings("wrong", fields=[("settings.baud", "is taken")])
    assert found((await portui.AddPortUI(add({}))).errors) == {"/baud": "is taken"}


async def test_a_monitor_may_want_the_name_first_and_settings_by_a_command_of_its_own(
    portui: Any, spooler: FakePortService
):
    spooler.form["commit"]["add"] = ["AddPort", "SetLine"]
    await portui.AddPortUI(add({"baud": 19200}))
    assert spooler.calls[-3:] == ["AddPort", "SetLine", "XcvClose"]
    assert spooler.ports["com2:"].settings["baud"] == 19200


async def test_a_port_whose_set_up_is_refused_is_taken_back(portui: Any, spooler: FakePortService):
    spooler.form["commit"]["add"] = ["AddPort", "SetLine"]
    spooler.answers["SetLine"] = (87, b'{"errors":{"/baud":"the line cannot"}}', "no")
    answer = await portui.AddPortUI(add({"baud": 19200}))
    assert found(answer.errors) == {"/baud": "the line cannot"}
    assert "com2:" not in spooler.ports


async def test_a_port_whose_set_up_fails_is_taken_back_and_the_failure_is_told(
    portui: Any, spooler: FakePortService
):
    spooler.form["commit"]["add"] = ["AddPort", "SetLine"]
    spooler.answers["SetLine"] = (31, b"", "the line is dead")
    with pytest.raises(FabricError, match="SetLine: the line is dead") as caught:
        await portui.AddPortUI(add({}))
    assert (caught.value.reason, caught.value.win32) == ("COMMAND_FAILED", 31)
    assert "com2:" not in spooler.ports


async def test_a_port_is_taken_back_when_the_caller_hangs_up_in_the_middle(
    portui: Any, spooler: FakePortService
):
    spooler.form["commit"]["add"] = ["AddPort", "SetLine"]
    spooler.stuck.add("SetLine")
    with pytest.raises(DeadlineExceeded):
        await portui.AddPortUI(add({}), timeout=0.4)
    for _ in range(200):
        if spooler.calls[-1] == "XcvClose":
            break
        await asyncio.sleep(0.01)
    assert spooler.calls[-2:] == ["DeletePort", "XcvClose"]
    assert "com2:" not in spooler.ports
    assert spooler.sessions == {}


async def test_a_port_that_cannot_be_taken_back_is_named(portui: Any, spooler: FakePortService):
    spooler.form["commit"]["add"] = ["AddPort", "SetLine"]
    spooler.raises["DeletePort"] = HostUnreachable("edge-7 does not answer")
    spooler.answers["SetLine"] = (87, b'{"errors":{"/baud":"the line cannot"}}', "no")
    answer = await portui.AddPortUI(add({}))
    assert "hosts/edge-7/ports/COM2: was added" in found(answer.errors)[""]
    spooler.ports.pop("com2:")
    spooler.answers["SetLine"] = (31, b"", "the line is dead")
    with pytest.raises(FabricError) as caught:
        await portui.AddPortUI(add({}))
    assert caught.value.metadata["left_behind"] == "hosts/edge-7/ports/COM2:"
