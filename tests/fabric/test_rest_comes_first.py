"""The rest of a document that broke off on a byte pipe leaves before all others, however often its host dies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chassis.errors import HostUnreachable
from spooler.job_state import JobState
from spooler.new_job import Inline, NewJob
from spooler.port import Phase
from tests.fabric.dispatch_rig import eventually, running
from tests.fakes.host import FakeHost, FakePort

BROKE_AT = 600


async def _cut(port: FakePort) -> None:
    async def cut_at() -> int | None:
        return port.cut_at

    await eventually(cut_at, lambda at: at is None)


async def test_when_its_host_dies_again_it_still_leaves_before_what_was_pipelined_behind_it(
    tmp_path: Path,
) -> None:
    host = FakeHost("edge", "P1:")
    port, document = host.ports["P1:"], bytes(range(250)) * 4
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        opens = await rig.submit("labels", b"opens the port")
        await rig.until(opens.number, JobState.COMPLETED)

        host.down, port.cut_at = True, BROKE_AT
        jobs = [NewJob("labels", Inline(data)) for data in (document, b"second", b"third")]
        await rig.dispatcher.submit(jobs)
        await _cut(port)
        [first] = port.documents.values()  # those behind it were on their way
        assert first.progress is not None
        why = HostUnreachable("the port monitor ended in the middle of the document")
        first.progress = replace(first.progress, phase=Phase.ENDED, error=why, resumable=True)
        host.down, port.cut_at = False, BROKE_AT  # and again, before a byte of the rest
        await _cut(port)

        last = opens.number + len(jobs)
        await rig.until(last, JobState.COMPLETED)
        assert [one.job_number for one in port.printed] == list(range(opens.number, last + 1))
        assert bytes(first.data + port.printed[1].data) == document


async def test_begun_and_without_a_byte_it_leaves_again_before_what_was_pipelined_behind_it(
    tmp_path: Path,
) -> None:
    host = FakeHost("edge", "P1:")
    port = host.ports["P1:"]
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        opens = await rig.submit("labels", b"opens the port")
        await rig.until(opens.number, JobState.COMPLETED)

        host.down, port.cut_at = True, 0
        jobs = [NewJob("labels", Inline(data)) for data in (b"first", b"second", b"third")]
        await rig.dispatcher.submit(jobs)
        await _cut(port)
        [first] = port.documents.values()
        assert first.progress is not None
        why = HostUnreachable("the port monitor ended before the document's first byte")
        first.progress = replace(first.progress, phase=Phase.ENDED, error=why, resumable=True)
        host.down = False

        last = opens.number + len(jobs)
        for number in range(opens.number, last + 1):
            await rig.until(number, JobState.COMPLETED)
        assert [one.job_number for one in port.printed] == list(range(opens.number, last + 1))
