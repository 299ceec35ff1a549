"""PortService over a real channel: hosts and ports, their set-up by Xcv, and Xcv itself with both of its results."""

import asyncio
import json

import pytest

from chassis.errors import (
    AccessDenied,
    EtagMismatch,
    HostUnreachable,
    InvalidArgument,
    InvalidHandle,
    InvalidLevel,
    InvalidSettings,
    NotSupported,
    PortExists,
    PortInUse,
    PortNotFound,
    PrinterNotFound,
    RequestIdReused,
    UnknownPrintMonitor,
)
from printfabric.monitor.v1 import monitor_service_pb2 as monitor_pb
from printfabric.spooler.v1 import port_service_pb2 as pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.spooler.v1 import winspool_service_pb2 as winspool
from printfabric.types.v1 import port_pb2
from spooler.job_state import JobState
from spooler.printer import PortName
from tests.fabric.spooler_rig import access_of_people, eventually, spooler_running
from tests.fakes.xcv_link import MONITOR


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        yield rig


def add(name="IP_7", settings=None, **more):
    more.setdefault("monitor", MONITOR)
    body = json.dumps(settings or {"host": "10.0.0.7", "port": 9100}).encode()
    return pb.AddPortRequest(parent="hosts/edge", port_id=name, settings=body, **more)


async def test_hosts_ports_and_monitors_are_listed(rig):
    await rig.add_printer("labels", "P2:")
    (host,) = (await rig.ports.ListHosts(pb.ListHostsRequest())).hosts
    assert (host.name, host.state) == ("hosts/edge", pb.HOST_STATE_ONLINE)
    page = await rig.ports.ListPorts(pb.ListPortsRequest(parent="hosts/-", page_size=2))
    assert [port.name for port in page.ports] == ["hosts/edge/ports/P1:", "hosts/edge/ports/P2:"]
    rest = await rig.ports.ListPorts(
        pb.ListPortsRequest(parent="hosts/edge", page_token=page.next_page_token)
    )
    assert [port.name for port in rest.ports] == ["hosts/edge/ports/P3:"]
    port = (await rig.ports.GetPort(pb.GetPortRequest(name="EDGE/p2:"))).port
    assert (port.name, list(port.printers)) == ("hosts/edge/ports/P2:", ["printers/labels"])
    for parent in ("", "hosts/edge"):
        (found,) = (await rig.ports.ListMonitors(pb.ListMonitorsRequest(parent=parent))).hosts
        assert (found.host, found.monitors[0].name) == ("hosts/edge", MONITOR)
    for call in (
        rig.ports.ListPorts(pb.ListPortsRequest(parent="hosts/none")),
        rig.ports.GetPort(pb.GetPortRequest(name="edge/NONE:")),
        rig.ports.ListMonitors(pb.ListMonitorsRequest(parent="hosts/none")),
    ):
        with pytest.raises(PortNotFound):
            await call


async def test_a_silent_hosts_ports_are_offline(rig):
    rig.hosts.set_state("edge", "silent")
    port = (await rig.ports.GetPort(pb.GetPortRequest(name="edge/P1:"))).port
    assert port.state == port_pb2.PORT_STATE_OFFLINE


async def test_a_port_is_added_with_its_settings_after_they_were_checked(rig):
    answer = await rig.ports.AddPort(add("ip_7"))
    assert answer.port.name == "hosts/edge/ports/IP_7"  # as the monitor writes it
    assert rig.link.commands == ["PortExists", "PortIsValid", "AddPort"]
    assert rig.link.settings["IP_7"] == {"host": "10.0.0.7", "port": 9100}
    assert rig.link.sessions == {}


async def test_a_port_that_exists_is_refused_whatever_its_case(rig):
    with pytest.raises(PortExists) as caught:
        await rig.ports.AddPort(add("p1:"))
    assert caught.value.win32 == 183


async def test_wrong_settings_name_their_fields_and_nothing_is_added(rig):
    with pytest.raises(InvalidSettings) as caught:
        await rig.ports.AddPort(add(settings={"port": 0}))
    assert caught.value.fields[0] == ("settings.port", "must be 1 to 65535")
    assert "AddPort" not in rig.link.commands
    for wrong in (b"[]", b"{", b"\xff"):
        with pytest.raises(InvalidSettings):
            await rig.ports.AddPort(
                pb.AddPortRequest(parent="hosts/edge", port_id="X", monitor=MONITOR, settings=wrong)
            )


@pytest.mark.parametrize("monitor", ["", "Fax Monitor"])
async def test_no_or_an_unknown_monitor_is_not_supported_as_in_windows(rig, monitor):
    with pytest.raises(NotSupported) as caught:
        await rig.ports.AddPort(add(monitor=monitor))
    assert caught.value.win32 == 50


@pytest.mark.parametrize("name", ["", "a,b", "x" * 64, "a\tb"])
async def test_a_port_name_has_its_limits(rig, name):
    with pytest.raises(InvalidArgument):
        await rig.ports.AddPort(add(name))


async def test_the_same_request_adds_one_port(rig):
    first = await rig.ports.AddPort(add(request_id="r"))
    assert (await rig.ports.AddPort(add(request_id="r"))).port.name == first.port.name
    with pytest.raises(RequestIdReused):
        await rig.ports.AddPort(add("IP_8", request_id="r"))


async def test_validating_adds_nothing(rig):
    await rig.ports.AddPort(add(validate_only=True))
    assert rig.hosts.port(PortName("edge", "IP_7")) is None


async def test_settings_that_are_not_named_stay(rig):
    await rig.ports.AddPort(add())
    change = pb.ConfigurePortRequest(name="hosts/edge/ports/IP_7", settings=b'{"port": 9101}')
    assert (await rig.ports.ConfigurePort(change)).changed
    assert rig.link.settings["IP_7"] == {"host": "10.0.0.7", "port": 9101}
    assert not (await rig.ports.ConfigurePort(change)).changed
    change.settings_revision = "1"
    with pytest.raises(EtagMismatch):
        await rig.ports.ConfigurePort(change)
    change.settings_revision, change.settings = "2", b'{"port": 0}'
    with pytest.raises(InvalidSettings):
        await rig.ports.ConfigurePort(change)


async def test_a_port_is_deleted_only_when_no_printer_uses_it(rig):
    await rig.add_printer("labels", "P1:")
    request = pb.DeletePortRequest(name="hosts/edge/ports/P1:")
    with pytest.raises(PortInUse, match="labels") as caught:
        await rig.ports.DeletePort(request)
    assert caught.value.win32 == 170
    assert rig.link.commands == []
    await rig.printers.DeletePrinter(printer_pb.DeletePrinterRequest(name="labels"))
    rig.link.used_for = 2  # the host hears a moment later
    await rig.ports.DeletePort(request)
    with pytest.raises(PortNotFound):
        await rig.ports.DeletePort(request)


async def test_no_printer_takes_a_port_that_is_being_deleted(rig):
    printer = printer_pb.Printer(
        ports=[printer_pb.PrinterPort(port=port_pb2.PortName(host="edge", port="P1:"))]
    )
    rig.link.used_for = 5
    call = rig.ports.DeletePort(pb.DeletePortRequest(name="edge/P1:"))
    waiting = eventually(lambda: _true(rig.link.commands), lambda commands: commands)
    await waiting
    with pytest.raises(PortInUse):
        await rig.printers.CreatePrinter(printer_pb.CreatePrinterRequest(printer_id="late", printer=printer))
    await call


async def _true(value):
    return value


async def test_a_paused_port_takes_no_jobs_until_it_is_resumed(rig):
    await rig.add_printer("labels", "P1:")
    paused = await rig.ports.PausePort(pb.PausePortRequest(name="edge/P1:", reason="moved"))
    assert paused.port.state == port_pb2.PORT_STATE_PAUSED
    assert "moved" in paused.port.status[-1].text
    job = (await rig.submit()).job
    assert rig.dispatcher.live_job(job.number).attempts == 0
    resumed = await rig.ports.ResumePort(pb.ResumePortRequest(name="edge/P1:"))
    assert resumed.port.state != port_pb2.PORT_STATE_PAUSED
    await eventually(lambda: _true(rig.host.ports["P1:"].printed), lambda printed: printed)


# --- Xcv


@pytest.mark.parametrize(
    "what",
    [
        {"port": "hosts/edge/ports/P1:"},
        {"monitor": f"hosts/edge/monitors/{MONITOR}"},
        {"open_name": "\\\\edge\\,XcvPort P1:"},
        {"open_name": ",XcvPort P1:"},
        {"open_name": f",XcvMonitor {MONITOR}"},
    ],
)
async def test_a_session_opens_by_any_name_and_carries_commands(rig, what):
    opened = await rig.ports.XcvOpen(pb.XcvOpenRequest(desired_access=2, **what))
    answer = await rig.ports.XcvData(pb.XcvDataRequest(handle=opened.handle, data_name="MonitorUI"))
    assert (answer.result.status, json.loads(answer.result.output_data)) == (0, "printfabric.tcp.ui;1")
    assert answer.result.needed_bytes == len(answer.result.output_data)
    for _ in range(2):
        await rig.ports.XcvClose(pb.XcvCloseRequest(handle=opened.handle))
    with pytest.raises(InvalidHandle):
        await rig.ports.XcvData(pb.XcvDataRequest(handle=opened.handle, data_name="MonitorUI"))


async def test_a_commands_own_result_is_in_the_body_and_not_the_calls(rig):
    opened = await rig.ports.XcvOpen(pb.XcvOpenRequest(port="edge/P1:", desired_access=1))

    async def status(name, value=None, **more):
        data = b"" if value is None else json.dumps(value).encode()
        request = pb.XcvDataRequest(handle=opened.handle, data_name=name, input_data=data, **more)
        return (await rig.ports.XcvData(request)).result.status

    assert await status("Nonsense") == 87
    assert await status("monitorui") == 87  # names are case-sensitive
    assert await status("MonitorUI", max_output_bytes=3) == 122
    assert await status("PortIsValid", {"name": "P1:", "settings": {"port": 0}}) == 87


async def test_deleting_a_port_in_use_by_xcv_is_refused_with_170_in_the_body(rig):
    await rig.add_printer("labels", "P1:")
    opened = await rig.ports.XcvOpen(pb.XcvOpenRequest(port="edge/P1:", desired_access=1))
    windows = b'{"psztPortName": "P1:", "dwVersion": 1, "dwReserved": 0}'  # DELETE_PORT_DATA_1
    for data in (b"", b'{"name": "p1:"}', b'"P1:"', windows):
        request = pb.XcvDataRequest(handle=opened.handle, data_name="DeletePort", input_data=data)
        answer = await rig.ports.XcvData(request)
        assert answer.result.status == 170
        assert "labels" in answer.result.message
    monitor = await rig.ports.XcvOpen(
        pb.XcvOpenRequest(monitor="hosts/edge/monitors/Standard TCP/IP Port", desired_access=1)
    )
    request = pb.XcvDataRequest(handle=monitor.handle, data_name="DeletePort", input_data=windows)
    assert (await rig.ports.XcvData(request)).result.status == 170, "named in Windows' structure alone"
    assert rig.link.commands == []


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({"port": "edge/NONE:"}, PortNotFound),
        ({"port": "none/P1:"}, PortNotFound),
        ({"monitor": "hosts/edge/monitors/Fax"}, UnknownPrintMonitor),
        ({"open_name": ",xcvport P1:"}, PortNotFound),
        ({"open_name": ",XcvPortP1:"}, PortNotFound),
        ({"open_name": "labels"}, PortNotFound),
        ({}, InvalidArgument),
    ],
)
async def test_what_is_not_there_does_not_open(rig, what, error):
    with pytest.raises(error):
        await rig.ports.XcvOpen(pb.XcvOpenRequest(**what))


async def test_a_long_command_streams_its_progress(rig):
    opened = await rig.ports.XcvOpen(pb.XcvOpenRequest(port="edge/P1:"))
    command = pb.XcvDataRequest(handle=opened.handle, data_name="MonitorUI")
    steps = [step.step async for step in rig.ports.StreamXcvData(pb.StreamXcvDataRequest(command=command))]
    assert [step.fraction for step in steps] == [0.5, 1.0]
    assert steps[-1].result.status == 0


async def test_access_is_decided_by_role_and_a_session_belongs_to_who_opened_it(tmp_path):
    async with (
        spooler_running(tmp_path, access=access_of_people(tmp_path)) as rig,
        rig.as_caller("ann", tmp_path) as ann,
        rig.as_caller("ada", tmp_path) as ada,
    ):
        for access in (1, 3):
            with pytest.raises(AccessDenied):
                await ann.ports.XcvOpen(pb.XcvOpenRequest(port="edge/P1:", desired_access=access))
        reading = await ann.ports.XcvOpen(pb.XcvOpenRequest(port="edge/P1:"))
        request = pb.XcvDataRequest(handle=reading.handle, data_name="ConfigPort", input_data=b"{}")
        assert (await ann.ports.XcvData(request)).result.status == 5
        with pytest.raises(InvalidHandle):
            await ada.ports.XcvData(request)
        assert [session[2:] for session in rig.link.sessions.values()] == [(2, "token:ann")]
        with pytest.raises(AccessDenied):
            await ann.ports.AddPort(add())
        await ada.ports.AddPort(add())


async def test_device_data_is_asked_for_by_port_or_by_printer(rig):
    item = monitor_pb.BidiRequestItem(request_number=1, schema=r"\Printer.DeviceInfo:ModelName")
    await rig.add_printer("labels", "P1:")
    for name in ("edge/P1:", "printers/labels"):
        request = pb.SendRecvBidiDataRequest(name=name, action_name="get", items=[item])
        found = await rig.ports.SendRecvBidiData(request)
        assert [one.data.string_value for one in found.items] == ["ZD621"]
        assert rig.link.commands[-1] == "bidi P1: access 1"
    with pytest.raises(PrinterNotFound):
        await rig.ports.SendRecvBidiData(pb.SendRecvBidiDataRequest(name="printers/none"))


def setting(severity=port_pb2.SEVERITY_ERROR, condition=port_pb2.PORT_CONDITION_PAPER_OUT, **more):
    request = pb.SetPortRequest(name="edge/P1:", level=3, **more)
    request.status.condition, request.status.severity = condition, severity
    return request


async def test_a_reported_error_keeps_jobs_away_until_a_lesser_word_takes_its_place(rig):
    await rig.add_printer("labels", "P1:")
    port = (await rig.ports.SetPort(setting())).port
    assert [one.condition for one in port.status] == [port_pb2.PORT_CONDITION_PAPER_OUT]
    assert port.state == port_pb2.PORT_STATE_ERROR
    assert rig.dispatcher.paused_ports == {}, "nobody has paused it"
    job = (await rig.submit()).job
    await asyncio.sleep(0.1)
    assert rig.host.ports["P1:"].printed == []
    await rig.ports.SetPort(setting(port_pb2.SEVERITY_WARNING))
    await eventually(lambda: rig.store.get_job(job.number), lambda one: one.state is JobState.COMPLETED)


async def test_a_job_goes_to_the_port_about_which_nothing_is_reported(rig):
    await rig.add_printer("labels", "P1:", "P2:")
    await rig.ports.SetPort(setting())
    job = (await rig.submit()).job
    await eventually(lambda: rig.store.get_job(job.number), lambda one: one.state is JobState.COMPLETED)
    assert (len(rig.host.ports["P1:"].printed), len(rig.host.ports["P2:"].printed)) == (0, 1)


async def test_a_report_leaves_a_persons_pause_alone(rig):
    await rig.ports.PausePort(pb.PausePortRequest(name="edge/P1:", reason="new ribbon"))
    for condition in (port_pb2.PORT_CONDITION_OFFLINE, port_pb2.PORT_CONDITION_CLEAR):
        await rig.ports.SetPort(setting(condition=condition))
        assert rig.dispatcher.paused_ports["edge", "p1:"].reason == "new ribbon"


async def test_a_report_about_a_port_whose_host_is_away_is_refused(rig):
    rig.link.down = True
    with pytest.raises(HostUnreachable):
        await rig.ports.SetPort(setting())


@pytest.mark.parametrize("level", [0, 1, 2, 4])
async def test_a_level_that_a_report_does_not_have_is_refused(rig, level):
    with pytest.raises(InvalidLevel):
        await rig.ports.SetPort(pb.SetPortRequest(name="edge/P1:", level=level))


async def test_a_port_that_a_printer_uses_is_not_cleaned_up_and_its_host_is_not_even_asked(rig):
    await rig.add_printer()
    opened = await rig.ports.XcvOpen(pb.XcvOpenRequest(port="edge/P1:", desired_access=1))
    answer = await rig.ports.XcvData(pb.XcvDataRequest(handle=opened.handle, data_name="CleanupPort"))
    assert (answer.result.status, answer.result.output_data) == (0, b'{"deleted":false}')
    assert "CleanupPort" not in rig.link.commands


async def test_windows_enum_ports_has_the_fields_of_its_levels(rig):
    async def rows(level):
        given = json.dumps({"level": level}).encode()
        answer = await rig.winspool.Call(winspool.CallRequest(function="EnumPorts", arguments_json=given))
        return json.loads(answer.output_json)["ports"]

    ports = (await rig.ports.ListPorts(pb.ListPortsRequest())).ports
    assert [set(row) for row in await rows(1)] == [{"name"}] * len(ports)
    assert [(row["monitor"], row["type"], row["reserved"]) for row in await rows(2)] == [
        (port.monitor, sum(port.types), 0) for port in ports
    ]
