"""A spooler that dies while a job is to go on in its middle: its rest still leaves before all others, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.errors import DeviceOffline
from spooler.job import Attempt, Job
from spooler.job_state import JobState
from spooler.ledger import Ledger, Offsets, Outcome
from spooler.printer import PortName
from spooler.store import Changes
from tests.fabric.dispatch_rig import Rig, eventually, running
from tests.fakes.host import FakeHost

PORT, BROKE_AT = PortName("edge", "P1:"), 600
DOCUMENT = bytes(range(250)) * 4
BEGAN = datetime(2026, 11, 21, tzinfo=UTC)


async def _accept(rig: Rig, ports: tuple[str, ...], *documents: bytes) -> list[Job]:
    await rig.printer("labels", *ports)
    await rig.printers.pause_printer("labels", "ann")
    return [await rig.submit("labels", data) for data in documents]


async def _broke_off(rig: Rig, job: Job, *, rest_left: bool) -> None:
    """Write down that a job broke off in its middle, and whether its rest is on its way."""
    ledger = Ledger(Offsets(len(DOCUMENT), BROKE_AT))
    first = Attempt(
        job.uid,
        job.number,
        1,
        PORT,
        1,
        started_at=BEGAN,
        ended_at=BEGAN,
        ledger=ledger,
        outcome=Outcome.PARTIAL,
    )
    second = Attempt(job.uid, job.number, 2, PORT, 1, resume_offset=BROKE_AT, started_at=BEGAN)
    job = replace(
        job,
        state=JobState.PROCESSING if rest_left else JobState.PROCESSING_STOPPED,
        port=PORT,
        attempts=2 if rest_left else 1,
        resume_offset=BROKE_AT,
        ledger=ledger,
        started_at=BEGAN,
        revision=9,
    )
    await rig.store.record(Changes(jobs=[job], attempts=[first, second] if rest_left else [first]))


async def _left(rig: Rig, job: Job) -> None:
    """Write down that a job has left behind it; the host never saw it."""
    attempt = Attempt(job.uid, job.number, 1, PORT, 1, started_at=BEGAN + timedelta(seconds=1))
    job = replace(job, state=JobState.PROCESSING, port=PORT, attempts=1, started_at=BEGAN, revision=9)
    await rig.store.record(Changes(jobs=[job], attempts=[attempt]))


@pytest.mark.parametrize("rest_left", [True, False], ids=["its rest has left", "its rest waits"])
@pytest.mark.parametrize("place", [0, 1], ids=["accepted first", "accepted last"])
async def test_the_rest_leaves_before_what_was_pipelined_behind_it(
    tmp_path: Path, place: int, rest_left: bool
) -> None:
    host = FakeHost("edge", "P1:")
    documents = [b"behind it", b"behind it too"]
    documents.insert(place * 2, DOCUMENT)
    async with running(tmp_path, host) as rig:
        jobs = await _accept(rig, ("P1:",), *documents)
        broken = jobs.pop(place * 2)
        await _broke_off(rig, broken, rest_left=rest_left)
        for job in jobs:
            await _left(rig, job)
    async with running(tmp_path, host) as rig:
        await rig.printers.resume_printer("labels", "ann")
        for job in (broken, *jobs):
            await rig.until(job.number, JobState.COMPLETED)
    port = host.ports["P1:"]
    assert port.order == [broken.number, *(job.number for job in jobs)]
    assert bytes(port.printed[0].data) == DOCUMENT[BROKE_AT:]


@pytest.mark.parametrize("rest_left", [True, False], ids=["its rest has left", "its rest waits"])
async def test_the_rest_goes_to_no_other_port_and_nothing_before_it_when_its_own_refuses_it_for_a_while(
    tmp_path: Path, rest_left: bool
) -> None:
    host = FakeHost("edge", "P1:", "P2:")
    port = host.ports["P1:"]
    async with running(tmp_path, host) as rig:
        broken, behind = await _accept(rig, ("P1:", "P2:"), DOCUMENT, b"behind it")
        await _broke_off(rig, broken, rest_left=rest_left)
    port.refuses = DeviceOffline("it is away")

    async def refused() -> int:
        return port.calls.count("refused")

    async with running(tmp_path, host) as rig:
        await eventually(refused, bool)
        await rig.until(broken.number, JobState.PROCESSING_STOPPED)
        await rig.printers.resume_printer("labels", "ann")
        await rig.until(behind.number, JobState.COMPLETED)  # at the other port
        port.refuses = None
        await rig.until(broken.number, JobState.COMPLETED)
    assert port.order == [broken.number]
    assert bytes(port.printed[0].data) == DOCUMENT[BROKE_AT:]
    assert host.ports["P2:"].order == [behind.number]
