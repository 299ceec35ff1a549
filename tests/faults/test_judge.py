"""The campaign's judge is judged: every lie that a job can tell about paper is planted, and has to be found."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portmon.document import Evidence
from printfabric.types.v1.job_pb2 import JOB_STATE_CANCELED, JOB_STATE_COMPLETED, Job
from printfabric.types.v1.ledger_pb2 import EVIDENCE_LEVEL_ACKED, EVIDENCE_LEVEL_CONFIRMED
from tests.faults.campaign.excuses import NOTHING_LOST, TCP_ACK
from tests.faults.campaign.journals import Try
from tests.faults.campaign.papers import serial
from tests.faults.campaign.plan import JobPlan, PrinterPlan
from tests.faults.campaign.printers import Stand
from tests.faults.campaign.tale import Statement, Tale
from tests.faults.campaign.verdict import MUST_BE_ZERO, Findings, Judge
from tests.rig.until import until

UNITS = 6


class Scene:
    """A simulated printer, what is sent to it, and the jobs that speak of it."""

    def __init__(
        self,
        folder: Path,
        personality: str = "plain",
        faults: str = "",
        units: int = UNITS,
        plug: str = "tcp",
    ) -> None:
        self.plans = [JobPlan(number, "p", personality, 0.0, units, 120, setup=False) for number in (1, 2)]
        self.papers = [plan.paper() for plan in self.plans]
        cores = {
            serial(plan.number, unit): core
            for plan, paper in zip(self.plans, self.papers, strict=True)
            for unit, core in enumerate(paper.cores, 1)
        }
        plan = PrinterPlan("p", personality, plug, "none", 0.0, 8192, 2048, 120, faults, (), 1)
        self.stand = Stand(plan, folder, cores)
        self.began = time.time()

    def unit(self, job: int, unit: int) -> bytes:
        """Return one unit's bytes."""
        ends = (0, *self.papers[job - 1].ends)
        return self.papers[job - 1].data[ends[unit - 1] : ends[unit]]

    async def send(self, data: bytes) -> None:
        """Send a connection's bytes, and wait until the printer has done with them."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stand.settings["port"])
        writer.write(data)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 30)
        writer.close()
        await writer.wait_closed()
        await until(lambda: self.stand.sim.idle)

    def tale(self, job: int, *said: Statement, last_word: Statement | None = None) -> Tale:
        """Return what is known of a job beside the paper."""
        return Tale(self.plans[job - 1], job, statements=list(said), last_word=last_word)

    def said(self, job: int, proven: int, unsure: tuple[int, int] | None = None) -> Statement:
        """Return what a job says now."""
        units = self.plans[job - 1].units
        there = {unit: self.stand.printed[serial(job, unit)] for unit in range(1, units + 1)}
        return Statement(time.time(), "it says", units, unsure, proven, there, 0)

    def judge(
        self,
        *told: tuple[Job, Tale],
        tries: bool = False,
        pipe: bool = False,
        evidence: int = TCP_ACK,
        ended: float | None = None,
    ) -> Findings:
        """Return the verdict on jobs; with `tries` the host's journal says that all of each was carried, with that proof."""
        found = Findings()
        end = len(self.papers[0].data)
        one = Try("P", 1, pipe, 0, end, self.began, ended or time.time(), 0, evidence)
        judge = Judge([self.stand], {job.uid: [one] for job, _ in told} if tries else {})
        for job, tale in told:
            judge.judge(job, tale, found)
        judge.judge_sheets(told, found)
        return found


def job(number: int, **fields: Any) -> Job:
    """Return a job that says it was completed."""
    told = Job(number=number, uid=bytes([number]) * 16, state=JOB_STATE_COMPLETED)
    told.ledger.level = EVIDENCE_LEVEL_ACKED
    told.MergeFrom(Job(**fields))
    return told


@pytest.fixture
async def scenes(tmp_path: Path):
    """Lend what makes scenes."""
    made: list[Scene] = []

    async def make(*arguments: Any, **named: Any) -> Scene:
        scene = Scene(tmp_path, *arguments, **named)
        await scene.stand.start()
        made.append(scene)
        return scene

    yield make
    for scene in made:
        await scene.stand.stop()


def wrong(found: Findings) -> dict[str, int]:
    """Return what is not 0 where there is nothing wrong."""
    counted = (
        "overtaken", "lost_in_printer_buffer", "skipped_missing", "doubled_by_decision", "soiled_named",
        "spoiled_by_printer",
    )  # fmt: skip
    names = (*MUST_BE_ZERO, *counted)
    return {name: value for name in names if (value := getattr(found, name))}


@pytest.mark.parametrize("personality", ["zpl", "escpos", "pjl", "plain"])
async def test_the_truth_passes(scenes, personality):
    scene = await scenes(personality)
    for paper in scene.papers:
        await scene.send(paper.data)
    found = scene.judge((job(1), scene.tale(1)), (job(2), scene.tale(2)))
    assert not wrong(found), found.complaints
    assert found.completed == 2


async def test_a_unit_that_is_not_there_is_lost(scenes):
    scene = await scenes()
    await scene.send(b"".join(scene.unit(1, unit) for unit in (1, 2, 4, 5, 6)))
    assert wrong(scene.judge((job(1), scene.tale(1)))) == {"lost": 1, "false_completed": 1}


async def test_a_job_that_nobody_knows_any_more_is_lost(scenes):
    scene = await scenes()
    found = Findings()
    Judge([scene.stand], {}).judge(None, scene.tale(1), found)
    assert wrong(found) == {"lost": UNITS}


async def test_a_job_that_never_ends_is_stuck(scenes):
    scene = await scenes()
    assert wrong(scene.judge((Job(number=1, uid=b"1" * 16), scene.tale(1)))) == {"stuck": 1}


@pytest.mark.parametrize("again", [1, 3, UNITS])
async def test_a_unit_that_comes_out_twice_is_doubled(scenes, again):
    scene = await scenes()
    await scene.send(scene.papers[0].data + scene.unit(1, again))
    assert wrong(scene.judge((job(1), scene.tale(1)))) == {"doubled_unmarked": 1}


async def test_what_a_person_had_printed_again_is_counted_by_itself(scenes):
    scene = await scenes()
    await scene.send(scene.papers[0].data + scene.unit(1, 3))
    tale = scene.tale(1)
    tale.maybe[3] += 1
    assert wrong(scene.judge((job(1), tale))) == {"doubled_by_decision": 1}


@pytest.mark.parametrize(
    ("loss", "false"),
    [("All of it reached the printer's side.", {}), (NOTHING_LOST, {"false_statements": 1})],
)
async def test_what_the_printer_destroyed_is_excused_unless_nothing_was_said_to_be_lost(scenes, loss, false):
    scene = await scenes(faults="power-cut=0.1@unit:2")
    await _send_into_power_cut(scene, range(1, UNITS + 1))
    found = scene.judge((job(1), replace(scene.tale(1), loss=loss)), tries=True)
    assert wrong(found) == {"lost_in_printer_buffer": UNITS - 2, **false}, found.complaints


async def test_nothing_is_lost_of_what_a_person_let_go(scenes):
    scene = await scenes()
    await scene.send(b"".join(scene.unit(1, unit) for unit in (1, 2, 4, 5, 6)))
    tale = replace(scene.tale(1), loss=NOTHING_LOST, skipped=Counter({3: 1}))
    assert wrong(scene.judge((job(1), tale))) == {"skipped_missing": 1}


async def test_what_was_never_sent_is_not_excused_by_what_the_printer_destroyed(scenes):
    scene = await scenes(faults="power-cut=0.1@unit:2")
    await _send_into_power_cut(scene, (1, 2, 4, 5, 6))
    found = scene.judge((job(1), scene.tale(1)), tries=True)
    assert wrong(found) == {"lost": 1, "false_completed": 1, "lost_in_printer_buffer": 3}


async def test_what_the_printer_is_said_to_have_confirmed_is_not_excused(scenes):
    scene = await scenes(faults="power-cut=0.1@unit:2")
    await _send_into_power_cut(scene, range(1, UNITS + 1))
    confirmed = job(1)
    confirmed.ledger.level = EVIDENCE_LEVEL_CONFIRMED
    found = scene.judge((confirmed, scene.tale(1)), tries=True)
    assert wrong(found) == {"lost": UNITS - 2, "false_completed": 1}


@pytest.mark.parametrize(
    ("level", "verdict"),
    [
        (EVIDENCE_LEVEL_ACKED, {"lost_in_printer_buffer": 4}),
        (EVIDENCE_LEVEL_CONFIRMED, {"lost": 4, "false_completed": 1}),
    ],
)
async def test_a_restart_amid_a_receipt_on_a_line_is_excused_where_nothing_was_said_to_be_confirmed(
    scenes, level, verdict
):
    scene = await scenes("escpos", faults="power-cut=0.1@unit:2")
    await _send_into_power_cut(scene, range(1, UNITS + 1))
    answered = job(1)
    answered.ledger.level = level
    told = (answered, scene.tale(1))
    assert wrong(scene.judge(told, tries=True, pipe=True, evidence=Evidence.ESCPOS_ANSWERED)) == verdict


async def test_a_connection_that_was_never_read_hides_no_more_than_its_buffer(scenes):
    scene = await scenes(faults="refuse=0.1@time:0.01s", units=60)
    await until(lambda: any(loss.what == "refuse" for loss in scene.stand.losses()))
    found = scene.judge((job(1), scene.tale(1)), tries=True)
    hidden = sum(len(core) for core in scene.papers[0].cores) * found.lost_in_printer_buffer / 60
    assert 0 < hidden < 6000
    assert found.lost == 60 - found.lost_in_printer_buffer > 20


async def _send_into_power_cut(scene: Scene, units: Sequence[int]) -> None:
    """Send units and wait until the power has gone and come back."""
    _, writer = await asyncio.open_connection("127.0.0.1", scene.stand.settings["port"])
    writer.write(b"".join(scene.unit(1, unit) for unit in units))
    await until(
        lambda: any(
            event.get("condition") == "power-off" and not event["on"]
            for event in scene.stand.sim.record.events
        )
    )
    writer.close()


@pytest.mark.parametrize("personality", ["plain", "escpos"])
async def test_half_a_unit_before_the_next_jobs_first_is_soil_unless_both_jobs_say_so(scenes, personality):
    scene = await scenes(personality)
    half = scene.unit(1, 1) + scene.unit(1, 2)[:60]
    await scene.send(half)
    doubt = scene.said(2, 0, (1, 1))
    await scene.send(scene.papers[1].data)
    cancelled = job(1)
    cancelled.state = JOB_STATE_CANCELED
    first = scene.tale(1, last_word=scene.said(1, 1))
    first.cancelled = True
    found = scene.judge((cancelled, first), (job(2), scene.tale(2)))
    assert wrong(found) == {"soiled": 1}
    assert "2-1" in found.complaints[0]
    told = scene.judge((cancelled, first), (job(2), scene.tale(2, doubt)))
    assert wrong(told) == {"soiled_named": 1}


@pytest.mark.parametrize(("behind_the_end", "verdict"), [(True, "spoiled_by_printer"), (False, "soiled")])
async def test_what_was_read_of_a_unit_before_its_line_went_is_the_lines_behind_the_end_of_the_attempt_only(
    scenes, behind_the_end, verdict
):
    paper = JobPlan(1, "p", "escpos", 0.0, UNITS, 120, setup=False).paper()
    before_its_cut = paper.ends[2] - len(b"\n\x1dV\x00")
    scene = await scenes("escpos", faults=f"device-gone=0.1,same@byte:{before_its_cut}", plug="pty")
    events = scene.stand.sim.record.events
    _write_line(scene, paper.data)
    await until(lambda: any(event["event"] == "device back" for event in events))
    _write_line(scene, paper.data)
    await until(lambda: len(scene.stand.sheets) == 2 + UNITS)
    [gone] = [one.at for one in scene.stand.losses()]
    ended = gone if behind_the_end else gone + 1
    found = wrong(scene.judge((job(1), scene.tale(1)), tries=True, pipe=True, ended=ended))
    assert found.get(verdict) == 1, found
    assert ("soiled" in found) is not behind_the_end


def _write_line(scene: Scene, data: bytes) -> None:
    line = os.open(scene.stand.settings["device"], os.O_WRONLY | os.O_NOCTTY)
    try:
        os.write(line, data)
    finally:
        os.close(line)


async def test_half_a_unit_on_a_sheet_of_its_own_is_soil_if_the_job_calls_it_printed(scenes):
    scene = await scenes()
    await scene.send(scene.unit(1, 1)[:60] + b"\r\n\x0c" + scene.papers[0].data)
    assert wrong(scene.judge((job(1), scene.tale(1)))) == {"soiled": 1}


async def test_a_unit_with_a_hole_in_it_is_lost_and_soil(scenes):
    scene = await scenes()
    damaged = scene.papers[0].data.replace(scene.papers[0].cores[2][20:40], b"")
    await scene.send(damaged)
    assert wrong(scene.judge((job(1), scene.tale(1)))) == {"lost": 1, "false_completed": 1, "soiled": 1}


async def test_two_units_on_one_sheet_are_soil(scenes):
    scene = await scenes()
    first = scene.unit(1, 1).removesuffix(b"\r\n\x0c")
    await scene.send(scene.papers[0].data.replace(scene.unit(1, 1), first))
    assert wrong(scene.judge((job(1), scene.tale(1)))) == {"soiled": 1}


async def test_units_in_the_wrong_order_are_found(scenes):
    scene = await scenes()
    await scene.send(b"".join(scene.unit(1, unit) for unit in (1, 3, 2, 4, 5, 6)))
    assert wrong(scene.judge((job(1), scene.tale(1)))) == {"disordered": 1}


async def test_jobs_in_the_wrong_order_are_found(scenes):
    scene = await scenes()
    for paper in reversed(scene.papers):
        await scene.send(paper.data)
    told = scene.judge((job(1), scene.tale(1)), (job(2), scene.tale(2)))
    assert wrong(told) == {"overtaken": 1}


async def test_a_held_job_that_says_too_much_or_too_little_is_found(scenes):
    scene = await scenes()
    await scene.send(b"".join(scene.unit(1, unit) for unit in (1, 2, 3)))
    too_much, too_little = scene.said(1, 4), scene.said(1, 0, (1, 2))
    right = scene.said(1, 2, (3, 4))
    all_well = replace(right, loss=NOTHING_LOST)
    await scene.send(b"".join(scene.unit(1, unit) for unit in (4, 5, 6)))
    for said, count in ((too_much, 1), (too_little, 1), (right, 0), (all_well, 1)):
        assert scene.judge((job(1), scene.tale(1, said))).false_statements == count
