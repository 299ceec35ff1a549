"""Every method that changes something leaves a line that says who did what to what, and when."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as monitor_pb
from printfabric.spooler.v1 import alert_service_pb2 as alert_pb
from printfabric.spooler.v1 import port_service_pb2 as port_pb
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.spooler.v1 import registry_service_pb2 as registry_pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from printfabric.spooler.v1 import winspool_service_pb2 as winspool_pb
from printfabric.types.v1 import ledger_pb2
from spooler.job_state import JobState
from tests.fabric.spooler_rig import SpoolerRig, access_of_people, eventually, spooler_running

TWO_LABELS = b"^XA^FDone^FS^XZ^XA^FDtwo^FS^XZ"
SOFT_RESET = 0x220040
MONITOR = "Standard TCP/IP Port"
P9 = "hosts/edge/ports/P9:"

LOOKING = {
    *("GetJob", "ListJobs", "GetUpload", "ListAttempts", "ListJobEvents", "ReadDocument"),
    *("GetPrinter", "ListPrinters", "ListHosts", "ListPorts", "GetPort", "ListMonitors"),
    *("Watch", "Explain", "ListHistory", "ListAcknowledgements"),
}
# What a sender asks for is in its job, with its owner. Handles change nothing by themselves. Windows' calls: below.
NO_DECISION = {"SubmitJob", "SubmitJobs", "UploadJob", "XcvOpen", "XcvClose", "Call"}
# A host comes by itself, and asks for what is its own. What it puts leaves a line: the last test.
OF_HOSTS = {"RegisterHost", "TunnelHost", "GetHostConfig", "PutHostConfig"}
# Windows' calls by name: those that look, handles, documents, and the caller's own choice of a printer.
LOOKING_CALLS = {
    *(
        "EnumForms",
        "EnumJobs",
        "EnumMonitors",
        "EnumPorts",
        "EnumPrintProcessors",
        "EnumPrinterDrivers",
        "EnumPrinters",
    ),
    *("GetDefaultPrinter", "GetPrintProcessorDirectory", "GetPrinter", "GetPrinterData", "GetPrinterDataEx"),
    *("GetPrinterDriver", "GetPrinterDriverDirectory"),
}
CALLS_WITHOUT_A_DECISION = {
    *(
        "OpenPrinter",
        "ClosePrinter",
        "StartDocPrinter",
        "WritePrinter",
        "EndDocPrinter",
        "AddJob",
        "ScheduleJob",
    ),
    "SetDefaultPrinter",
}


class Scene:
    """A spooler, with a person at it."""

    def __init__(self, rig: SpoolerRig) -> None:
        self.rig = rig

    async def held(self, printer: str = "labels") -> Any:
        return (await self.rig.submit(TWO_LABELS, hold=True, printer=printer)).job

    async def undecided(self) -> Any:
        """Return a job whose port broke off in its second label, nobody knows how far."""
        port, book = self.rig.host.ports["P1:"], self.rig.dispatcher.book

        async def waiting() -> list[Any]:
            return [job for job in book.jobs.values() if job.state is not JobState.PENDING_HELD]

        # The next document is the one that breaks off.
        await eventually(waiting, lambda jobs: not jobs, within_s=30.0)
        port.break_at, port.break_uncertain = len(TWO_LABELS) - 4, 2
        job = (await self.rig.submit(TWO_LABELS, retain=True)).job

        async def now() -> Any:
            return (await self.rig.print.GetJob(print_pb.GetJobRequest(name=job.name))).job

        return await eventually(now, lambda job: "outcome-unknown" in job.state_reasons, within_s=30.0)

    async def line(self, kind: str) -> Any:
        """Return the newest line of what people did, once it is of a kind."""

        async def newest() -> Any:
            request = watch_pb.ListHistoryRequest(parent="-", page_size=1)
            return (await self.rig.watch.ListHistory(request)).entries[0]

        return await eventually(newest, lambda line: line.kind == kind, within_s=30.0)

    async def session(self) -> bytes:
        opened = await self.rig.ports.XcvOpen(port_pb.XcvOpenRequest(port="edge/P1:", desired_access=1))
        return opened.handle  # type: ignore[no-any-return]


async def update_job(scene: Scene) -> None:
    job = await scene.held()
    job.priority = 99
    request = print_pb.UpdateJobRequest(job=job, reason="urgent")
    request.update_mask.paths.append("priority")
    await scene.rig.print.UpdateJob(request)


async def cancel(scene: Scene) -> None:
    request = print_pb.CancelJobRequest(name=(await scene.held()).name, reason="wrong roll")
    await scene.rig.print.CancelJob(request)


async def hold(scene: Scene) -> None:
    await scene.rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="labels"))
    job = (await scene.rig.submit()).job
    await scene.rig.print.HoldJob(print_pb.HoldJobRequest(name=job.name, reason="first the till"))


async def release_to_try(scene: Scene) -> None:
    job = (await scene.rig.submit()).job  # its printer is paused
    await scene.rig.print.ReleaseJob(print_pb.ReleaseJobRequest(name=job.name, reason="go"))


async def restart(scene: Scene) -> None:
    await scene.rig.print.RestartJob(
        print_pb.RestartJobRequest(name=(await scene.held()).name, reason="smudged")
    )


async def move(scene: Scene) -> None:
    request = print_pb.MoveJobRequest(name=(await scene.held()).name, printer="spare", reason="no ribbon")
    await scene.rig.print.MoveJob(request)


async def resume(scene: Scene) -> None:
    await scene.rig.print.ResumeJob(
        print_pb.ResumeJobRequest(name=(await scene.undecided()).name, unit=2, reason="one is there")
    )


async def resolve(scene: Scene) -> None:
    skip = print_pb.UnitDecision(decision=print_pb.UNCERTAIN_DECISION_SKIP)
    name = (await scene.undecided()).name
    await scene.rig.print.ResolveJob(
        print_pb.ResolveJobRequest(name=name, decisions=[skip], reason="I saw it")
    )


async def reprint(scene: Scene) -> None:
    request = print_pb.ReprintUnitsRequest(name=(await scene.held()).name, reason="torn")
    request.units.append(ledger_pb2.UnitRange(first=2, last=2))
    await scene.rig.print.ReprintUnits(request)


async def delete_upload(scene: Scene) -> None:
    begin = print_pb.UploadBegin(request_id="r-1", spec=print_pb.JobSpec(printer="labels"))

    async def half() -> AsyncIterator[print_pb.UploadJobRequest]:
        yield print_pb.UploadJobRequest(begin=begin, data=b"^XA^FDhalf")

    await scene.rig.print.UploadJob(half())
    await scene.rig.print.DeleteUpload(print_pb.DeleteUploadRequest(request_id="r-1"))


async def create_printer(scene: Scene) -> None:
    await scene.rig.printers.CreatePrinter(printer_pb.CreatePrinterRequest(printer_id="till"))


async def update_printer(scene: Scene) -> None:
    printer = printer_pb.Printer(name="printers/till", location="dock 2")
    request = printer_pb.UpdatePrinterRequest(printer=printer, reason="it was moved")
    request.update_mask.paths.append("location")
    await scene.rig.printers.UpdatePrinter(request)


async def delete_printer(scene: Scene) -> None:
    await scene.rig.printers.DeletePrinter(printer_pb.DeletePrinterRequest(name="till", reason="sold"))


async def pause_printer(scene: Scene) -> None:
    await scene.rig.printers.PausePrinter(
        printer_pb.PausePrinterRequest(name="labels", reason="a new ribbon")
    )


async def resume_printer(scene: Scene) -> None:
    await scene.rig.printers.ResumePrinter(printer_pb.ResumePrinterRequest(name="labels", reason="it is in"))


async def purge_printer(scene: Scene) -> None:
    await scene.held("spare")
    await scene.rig.printers.PurgePrinter(printer_pb.PurgePrinterRequest(name="spare", reason="old"))


async def get_printer_data(scene: Scene) -> None:
    scene.rig.host.ports["P1:"].data[SOFT_RESET] = b""
    await scene.rig.printers.GetPrinterData(
        printer_pb.GetPrinterDataRequest(name="labels", control_id=SOFT_RESET)
    )


async def add_port(scene: Scene) -> None:
    settings = b'{"host": "10.0.0.9"}'
    await scene.rig.ports.AddPort(
        port_pb.AddPortRequest(
            parent="hosts/edge", port_id="P9:", monitor="Standard TCP/IP Port", settings=settings
        )
    )


async def configure_port(scene: Scene) -> None:
    await scene.rig.ports.ConfigurePort(
        port_pb.ConfigurePortRequest(name=P9, settings=b'{"host": "10.9.9.9"}')
    )


async def set_port(scene: Scene) -> None:
    report = port_pb.SetPortRequest(name=P9)
    report.status.text = "the roll is empty"
    await scene.rig.ports.SetPort(report)


async def pause_port(scene: Scene) -> None:
    await scene.rig.ports.PausePort(port_pb.PausePortRequest(name=P9, reason="a new cable"))


async def resume_port(scene: Scene) -> None:
    await scene.rig.ports.ResumePort(port_pb.ResumePortRequest(name=P9, reason="it is clear"))


async def delete_port(scene: Scene) -> None:
    await scene.rig.ports.DeletePort(port_pb.DeletePortRequest(name=P9))


async def xcv_data(scene: Scene) -> None:
    data = b'{"settings": {"host": "10.0.0.8"}}'
    command = port_pb.XcvDataRequest(handle=await scene.session(), data_name="ConfigPort", input_data=data)
    await scene.rig.ports.XcvData(command)


async def stream_xcv_data(scene: Scene) -> None:
    command = port_pb.XcvDataRequest(handle=await scene.session(), data_name="AutoBaud")
    async for _ in scene.rig.ports.StreamXcvData(port_pb.StreamXcvDataRequest(command=command)):
        pass


async def send_recv_bidi_data(scene: Scene) -> None:
    item = monitor_pb.BidiRequestItem(schema=r"\Printer.DeviceInfo:Name")
    await scene.rig.ports.SendRecvBidiData(
        port_pb.SendRecvBidiDataRequest(name="hosts/edge/ports/P1:", action_name="Set", items=[item])
    )


async def tap_port(scene: Scene) -> None:
    async for _ in scene.rig.ports.TapPort(port_pb.TapPortRequest(name="hosts/edge/ports/P1:")):
        pass


async def acknowledge(scene: Scene) -> None:
    request = alert_pb.AcknowledgeAlertRequest(name="printers/labels", reason="a roll is on its way")
    request.expire_time.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    await scene.rig.alerts.AcknowledgeAlert(request)


async def withdraw(scene: Scene) -> None:
    request = alert_pb.WithdrawAcknowledgementRequest(name="printers/labels")
    await scene.rig.alerts.WithdrawAcknowledgement(request)


class Row(NamedTuple):
    """A method, how it is called, and the line it leaves: kind, subject, what its words must have."""

    method: str
    act: Callable[[Scene], Awaitable[None]]
    kind: str
    subject: str
    words: str = ""


# One after the other at one spooler.
ROWS = [
    Row("UpdateJob", update_job, "changed", "jobs/", "priority: 50 -> 99: urgent"),
    Row("CancelJob", cancel, "canceled", "jobs/", "wrong roll"),
    Row("RestartJob", restart, "restarted", "jobs/", "smudged"),
    Row("MoveJob", move, "moved", "jobs/", "from labels to spare: no ribbon"),
    Row("ResumeJob", resume, "resumed", "jobs/", "at label 2: one is there"),
    Row("ResolveJob", resolve, "decided", "jobs/", "I saw it"),
    Row("ReprintUnits", reprint, "reprinted", "jobs/", ": torn"),
    Row("HoldJob", hold, "held", "jobs/", "first the till"),
    Row("ReleaseJob", release_to_try, "released", "jobs/", "its ports are tried now: go"),
    Row("DeleteUpload", delete_upload, "upload-forgotten", "", "upload r-1"),
    Row("CreatePrinter", create_printer, "printer-added", "printers/till"),
    Row("UpdatePrinter", update_printer, "printer-changed", "printers/till", "none -> dock 2: it was moved"),
    Row("DeletePrinter", delete_printer, "printer-deleted", "printers/till", "sold"),
    Row("PausePrinter", pause_printer, "paused", "printers/labels", "a new ribbon"),
    Row("ResumePrinter", resume_printer, "resumed", "printers/labels", "it is in"),
    Row("PurgePrinter", purge_printer, "purged", "printers/spare", "jobs cancelled: old"),
    Row(
        "GetPrinterData",
        get_printer_data,
        "device-control",
        "hosts/edge/ports/P1:",
        "labels: control 0x220040",
    ),
    Row("AddPort", add_port, "port-added", P9),
    Row("ConfigurePort", configure_port, "port-configured", P9, "host"),
    Row("SetPort", set_port, "port-reported", P9, "the roll is empty"),
    Row("PausePort", pause_port, "paused", P9, "a new cable"),
    Row("ResumePort", resume_port, "resumed", P9, "it is clear"),
    Row("ResumePort", resume_port, "resumed", P9, "it is clear"),  # not paused: somebody has looked at it
    Row("DeletePort", delete_port, "port-deleted", P9),
    Row("XcvData", xcv_data, "port-configured", "hosts/edge/ports/P1:"),
    Row("StreamXcvData", stream_xcv_data, "port-command", "hosts/edge/ports/P1:", "AutoBaud"),
    Row("SendRecvBidiData", send_recv_bidi_data, "device-set", "hosts/edge/ports/P1:", "DeviceInfo:Name"),
    Row("TapPort", tap_port, "tapped", "hosts/edge/ports/P1:", "clear"),
    Row("AcknowledgeAlert", acknowledge, "acknowledged", "printers/labels", "a roll is on its way"),
    Row("WithdrawAcknowledgement", withdraw, "acknowledgement-withdrawn", "printers/labels"),
]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    (tmp_path / "state").mkdir()
    (tmp_path / "people").mkdir()
    access = access_of_people(tmp_path / "people")
    async with (
        spooler_running(tmp_path / "state", access=access) as rig,
        rig.as_caller("ada", tmp_path / "people") as ada,
    ):
        await rig.add_printer()
        await rig.add_printer("spare", "P2:")
        yield Scene(ada)


class CallRow(NamedTuple):
    """One of Windows' calls by name, and the line it leaves. "$labels" and "$xcv" are handles."""

    function: str
    given: Mapping[str, object]
    kind: str
    subject: str = ""
    words: str = ""


CALL_ROWS = [
    CallRow("AddPort", {"monitor": MONITOR, "port": "P8:"}, "port-added", "hosts/edge/ports/P8:"),
    CallRow("AddPortEx", {"monitor": MONITOR, "name": "P9:"}, "port-added", P9),
    CallRow("ConfigurePort", {"port": "edge/P9:"}, "port-added", P9),  # nobody is asked: nothing changes
    CallRow("DeletePort", {"port": "edge/P9:"}, "port-deleted", P9),
    CallRow("AddMonitor", {"info": {"name": "Ours", "dll": MONITOR}}, "monitor-named", "", "Ours"),
    CallRow("DeleteMonitor", {"name": "Ours"}, "monitor-forgotten", "", "Ours"),
    CallRow("AddPrinter", {"info": {"name": "till", "ports": "edge/P2:"}}, "printer-added", "printers/till"),
    CallRow("SetPrinter", {"handle": "$labels", "command": 1}, "paused", "printers/labels"),
    CallRow("SetJob", {"handle": "$labels", "command": 5}, "canceled", "jobs/"),
    CallRow("SetPrinterData", {"handle": "$server", "value": "Beep"}, "server-value", "", "Beep"),
    CallRow("SetPrinterDataEx", {"handle": "$server", "value": "Net"}, "server-value", "", "Net"),
    CallRow(
        "XcvData",
        {"handle": "$xcv", "command": "ConfigPort", "input": '{"settings": {"host": "10.0.0.8"}}'},
        "port-configured",
        "hosts/edge/ports/P1:",
    ),
    CallRow("DeletePrinter", {"handle": "$labels"}, "printer-deleted", "printers/labels"),
]


async def call(scene: Scene, function: str, given: Mapping[str, object]) -> Any:
    request = winspool_pb.CallRequest(function=function, arguments_json=json.dumps(given).encode())
    return json.loads((await scene.rig.winspool.Call(request)).output_json)


async def call_all(scene: Scene) -> AsyncIterator[CallRow]:
    """Make all of Windows' calls that leave a line, one after the other."""
    names: Mapping[str, Mapping[str, object]] = {
        "$labels": {"name": "labels"},
        "$server": {"name": None},
        "$xcv": {"name": r"\\edge\,XcvPort P1:", "access": 1},
    }
    handles = {word: (await call(scene, "OpenPrinter", given))["handle"] for word, given in names.items()}
    for row in CALL_ROWS:
        given = {name: handles.get(str(value), value) for name, value in row.given.items()}
        if row.function == "SetJob":
            given["job"] = int((await scene.held()).number)
        await call(scene, row.function, given)
        yield row


async def test_every_call_of_windows_leaves_a_line_with_who_what_and_when(scene: Scene) -> None:
    async for row in call_all(scene):
        line = await scene.line(row.kind)
        assert line.subject.startswith(row.subject), row.function
        assert line.actor == "token:ada", row.function
        assert row.words in line.text, row.function


def test_every_call_of_windows_looks_changes_with_a_line_or_takes_documents(scene: Scene) -> None:
    (servicer,) = [one for _, one, name in scene.rig.services.servicers if name.endswith("WinspoolService")]
    known = LOOKING_CALLS | CALLS_WITHOUT_A_DECISION | {row.function for row in CALL_ROWS}
    assert set(servicer.calls) == known


@pytest.mark.parametrize(
    "service",
    [print_pb, printer_pb, port_pb, watch_pb, registry_pb, winspool_pb, alert_pb],
    ids=lambda pb: pb.__name__,
)
def test_every_method_looks_changes_with_a_line_or_takes_documents(service: Any) -> None:
    (methods,) = [one.methods for one in service.DESCRIPTOR.services_by_name.values()]
    known = LOOKING | NO_DECISION | OF_HOSTS | {row.method for row in ROWS}
    assert {method.name for method in methods} - known == set()


async def test_every_act_leaves_a_line_with_who_what_and_when(scene: Scene) -> None:
    for row in ROWS:
        await row.act(scene)

        line = await scene.line(row.kind)
        assert line.subject.startswith(row.subject), row.method
        assert line.actor == "token:ada", row.method
        assert line.time.seconds, row.method
        assert row.words in line.text, row.method


async def test_what_a_host_keeps_at_the_spooler_leaves_a_line_too(tmp_path: Path) -> None:
    async with spooler_running(tmp_path) as rig:
        kept = registry_pb.PutHostConfigRequest(host="edge", document=b'{"pin": "4711"}')
        revision = (await rig.registry.PutHostConfig(kept)).revision
        line = await Scene(rig).line("host-configured")
        assert line.text.endswith(f"host edge: revision {revision}")
        assert line.actor
        assert "4711" not in line.text
