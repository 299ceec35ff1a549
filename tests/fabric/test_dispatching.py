"""Dispatcher, conclusions and steering on the real store, against a host that misbehaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chassis.errors import ConnectionRefused
from spooler.job import Job
from spooler.job_state import JobState
from spooler.ledger import Outcome
from spooler.new_job import AT_HAND_BYTES, Inline, NewJob
from spooler.printer import PortName
from tests.fabric.dispatch_rig import Rig, eventually, order_at, running
from tests.fakes.host import FakeHost


async def test_a_job_is_printed_and_its_outcome_is_durable(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"^XA^XZ")
    await rig.until(job.number, JobState.COMPLETED)
    stored = await rig.store.get_job(job.number)
    assert stored.outcome is Outcome.PRINTED
    assert stored.ledger.offsets.acked == 6
    assert [bytes(doc.data) for doc in host.ports["P1:"].printed] == [b"^XA^XZ"]
    [attempt] = await rig.store.attempts(job.number)
    assert (attempt.outcome, attempt.number) == (Outcome.PRINTED, 1)


async def test_jobs_of_one_printer_leave_in_order_over_one_opening(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:")
    jobs = [await rig.submit("labels", b"%d" % number) for number in range(200)]
    await rig.until(jobs[-1].number, JobState.COMPLETED)
    port = host.ports["P1:"]
    assert [doc.job_number for doc in port.printed] == [job.number for job in jobs]
    assert port.calls.count("OpenPort") == 1


async def test_a_job_whose_bytes_take_longer_gives_its_group_no_place_before_lower_numbers(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:")
    await rig.until((await rig.submit("labels", b"opens the port")).number, JobState.COMPLETED)
    port = host.ports["P1:"]
    port.paused.clear()
    # The last is hashed and written by others than the thread that commits: the group comes behind.
    group = [NewJob("labels", Inline(b"x" * size)) for size in (10,) * 80 + (AT_HAND_BYTES + 1,)]
    many, one = await asyncio.gather(rig.dispatcher.submit(group), rig.submit("labels", b"small"))
    assert one.number == 2, "it was accepted last: the group was not slow, and this proves nothing"
    port.paused.set()
    jobs = [job for job in (*many, one) if isinstance(job, Job)]
    for job in jobs:
        await rig.until(job.number, JobState.COMPLETED)
    assert [doc.job_number for doc in port.printed] == [1, *sorted(job.number for job in jobs)]


async def test_a_higher_priority_goes_first(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:")
    await rig.printers.pause_printer("labels", "test")
    low = await rig.submit("labels", b"low", priority=10)
    high = await rig.submit("labels", b"high", priority=90)
    await rig.printers.resume_printer("labels", "test")
    await rig.until(low.number, JobState.COMPLETED)
    assert host.ports["P1:"].order == [high.number, low.number]


async def test_copies_are_printed_one_after_another(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"copy", copies=3)
    done = await rig.until(job.number, JobState.COMPLETED)
    assert len(host.ports["P1:"].printed) == 3
    assert (done.copies_printed, done.attempts) == (3, 3)


async def test_first_available_port_takes_each_job(rig: Rig, host: FakeHost) -> None:
    for port in host.ports.values():
        port.paused.clear()
    await rig.printer("pool", "P1:", "P2:", "P3:")
    jobs = [await rig.submit("pool", b"job") for _ in range(4)]
    await eventually(lambda: order_at(host, "P3:"), bool)
    assert [host.ports[name].order for name in ("P1:", "P2:", "P3:")] == [[1], [2], [3]]
    assert (await rig.job(jobs[3].number)).state is JobState.PENDING
    host.ports["P2:"].paused.set()
    await rig.until(jobs[3].number, JobState.COMPLETED)
    assert host.ports["P2:"].order == [2, 4]
    for port in host.ports.values():
        port.paused.set()


async def test_a_busy_port_sends_the_job_to_the_next_port(rig: Rig, host: FakeHost) -> None:
    host.ports["P1:"].busy = True
    await rig.printer("pool", "P1:", "P2:")
    job = await rig.submit("pool", b"job", priority=70, owner="ann")
    done = await rig.until(job.number, JobState.COMPLETED)
    assert host.ports["P2:"].order == [job.number]
    assert (done.priority, done.sender.owner, done.uid) == (70, "ann", job.uid)


async def test_an_error_before_the_first_byte_sends_the_job_to_the_next_port(
    rig: Rig, host: FakeHost
) -> None:
    host.ports["P1:"].end_error = ConnectionRefused("refused")
    await rig.printer("pool", "P1:", "P2:")
    job = await rig.submit("pool", b"job")
    await rig.until(job.number, JobState.COMPLETED)
    assert host.ports["P2:"].order == [job.number]
    first, second = await rig.store.attempts(job.number)
    assert (first.outcome, first.error.reason if first.error else "") == (
        Outcome.NOT_PRINTED,
        "CONNECTION_REFUSED",
    )
    assert second.outcome is Outcome.PRINTED


async def test_a_dead_member_of_a_pool_delays_nobody_and_is_found_again(rig: Rig, host: FakeHost) -> None:
    host.ports["P1:"].end_error = ConnectionRefused("refused")
    await rig.printer("pool", "P1:", "P2:")
    for _ in range(30):
        job = await rig.submit("pool", b"job")
        await rig.until(job.number, JobState.COMPLETED)
    assert len(host.ports["P1:"].order) == 1
    host.ports["P1:"].end_error = None
    host.ports["P2:"].paused.clear()
    first = await rig.submit("pool", b"to P2")
    second = await rig.submit("pool", b"to P1")
    await rig.until(second.number, JobState.COMPLETED)
    assert second.number in host.ports["P1:"].order
    host.ports["P2:"].paused.set()
    await rig.until(first.number, JobState.COMPLETED)


async def test_two_printers_with_the_same_path_share_one_opening(rig: Rig, host: FakeHost) -> None:
    await rig.printer("one", "P1:")
    await rig.printer("two", "P1:")
    jobs = [await rig.submit(("one", "two")[number % 2], b"job") for number in range(20)]
    await rig.until(jobs[-1].number, JobState.COMPLETED)
    await rig.until(jobs[-2].number, JobState.COMPLETED)
    assert host.ports["P1:"].calls.count("OpenPort") == 1
    assert "ClosePort" not in host.ports["P1:"].calls


async def test_a_started_spooler_tells_hosts_which_ports_its_printers_use(
    tmp_path: Path, host: FakeHost
) -> None:
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:", "P2:")
    async with running(tmp_path, host) as rig:
        assert rig.hosts.used == {"edge": {"P1:", "P2:"}}


async def test_a_port_is_closed_when_its_last_printer_leaves(rig: Rig, host: FakeHost) -> None:
    await rig.printer("one", "P1:")
    await rig.printer("two", "P1:")
    job = await rig.submit("one", b"job")
    await rig.until(job.number, JobState.COMPLETED)
    await rig.printers.delete_printer("one", "test")
    await asyncio.sleep(0.05)
    assert "ClosePort" not in host.ports["P1:"].calls
    await rig.printers.delete_printer("two", "test")
    await eventually(lambda: _calls(host), lambda calls: "ClosePort" in calls)


async def _calls(host: FakeHost) -> list[str]:
    return host.ports["P1:"].calls


async def test_ports_are_closed_when_the_spooler_stops(tmp_path: Path, host: FakeHost) -> None:
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        job = await rig.submit("labels", b"job")
        await rig.until(job.number, JobState.COMPLETED)
    assert host.ports["P1:"].calls[-1] == "ClosePort"


async def test_a_waiting_job_is_canceled_at_once_and_a_printing_one_is_taken_back(
    rig: Rig, host: FakeHost
) -> None:
    host.ports["P1:"].paused.clear()
    await rig.printer("pool", "P1:", "P2:")
    await rig.printers.pause_port(PortName("edge", "P2:"), "test")
    printing = await rig.submit("pool", b"printing")
    waiting = await rig.submit("pool", b"waiting")
    await rig.until(printing.number, JobState.PROCESSING)
    await asyncio.sleep(0.05)
    assert (await rig.steering.cancel(waiting.number, "ann")).state is JobState.CANCELED
    assert (await rig.steering.cancel(printing.number, "ann")).state is JobState.CANCELED
    assert (await rig.steering.cancel(printing.number, "ann")).state is JobState.CANCELED
    host.ports["P1:"].paused.set()


async def test_held_jobs_wait_for_release_and_moved_jobs_print_elsewhere(rig: Rig, host: FakeHost) -> None:
    await rig.printer("one", "P1:")
    await rig.printer("two", "P2:")
    job = await rig.submit("one", b"job", held=True)
    assert job.state is JobState.PENDING_HELD
    moved = await rig.steering.move(job.number, "two", "ann")
    assert (moved.printer, moved.state) == ("two", JobState.PENDING_HELD)
    await rig.steering.release(job.number, "ann")
    await rig.until(job.number, JobState.COMPLETED)
    assert host.ports["P2:"].order == [job.number]


async def test_an_ended_job_can_be_printed_again(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"twice")
    await rig.until(job.number, JobState.COMPLETED)
    await rig.steering.restart(job.number, "ann")
    await eventually(lambda: _printed(host), lambda count: count == 2)
    again = await rig.until(job.number, JobState.COMPLETED)
    assert again.attempts == 2


async def _printed(host: FakeHost) -> int:
    return len(host.ports["P1:"].printed)


async def test_a_cancelled_job_prints_no_further_copy(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    port.paused.clear()
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", b"copy", copies=50)
    await eventually(lambda: order_at(host), bool)
    port.keeps = True  # its device does not let go of the copy it has begun
    cancelling = asyncio.get_running_loop().create_task(rig.steering.cancel(job.number, "ann"))
    await asyncio.sleep(0.05)
    port.paused.set()
    assert (await cancelling).state is JobState.CANCELED
    assert len(port.printed) == 1
    assert (await rig.store.get_job(job.number)).copies_printed == 1


async def test_a_caller_that_gives_up_changes_nothing_for_the_job(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:")
    loop = asyncio.get_running_loop()
    for turn in range(60):
        new = NewJob("labels", Inline(b"job"), request_id=f"r{turn}")
        asking = loop.create_task(rig.dispatcher.submit([new]))
        await asyncio.sleep(turn * 0.0002)
        asking.cancel()
        again = await rig.submit("labels", b"job", request_id=f"r{turn}")
        await rig.until(again.number, JobState.COMPLETED)
    assert len(host.ports["P1:"].printed) == 60


async def test_a_caller_that_gives_up_releasing_has_released(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:")
    for turn in range(30):
        job = await rig.submit("labels", b"job", held=True)
        asking = asyncio.get_running_loop().create_task(rig.steering.release(job.number, "ann"))
        await asyncio.sleep(turn * 0.0002)
        asking.cancel()
        await asyncio.sleep(0.01)
        if (await rig.job(job.number)).state is JobState.PENDING_HELD:  # it gave up before it had begun
            await rig.steering.release(job.number, "ann")
        await rig.until(job.number, JobState.COMPLETED)


async def test_a_large_document_that_is_cancelled_while_it_is_read_leaves_nothing_open(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:")
    data = b"x" * 900_000
    for turn in range(30):
        job = await rig.submit("labels", data)
        await asyncio.sleep(turn * 0.0003)
        ended = await rig.steering.cancel(job.number, "ann")
        assert ended.ended, ended.state
        on_paper = sum(len(doc.data) for doc in host.ports["P1:"].printed if doc.job_number == job.number)
        if ended.outcome is Outcome.NOT_PRINTED:
            assert on_paper == 0
    last = await rig.submit("labels", b"last")
    await rig.until(last.number, JobState.COMPLETED)
