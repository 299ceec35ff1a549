"""Adding and changing ports by way of their monitors: what the answer says, races, and every code a monitor may say."""

import asyncio
import json

import pytest

from chassis.errors import (
    ConnectionRefused,
    DeviceNotConnected,
    DeviceOffline,
    EtagMismatch,
    FabricError,
    InvalidArgument,
    InvalidLevel,
    InvalidSettings,
    NotSupported,
    PortNotFound,
    StoreUnavailable,
)
from printfabric.spooler.v1 import port_service_pb2 as pb
from spooler.api import port_setup
from tests.fabric.spooler_rig import spooler_running
from tests.fakes.xcv_link import MONITOR


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        body = json.dumps({"host": "10.0.0.7", "port": 9100}).encode()
        await rig.ports.AddPort(
            pb.AddPortRequest(parent="hosts/edge", port_id="IP_7", monitor=MONITOR, settings=body)
        )
        yield rig


def change(settings=b'{"port": 9101}', **more):
    return pb.ConfigurePortRequest(name="edge/IP_7", settings=settings, **more)


async def test_the_answer_to_a_change_has_the_revision_that_the_next_change_needs(rig):
    rig.link.tells_after_s = 0.2  # a host tells of it a moment later than it answers
    first = await rig.ports.ConfigurePort(change())
    assert first.changed
    assert first.port.settings_revision == "2"
    told = (await rig.ports.GetPort(pb.GetPortRequest(name="edge/IP_7"))).port
    assert told.settings_revision == "2"  # who has the answer finds the port so
    again = await rig.ports.ConfigurePort(change(b'{"port": 9102}', settings_revision="2"))
    assert again.port.settings_revision == "3"


async def test_a_host_that_does_not_tell_costs_a_moment_and_no_wrong_revision(rig, monkeypatch):
    monkeypatch.setattr(port_setup, "_HEARD_S", 0.1)
    rig.link.tells_after_s = None
    assert (await rig.ports.ConfigurePort(change())).port.settings_revision == "2"
    async with asyncio.timeout(30):
        same = await rig.ports.ConfigurePort(change())
    assert (same.changed, same.port.settings_revision) == (False, "2")


async def test_validating_says_whether_anything_would_change(rig):
    would = await rig.ports.ConfigurePort(change(validate_only=True))
    assert (would.changed, would.port.settings_revision) == (True, "1")
    assert rig.link.settings["IP_7"]["port"] == 9100
    same = await rig.ports.ConfigurePort(change(b'{"port": 9100}', validate_only=True))
    assert not same.changed


async def test_a_change_without_a_revision_is_made_on_what_is_there_whoever_changes_it_meanwhile(rig):
    rig.link.raced_for = 3
    done = await rig.ports.ConfigurePort(change())
    assert rig.link.settings["IP_7"] == {"host": "10.0.0.0", "port": 9101}  # nobody's change is lost
    assert done.port.settings_revision == "5"


async def test_a_change_with_a_revision_is_refused_when_somebody_was_first(rig):
    rig.link.raced_for = 1
    with pytest.raises(EtagMismatch):
        await rig.ports.ConfigurePort(change(settings_revision="1"))
    assert rig.link.settings["IP_7"]["port"] == 9100


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (2, PortNotFound, "NOT_FOUND"),
        (3, InvalidArgument, "NOT_FOUND"),
        (13, InvalidArgument, "INVALID_ARGUMENT"),
        (21, DeviceOffline, "UNAVAILABLE"),
        (50, NotSupported, "UNIMPLEMENTED"),
        (87, InvalidSettings, "INVALID_ARGUMENT"),
        (120, NotSupported, "UNIMPLEMENTED"),
        (123, InvalidArgument, "INVALID_ARGUMENT"),
        (124, InvalidLevel, "INVALID_ARGUMENT"),
        (1167, DeviceNotConnected, "UNAVAILABLE"),
        (1225, ConnectionRefused, "UNAVAILABLE"),
        (1707, InvalidSettings, "INVALID_ARGUMENT"),
        (1722, StoreUnavailable, "UNAVAILABLE"),
        (1784, InvalidArgument, "INVALID_ARGUMENT"),
    ],
)
async def test_what_a_monitor_says_keeps_its_code_and_gets_its_name(rig, status, error, code):
    rig.link.statuses["PortIsValid"] = status
    with pytest.raises(FabricError) as caught:
        await rig.ports.ConfigurePort(change())
    assert (type(caught.value), caught.value.win32, caught.value.code) == (error, status, code)
    assert caught.value.metadata["data_name"] == "PortIsValid"
