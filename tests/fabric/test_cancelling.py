"""Jobs that are cancelled at any moment between two copies: the spooler goes on, and says what is on paper."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spooler.job_state import JobState
from spooler.ledger import Outcome
from tests.fabric.dispatch_rig import running
from tests.fakes.host import FakeHost


@pytest.mark.parametrize("turn", range(12))
async def test_a_cancel_between_any_two_steps_ends_the_job_and_counts_its_paper(
    tmp_path: Path, turn: int
) -> None:
    host = FakeHost("edge", "P1:")
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        job = await rig.submit("labels", b"copy", copies=400)
        await asyncio.sleep(0.02 + turn * 0.0017)
        ended = await asyncio.wait_for(rig.steering.cancel(job.number, "ann"), 30)
        assert ended.state is JobState.CANCELED
        on_paper = len(host.ports["P1:"].printed)
        assert ended.copies_printed == on_paper
        assert ended.outcome is (Outcome.PARTIAL if on_paper else Outcome.NOT_PRINTED)
        last = await rig.submit("labels", b"last")
        await rig.until(last.number, JobState.COMPLETED)
