"""Who decided what, and when: every act of a person is in the history of what it was about, durably."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from printfabric.spooler.v1 import port_service_pb2 as port_pb
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from printfabric.types.v1 import port_pb2
from tests.fabric.spooler_rig import SpoolerRig, access_of_people, eventually, spooler_running


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[SpoolerRig]:
    (tmp_path / "state").mkdir()
    (tmp_path / "people").mkdir()
    access = access_of_people(tmp_path / "people")
    async with (
        spooler_running(tmp_path / "state", access=access) as rig,
        rig.as_caller("ada", tmp_path / "people") as ada,
    ):
        yield ada


async def history(rig: SpoolerRig, parent: str) -> list[tuple[str, str, str]]:
    answer = await rig.watch.ListHistory(watch_pb.ListHistoryRequest(parent=parent))
    assert all(entry.time.seconds for entry in answer.entries)
    return [(entry.kind, entry.actor.removeprefix("token:"), entry.text) for entry in answer.entries][::-1]


async def events(rig: SpoolerRig, job: Any) -> list[tuple[str, str]]:
    answer = await rig.print.ListJobEvents(print_pb.ListJobEventsRequest(parent=job.name))
    return [(event.kind, event.actor.removeprefix("token:")) for event in answer.events]


async def test_what_people_do_to_a_printer_is_in_its_history(rig: SpoolerRig) -> None:
    port = printer_pb.PrinterPort()
    port.port.host, port.port.port = "edge", "P1:"
    create = printer_pb.CreatePrinterRequest(printer_id="till", printer=printer_pb.Printer(ports=[port]))
    printer = (await rig.printers.CreatePrinter(create)).printer
    printer.on_uncertain = print_pb.UNCERTAIN_DECISION_SKIP
    printer.location = "dock 2"
    await rig.printers.UpdatePrinter(printer_pb.UpdatePrinterRequest(printer=printer))
    await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="till", reason="cleaning"))
    await rig.printers.ResumePrinter(printer_pb.ResumePrinterRequest(name="till"))
    assert await history(rig, "printers/till") == [
        ("printer-added", "ada", ""),
        ("printer-changed", "ada", "location: none -> dock 2, on_uncertain: hold -> skip"),
        ("paused", "ada", "cleaning"),
        ("resumed", "ada", ""),
    ]
    answer = await rig.watch.ListHistory(watch_pb.ListHistoryRequest(parent="-", page_size=1))
    assert [(entry.subject, entry.kind) for entry in answer.entries] == [("printers/till", "resumed")]


async def test_what_people_do_to_a_port_is_in_its_history_without_its_secrets(rig: SpoolerRig) -> None:
    add = port_pb.AddPortRequest(
        parent="hosts/edge", port_id="P9:", monitor="Standard TCP/IP Port", settings=b'{"host": "10.0.0.9"}'
    )
    await rig.ports.AddPort(add)
    name = "hosts/edge/ports/P9:"
    await rig.ports.ConfigurePort(port_pb.ConfigurePortRequest(name=name, settings=b'{"host": "10.9.9.9"}'))
    await rig.ports.PausePort(port_pb.PausePortRequest(name=name, reason="new cable"))
    await rig.ports.ResumePort(port_pb.ResumePortRequest(name=name))
    report = port_pb.SetPortRequest(name=name)
    report.status.text, report.status.severity = "the roll is empty", port_pb2.SEVERITY_ERROR
    report.status.condition = port_pb2.PORT_CONDITION_PAPER_OUT
    await rig.ports.SetPort(report)
    assert await history(rig, name) == [
        ("port-added", "ada", "Standard TCP/IP Port"),
        ("port-configured", "ada", "host"),
        ("paused", "ada", "new cable"),
        ("resumed", "ada", ""),
        ("port-reported", "ada", "error paper out the roll is empty"),
    ]
    await rig.ports.DeletePort(port_pb.DeletePortRequest(name=name))
    assert (await history(rig, name))[-1] == ("port-deleted", "ada", "")


async def test_what_people_do_to_a_job_is_in_its_history(rig: SpoolerRig) -> None:
    await rig.add_printer()
    job = (await rig.submit(hold=True)).job
    await rig.print.ReleaseJob(print_pb.ReleaseJobRequest(name=job.name))
    await eventually(lambda: events(rig, job), lambda seen: ("released", "ada") in seen)
    request = watch_pb.WatchRequest(jobs=print_pb.JobFilter(names=[job.name]), until_ended=True)
    async for _ in rig.watch.Watch(request):
        pass
    rig.host.ports["P1:"].break_at, rig.host.ports["P1:"].break_uncertain = 4, 2
    await rig.print.RestartJob(print_pb.RestartJobRequest(name=job.name))

    async def job_now() -> Any:
        return (await rig.print.GetJob(print_pb.GetJobRequest(name=job.name))).job

    await eventually(job_now, lambda now: "outcome-unknown" in now.state_reasons)
    skip = print_pb.UnitDecision(decision=print_pb.UNCERTAIN_DECISION_SKIP)
    await rig.print.ResolveJob(print_pb.ResolveJobRequest(name=job.name, decisions=[skip], reason="I saw it"))
    seen = await events(rig, job)
    assert [event for event in seen if event[1] == "ada"] == [
        ("released", "ada"),
        ("restarted", "ada"),
        ("decided", "ada"),
    ]
