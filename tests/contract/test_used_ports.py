"""NotifyUsedPorts, NotifyUnusedPorts and SetPort over gRPC: which ports are looked after, and what is kept about them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1 import port_pb2
from tests.contract.monitor_host import OWNER, Host, refusal, served_host
from tests.rig.until import until

OTHER = pb.PortOwner(fabric_id="another", spooler_id="spooler-9")


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        await found.ports.add("COM1:", "serial", {"device": "/dev/does-not-exist"})
        await found.ports.add("out.prn", "file", {})
        yield found


def used(host: Host) -> set[str]:
    return {port.name for port in host.ports if port.used_by}


async def tell(host: Host, *ports: str, full: bool = False, owner: pb.PortOwner = OWNER) -> list[int]:
    request = pb.NotifyUsedPortsRequest(owner=owner, ports=ports, full=full)
    return [one.result for one in (await host.monitor.NotifyUsedPorts(request)).ports]


async def untell(host: Host, *ports: str, owner: pb.PortOwner = OWNER) -> list[int]:
    request = pb.NotifyUnusedPortsRequest(owner=owner, ports=ports)
    return [one.result for one in (await host.monitor.NotifyUnusedPorts(request)).ports]


async def test_names_that_no_port_has_are_said_and_keep_no_other_one_back(host: Host) -> None:
    assert await tell(host, "com01:", "COM99:", "out.prn", "") == [0, 1796, 0, 1796]
    assert used(host) == {"COM1:", "out.prn"}
    assert await untell(host, "IP_99", "OUT.PRN") == [1796, 0]
    assert used(host) == {"COM1:"}


async def test_shutdown_ends_one_spooler_and_with_the_last_one_what_its_fabric_told(host: Host) -> None:
    second = pb.PortOwner(fabric_id=OWNER.fabric_id, spooler_id="spooler-2")
    for one in (OWNER, second):
        await host.monitor.Initialize(pb.InitializeRequest(owner=one))
    await tell(host, "IP_1", "out.prn", full=True)
    held = (await host.open()).handle
    await host.monitor.Shutdown(pb.ShutdownRequest(owner=second))
    await host.monitor.KeepAlive(pb.KeepAliveRequest(handle=held))
    assert used(host) == {"IP_1", "out.prn"}, "its fabric has another spooler"
    await host.monitor.Shutdown(pb.ShutdownRequest(owner=OWNER))
    assert used(host) == set()
    assert (await refusal(host.monitor.KeepAlive(pb.KeepAliveRequest(handle=held))))[1] == 6


async def test_who_has_shut_down_opens_nothing_before_it_has_registered_again(host: Host) -> None:
    await host.monitor.Shutdown(pb.ShutdownRequest(owner=OWNER))
    through = pb.OpenPortExRequest(language_monitor="PJL")
    through.open.CopyFrom(pb.OpenPortRequest(owner=OWNER, port="IP_1", fence=1, printer="labels"))
    assert await refusal(host.open()) == ("FAILED_PRECONDITION", 6, "INVALID_HANDLE")
    assert await refusal(host.monitor.OpenPortEx(through)) == ("FAILED_PRECONDITION", 6, "INVALID_HANDLE")
    await host.monitor.Initialize(pb.InitializeRequest(owner=OWNER))
    assert (await host.open()).handle.token


async def test_a_full_list_replaces_and_a_partial_one_adds(host: Host) -> None:
    await tell(host, "COM1:", full=True)
    await tell(host, "IP_1")
    await tell(host, "IP_1")
    assert used(host) == {"COM1:", "IP_1"}
    assert await tell(host, "out.prn", "IP_99", full=True) == [0, 1796]
    assert used(host) == {"out.prn"}
    assert await tell(host, full=True) == []
    assert used(host) == set()


async def test_a_port_is_in_use_as_long_as_one_fabric_uses_it(host: Host) -> None:
    await tell(host, "COM1:")
    await tell(host, "COM1:", full=True, owner=OTHER)
    await untell(host, "COM1:")
    assert host.ports.get("COM1:").used_by == {"another"}
    await tell(host, full=True, owner=OTHER)
    assert not host.ports.get("COM1:").in_use


def setting(condition: str, severity: str = "ERROR", **more: object) -> pb.SetPortRequest:
    request = pb.SetPortRequest(owner=OWNER, port="IP_1")
    request.status.condition = port_pb2.PortCondition.Value(f"PORT_CONDITION_{condition}")
    request.status.severity = port_pb2.Severity.Value(f"SEVERITY_{severity}")
    request.status.text, request.status.reporter = str(more.get("text", "")), str(more.get("reporter", ""))
    if "lasts_s" in more:
        request.status.expire_time.FromNanoseconds(int((time.time() + float(str(more["lasts_s"]))) * 1e9))
    return request


def restarted(folder: Path) -> Ports:
    """Return the host's ports as a port monitor that starts anew has them."""
    return Ports(
        Registry(MonitorInit("edge-7", folder / "files"), []), LocalPortStore(folder / "ports"), folder
    )


async def test_what_is_set_about_a_port_is_a_report_among_the_others_and_survives_a_restart(
    host: Host,
) -> None:
    asked = setting("PAPER_OUT", text="the roll is empty", reporter="shelf scale", lasts_s=900)
    (status,) = (await host.monitor.SetPort(asked)).port.status
    assert (status.severity, status.condition) == (asked.status.severity, asked.status.condition)
    assert (status.text, status.reporter) == ("the roll is empty", "SetPort shelf scale")
    assert status.source == port_pb2.STATUS_SOURCE_OPERATOR
    assert abs(status.expire_time.ToNanoseconds() - asked.status.expire_time.ToNanoseconds()) < 1e9
    again = restarted(host.folder)
    assert again.get("IP_1").reports.now() == host.ports.get("IP_1").reports.now() != []
    again.close()


async def test_a_report_that_runs_out_is_told_by_a_port_monitor_that_was_started_since(host: Host) -> None:
    await host.monitor.SetPort(setting("DOOR_OPEN", lasts_s=2))
    again = restarted(host.folder)
    with again.changes.watch() as watcher:
        assert [one.condition.name for one in again.get("IP_1").reports.now()] == ["DOOR_OPEN"]
        assert await watcher.next() == {"IP_1"}
    assert again.get("IP_1").reports.now() == []
    again.close()


async def test_the_last_word_counts_of_each_who_reports(host: Host) -> None:
    async def told(request: pb.SetPortRequest) -> list[str]:
        port = (await host.monitor.SetPort(request)).port
        assert port.state == min([one.state for one in port.sources if one.HasField("time")])
        return sorted(one.reporter for one in port.status)

    assert await told(setting("PAPER_JAM")) == ["SetPort"]
    assert await told(setting("DOOR_OPEN", reporter="nagios")) == ["SetPort", "SetPort nagios"]
    assert await told(setting("CLEAR", "INFO")) == ["SetPort nagios"]
    assert await told(setting("TONER_LOW", "WARNING", reporter="nagios")) == ["SetPort nagios"]
    assert await told(setting("CLEAR", reporter="nagios")) == []
    again = restarted(host.folder)
    assert again.get("IP_1").reports.now() == []
    again.close()


async def test_what_is_no_report_is_refused_and_changes_nothing(host: Host) -> None:
    unknown, past, odd = setting("PAPER_JAM"), setting("PAPER_JAM", lasts_s=-1), setting("PAPER_JAM")
    unknown.port, odd.status.severity = "COM99:", 77  # type: ignore[assignment]
    assert (await refusal(host.monitor.SetPort(unknown)))[:2] == ("NOT_FOUND", 1796)
    for bad in (past, odd, setting("PAPER_JAM", reporter="x" * 64), setting("PAPER_JAM", reporter="\n")):
        assert (await refusal(host.monitor.SetPort(bad)))[:2] == ("INVALID_ARGUMENT", 87)
    for number in range(16):
        await host.monitor.SetPort(setting("PAPER_JAM", reporter=f"scale {number}"))
    assert (await refusal(host.monitor.SetPort(setting("PAPER_JAM", reporter="one more"))))[1] == 87
    assert len(host.ports.get("IP_1").reports.now()) == 16


async def test_reports_go_with_their_port(host: Host) -> None:
    await host.monitor.SetPort(setting("PAPER_JAM"))
    await host.ports.delete("IP_1")
    await host.ports.add("IP_1", "raw", {"host": "127.0.0.1"})
    assert host.ports.get("IP_1").reports.now() == []


async def test_a_file_of_reports_that_is_none_costs_reports_and_no_port(tmp_path: Path) -> None:
    for text in ("", "{", '{"version": 2, "reports": []}', '{"version": 1, "reports": [{}]}'):
        (tmp_path / "reports.json").write_text(text)
        ports = restarted(tmp_path)
        assert (tmp_path / "reports.json.bad").read_text() == text
        ports.close()


async def test_a_disk_that_is_full_is_said_and_nothing_is_changed(host: Host) -> None:
    (host.folder / "reports.json.new").mkdir()
    assert (await refusal(host.monitor.SetPort(setting("PAPER_JAM"))))[2] == "STORE_UNAVAILABLE"
    assert host.ports.get("IP_1").reports.now() == []


async def test_host_transport_and_printer_are_told_apart(host: Host) -> None:
    async def sources() -> dict[str, str]:
        (port,) = (await host.monitor.EnumPorts(pb.EnumPortsRequest(monitor="raw"))).ports
        return {
            port_pb2.StatusSource.Name(one.source).removeprefix("STATUS_SOURCE_"): (
                port_pb2.PortState.Name(one.state).removeprefix("PORT_STATE_")
            )
            for one in port.sources
        }

    assert await sources() == {"HOST": "UNKNOWN", "TRANSPORT": "READY", "PRINTER": "UNKNOWN"}
    handle = (await host.open()).handle
    start = pb.StartDocPortRequest(handle=handle)
    start.document.job_uid, start.document.attempt = b"x" * 16, 1
    await host.monitor.StartDocPort(start)
    printer = setting("PAPER_OUT")
    printer.status.source = port_pb2.STATUS_SOURCE_PRINTER
    await host.monitor.SetPort(printer)
    assert await sources() == {"HOST": "UNKNOWN", "TRANSPORT": "PRINTING", "PRINTER": "ERROR"}
    await host.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
    await until(lambda: host.ports.get("IP_1").hold is None)
