"""Printers with several ports: standby, orders, ports that fail, jobs that are half on paper. The host is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from chassis.errors import ConnectionRefused, DeviceOffline, FabricError, PortBusy
from spooler.job_state import JobState
from spooler.ledger import Outcome
from spooler.printer import OnPortError, OnUncertain, PoolOrder, PortName
from tests.fabric.dispatch_rig import Rig, eventually, running
from tests.fakes.host import FakeHost

LABEL = b"^XA^FO1,1^FDlabel %02d^FS^XZ\n"
LABELS = b"".join(LABEL % number for number in range(1, 21))
SIZE = len(LABEL % 1)
Seen = TypeVar("Seen")
P1, P2 = PortName("edge", "P1:"), PortName("edge", "P2:")


async def printed(rig: Rig, *documents: bytes) -> None:
    for document in documents:
        await rig.until((await rig.submit("pool", document)).number, JobState.COMPLETED)


async def test_a_standby_port_is_used_only_while_no_other_works(rig: Rig, host: FakeHost) -> None:
    await rig.printer("pool", "P1:", "P2:", standby=frozenset({P2}))
    one, two = host.ports["P1:"], host.ports["P2:"]
    one.paused.clear()
    first, second = await rig.submit("pool", b"1"), await rig.submit("pool", b"2")
    await asyncio.sleep(0.1)
    assert (await rig.job(second.number)).state is JobState.PENDING  # it waits for a port that works
    one.paused.set()
    await rig.until(second.number, JobState.COMPLETED)
    assert (one.order, two.order) == ([first.number, second.number], [])
    one.end_error = ConnectionRefused("refused")
    await printed(rig, b"3", b"4")
    assert two.order == [3, 4]


async def test_a_port_that_was_left_is_rejoined_by_itself_after_a_while(rig: Rig, host: FakeHost) -> None:
    await rig.printer("pool", "P1:", "P2:", standby=frozenset({P2}))
    host.ports["P1:"].end_error = ConnectionRefused("refused")
    await printed(rig, b"1", b"2")
    host.ports["P1:"].end_error = None
    lane = rig.dispatcher.lanes[P1.key]
    lane.suspect_until = 0.0  # the while is over
    await eventually(_soon(lambda: lane.failed), lambda failed: not failed)
    await printed(rig, b"3")
    assert host.ports["P1:"].order == [1, 3]
    assert lane.failures == 0


async def test_round_robin_takes_turns_and_least_loaded_takes_the_idlest(rig: Rig, host: FakeHost) -> None:
    await rig.printer("pool", "P1:", "P2:", "P3:", pool_order=PoolOrder.ROUND_ROBIN)
    await printed(rig, *(b"x" for _ in range(6)))
    assert [len(port.order) for port in host.ports.values()] == [2, 2, 2]
    await rig.printer("other", "P1:")
    await rig.until((await rig.submit("other", b"more for P1")).number, JobState.COMPLETED)
    await rig.printer("least", "P1:", "P2:", pool_order=PoolOrder.LEAST_LOADED)
    await rig.until((await rig.submit("least", b"x")).number, JobState.COMPLETED)
    assert [len(port.order) for port in host.ports.values()] == [3, 3, 2]


@pytest.mark.parametrize("error", [PortBusy("busy"), ConnectionRefused("refused")], ids=["busy", "error"])
async def test_a_job_keeps_its_place_and_its_name_when_its_port_refuses_it(
    rig: Rig, host: FakeHost, error: FabricError
) -> None:
    one, two = host.ports["P1:"], host.ports["P2:"]
    one.end_error = error
    two.paused.clear()
    await rig.printer("pool", "P1:", "P2:")
    first = await rig.submit("pool", b"first", priority=60, owner="ann")
    await eventually(_soon(lambda: list(two.order)), bool)
    second = await rig.submit("pool", b"second", priority=60, owner="ann")
    one.end_error = None
    await asyncio.sleep(0.5)
    two.paused.set()
    for job in (first, second):
        done = await rig.until(job.number, JobState.COMPLETED)
        assert (done.uid, done.priority, done.sender.owner) == (job.uid, 60, "ann")
    assert two.order[0] == first.number
    assert any(error.reason in event.detail for event in await rig.store.history(first.number))


async def test_a_job_that_one_port_refuses_waits_for_another_and_lets_others_pass(
    rig: Rig, host: FakeHost
) -> None:
    one, two = host.ports["P1:"], host.ports["P2:"]
    two.paused.clear()
    await rig.printer("pool", "P1:", "P2:")
    filler = await rig.submit("pool", b"0")  # on P1
    await rig.until(filler.number, JobState.COMPLETED)
    one.paused.clear()
    on_one, on_two = await rig.submit("pool", b"1"), await rig.submit("pool", b"2")
    await eventually(_soon(lambda: list(two.order)), bool)
    refused = await rig.submit("pool", b"refused by P1")
    rig.dispatcher.routes.failed(refused.number, P1, 0.0)
    behind = await rig.submit("pool", b"behind it")
    one.paused.set()
    await rig.until(behind.number, JobState.COMPLETED)
    assert (await rig.job(refused.number)).state is JobState.PENDING
    two.paused.set()
    await rig.until(refused.number, JobState.COMPLETED)
    assert one.order == [filler.number, on_one.number, behind.number]
    assert two.order == [on_two.number, refused.number]


async def test_a_job_that_all_ports_refuse_is_tried_at_all_of_them_again(rig: Rig, host: FakeHost) -> None:
    for name in ("P1:", "P2:"):
        host.ports[name].refuses = ConnectionRefused("refused")
    await rig.printer("pool", "P1:", "P2:")
    job = await rig.submit("pool", b"patient")
    await eventually(_soon(lambda: [host.ports[name].calls for name in ("P1:", "P2:")]), _each_refused)
    for name in ("P1:", "P2:"):
        host.ports[name].refuses = None
    await rig.until(job.number, JobState.COMPLETED)


async def test_a_job_that_all_ports_refuse_all_night_has_a_few_attempts_and_lines_in_its_history(
    rig: Rig, host: FakeHost
) -> None:
    one, two = host.ports["P1:"], host.ports["P2:"]
    one.refuses, two.refuses = ConnectionRefused("refused"), DeviceOffline("off")
    await rig.printer("pool", "P1:", "P2:")
    job = await rig.submit("pool", b"patient")
    for tries in range(1, 9):
        rig.dispatcher.host_up("edge")  # each is tried at once
        await eventually(
            _soon(lambda: min(one.calls.count("refused"), two.calls.count("refused"))), tries.__le__
        )
    one.refuses = None
    rig.dispatcher.host_up("edge")
    done = await rig.until(job.number, JobState.COMPLETED)
    attempts = await rig.store.attempts(job.number)
    assert [one.number for one in attempts] == list(range(1, done.attempts + 1))
    assert len(attempts) <= 4
    assert (attempts[0].port, attempts[1].port, attempts[-1].port) == (P1, P2, P1)
    assert attempts[-1].outcome is Outcome.PRINTED
    assert len(await rig.store.history(job.number)) < 12


def _each_refused(calls: list[list[str]]) -> bool:
    return all(one.count("refused") >= 1 for one in calls)


@pytest.mark.parametrize("policy", list(OnPortError))
async def test_what_is_proven_unprinted_moves_as_the_printer_says(
    rig: Rig, host: FakeHost, policy: OnPortError
) -> None:
    one, two = host.ports["P1:"], host.ports["P2:"]
    one.break_at, one.break_uncertain = 18 * SIZE + 5, 2 * SIZE
    await rig.printer(
        "pool", "P1:", "P2:", on_uncertain=OnUncertain.SKIP, on_port_error=policy, redirect_after_s=0.3,
        mark_redirected=True,
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    began = loop.time()
    job = await rig.submit("pool", LABELS)
    if policy is OnPortError.REDIRECT_AFTER:
        await eventually(_soon(lambda: one.break_at), lambda at: at is None)
        one.refuses = ConnectionRefused("still away")
    await rig.until(job.number, JobState.COMPLETED)
    elsewhere = b"".join(bytes(doc.data) for doc in two.printed)
    if policy is OnPortError.WAIT:
        assert elsewhere == b""
    else:
        assert [number for number in range(1, 21) if b"label %02d" % number in elsewhere] == [19, 20]
        assert b"BACKUP FROM edge/P1:" in two.printed[0].prefix
    if policy is OnPortError.REDIRECT_AFTER:
        assert loop.time() - began >= 0.3


async def test_a_half_printed_job_that_waits_for_its_port_lets_others_pass(rig: Rig, host: FakeHost) -> None:
    one = host.ports["P1:"]
    one.break_at, one.break_uncertain = 18 * SIZE + 5, 2 * SIZE
    await rig.printer("pool", "P1:", "P2:", on_uncertain=OnUncertain.SKIP)
    job = await rig.submit("pool", LABELS)
    await eventually(_soon(lambda: one.break_at), lambda at: at is None)
    one.refuses = ConnectionRefused("still away")
    for _ in range(3):
        await printed(rig, b"another")
    assert len(host.ports["P2:"].order) == 3
    assert not (await rig.job(job.number)).ended
    one.refuses = None
    rig.dispatcher.lanes[P1.key].clear()
    await rig.until(job.number, JobState.COMPLETED)
    assert b"label 20" in bytes(one.printed[-1].data)


async def test_a_byte_pipe_that_stays_away_is_left_where_the_next_label_begins(
    rig: Rig, host: FakeHost
) -> None:
    one, two = host.ports["P1:"], host.ports["P2:"]
    one.break_at, one.break_resumable = 5 * SIZE + 9, True
    one.refuses = None
    await rig.printer("pool", "P1:", "P2:", on_port_error=OnPortError.REDIRECT_AFTER, redirect_after_s=0.3)

    job = await rig.submit("pool", LABELS)
    await eventually(_soon(lambda: one.break_at), lambda at: at is None)
    one.refuses = ConnectionRefused("unplugged")
    done = await rig.until(job.number, JobState.COMPLETED)
    elsewhere = b"".join(bytes(doc.data) for doc in two.printed)
    assert [n for n in range(1, 21) if b"label %02d" % n in elsewhere] == list(range(6, 21))
    assert done.outcome is Outcome.PRINTED
    [left] = [event for event in await rig.store.history(job.number) if event.what == "left-port"]
    assert "edge/P1:" in left.detail


async def test_after_a_restart_a_byte_pipe_that_stays_away_is_left_too(
    tmp_path: Path, host: FakeHost
) -> None:
    one, two = host.ports["P1:"], host.ports["P2:"]
    one.break_at, one.break_resumable = 5 * SIZE + 9, True
    async with running(tmp_path / "again", host) as rig:
        rules = {"on_port_error": OnPortError.REDIRECT_AFTER, "redirect_after_s": 0.2}
        await rig.printer("pool", "P1:", "P2:", **rules)
        rig.dispatcher.on_stopped = lambda _job: None  # it dies here
        job = await rig.submit("pool", LABELS)
        await eventually(_soon(lambda: one.break_at), lambda at: at is None)
        one.refuses = ConnectionRefused("unplugged")
        await rig.until(job.number, JobState.PROCESSING_STOPPED)
    async with running(tmp_path / "again", host) as rig:
        await rig.until(job.number, JobState.COMPLETED)
    elsewhere = b"".join(bytes(doc.data) for doc in two.printed)
    assert [n for n in range(1, 21) if b"label %02d" % n in elsewhere] == list(range(6, 21))


async def test_a_byte_pipe_is_waited_for_when_something_of_the_job_is_uncertain_there(
    rig: Rig, host: FakeHost
) -> None:
    one, two = host.ports["P1:"], host.ports["P2:"]
    one.break_at, one.break_resumable, one.break_uncertain = 5 * SIZE + 9, True, 2 * SIZE
    await rig.printer("pool", "P1:", "P2:", on_port_error=OnPortError.REDIRECT_NOW)
    job = await rig.submit("pool", LABELS)
    await rig.until(job.number, JobState.COMPLETED)
    assert two.printed == []
    assert b"".join(bytes(doc.data) for doc in one.printed if doc.job_number == job.number) == LABELS


async def test_what_another_port_prints_in_place_of_one_can_say_so_on_paper(rig: Rig, host: FakeHost) -> None:
    host.ports["P1:"].refuses = ConnectionRefused("refused")
    await rig.printer("pool", "P1:", "P2:", mark_redirected=True)
    job = await rig.submit("pool", LABEL % 1)
    await rig.until(job.number, JobState.COMPLETED)
    [doc] = host.ports["P2:"].printed
    assert b"^FD*** BACKUP FROM edge/P1: ***^FS" in doc.prefix
    assert doc.prefix + bytes(doc.data) == (LABEL % 1).replace(
        b"^XA", b"^XA^FO20,10^A0N,28,28^FD*** BACKUP FROM edge/P1: ***^FS"
    )
    attempts = await rig.store.attempts(job.number)
    assert attempts[-1].mark == "*** BACKUP FROM edge/P1: ***"
    plain = await rig.submit("pool", b"no language")
    done = await rig.until(plain.number, JobState.COMPLETED)
    assert (done.outcome, bytes(host.ports["P2:"].printed[-1].data)) == (Outcome.PRINTED, b"no language")


def _soon(look: Callable[[], Seen]) -> Callable[[], Awaitable[Seen]]:
    async def asked() -> Seen:
        return look()

    return asked
