"""Pages that go on behind what they lean on: dispatcher and store are real, the host is a fake."""

from __future__ import annotations

from pathlib import Path

import pytest

from spooler.job_state import JobState
from spooler.printer import Prefetch
from tests.fabric.dispatch_rig import running
from tests.fakes.host import FakeHost

PROLOG = b"%!PS-Adobe-3.0\n%%EndComments\n/p {show} def\n%%EndProlog\n"
PJL = b'\x1b%-12345X@PJL JOB NAME="a"\r\n@PJL ENTER LANGUAGE=POSTSCRIPT\r\n'
END = b"%%Trailer\n%%EOF\n\x1b%-12345X@PJL EOJ\r\n\x1b%-12345X"


@pytest.mark.parametrize("prefetch", [Prefetch.NEVER, Prefetch.ALWAYS])
@pytest.mark.parametrize("page_bytes", [100, 40_000], ids=["in one slice", "in pieces"])
async def test_a_page_goes_on_behind_its_prolog(tmp_path: Path, prefetch: Prefetch, page_bytes: int) -> None:
    pages = [b"%%%%Page: %d %d\n%%%b\nshowpage\n" % (n, n, b"x" * page_bytes) for n in range(1, 6)]
    document = PJL + PROLOG + b"".join(pages) + END
    host = FakeHost("edge", "P1:")
    port = host.ports["P1:"]
    async with running(tmp_path, host) as rig:
        await rig.printer("laser", "P1:", prefetch=prefetch)
        port.break_at, port.break_uncertain = len(PJL + PROLOG + pages[0]) + 50, 50
        job = await rig.submit("laser", document)
        job = await rig.until(job.number, JobState.PENDING_HELD)
        await rig.steering.resume_at_unit(job.number, "ann", 3)
        job = await rig.until(job.number, JobState.COMPLETED)
        [paper] = [doc.prefix + bytes(doc.data) for doc in port.printed if doc.job_number == job.number]
        assert paper == PJL + PROLOG + b"".join(pages[2:]) + END
        _, attempt = await rig.store.attempts(job.number)
        words = f"{len(PJL + PROLOG)} bytes before page 3"
        assert attempt.resume_prefix == words
        assert f"({words})" in "".join(event.detail for event in await rig.store.history(job.number))


async def test_a_prolog_is_kept_with_the_job_as_a_few_numbers(tmp_path: Path) -> None:
    prolog = PROLOG + b"%" + b"x" * 1_000_000 + b"\n"
    pages = [b"%%%%Page: %d %d\nshowpage\n" % (n, n) for n in range(1, 6)]
    host = FakeHost("edge", "P1:")
    port = host.ports["P1:"]
    async with running(tmp_path, host) as rig:
        await rig.printer("laser", "P1:")
        port.break_at, port.break_uncertain = len(prolog + pages[0]) + 5, 5
        job = await rig.submit("laser", prolog + b"".join(pages))
        job = await rig.until(job.number, JobState.PENDING_HELD)
        job = await rig.steering.resume_at_unit(job.number, "ann", 3)
        assert [(rest.prefix.said, rest.prefix.size) for rest in job.rest] == [(b"", len(prolog))]
        await rig.until(job.number, JobState.COMPLETED)
