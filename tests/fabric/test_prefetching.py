"""Documents brought to the host whole before they are begun: when, in which order, and what happens without room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.errors import DigestMismatch, NotBuiltYet, SpoolFull, Verdict
from spooler.job_state import JobState
from spooler.ledger import Outcome
from spooler.printer import Prefetch
from tests.fabric.dispatch_rig import Rig, eventually, running
from tests.fakes.host import FakeHost, FakePort
from tests.rig.until import until

SMALL = b"^XA^FDsmall^XZ"
LARGE = bytes(range(256)) * 1000


@pytest.fixture
def host() -> FakeHost:
    return FakeHost("edge", "P1:")


@pytest.fixture
def port(host: FakeHost) -> FakePort:
    return host.ports["P1:"]


@pytest.fixture
async def rig(tmp_path: Path, host: FakeHost) -> AsyncIterator[Rig]:
    async with running(tmp_path, host) as found:
        yield found


async def printed(rig: Rig, number: int) -> None:
    job = await rig.until(number, JobState.COMPLETED)
    assert job.outcome is Outcome.PRINTED


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
async def test_always_brings_it_before_it_is_begun(rig: Rig, port: FakePort, data: bytes) -> None:
    await rig.printer("labels", "P1:", prefetch=Prefetch.ALWAYS)
    job = await rig.submit("labels", data)
    await printed(rig, job.number)
    assert port.calls == ["OpenPort", "StageDocument", "StartDocPort"]
    assert bytes(port.printed[0].data) == data


@pytest.mark.parametrize(
    ("near", "data", "brought"),
    [(True, LARGE, False), (False, LARGE, True), (False, SMALL, False)],
    ids=["near", "far and large", "far and small"],
)
async def test_auto_brings_large_documents_to_other_machines(
    rig: Rig, host: FakeHost, port: FakePort, near: bool, data: bytes, brought: bool
) -> None:
    host.near = near
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", data)
    await printed(rig, job.number)
    assert ("StageDocument" in port.calls) is brought
    assert bytes(port.printed[0].data) == data


async def test_never_brings_nothing(rig: Rig, host: FakeHost, port: FakePort) -> None:
    host.near = False
    await rig.printer("labels", "P1:", prefetch=Prefetch.NEVER)
    job = await rig.submit("labels", LARGE)
    await printed(rig, job.number)
    assert "StageDocument" not in port.calls


@pytest.mark.parametrize(
    "error", [SpoolFull("no room"), NotBuiltYet("an old host")], ids=["full", "old host"]
)
async def test_auto_sends_it_the_ordinary_way_when_it_cannot_be_brought(
    rig: Rig, host: FakeHost, port: FakePort, error: SpoolFull
) -> None:
    host.near, port.stage_refuses = False, error
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", LARGE)
    await printed(rig, job.number)
    assert bytes(port.printed[0].data) == LARGE


async def test_always_waits_for_room_and_says_so(rig: Rig, port: FakePort) -> None:
    port.stage_refuses = SpoolFull("the host keeps at most 5 bytes", verdict=Verdict.RETRY)
    await rig.printer("labels", "P1:", prefetch=Prefetch.ALWAYS)
    job = await rig.submit("labels", LARGE)
    waiting = await eventually(lambda: rig.job(job.number), lambda seen: seen.last_error is not None)
    assert waiting.last_error is not None
    assert waiting.last_error.reason == "SPOOL_FULL"
    assert waiting.state in (JobState.PENDING, JobState.PROCESSING)
    assert "StartDocPort" not in port.calls
    port.stage_refuses = None
    await printed(rig, job.number)


async def test_what_never_fits_is_held(rig: Rig, port: FakePort) -> None:
    port.stage_refuses = SpoolFull("the host keeps at most 5 bytes", verdict=Verdict.HOLD)
    await rig.printer("labels", "P1:", prefetch=Prefetch.ALWAYS)
    job = await rig.submit("labels", LARGE)
    held = await rig.until(job.number, JobState.PENDING_HELD)
    assert held.outcome is Outcome.NOT_PRINTED
    assert "5 bytes" in held.hold_reason


async def test_a_disk_that_gives_other_bytes_back_does_not_cost_the_job(rig: Rig, port: FakePort) -> None:
    port.stage_refuses = DigestMismatch("other bytes")
    await rig.printer("labels", "P1:", prefetch=Prefetch.ALWAYS)
    job = await rig.submit("labels", LARGE)
    await eventually(lambda: rig.job(job.number), lambda seen: seen.last_error is not None)
    port.stage_refuses = None
    await printed(rig, job.number)


async def test_the_next_document_is_brought_while_one_is_printed(rig: Rig, port: FakePort) -> None:
    port.paused.clear()
    await rig.printer("labels", "P1:", prefetch=Prefetch.ALWAYS)
    jobs = [await rig.submit("labels", LARGE + bytes([number])) for number in range(4)]
    await until(lambda: port.calls.count("StageDocument") == 2)
    assert not port.printed
    assert len(rig.dispatcher.lanes["edge", "p1:"].flights) == 2
    port.paused.set()
    for job in jobs:
        await printed(rig, job.number)
    assert port.order == [job.number for job in jobs]


async def test_a_document_that_is_still_to_be_brought_is_not_overtaken(
    rig: Rig, host: FakeHost, port: FakePort
) -> None:
    host.near = False
    port.stage_waits.clear()
    await rig.printer("labels", "P1:")
    first, second = await rig.submit("labels", LARGE), await rig.submit("labels", SMALL)
    await until(lambda: "OpenPort" in port.calls)
    assert "StartDocPort" not in port.calls
    port.stage_waits.set()
    await printed(rig, second.number)
    assert port.order == [first.number, second.number]


async def test_a_job_that_is_cancelled_while_it_is_brought_ends_at_once_and_the_host_may_forget_it(
    rig: Rig, port: FakePort
) -> None:
    port.stage_waits.clear()
    await rig.printer("labels", "P1:", prefetch=Prefetch.ALWAYS)
    job = await rig.submit("labels", LARGE)
    await until(lambda: "OpenPort" in port.calls)
    await rig.steering.cancel(job.number, "test")
    ended = await rig.until(job.number, JobState.CANCELED)
    assert ended.outcome is Outcome.NOT_PRINTED
    session = port.session
    assert session is not None
    await until(lambda: session.settled)
    assert "StartDocPort" not in port.calls
