"""SendRecvBidiDataFromPort over gRPC: what is known, what may be set, and Windows' codes for the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portmon.facts import Fact, Kind
from portmon.reports import Condition, Report, Severity
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2 as xpb
from printfabric_sim.connections.ipp_message import Tag, Value
from tests.contract.ipp_rig import IppRig
from tests.contract.monitor_host import OWNER, Host, refusal, served_host, whole

INFO = r"\Printer.DeviceInfo"
MODEL, MEMORY = f"{INFO}:ModelName", r"\Printer.Configuration.Memory:Size"
CLEAN, ALIGN = r"\Printer.Maintenance:CleanHead", r"\Printer.Maintenance:AlignHead"
STATE, REASON = r"\Printer.Status.Summary:State", r"\Printer.Status.Summary:StateReason"


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


def asking(action: str, *paths: str, access: int = 1, **value: Any) -> pb.SendRecvBidiDataFromPortRequest:
    data = pb.BidiValue(**value) if value else None
    items = [pb.BidiRequestItem(request_number=n, schema=path, data=data) for n, path in enumerate(paths, 1)]
    return pb.SendRecvBidiDataFromPortRequest(port="IP_1", action_name=action, items=items, access=access)


async def ask(host: Host, action: str, *paths: str, **how: Any) -> pb.SendRecvBidiDataFromPortResponse:
    return await host.monitor.SendRecvBidiDataFromPort(asking(action, *paths, **how))


async def results(host: Host, action: str, *paths: str, **how: Any) -> list[int]:
    """Return the whole call's result, then its items'."""
    found = await ask(host, action, *paths, **how)
    return [found.result, *(one.result for one in found.items)]


def told(host: Host, **values: str) -> None:
    facts = {f"{INFO}:{name}": Fact(Kind.STRING, value) for name, value in values.items()}
    host.ports.get("IP_1").facts.tell("zpl", facts)


def reported(host: Host, *conditions: Condition, severity: Severity = Severity.ERROR) -> None:
    reports = [Report(one, severity) for one in conditions]
    host.ports.report(host.ports.get("IP_1"), "zpl", reports, 60)


async def test_questions_are_answered_item_by_item(host: Host) -> None:
    told(host, ModelName="ZD621\n")
    reported(host, Condition.PAPER_OUT)
    found = await ask(host, "gEt", MODEL, r"\Printer.Foo", REASON)
    assert found.result == 13001
    assert [(one.request_number, one.result) for one in found.items] == [(1, 0), (2, 13005), (3, 0)]
    assert (found.items[0].data.string_value, found.items[2].data.string_value) == ("ZD621", "MediaEmpty")
    assert found.items[0].HasField("time")
    assert (await ask(host, "Get", STATE)).items[0].data.enum_value == "Stopped"


async def test_what_nobody_told_is_null(host: Host) -> None:
    duplex = (await ask(host, "Get", r"\Printer.Configuration.DuplexUnit:Installed")).items[0]
    assert (duplex.result, duplex.data.null_value) == (0, True)


@pytest.mark.parametrize(
    ("action", "path", "code"),
    [
        ("Get", CLEAN, 13010),
        ("GetAll", r"\Printer.Maintenance", 13010),
        ("GetWithArgument", ALIGN, 13010),
        ("Get", r"\Printer.DeviceInfo:Nothing", 13005),
        ("GetAll", r"\Printer.Nowhere", 13005),
        ("GetWithArgument", r"\Printer.Nowhere:At", 13005),
        ("GetWithArgument", MODEL, 13013),
        ("Get", r"\Printer..x", 87),
        ("Get", "nonsense", 87),
        ("Set", MEMORY, 13002),
        ("Set", MODEL, 13002),
        ("Set", STATE, 13002),
        ("Set", r"\Printer.DeviceInfo:Nothing", 13005),
        ("Set", r"\Printer.DeviceInfo", 13007),
        ("Set", r"\Printer.Nowhere", 13008),
        ("Set", "nonsense", 13008),
        ("Set", f"{INFO}:Location", 13006),
        ("Set", CLEAN, 13006),
    ],
)
async def test_items_that_fail_have_windows_codes(host: Host, action: str, path: str, code: int) -> None:
    assert await results(host, action, path) == [13001, code]


async def test_an_argument_that_is_not_wanted_is_refused(host: Host) -> None:
    assert await results(host, "GetWithArgument", MODEL, string_value="x") == [13001, 13012]


async def test_actions_without_an_item_and_actions_that_are_none_are_refused(host: Host) -> None:
    for action in ("Get", "GetAll", "Set", "GetWithArgument"):
        assert (await refusal(ask(host, action)))[:2] == ("INVALID_ARGUMENT", 87)
    assert (await refusal(ask(host, "EnumSchema", MODEL)))[:2] == ("INVALID_ARGUMENT", 87)
    assert (await refusal(ask(host, "Dance", MODEL)))[:2] == ("UNIMPLEMENTED", 50)


async def test_all_below_a_path_and_all_that_is_known_can_be_listed(host: Host) -> None:
    told(host, ModelName="ZD621", Manufacturer="Zebra")
    below = await ask(host, "GetAll", INFO)
    assert [(one.request_number, one.schema) for one in below.items] == [
        (1, f"{INFO}.NetworkingInfo:IPAddress"),
        (1, f"{INFO}:Manufacturer"),
        (1, f"{INFO}:ModelName"),
    ]
    schema = await ask(host, "EnumSchema")
    paths = {one.data.text_value for one in schema.items}
    assert {MODEL, STATE} <= paths
    assert all(not one.schema for one in schema.items)


@pytest.mark.parametrize("name", ["FriendlyName", "Location", "Comment"])
async def test_names_are_set_kept_and_gone_with_the_port(host: Host, name: str) -> None:
    path = f"{INFO}:{name}"
    told(host, **{name: "as the printer says"})
    assert await results(host, "Set", path, string_value="Dock 7") == [0, 0]
    assert (await ask(host, "Get", path)).items[0].data.string_value == "Dock 7"
    assert await results(host, "Set", path, string_value="") == [0, 0]
    assert (await ask(host, "Get", path)).items[0].data.string_value == "as the printer says"
    await ask(host, "Set", path, string_value="Dock 7")
    session = await host.xcv.XcvOpenPort(xpb.XcvOpenPortRequest(port="IP_1", granted_access=1))
    delete = xpb.XcvDataPortRequest(handle=session.handle, data_name="DeletePort", input_data=b'"IP_1"')
    assert (await host.xcv.XcvDataPort(delete)).status == 0
    await host.ports.add("IP_1", "Standard TCP/IP Port", host.rig.settings())
    assert (await ask(host, "Get", path)).items[0].data.null_value


async def test_only_an_administrator_sets(host: Host) -> None:
    location = f"{INFO}:Location"
    assert await results(host, "Set", location, string_value="here", access=2) == [13001, 5]
    assert await results(host, "Set", CLEAN, bool_value=True, access=2) == [13001, 5]
    assert await results(host, "Set", MODEL, string_value="mine", access=2) == [13001, 13002]
    assert await results(host, "Set", location, string_value="x" * 256) == [13001, 87]
    assert await results(host, "Set", location, string_value="a\nb") == [13001, 87]


async def test_maintenance_that_the_printer_has_no_command_for_is_not_supported(host: Host) -> None:
    await host.open()
    for path in (CLEAN, ALIGN):
        assert await results(host, "Set", path, bool_value=True) == [13001, 50]
        assert await results(host, "Set", path, int_value=1) == [13001, 50]
        assert await results(host, "Set", path, bool_value=False) == [0, 0]
        assert await results(host, "Set", path, string_value="please") == [13001, 13006]


async def test_a_device_that_is_offline_answers_nothing_and_its_host_does(host: Host) -> None:
    told(host, ModelName="ZD621")
    reported(host, Condition.OFFLINE)
    offline = ("UNAVAILABLE", 13004)
    assert (await refusal(ask(host, "Get", MODEL)))[:2] == offline
    assert (await refusal(ask(host, "GetAll", r"\Printer.Configuration")))[:2] == offline
    assert (await refusal(ask(host, "Set", CLEAN, bool_value=True)))[:2] == offline
    assert await results(host, "Get", STATE, MODEL) == [13001, 0, 13004]
    everything = {one.schema for one in (await ask(host, "GetAll", r"\Printer")).items}
    assert STATE in everything
    assert MODEL not in everything
    assert await results(host, "Set", f"{INFO}:Location", string_value="here") == [0, 0]
    reported(host)
    assert await results(host, "Get", MODEL) == [0, 0]


def _events(answer: pb.SendRecvBidiDataFromPortResponse) -> dict[str, str]:
    return {
        one.schema.split(".")[3].split(":")[0]: one.data.enum_value
        for one in answer.items
        if ":Name" in one.schema
    }


async def test_an_event_has_a_number_of_its_own_that_is_not_used_again(host: Host) -> None:
    detailed = r"\Printer.Status.Detailed"
    reported(host, Condition.PAPER_OUT, Condition.DOOR_OPEN)
    first = _events(await ask(host, "GetAll", detailed))
    assert sorted(first.values()) == ["DoorOpen", "InputTraySupplyEmpty"]
    assert _events(await ask(host, "GetAll", detailed)) == first
    reported(host)
    assert not _events(await ask(host, "GetAll", detailed))
    reported(host, Condition.PAPER_OUT)
    again = _events(await ask(host, "GetAll", detailed))
    assert again.keys().isdisjoint(first)
    warned = [Condition.OUTPUT_BIN_FULL, Condition.PAPER_PROBLEM]
    reported(host, *warned, severity=Severity.WARNING)
    assert sorted(_events(await ask(host, "GetAll", detailed)).values()) == [
        "InputTraySupplyLow", "OutputTrayAlmostFull",
    ]  # fmt: skip
    assert set((await ask(host, "Get", REASON)).items[0].data.string_value.split()) == {
        "MediaLow", "OutputAreaAlmostFull",
    }  # fmt: skip


async def test_what_an_open_device_tells_is_cut_and_cleaned(tmp_path: Path) -> None:
    rig = IppRig(tmp_path)
    rig.says = {"printer-location": [Value(Tag.TEXT, "Hall\x1b[2J\n" + "x" * 5000)]}
    async with served_host(tmp_path) as host:
        await host.ports.add("Office", "IPP Port", rig.settings())
        opened = await host.monitor.OpenPort(pb.OpenPortRequest(owner=OWNER, port="Office", fence=1))
        begun = pb.StartDocPortRequest(handle=opened.handle, document=whole(b"").document)
        await host.monitor.StartDocPort(begun)
        request = asking("Get", f"{INFO}:Location")
        request.port = "Office"
        [found] = (await host.monitor.SendRecvBidiDataFromPort(request)).items
        text = found.data.string_value
        assert (text[:7], text.isprintable(), len(text) <= 1024) == ("Hall[2J", True, True)
    rig.stop()
