"""S2 to S9, S14 and S17 to S21: what a port monitor is, whose it is, and who may talk to whom."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.portui.v1 import portui_service_pb2 as ui
from printfabric.spooler.v1 import port_service_pb2 as ports_pb
from printfabric.types.v1 import port_pb2
from printfabric_client.status import error_from_rpc
from tests.contract.statements.stage import Stage
from tests.contract.statements.system_calls import Trace, nobody_may_look_on, traced
from tests.rig.programs import wait_until
from tests.rig.real_fabric import HOST
from tests.rig.wire import new_key, refusal


def descriptors(pid: int) -> list[str]:
    """Return what a process has open."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except OSError:
            continue
    return found


def test_s02_it_is_the_path_between_spooler_and_driver(stage: Stage) -> None:
    data = bytes(range(256)) * 20
    before = len(stage.com1.paper)
    with stage.printer("COM1:") as printer:
        stage.print(printer, data)
        assert not any("/dev/pts" in one or "lpt1" in one for one in descriptors(stage.spooler.pid))
        assert any(one == stage.com1.device for one in descriptors(stage.portmon.pid))
    wait_until(lambda: len(stage.com1.paper) >= before + len(data))
    assert bytes(stage.com1.paper[before:]) == data


def test_s03_it_has_the_driver_open_between_opening_and_closing(stage: Stage) -> None:
    assert stage.com2.device not in descriptors(stage.portmon.pid)
    handle = stage.holder.open("COM2:", stage.fence())
    assert stage.com2.device in descriptors(stage.portmon.pid)
    stage.holder.close(handle)
    wait_until(lambda: stage.com2.device not in descriptors(stage.portmon.pid))


def test_s03_it_opens_writes_reads_and_controls_the_driver_and_nothing_else(
    stage: Stage, tmp_path: Path
) -> None:
    """The driver is a pseudo-terminal's; its device controls, which are a printer's own, are asked of a FIFO's."""
    if refused := nobody_may_look_on():
        pytest.skip(f"NOT CHECKED: {refused}")
    device, parallel = stage.com2.device, stage.lpt2.settings["device"]
    key, steps = new_key(), dict[str, dict[Path, int]]()
    with traced(stage.portmon.pid, tmp_path) as trace:
        handle = stage.holder.open("COM2:", stage.fence())
        wait_until(lambda: {"openat", "ioctl"} <= trace.names(device), why="OpenPort does not open it")
        steps["start"] = trace.mark()
        stage.holder.start(handle, key)
        assert stage.holder.write(handle, key, 0, b"WritePort") == 9
        wait_until(lambda: ("write", "WritePort") in told(trace, device, steps["start"]))
        steps["read"] = trace.mark()
        stage.com2.say(b"ReadPort")
        read = pb.ReadPortRequest(handle=handle)
        read.timeout.FromSeconds(30)
        assert stage.holder.stub.ReadPort(read).data.startswith(b"ReadPort"[:1])
        wait_until(lambda: ("read", "ReadPort") in told(trace, device, steps["read"]))
        stage.holder.end(handle, key)
        steps["close"] = trace.mark()
        stage.holder.close(handle)
        wait_until(lambda: "close" in trace.names(device, steps["close"]), why="ClosePort leaves it open")
        handle = stage.holder.open("LPT2:", stage.fence())
        steps["control"] = trace.mark()
        control = pb.GetPrinterDataFromPortRequest(handle=handle, control_id=0x220030)  # GET_LPT_STATUS
        assert refusal(lambda: stage.holder.stub.GetPrinterDataFromPort(control)).win32 == 50  # it is a FIFO
        wait_until(lambda: "ioctl" in trace.names(parallel, steps["control"]))
        stage.holder.close(handle)
        assert trace.names(device) <= {"openat", "ioctl", "read", "write", "close"}
        assert trace.names(parallel) <= {"openat", "ioctl", "read", "write", "close"}
        opened = [text for name, text in trace.calls(device) if name == "openat"]
        assert all("O_RDWR" in text or "O_WRONLY" in text for text in opened), opened
        assert "openat" not in {name for name, _ in trace.calls(device, steps["start"])}, "opened once"


def told(trace: Trace, device: str, since: dict[Path, int]) -> set[tuple[str, str]]:
    """Return which words went through which call."""
    words = ("WritePort", "ReadPort")
    return {(name, word) for name, text in trace.calls(device, since) for word in words if f'"{word}' in text}


def xcv(stage: Stage, command: str, value: object) -> int:
    """Execute a command on the local monitor through the spooler; return the monitor's own code."""
    opened = stage.ports.XcvOpen(
        ports_pb.XcvOpenRequest(open_name=f"\\\\{HOST}\\,XcvMonitor Local Port", desired_access=1)
    )
    request = ports_pb.XcvDataRequest(
        handle=opened.handle, data_name=command, input_data=json.dumps(value).encode()
    )
    status = int(stage.ports.XcvData(request).result.status)
    stage.ports.XcvClose(ports_pb.XcvCloseRequest(handle=opened.handle))
    return status


def test_s04_it_manages_and_configures_the_ports(stage: Stage) -> None:
    assert "s04.prn" not in stage.enum()
    assert xcv(stage, "AddPort", {"name": "s04.prn"}) == 0
    wait_until(lambda: "s04.prn" in [one.port.port for one in stage.client.ports.list()])
    before = stage.enum()["s04.prn"].settings_revision
    request = ports_pb.ConfigurePortRequest(name=f"{HOST}/s04.prn", settings=b'{"writeTimeoutS": 7}')
    assert stage.ports.ConfigurePort(request).changed
    assert stage.enum()["s04.prn"].settings_revision != before
    assert xcv(stage, "DeletePort", "s04.prn") == 0
    assert "s04.prn" not in stage.enum()


def test_s05_a_printer_is_a_queue_with_one_or_more_devices(stage: Stage) -> None:
    with stage.printer("IP_1", "IP_2") as printer:
        before = [len(one.paper) for one in stage.tcp]
        stage.print(printer, b"exactly one of them")
        grown = [len(one.paper) - was for one, was in zip(stage.tcp, before, strict=True)]
    assert sorted(grown) == [0, 0, 19]


def test_s06_a_port_is_the_connection_to_one_device(stage: Stage) -> None:
    devices = [one.device for name, one in stage.enum().items() if name != "FILE:"]
    assert all(devices)
    assert len(set(devices)) == len(devices)
    # A second port for the same device is flagged: it cannot be opened beside the first.
    settings = json.dumps({"device": stage.com1.device}).encode()
    twin = ports_pb.AddPortRequest(
        parent=f"hosts/{HOST}", port_id="COM61:", monitor="Local Port", settings=settings
    )
    stage.ports.AddPort(twin)
    handle = stage.holder.open("COM1:", stage.fence())
    try:
        error = refusal(lambda: stage.holder.open("COM61:", stage.fence()))
        assert error.win32 == 32
        assert "in use by another port of this host" in error.message
    finally:
        stage.holder.close(handle)
        stage.ports.DeletePort(ports_pb.DeletePortRequest(name=f"{HOST}/COM61:"))
    # So is one in the network, which two ports could use at once.
    address, port = stage.enum()["IP_1"].device.rsplit(":", 1)
    network = json.dumps({"host": address, "port": int(port)}).encode()
    twin = ports_pb.AddPortRequest(
        parent=f"hosts/{HOST}", port_id="IP_TWIN", monitor="Standard TCP/IP Port", settings=network
    )
    stage.ports.AddPort(twin)
    both = [stage.enum()[name] for name in ("IP_1", "IP_TWIN")]
    assert [one.state for one in both] == [port_pb2.PORT_STATE_ATTENTION] * 2
    assert [one.status[0].text.split()[0] for one in both] == ["IP_TWIN", "IP_1"]
    stage.ports.DeletePort(ports_pb.DeletePortRequest(name=f"{HOST}/IP_TWIN"))
    assert not stage.enum()["IP_1"].status


def test_s07_one_monitor_supports_several_ports_of_several_types(stage: Stage) -> None:
    mine = {name: one.description for name, one in stage.enum().items() if one.monitor == "Local Port"}
    assert len(mine) >= 6
    assert len(set(mine.values())) >= 3


def test_s08_the_local_monitor_supports_all_local_com_and_lpt_ports(stage: Stage) -> None:
    for receiver in (stage.com1, stage.com2, stage.lpt1, stage.lpt2):
        before = len(receiver.paper)
        assert stage.enum()[receiver.port].monitor == "Local Port"
        with stage.printer(receiver.port) as printer:
            stage.print(printer, b"to " + receiver.port.encode())
        wait_until(lambda one=receiver, was=before: len(one.paper) > was)  # type: ignore[misc]
        assert bytes(receiver.paper[before:]) == b"to " + receiver.port.encode()


def test_s09_ports_are_assigned_by_adding_a_printer(stage: Stage) -> None:
    def told(since: int) -> list[tuple[str, list[str], bool]]:
        calls = [one for one in stage.log.calls[since:] if one.function.startswith("Notify")]
        return [(one.function, list(one.request.ports), getattr(one.request, "full", False)) for one in calls]

    first = next(one.request for one in stage.log.calls if one.function == "NotifyUsedPorts")
    assert first.full, "all of them when the spooler registers"
    since = len(stage.log.calls)
    with stage.printer("IP_3") as printer:
        used = ("NotifyUsedPorts", ["IP_3"], False)
        wait_until(lambda: told(since) == [used], why="the monitor is not told")
        stage.print(printer, b"assigned")
        assert stage.openings("IP_3")[-1] == "OpenPort"
    unused = ("NotifyUnusedPorts", ["IP_3"], False)
    wait_until(lambda: told(since) == [used, unused], why="the monitor is not told that it is over")

    def unknown() -> None:
        with stage.printer("COM99:"):
            pass

    assert refusal(unknown).win32 == 1796


def test_s14_several_monitors_exist_side_by_side(stage: Stage) -> None:
    hello = stage.holder.stub.Initialize(
        pb.InitializeRequest(owner=stage.holder.owner, contract_version="1.0")
    )
    names = [one.name for one in hello.monitors if one.kind == pb.MONITOR_KIND_PORT]
    assert {"Local Port", "Standard TCP/IP Port"} <= set(names)
    each = {
        name: {one.port.port for one in stage.holder.stub.EnumPorts(pb.EnumPortsRequest(monitor=name)).ports}
        for name in names
    }
    assert not each["Local Port"] & each["Standard TCP/IP Port"]
    assert set.union(*each.values()) == set(stage.enum())


def _form(stage: Stage) -> str:
    try:
        request = ui.DescribeFormRequest(port=f"hosts/{HOST}/ports/COM1:")
        return str(stage.portui_stub.DescribeForm(request, wait_for_ready=True, timeout=5).ui)
    except grpc.RpcError:
        return ""


def test_s17_the_ui_part_runs_on_clients(stage: Stage) -> None:
    """Another machine is stood in for by what the process has open: no device, no state, no port of the monitor."""
    opened = descriptors(stage.portui.pid)
    assert not any("/dev/pts" in one or str(stage.folder / "pm") in one for one in opened)
    ours = {stage.com1.device, stage.com2.device}
    assert ours.isdisjoint(opened)


def test_s18_the_ui_part_is_named_and_never_a_path(stage: Stage) -> None:
    name = _form(stage)
    assert name
    assert not set(name) & set("/\\")
    for bad in ("../portui", "/etc/passwd", "no-such-monitor"):
        request = ui.DescribeFormRequest(monitor=f"hosts/{HOST}/monitors/{bad}")
        assert refusal(partial(stage.portui_stub.DescribeForm, request)).win32 in (87, 1796)


def test_s19_the_server_part_runs_where_the_device_is(stage: Stage, restarts: None) -> None:
    """The node of that name in its own file system is the device, it alone has it open, and no UI part is needed."""
    seen = Path(f"/proc/{stage.portmon.pid}/root{stage.enum()['COM1:'].device}").stat()
    assert os.path.samestat(seen, os.fstat(stage.com1._line))
    before = len(stage.com1.paper)
    stage.portui.kill()
    try:
        with stage.printer("COM1:") as printer:
            stage.print(printer, b"without a UI")
            assert stage.com1.device in descriptors(stage.portmon.pid)
            assert stage.com1.device not in descriptors(stage.spooler.pid)
        wait_until(lambda: bytes(stage.com1.paper[before:]) == b"without a UI")
    finally:
        stage.portui.start()
    wait_until(lambda: _form(stage), why="the UI is not back")


def test_s20_the_server_part_shows_no_ui(stage: Stage) -> None:
    pid = stage.portmon.pid
    assert str(Path(f"/proc/{pid}/fd/0").readlink()) == "/dev/null"
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert not re.search(rb"(^|\0)(WAYLAND_)?DISPLAY=", environment)
    libraries = Path(f"/proc/{pid}/maps").read_text()
    assert not re.search(r"lib(X11|xcb|wayland-client|gtk|Qt\d*Gui|tk|ncurses)", libraries), (
        "nothing to draw with"
    )
    assert listening(pid) == {address.rpartition(":")[2] for address in stage.portmon.addresses}


def listening(pid: int) -> set[str]:
    """Return the TCP ports on which a process can be spoken to."""
    sockets = {one[8:-1] for one in descriptors(pid) if one.startswith("socket:[")}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    rows += [line.split() for line in Path(f"/proc/{pid}/net/tcp6").read_text().splitlines()[1:]]
    listens = "0A"
    return {
        str(int(row[1].rpartition(":")[2], 16)) for row in rows if row[3] == listens and row[9] in sockets
    }


def test_s20_every_function_answers_without_anybodys_help(stage: Stage) -> None:
    """On a port whose printer is not there: nobody is asked what to do about it, and nobody has to click it away."""
    handle, answers = stage.holder.open("IP_DEAD", stage.fence()), dict[str, str]()
    service = pb.DESCRIPTOR.services_by_name["MonitorService"]
    functions = sorted(service.methods, key=lambda one: one.name in ("ClosePort", "Shutdown", "PowerEvent"))
    for function in functions:
        call = getattr(stage.holder.stub, function.name)
        request = call_for(function.input_type.name, handle, stage)
        requests = iter([request]) if function.client_streaming else request
        try:
            answer = call(requests, timeout=60)
            if function.name == "StreamReadPort":
                answer.cancel()  # what a device that is not there sends is nothing
            elif function.server_streaming:
                next(iter(answer))
                answer.cancel()
            answers[function.name] = "OK"
        except grpc.RpcError as failure:
            answers[function.name] = error_from_rpc(failure).reason or str(failure.code())
    assert len(answers) == len(service.methods) >= 20
    silent = {name: said for name, said in answers.items() if "DEADLINE" in said or "UNKNOWN" in said}
    assert not silent, answers
    assert answers["StartDocPort"] == "CONNECTION_REFUSED", "the error is a status"
    stage.holder.stub.PowerEvent(pb.PowerEventRequest(event=pb.POWER_EVENT_KIND_RESUME))


def call_for(message: str, handle: pb.PortHandle, stage: Stage) -> Any:
    """Return a request with everything that it can name."""
    request = getattr(pb, message)()
    for field in request.DESCRIPTOR.fields:
        if field.name == "handle":
            request.handle.CopyFrom(handle)
        elif field.name == "owner":
            request.owner.CopyFrom(stage.holder.owner)
        elif field.name == "document":
            request.document.CopyFrom(new_key())
        elif field.name in ("port", "ports"):
            request.MergeFromString(
                type(request)(**{field.name: as_field(field, "IP_DEAD")}).SerializeToString()
            )
        elif field.name == "event":
            request.event = pb.POWER_EVENT_KIND_SUSPEND_PENDING
    return request


def as_field(field: Any, name: str) -> Any:
    """Return one name for a field that takes one, or several."""
    return [name] if field.is_repeated else name


def test_s21_the_ui_part_talks_by_the_spoolers_xcv_data(stage: Stage, restarts: None) -> None:
    """No network policy on one machine: that the UI part is given the spooler's address alone stands in for it."""
    settings = (stage.folder / "portui.toml").read_text()
    assert stage.portmon.address not in settings
    add = ui.AddPortUIRequest(parent=f"hosts/{HOST}", monitor="Local Port", port_id="s21.prn")
    asked = len(stage.log.calls)
    assert stage.portui_stub.AddPortUI(add).port.port.port == "s21.prn"
    assert "s21.prn" in stage.enum()
    stage.portui_stub.DeletePortUI(ui.DeletePortUIRequest(name=f"hosts/{HOST}/ports/s21.prn"))
    passed = stage.log.commands(asked)
    assert {"AddPort", "DeletePort"} <= set(passed), "from the spooler to the server part, by XcvData"
    assert "s21.prn" not in stage.enum()
    stage.spooler.stop()
    try:
        with pytest.raises(grpc.RpcError) as refused:
            stage.portui_stub.AddPortUI(add, timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "s21.prn" not in stage.enum()
    finally:
        stage.spooler.start()
        wait_until(lambda: _form(stage), 30, "the spooler is not back")
