"""`printfabric alerts` against a spooler with its wall: what needs somebody, who has it in hand, and taking that back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner

from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric_client.command.program import program
from tests.fabric.spooler_rig import SpoolerRig, access_of_people, spooler_running


async def run(rig: SpoolerRig, *words: str, code: int = 0) -> str:
    done = await asyncio.to_thread(CliRunner().invoke, program, [*words, "--address", rig.address])
    assert done.exit_code == code, done.output
    return done.output


async def stuck(rig: SpoolerRig) -> None:
    """Pause a printer that has a job."""
    await rig.add_printer()
    await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="labels", reason="cleaning"))
    await rig.submit()


async def test_what_needs_somebody_is_listed_taken_in_hand_and_given_back(tmp_path: Path) -> None:
    async with spooler_running(tmp_path) as rig:
        assert "nothing needs anybody" in await run(rig, "alerts")
        await stuck(rig)
        _head, row = (await run(rig, "alerts")).splitlines()
        assert row.split()[:3] == ["labels", "paused", "1"]
        assert "Printer labels is paused by" in row
        assert "cleaning" in row
        words = ("alerts", "acknowledge", "labels", "--until", "4h", "-r", "a cloth is on its way")
        assert (await run(rig, *words)).startswith("labels: in your hands until ")
        (alert,) = map(json.loads, (await run(rig, "alerts", "list", "--json")).splitlines())
        assert (alert["name"], alert["state"], alert["jobs"]) == ("printers/labels", "paused", 1)
        assert alert["in_hand"]["reason"] == "a cloth is on its way"
        assert "a cloth is on its way" in await run(rig, "alerts")
        assert "acknowledged" in await run(rig, "history", "labels")
        assert "nobody has it in hand" in await run(rig, "alerts", "withdraw", "printers/labels")
        (alert,) = map(json.loads, (await run(rig, "alerts", "list", "--json")).splitlines())
        assert "in_hand" not in alert
        assert "30 days" in await run(rig, "alerts", "acknowledge", "labels", "--until", "31d", code=2)


async def test_who_is_no_operator_sees_alerts_and_takes_none_in_hand(tmp_path: Path, monkeypatch) -> None:
    access = access_of_people(tmp_path)
    async with spooler_running(tmp_path, access=access) as rig, rig.as_caller("ann", tmp_path):
        await rig.add_printer()
        monkeypatch.setenv("PRINTFABRIC_TOKEN_FILE", str(tmp_path / "ann.token"))
        assert "nothing needs anybody" in await run(rig, "alerts")
        assert "ann" in await run(rig, "alerts", "acknowledge", "labels", code=5)
