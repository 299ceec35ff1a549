"""The commands of Windows' monitor of discovered printers, for IPP ports, over gRPC."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2 as xpb
from printfabric_sim.connections.ipp_message import Tag, Value
from tests.contract.ipp_rig import IppRig
from tests.contract.monitor_host import OWNER, Host, served_host

UUID = "urn:uuid:4509a320-00a0-008f-00b6-002507510eca"


class Office:
    """A host with an IPP port, and sessions on it."""

    def __init__(self, host: Host, rig: IppRig) -> None:
        self.host, self.rig = host, rig

    async def do(self, command: str, value: Any = None, *, access: int = 1, **about: str) -> tuple[int, Any]:
        """Execute a command in a session of its own; return its status and output."""
        about = about or {"port": "Office"}
        session = await self.host.xcv.XcvOpenPort(xpb.XcvOpenPortRequest(granted_access=access, **about))
        data = b"" if value is None else json.dumps(value).encode()
        request = xpb.XcvDataPortRequest(handle=session.handle, data_name=command, input_data=data)
        answer = await self.host.xcv.XcvDataPort(request)
        return answer.status, json.loads(answer.output_data) if answer.output_data else None

    @property
    def there(self) -> bool:
        return "Office" in self.host.ports


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    rig = IppRig(tmp_path)
    rig.says = {
        "printer-uuid": [Value(Tag.URI, UUID)],
        "printer-make-and-model": [Value(Tag.TEXT, "Acme Laser 9")],
        "printer-device-id": [Value(Tag.TEXT, "MFG:Acme;MDL:Laser 9 Office Edition;CMD:PWGRaster;")],
    }
    async with served_host(tmp_path) as host:
        await host.ports.add("Office", "IPP Port", rig.settings())
        yield Office(host, rig)
    rig.stop()


async def test_a_printer_says_who_it_is(office: Office) -> None:
    uri = f"ipp://127.0.0.1:{office.rig.address[1]}/ipp/print"
    assert await office.do("DeviceID", access=0) == (0, UUID)
    assert await office.do("ServiceID", access=0) == (0, uri)
    status, name = await office.do("PnPXID", access=0)
    assert (status, name[:20], len(name)) == (0, "AcmeLaser_9_Office_E", 24)
    assert await office.do("CheckCluster", access=0) == (0, 0)
    status, found = await office.do("DiscoverDevice", uri, monitor="IPP Port")
    assert (status, found["reached"], found["model"], found["uuid"]) == (0, True, "Acme Laser 9", UUID)
    assert not office.rig.jobs


async def test_what_a_printer_does_not_say_is_not_supported(office: Office) -> None:
    office.rig.says = {}
    for command in ("DeviceID", "PnPXID"):
        assert (await office.do(command))[0] == 50


async def test_a_link_is_checked_and_made_anew(office: Office) -> None:
    ask = pb.OpenPortRequest(owner=OWNER, port="Office", fence=1)
    await office.host.monitor.OpenPort(ask)
    assert await office.do("ResetCommunication") == (0, None)
    office.rig.stop()
    assert (await office.do("ResetCommunication"))[0] == 1225
    assert (await office.do("DeviceID"))[0] == 1225


async def test_a_port_is_cleaned_up_when_nobody_uses_it(office: Office) -> None:
    used = pb.NotifyUsedPortsRequest(owner=OWNER, ports=["Office"])
    await office.host.monitor.NotifyUsedPorts(used)
    assert await office.do("CleanupPort") == (0, {"deleted": False})
    assert office.there
    await office.host.monitor.NotifyUnusedPorts(pb.NotifyUnusedPortsRequest(owner=OWNER, ports=["Office"]))
    assert (await office.do("CleanupPort", access=0))[0] == 5
    assert await office.do("CleanupPort") == (0, {"deleted": True})
    assert not office.there


@pytest.mark.parametrize(
    ("command", "value", "status"),
    [
        ("DiscoverDevice", None, 13),
        ("DiscoverDevice", 7, 13),
        ("DiscoverDevice", "gopher://x", 87),
        ("DeviceID", None, 87),
    ],
)
async def test_input_and_sessions_that_do_not_fit_are_refused(
    office: Office, command: str, value: Any, status: int
) -> None:
    assert (await office.do(command, value, monitor="IPP Port"))[0] == status


@pytest.mark.parametrize(
    "command",
    [
        "CleanupPort",
        "DeviceID",
        "PnPXID",
        "ServiceID",
        "ResetCommunication",
        "CheckCluster",
        "DiscoverDevice",
    ],
)
async def test_other_monitors_do_not_know_them_and_neither_does_another_case(
    office: Office, command: str
) -> None:
    for monitor in ("Local Port", "Standard TCP/IP Port"):
        assert (await office.do(command, monitor=monitor))[0] == 87
    assert (await office.do(command, port="IP_1"))[0] == 87
    assert (await office.do(command.lower()))[0] == 87


async def test_rights_are_looked_at(office: Office) -> None:
    for command in ("CleanupPort", "ResetCommunication", "DiscoverDevice"):
        assert (await office.do(command, access=2))[0] == 5
