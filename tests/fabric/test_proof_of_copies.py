"""A job is proven as well as the weakest of its copies, over a restart of the spooler between them too."""

from __future__ import annotations

from pathlib import Path

from spooler.job_state import JobState
from spooler.ledger import EvidenceLevel, EvidenceSource
from tests.fabric.dispatch_rig import eventually, running
from tests.fakes.host import FakeHost


async def test_a_job_is_proven_as_well_as_the_weakest_of_its_copies(tmp_path: Path) -> None:
    host = FakeHost("edge", "P1:")
    port = host.ports["P1:"]
    port.unproven = 1
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        job = await rig.submit("labels", b"copy", copies=3)
        done = await rig.until(job.number, JobState.COMPLETED)
        assert done.ledger.level is EvidenceLevel.ACCEPTED
        weakest = {one.source for one in done.ledger.evidence if one.level is EvidenceLevel.ACCEPTED}
        assert EvidenceSource.DRIVER_WRITE in weakest
        levels = [attempt.ledger.level for attempt in await rig.store.attempts(job.number)]
        assert levels == [EvidenceLevel.ACCEPTED, EvidenceLevel.ACKED, EvidenceLevel.ACKED]


async def test_what_the_first_copy_rests_on_is_known_after_a_restart(tmp_path: Path) -> None:
    host = FakeHost("edge", "P1:")
    port = host.ports["P1:"]
    port.unproven = 1
    port.paused.clear()
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        job = await rig.submit("labels", b"copy", copies=2)
        await eventually(lambda: rig.job(job.number), lambda job: job.state is JobState.PROCESSING)
        await rig.printers.pause_printer(
            "labels", "ann"
        )  # the copy that was begun comes out, the next one waits
        port.paused.set()
        between = await eventually(lambda: rig.job(job.number), lambda job: job.copies_printed == 1)
        assert between.state is JobState.PENDING
    async with running(tmp_path, host) as rig:
        await rig.printers.resume_printer("labels", "ann")
        done = await rig.until(job.number, JobState.COMPLETED)
        assert done.ledger.level is EvidenceLevel.ACCEPTED
