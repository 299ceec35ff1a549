"""A document that a host refuses because half of another lies in its device: it was not begun, and nobody need prove more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chassis.errors import FabricError, PortBusy
from spooler.job_state import JobState
from spooler.ledger import Outcome, Span
from spooler.port import UNFINISHED
from tests.fabric.dispatch_rig import eventually, running
from tests.fakes.host import FakeHost


class HalfThere(PortBusy):
    """Half a document of somebody else."""

    reason = UNFINISHED


def _half(uid: bytes = bytes(16), accepted: int = 5, *, certain: bool = True) -> FabricError:
    return HalfThere(
        "half a document lies there",
        document_uid=uid.hex(),
        attempt=1,
        accepted=accepted,
        uncertain_start=0,
        uncertain_end=0 if certain else accepted,
        pipe="false",
    )


async def test_what_was_refused_is_sent_again_though_the_host_could_not_prove_that_it_never_saw_it(
    tmp_path: Path,
):
    host = FakeHost("edge", "P1:")
    port = host.ports["P1:"]
    port.proves = False  # it was told the time after the job was made, and lacks its journal of before
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        port.half = _half()
        job = await rig.submit("labels", b"document")
        done = await rig.until(job.number, JobState.COMPLETED, JobState.PENDING_HELD)
    assert (done.state, done.outcome) == (JobState.COMPLETED, Outcome.PRINTED)
    assert port.calls.count("refused") == 1
    assert [bytes(each.data) for each in port.printed] == [b"document"]


async def test_a_refusal_proves_nothing_of_what_was_sent_after_it(tmp_path: Path):
    host = FakeHost("edge", "P1:")
    port = host.ports["P1:"]
    port.proves = False
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        port.half = _half()
        port.paused.clear()
        job = await rig.submit("labels", b"document")
        await eventually(lambda: asyncio.sleep(0, port.documents), bool)  # refused, closed, begun
        port.documents.clear()  # and forgotten
        assert port.session is not None
        port.session.cut()
        done = await rig.until(job.number, JobState.COMPLETED, JobState.PENDING_HELD)
        port.paused.set()
    assert (done.state, done.outcome) == (JobState.PENDING_HELD, Outcome.UNKNOWN)


@pytest.mark.parametrize("certain", [True, False])
async def test_a_rest_whose_place_its_host_cannot_prove_any_more_is_held_and_not_sent(
    tmp_path: Path, certain: bool
):
    host, document = FakeHost("edge", "P1:"), bytes(range(250)) * 4
    port = host.ports["P1:"]
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        port.takes.clear()  # nothing more is sent for now
        port.break_at, port.break_resumable = 600, True
        job = await rig.submit("labels", document)
        await rig.until(job.number, JobState.PROCESSING_STOPPED)
        port.half = _half(job.uid, 600, certain=certain)  # between the question and the start
        port.takes.set()
        done = await rig.until(job.number, JobState.COMPLETED, JobState.PENDING_HELD)
        behind = await rig.submit("labels", b"behind it")
        await rig.until(behind.number, JobState.COMPLETED)
    rest = document[600:] if certain else b""
    assert b"".join(bytes(each.data) for each in port.printed) == document[:600] + rest + b"behind it"
    assert (done.outcome, done.ledger.uncertain) == (
        (Outcome.PRINTED, None) if certain else (Outcome.UNKNOWN, Span(0, 600))
    )
