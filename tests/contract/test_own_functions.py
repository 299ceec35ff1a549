"""What third parties' monitors bring beside their ports, over gRPC: commands, use of ports, sleep, values that are kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import DeadlineExceeded
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.xcv.session import ADMINISTER, USE
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2 as xpb
from tests.contract import hostile_monitors
from tests.contract.monitor_host import OWNER, Host, served_host, whole
from tests.contract.sample_rig import sample_entry
from tests.rig.until import until

_HOSTILE = "tests.contract.hostile_monitors"
ENTRIES = [
    EntryPoint("stillborn", f"{_HOSTILE}:Stillborn", "portmon.monitors"),
    EntryPoint("hostile", f"{_HOSTILE}:Hostile", "portmon.monitors"),
    EntryPoint("fickle", f"{_HOSTILE}:Fickle", "portmon.monitors"),
    EntryPoint("acme", f"{_HOSTILE}:AcmePort", "portmon.monitors"),
    EntryPoint("acme", f"{_HOSTILE}:AcmeLanguage", "portmon.languages"),
]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path, third_parties=[sample_entry(), *ENTRIES]) as found:
        await found.ports.add("SOCK1", "unix", {"path": "/nowhere/printer.sock"})
        await found.ports.add("HOSTILE1", "hostile", found.rig.settings())
        yield found


@pytest.fixture(autouse=True)
def _hanging_ends_with_the_test() -> Iterator[None]:
    hostile_monitors.HANGS.clear()
    yield
    hostile_monitors.FAILS.clear()
    hostile_monitors.HANGS.set()


async def do(
    host: Host,
    name: str,
    value: object = None,
    *,
    access: int = ADMINISTER,
    monitor: str = "Unix Socket Port",
    port: str = "",
) -> xpb.XcvDataPortResponse:
    """Execute a command in a session of its own."""
    on = xpb.XcvOpenPortRequest(port=port) if port else xpb.XcvOpenPortRequest(monitor=monitor)
    on.granted_access = access
    handle = (await host.xcv.XcvOpenPort(on)).handle
    data = b"" if value is None else json.dumps(value).encode()
    return await host.xcv.XcvDataPort(xpb.XcvDataPortRequest(handle=handle, data_name=name, input_data=data))


async def heard(host: Host) -> list[str]:
    found: list[str] = json.loads((await do(host, "GetHistory")).output_data)["heard"]
    return found


async def test_a_monitors_own_commands_are_executed_with_the_access_that_they_ask_for(host: Host) -> None:
    refused = await do(host, "SetLocation", "aisle 7", access=USE)
    assert (refused.status, refused.message) == (5, "SetLocation is for administrators")
    assert (await do(host, "SetLocation", 7)).status == 87
    assert (await do(host, "SetLocation", "aisle 7", port="SOCK1")).status == 0
    for monitor in ("unix socket port", "unix"):
        assert json.loads((await do(host, "GetLocation", access=0, monitor=monitor)).output_data) == "aisle 7"
    assert json.loads((await do(host, "GetLocation", access=0, port="sock1")).output_data) == "aisle 7"


async def test_other_monitors_do_not_know_them_nor_does_another_case(host: Host) -> None:
    assert (await do(host, "GetLocation", monitor="Local Port")).status == 87
    assert (await do(host, "GetLocation", port="IP_1")).status == 87
    assert (await do(host, "getlocation")).status == 87


async def test_the_hosts_own_commands_come_first(host: Host) -> None:
    answer = await do(host, "MonitorUI", monitor="Hostile Port")
    assert json.loads(answer.output_data).startswith("printfabric.hostile.ui;")


async def test_a_monitor_hears_which_of_its_ports_are_used(host: Host) -> None:
    await host.ports.add("SOCK2", "unix", {"path": "/nowhere/else.sock"})
    used = pb.NotifyUsedPortsRequest(owner=OWNER, ports=["SOCK1", "SOCK2", "IP_1"], full=True)
    for _ in range(2):
        await host.monitor.NotifyUsedPorts(used)
    await until(lambda: host.ports.own.told("unix") == {"SOCK1", "SOCK2"})
    await host.monitor.NotifyUnusedPorts(pb.NotifyUnusedPortsRequest(owner=OWNER, ports=["SOCK1", "IP_1"]))
    await until(lambda: host.ports.own.told("unix") == {"SOCK2"})
    await host.ports.delete("SOCK2")
    await until(lambda: host.ports.own.told("unix") == set())
    # A port that comes to be used while the monitor is told of others may be told apart.
    words = ", ".join(await heard(host)).replace("used: SOCK1, used: SOCK2", "used: SOCK1, SOCK2")
    assert words == "used: SOCK1, SOCK2, unused: SOCK1, unused: SOCK2"


async def test_a_monitor_hears_of_the_machines_sleep_and_runs_no_command_for_a_port_meanwhile(
    host: Host,
) -> None:
    for event in (pb.POWER_EVENT_KIND_SUSPEND_PENDING, pb.POWER_EVENT_KIND_SUSPEND):
        request = pb.PowerEventRequest(event=event)
        request.grace.FromMilliseconds(0)
        await host.monitor.PowerEvent(request)
    assert (await do(host, "GetLocation", port="SOCK1")).status == 170
    await host.monitor.PowerEvent(pb.PowerEventRequest(event=pb.POWER_EVENT_KIND_RESUME))
    assert await heard(host) == ["suspend_pending", "suspend", "resume"]


async def prints(host: Host, data: bytes) -> bytes:
    """Print a document on the host's own port and return what came out."""
    handle = (await host.open()).handle
    stream: Any = host.monitor.StreamDocuments()
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=[whole(data)]))
    found = await asyncio.to_thread(host.rig.received, len(data))
    stream.cancel()
    return bytes(found)


@pytest.mark.parametrize("command", hostile_monitors.GARBAGE)
async def test_a_command_that_fails_or_answers_garbage_is_its_own_affair(host: Host, command: str) -> None:
    answer = await do(host, command, monitor="Hostile Port")
    assert answer.status == 31
    assert answer.message
    assert json.loads((await do(host, "ok", monitor="Hostile Port")).output_data) == "well"


async def test_a_command_that_hangs_is_given_up_and_costs_its_own_monitor_alone(host: Host) -> None:
    host.ports.own.call_s = 0.2
    answer = await do(host, "hang", monitor="Hostile Port")
    assert (answer.status, answer.message) == (1460, "monitor hostile has not returned from hang")
    host.ports.own.call_s = 600.0  # what waited for the one that hangs would wait as long
    answer = await do(host, "ok", monitor="Hostile Port")
    assert (answer.status, answer.message) == (1460, "monitor hostile has not returned from hang")
    await host.monitor.PowerEvent(pb.PowerEventRequest(event=pb.POWER_EVENT_KIND_SUSPEND))
    await host.monitor.PowerEvent(pb.PowerEventRequest(event=pb.POWER_EVENT_KIND_RESUME))
    assert (await do(host, "GetLocation")).status == 0
    assert await prints(host, b"^XA^XZ") == b"^XA^XZ"
    hostile_monitors.HANGS.set()
    await host.ports.own.free("hostile")
    assert (await do(host, "ok", monitor="Hostile Port")).status == 0


async def test_a_monitor_that_hangs_while_it_is_told_of_ports_is_told_the_rest_when_it_is_back(
    host: Host,
) -> None:
    host.ports.own.call_s = 0.2
    await host.ports.add("HOSTILE2", "hostile", host.rig.settings())
    for port in ("HOSTILE1", "HOSTILE2", "IP_1"):
        await host.monitor.NotifyUsedPorts(pb.NotifyUsedPortsRequest(owner=OWNER, ports=[port]))
    assert await prints(host, b"^XA^XZ") == b"^XA^XZ"
    hostile_monitors.HANGS.set()
    await until(lambda: host.ports.own.told("hostile") == {"HOSTILE1", "HOSTILE2"})


async def test_capabilities_and_version_are_each_monitors_own(host: Host) -> None:
    answer = await host.monitor.Initialize(pb.InitializeRequest(owner=OWNER))
    found = {one.name: one for one in answer.monitors}
    unix, acme = found["Unix Socket Port"], found["Acme Label Port"]
    assert "Port" not in found, "one that could not be made is not there"
    assert pb.MONITOR_FUNCTION_READ_PORT not in unix.capabilities
    assert {pb.MONITOR_FUNCTION_POWER_EVENT, pb.MONITOR_FUNCTION_NOTIFY_USED_PORTS} <= set(unix.capabilities)
    assert (unix.kind, unix.schemes[:]) == (pb.MONITOR_KIND_PORT, ["unix"])
    assert (acme.kind, acme.version, acme.schemes[:]) == (pb.MONITOR_KIND_COMBINED, "3.1", ["acme"])
    assert {pb.MONITOR_FUNCTION_OPEN_PORT, pb.MONITOR_FUNCTION_OPEN_PORT_EX} <= set(acme.capabilities)
    assert len(found) == len(answer.monitors)


async def test_a_combined_monitor_is_opened_both_ways(host: Host) -> None:
    await host.ports.add("ACME1", "Acme Label Port", host.rig.settings())
    straight = pb.OpenPortRequest(owner=OWNER, port="ACME1", fence=1, printer="labels")
    handle = (await host.monitor.OpenPort(straight)).handle
    await host.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
    request = pb.OpenPortExRequest(open=straight, language_monitor="Acme Label Port", bidirectional=True)
    request.open.fence = 2
    opened = (await host.monitor.OpenPortEx(request)).open
    assert opened.port.hold.language_monitor == "Acme Label Port"
    await host.monitor.ClosePort(pb.ClosePortRequest(handle=opened.handle))


async def test_a_deadline_is_kept_by_whoever_waits_for_an_earlier_call(host: Host) -> None:
    monitor, own = host.ports.registry.scheme("hostile"), host.ports.own
    own.call_s = 0.5
    both = [asyncio.ensure_future(own.command(monitor, name, "", None)) for name in ("hang", "ok")]
    for one in both:
        with pytest.raises(DeadlineExceeded):
            await asyncio.wait_for(one, 30)


async def test_a_monitor_that_cannot_tell_of_its_ports_hides_no_other_ones(host: Host) -> None:
    await host.ports.add("FICKLE1", "fickle", host.rig.settings())
    ports = (await host.monitor.EnumPorts(pb.EnumPortsRequest())).ports
    assert [one.port.port for one in ports] == ["FICKLE1", "HOSTILE1", "IP_1", "SOCK1"]
    assert json.loads((await do(host, "EnumDevices", port="FICKLE1")).output_data)["devices"][1:] == []
    assert (await do(host, "PortIsValid", "other", monitor="fickle")).status == 31
    assert await prints(host, b"^XA^XZ") == b"^XA^XZ"


async def test_a_monitor_that_fails_at_the_start_keeps_no_other_ports_from_their_start(host: Host) -> None:
    await host.ports.add("FICKLE1", "fickle", host.rig.settings())
    hostile_monitors.FAILS.set()
    assert (await do(host, "ConfigPort", {"settings": host.rig.settings()}, port="FICKLE1")).status == 31
    again = Ports(host.ports.registry, LocalPortStore(host.folder / "ports"), host.folder)
    assert [port.name for port in again] == ["HOSTILE1", "IP_1", "SOCK1"]
    again.close()
