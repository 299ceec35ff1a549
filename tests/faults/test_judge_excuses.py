"""The judge's excuses are as narrow as docs/proof.md says: with a wider one, each of these lies would pass."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from printfabric.types.v1.job_pb2 import Job
from tests.faults.campaign.excuses import Excuses
from tests.faults.campaign.journals import Try
from tests.faults.campaign.papers import serial
from tests.faults.campaign.plan import JobPlan, PrinterPlan
from tests.faults.campaign.printers import Stand
from tests.faults.campaign.tale import Statement, Tale
from tests.faults.campaign.verdict import Findings, Judge
from tests.faults.test_judge import job, wrong
from tests.rig.until import until

UNITS, OUTPUT_QUEUE, GONE = 6, 4, 1167


class LineScene:
    """A simulated printer on a line, what is sent to it, and one job that speaks of it."""

    def __init__(self, folder: Path, plug: str, *, units: int = UNITS, unit_bytes: int = 120) -> None:
        self.plan = JobPlan(1, "p", "plain", 0.0, units, unit_bytes, setup=False)
        self.paper = self.plan.paper()
        cores = {serial(1, unit): core for unit, core in enumerate(self.paper.cores, 1)}
        printer = PrinterPlan("p", "plain", plug, "none", 0.0, 8192, 2048, unit_bytes, "", (), 1)
        self.stand = Stand(printer, folder, cores)
        self.began = time.time()

    async def send(self, *units: int) -> None:
        """Send units, and wait until they are on paper."""
        ends, wanted = (0, *self.paper.ends), sum(self.stand.printed.values()) + len(units)
        line = os.open(self.stand.settings["device"], os.O_WRONLY | os.O_NOCTTY)
        try:
            for unit in units:
                os.write(line, self.paper.data[ends[unit - 1] : ends[unit]])
            await until(lambda: sum(self.stand.printed.values()) == wanted and self.stand.sim.idle)
        finally:
            os.close(line)

    def said(self, proven: int, unsure: tuple[int, int]) -> Statement:
        """Return what the job says now, when it is held."""
        there = {unit: self.stand.printed[serial(1, unit)] for unit in range(1, self.plan.units + 1)}
        return Statement(time.time(), "it says", self.plan.units, unsure, proven, there, 0)

    def tale(self, *said: Statement) -> Tale:
        """Return what is known of the job beside its paper."""
        return Tale(self.plan, 1, statements=list(said))

    def tried(self, *, ended: float | None, win32: int = 0) -> Try:
        """Return what the host's journal says of an attempt that carried all of the document."""
        return Try("P", 1, True, 0, len(self.paper.data), self.began, ended, win32, OUTPUT_QUEUE)

    def judge(self, tale: Tale, *tries: Try, told: Job | None = None) -> Findings:
        """Return the verdict on the job, which says that it was completed unless it is `told` otherwise."""
        said, found = told or job(1), Findings()
        judge = Judge([self.stand], {said.uid: list(tries)})
        judge.judge(said, tale, found)
        judge.judge_sheets([(said, tale)], found)
        return found


@pytest.fixture
async def scenes(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Lend what makes scenes."""
    made: list[LineScene] = []

    async def make(plug: str = "pty", **named: Any) -> LineScene:
        made.append(LineScene(tmp_path, plug, **named))
        await made[-1].stand.start()
        return made[-1]

    yield make
    for scene in made:
        await scene.stand.stop()


async def test_a_unit_that_is_missing_before_the_uncertain_span_is_lost(scenes):
    scene = await scenes()
    await scene.send(1, 2)
    tale = scene.tale(scene.said(3, (4, 5)))
    tale.skipped = Counter({4: 1, 5: 1})
    await scene.send(6)
    assert wrong(scene.judge(tale)) == {
        "lost": 1, "false_completed": 1, "false_statements": 1, "skipped_missing": 2,
    }  # fmt: skip


async def test_a_unit_that_is_missing_behind_the_uncertain_span_is_lost(scenes):
    scene = await scenes()
    await scene.send(1, 2, 3)
    tale = scene.tale(scene.said(3, (4, 5)))
    tale.skipped = Counter({4: 1, 5: 1})
    assert wrong(scene.judge(tale)) == {"lost": 1, "false_completed": 1, "skipped_missing": 2}


async def test_a_unit_of_the_uncertain_span_that_nobody_let_go_is_lost(scenes):
    scene = await scenes()
    await scene.send(1, 2, 3)
    tale = scene.tale(scene.said(3, (4, 5)))
    tale.skipped = Counter({4: 1})
    await scene.send(6)
    assert wrong(scene.judge(tale)) == {"lost": 1, "false_completed": 1, "skipped_missing": 1}


async def test_a_unit_twice_outside_what_was_printed_again_by_decision_is_doubled(scenes):
    scene = await scenes()
    await scene.send(1, 2, 3, 4)
    tale = scene.tale(scene.said(3, (4, 5)))
    tale.maybe = Counter({4: 1, 5: 1})
    await scene.send(3, 4, 5, 6)
    assert wrong(scene.judge(tale)) == {"doubled_unmarked": 1, "doubled_by_decision": 1}


async def test_a_unit_more_often_on_paper_than_was_decided_is_doubled(scenes):
    scene = await scenes()
    await scene.send(1, 2, 3, 4)
    tale = scene.tale(scene.said(3, (4, 5)))
    tale.maybe = Counter({4: 1, 5: 1})
    await scene.send(4, 4, 5, 6)
    assert wrong(scene.judge(tale)) == {"doubled_unmarked": 1}


async def _line_goes(scene: LineScene) -> None:
    scene.stand.sim.fault("device-gone=0.05,same")
    await until(lambda: any(loss.what == "device-gone" for loss in scene.stand.losses()))


@pytest.mark.parametrize("win32", [0, GONE], ids=["killed", "seen to"])
async def test_what_a_line_took_along_in_the_middle_of_an_attempt_is_lost(scenes, monkeypatch, win32):
    scene = await scenes()
    await scene.send(1, 2, 3)
    await _line_goes(scene)
    tried = scene.tried(ended=time.time() if win32 else None, win32=win32)
    assert wrong(scene.judge(scene.tale(), tried)) == {"lost": 3, "false_completed": 1}
    # It was excused as long as a line's going counted from the attempt's start.
    monkeypatch.setattr(Excuses, "_since", staticmethod(lambda one, _loss: one.started))
    assert wrong(scene.judge(scene.tale(), tried)) == {"lost_in_printer_buffer": 3}


async def test_what_a_line_took_along_behind_an_attempt_is_excused_up_to_what_a_line_holds(scenes):
    scene = await scenes(units=60, unit_bytes=900)
    await scene.send(1, 2, 3)
    ended = time.time()
    await _line_goes(scene)
    found = scene.judge(scene.tale(), scene.tried(ended=ended))
    sizes = sorted(len(core) for core in scene.paper.cores[3:])
    assert 0 < sum(sizes[: found.lost_in_printer_buffer]) <= 24_576
    assert found.lost == 57 - found.lost_in_printer_buffer
    assert found.false_completed == 1


async def test_what_a_line_took_along_behind_an_attempt_is_no_excuse_for_one_that_began_later(
    scenes, monkeypatch
):
    scene = await scenes()
    await scene.send(1, 2, 3)
    await _line_goes(scene)
    later = time.time() + 1.0
    tried = scene.tried(ended=later + 1.0)._replace(started=later)
    assert wrong(scene.judge(scene.tale(), tried)) == {"lost": 3, "false_completed": 1}
    monkeypatch.setattr(Excuses, "_since", staticmethod(lambda _one, _loss: 0.0))
    assert wrong(scene.judge(scene.tale(), tried)) == {"lost_in_printer_buffer": 3}


async def test_a_fifo_hides_nothing_behind_an_attempt(scenes, monkeypatch):
    scene = await scenes("fifo")
    await scene.send(1, 2, 3)
    ended = time.time()
    await _line_goes(scene)
    assert wrong(scene.judge(scene.tale(), scene.tried(ended=ended))) == {"lost": 3, "false_completed": 1}
    monkeypatch.setattr(Stand, "_unread_by", lambda _stand, _fault: 24_576)
    assert wrong(scene.judge(scene.tale(), scene.tried(ended=ended))) == {"lost_in_printer_buffer": 3}


async def test_a_line_that_was_still_there_hides_nothing(scenes, monkeypatch):
    scene = await scenes()
    await scene.send(1, 2, 3)
    scene.stand.sim.fault("noise=3")
    tried = scene.tried(ended=time.time())
    assert wrong(scene.judge(scene.tale(), tried)) == {"lost": 3, "false_completed": 1}
    # It was excused as long as any loss at a line let its buffers stand for what was missing.
    monkeypatch.setattr(Excuses, "_gone_behind", lambda _excuses, _one: True)
    monkeypatch.setattr(Stand, "_unread_by", lambda _stand, _fault: 24_576)
    assert wrong(scene.judge(scene.tale(), tried)) == {"lost_in_printer_buffer": 3}


async def test_what_a_held_job_calls_printed_is_excused_by_no_loss_that_came_later(scenes):
    scene = await scenes()
    await scene.send(1, 2, 3)
    said = scene.said(5, (6, 6))
    await _line_goes(scene)
    tale = replace(scene.tale(said), skipped=Counter({6: 1}))
    found = scene.judge(tale, scene.tried(ended=said.at))
    assert found.false_statements == 1
    assert found.lost_in_printer_buffer == 2
