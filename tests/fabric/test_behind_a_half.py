"""A document that a host refuses because half of another lies in its device: it was not begun, and nobody need prove more."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chassis.errors import FabricError, PortBusy
from spooler.job_state import JobState
from spooler.ledger import Outcome
from spooler.port import UNFINISHED
from tests.fabric.dispatch_rig import eventually, running
from tests.fakes.host import FakeHost


class HalfThere(PortBusy):
    """Half a document of somebody else."""

    reason = UNFINISHED


def _half() -> FabricError:
    return HalfThere(
        "half a document lies there",
        document_uid="00" * 16,
        attempt=1,
        accepted=5,
        uncertain_start=0,
        uncertain_end=0,
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
