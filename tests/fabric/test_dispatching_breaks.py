"""What the dispatcher makes of broken documents, of hosts that were away, and of its own restarts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.errors import ConnectionRefused, InvalidArgument, WrongState
from spooler.job_state import JobState
from spooler.ledger import Outcome
from spooler.port import Phase, Progress
from spooler.printer import PortName
from spooler.sql.store import SqlStore
from spooler.store import Changes
from tests.fabric.dispatch_rig import Rig, eventually, order_at, running
from tests.fakes.host import FakeDocument, FakeHost, FakeOpenPort, FakePort
from tests.rig.until import until


async def test_a_host_that_lost_its_journal_leaves_what_was_confirmed_before(
    rig: Rig, host: FakeHost
) -> None:
    port = host.ports["P1:"]
    port.paused.clear()
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"x" * 1000)
    await eventually(lambda: _documents(port), lambda documents: documents)
    [document], session = port.documents.values(), port.session
    assert session is not None
    heard = Progress(document.key, Phase.IN_PROGRESS, accepted=1000, acked=800, confirmed=500)
    document.progress = Progress(document.key, Phase.UNKNOWN)
    session.news.put_nowait(heard)
    session.news.put_nowait(document.progress)
    held = await rig.until(job.number, JobState.PENDING_HELD)
    assert (held.ledger.offsets.confirmed, held.ledger.uncertain) == (500, (500, 1000))


async def _documents(port: FakePort) -> list[FakeDocument]:
    return list(port.documents.values())


async def test_a_lost_connection_holds_the_job_and_says_what_is_uncertain(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    port.break_at, port.break_uncertain = 600, 200
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"x" * 1000)
    held = await rig.until(job.number, JobState.PENDING_HELD)
    assert held.outcome is Outcome.UNKNOWN
    assert held.ledger.uncertain == (400, 600)
    assert held.ledger.offsets[:2] == (1000, 600)
    with pytest.raises(WrongState, match="decision"):
        await rig.steering.release(job.number, "ann")
    await rig.steering.resolve(job.number, "ann", "reprint")
    done = await rig.until(job.number, JobState.COMPLETED)
    assert done.outcome is Outcome.PRINTED
    assert [event.what for event in await rig.store.history(job.number)][-2:] == [
        "decided",
        "attempt-started",
    ]


async def test_a_byte_pipe_goes_on_at_the_right_byte_and_nothing_comes_between(
    rig: Rig, host: FakeHost
) -> None:
    port = host.ports["P1:"]
    port.break_at, port.break_resumable = 600, True
    await rig.printer("labels", "P1:")
    data = bytes(range(250)) * 4
    job = await rig.submit("labels", data)
    other = await rig.submit("labels", b"other", priority=99)
    await rig.until(other.number, JobState.COMPLETED)
    done = await rig.until(job.number, JobState.COMPLETED)
    assert b"".join(bytes(doc.data) for doc in port.printed if doc.job_number == job.number) == data
    assert [doc.job_number for doc in port.printed] in (
        [job.number, job.number, other.number],
        [other.number, job.number, job.number],
    )
    assert done.attempts == 2


@pytest.mark.parametrize("left", [0, 1, 7 / 8, 1 / 2])
@pytest.mark.parametrize("size", [1000, 300_000, 2_000_000])
async def test_a_cut_stream_goes_on_at_the_hosts_offset(
    rig: Rig, host: FakeHost, size: int, left: float
) -> None:
    port = host.ports["P1:"]
    port.cut_at = int(size * (1 - left))  # 0 left: all bytes arrived, the end did not
    await rig.printer("labels", "P1:")
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    job = await rig.submit("labels", data)
    done = await rig.until(job.number, JobState.COMPLETED)
    assert b"".join(bytes(doc.data) for doc in port.printed) == data
    assert (done.attempts, port.calls.count("OpenPort")) == (1, 2)


async def test_a_host_that_is_down_keeps_its_jobs_waiting(rig: Rig, host: FakeHost) -> None:
    host.down = True
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"job")
    waiting = await eventually(lambda: rig.job(job.number), lambda job: job.last_error is not None)
    assert waiting.last_error
    assert waiting.last_error.reason == "HOST_UNREACHABLE"
    host.down = False
    rig.dispatcher.host_up("edge")
    await rig.until(job.number, JobState.COMPLETED)


async def test_a_restarted_spooler_asks_before_it_sends(tmp_path: Path, host: FakeHost) -> None:
    port = host.ports["P1:"]
    port.paused.clear()
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        jobs = [await rig.submit("labels", b"job %d" % number) for number in range(40)]
        await eventually(lambda: order_at(host), lambda order: len(order) >= 30)
        rig.dispatcher.settings = type(rig.dispatcher.settings)(drain_s=0)
    assert not port.printed
    port.paused.set()
    async with running(tmp_path, host) as rig:
        for job in jobs:
            await rig.until(job.number, JobState.COMPLETED)
    assert [doc.job_number for doc in port.printed] == [job.number for job in jobs]


async def test_a_store_from_an_older_copy_passes_its_own_old_fences(rig: Rig, host: FakeHost) -> None:
    host.ports["P1:"].fence = 1 << 60
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"job")
    await rig.until(job.number, JobState.COMPLETED)
    assert host.ports["P1:"].fence == (1 << 60) + 1


async def test_a_port_that_a_newer_spooler_holds_is_left_alone(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    port.fence = 1 << 60
    port.session = FakeOpenPort(port)
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"job")
    waiting = await eventually(lambda: rig.job(job.number), lambda job: job.last_error is not None)
    assert waiting.last_error
    assert waiting.last_error.reason == "STALE_FENCE"
    assert port.fence == 1 << 60
    assert not port.order


async def test_a_printer_that_is_off_for_long_fills_no_history(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    port.refuses = ConnectionRefused("switched off")
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"job")
    lane = rig.dispatcher.lane(PortName("edge", "P1:"))
    for tried in range(1, 6):
        await eventually(lambda: _starts(host), tried.__le__)
        lane.clear()
    assert (await rig.job(job.number)).attempts == 1
    assert len(await rig.store.history(job.number)) <= 2
    port.refuses = None
    lane.clear()
    done = await rig.until(job.number, JobState.COMPLETED)
    assert done.attempts == 1
    assert len(await rig.store.attempts(job.number)) == 1


async def _starts(host: FakeHost) -> int:
    return host.ports["P1:"].calls.count("refused")


async def test_an_accepted_cancel_outlives_the_spooler(tmp_path: Path, host: FakeHost) -> None:
    port = host.ports["P1:"]
    port.paused.clear()
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        job = await rig.submit("labels", b"job")
        await eventually(lambda: order_at(host), bool)
        port.keeps = True
        cancelling = asyncio.get_running_loop().create_task(rig.steering.cancel(job.number, "ann"))
        await eventually(lambda: rig.store.get_job(job.number), lambda stored: stored.stopping)
        rig.dispatcher.settings = type(rig.dispatcher.settings)(drain_s=0)
        cancelling.cancel()
    port.keeps = False
    async with running(tmp_path, host) as rig:
        ended = await rig.until(job.number, JobState.CANCELED)
    assert ended.outcome is Outcome.NOT_PRINTED
    assert not port.printed


async def test_jobs_whose_time_passed_while_the_spooler_was_down_do_not_print(
    tmp_path: Path, host: FakeHost
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.4)
    host.down = True
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        jobs = [await rig.submit("labels", b"late", expires_at=soon) for _ in range(3)]
        rig.dispatcher.settings = type(rig.dispatcher.settings)(drain_s=0)
    await asyncio.sleep(0.5)
    host.down = False
    async with running(tmp_path, host) as rig:
        for job in jobs:
            ended = await rig.until(job.number, JobState.ABORTED)
            assert ended.reasons == ("job-expired",)
    assert not host.ports["P1:"].order


async def test_an_outcome_that_cannot_be_written_takes_no_other_along(
    rig: Rig, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two documents end together; the store takes what became of one, and only the other waits."""
    for name, port in (("labels", "P1:"), ("slips", "P2:")):
        await rig.printer(name, port)
        host.ports[port].paused.clear()
    spoiled, whole = await rig.submit("labels", b"spoiled"), await rig.submit("slips", b"whole")
    record = SqlStore.record

    async def picky(store: SqlStore, changes: Changes, *, within_s: float = 0.0) -> None:
        if any(job.number == spoiled.number and job.ended for job in changes.jobs):
            raise InvalidArgument("a value that no column takes")
        await record(store, changes, within_s=within_s)

    monkeypatch.setattr(SqlStore, "record", picky)
    await until(lambda: len(host.ports["P1:"].documents) == len(host.ports["P2:"].documents) == 1)
    for port in ("P1:", "P2:"):
        host.ports[port].paused.set()
    await rig.until(whole.number, JobState.COMPLETED)
    await until(lambda: rig.dispatcher.unconcluded() == 0)
    assert (await rig.job(spoiled.number)).state is JobState.PROCESSING
    behind = await rig.submit("labels", b"behind")
    await rig.until(behind.number, JobState.COMPLETED)
