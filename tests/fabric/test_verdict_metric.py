"""Why printers do not print, as a metric: worked out on the spooler's loop while the page is read in a thread."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from chassis.errors import ConnectionRefused
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from spooler.api import printer_verdicts
from spooler.explain.facts import Verdict
from spooler.job_state import JobState
from spooler.printer import PortName
from tests.fabric.spooler_rig import SpoolerRig, eventually, spooler_running, verdict_series
from tests.rig.steps import steps_of

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "helm" / "print-fabric" / "files" / "rules" / "alerts.yaml"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[SpoolerRig]:
    async with spooler_running(tmp_path) as rig:
        yield rig


async def test_a_printer_that_does_not_print_has_one_series_and_idle_ones_have_none(rig: SpoolerRig) -> None:
    await rig.add_printer("idle")
    await rig.add_printer()
    await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="labels"))
    await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="idle"))
    assert await verdict_series(rig) == []
    await rig.submit()
    await rig.submit()
    assert await verdict_series(rig) == [("labels", "Printer labels is paused", "printer_paused")]


async def test_the_verdict_is_the_one_that_explain_gives_and_goes_with_it(rig: SpoolerRig) -> None:
    await rig.add_printer()
    rig.host.ports["P1:"].refuses = ConnectionRefused("nobody listens")
    await rig.submit()

    async def verdicts() -> list[str]:
        return [verdict for _, _, verdict in await verdict_series(rig)]

    await eventually(verdicts, lambda found: found == ["no_connection"], within_s=30.0)
    rig.host.ports["P1:"].refuses = None
    await eventually(verdicts, lambda found: not found, within_s=30.0)


async def test_a_loop_that_does_not_answer_leaves_the_page_without_verdicts(
    rig: SpoolerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printer_verdicts, "_PAGE_WAITS_S", 0.05)
    registry = CollectorRegistry()
    with rig.parts["services"].verdicts.shown_in(registry):
        page = generate_latest(registry).decode()  # in the loop's own thread, which is busy with that
    assert "# TYPE printfabric_printer_verdict gauge" in page
    assert "printer_verdict{" not in page


def test_the_alert_leaves_out_verdicts_that_there_are_and_shows_the_metrics_words() -> None:
    (rule,) = (
        rule
        for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]
        for rule in group["rules"]
        if "printfabric_printer_verdict" in rule["expr"]
    )
    (left_out,) = re.findall(r'verdict!~"(.+?)"', rule["expr"])
    assert set(left_out.split("|")) < set(map(str, Verdict))
    assert "{{ $labels.says }}" in rule["annotations"]["summary"]


async def test_a_verdict_costs_the_same_whatever_waits_at_its_printer(rig: SpoolerRig) -> None:
    await rig.add_printer()
    await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="labels"))
    await rig.submit()
    book, port = rig.dispatcher.book, PortName("edge", "P1:")
    queue, (first,) = book.queue("labels"), book.jobs.values()
    queue.printer = replace(queue.printer, paused=None)  # so that it is its next job that tells how it is
    held = replace(first, state=JobState.PENDING_HELD)
    look = rig.services.verdicts._look

    def cost(jobs: int) -> tuple[int, int]:
        for number in range(len(queue.jobs) + 1, jobs + 1):
            book.add(replace(first if number % 2 else held, number=number))
        assert look.waiting_for(port) == jobs // 2
        return steps_of(lambda: rig.services.verdicts.of(queue)), steps_of(
            lambda: (look.undecided_at(port), look.waiting_for(port))
        )

    few = cost(1_000)
    assert cost(50_000) == few
