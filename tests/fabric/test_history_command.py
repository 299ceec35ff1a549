"""`printfabric history` and `change` against a spooler with its wall: what was done, by whom, as the command shows it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner

from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric_client.command.program import program
from tests.fabric.spooler_rig import SpoolerRig, eventually, spooler_running


async def run(rig: SpoolerRig, *arguments: str) -> str:
    words = [*arguments, "--address", rig.address]
    result = await asyncio.to_thread(CliRunner().invoke, program, words)
    assert result.exit_code == 0, result.output
    return result.stdout


async def test_what_was_done_to_a_printer_is_listed_newest_first(tmp_path: Path) -> None:
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="labels", reason="cleaning"))
        _head, paused, added = (await run(rig, "history", "labels")).splitlines()
        assert "paused" in paused
        assert "cleaning" in paused
        assert "printer-added" in added
        assert len((await run(rig, "history", "labels", "-n", "1")).splitlines()) == 2


async def test_what_was_decided_about_a_job_is_listed_when_the_job_is_forgotten(tmp_path: Path) -> None:
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        job = (await rig.submit(hold=True)).job
        await rig.print.CancelJob(print_pb.CancelJobRequest(name=job.name, reason="wrong roll"))
        await rig.store.remove_jobs([job.number])
        for subject in (("labels",), (str(job.number),), ()):
            lines = (await run(rig, "history", *subject)).splitlines()
            (line,) = [line for line in lines if "wrong roll" in line]
            assert "canceled" in line
            assert str(job.number) in line
        missing = await asyncio.to_thread(
            CliRunner().invoke, program, ["history", "4711", "--address", rig.address]
        )
        assert missing.exit_code != 0
        assert "no job 4711" in missing.output


async def test_a_jobs_priority_is_changed_and_it_goes_first(tmp_path: Path) -> None:
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="labels"))
        first, second = [(await rig.submit()).job for _ in range(2)]
        await run(rig, "change", str(second.number), "--priority", "99")
        await rig.printers.ResumePrinter(printer_pb.ResumePrinterRequest(name="labels"))

        async def order() -> list[int]:
            return rig.host.ports["P1:"].order

        printed = await eventually(order, lambda numbers: len(numbers) == 2)
        assert printed == [second.number, first.number]
        changed = (await rig.print.GetJob(print_pb.GetJobRequest(name=second.name))).job
        assert changed.priority == 99
