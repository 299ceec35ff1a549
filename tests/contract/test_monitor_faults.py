"""Every port monitor against peers that stall, break and refuse: each end is told truly, and in time."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chassis.errors import (
    DeviceFault,
    DeviceNotConnected,
    FabricError,
    JobCanceled,
    PortBusy,
    WriteTimeout,
)
from portmon.document import Disposition, DocInfo, Phase, Progress, Slice
from portmon.port_state import PortState
from tests.contract.monitor_contract import Bench, new_key
from tests.contract.monitor_rigs import RIGS, FifoRig, RawRig, Rig, name_of, only, wait_for
from tests.rig.quick import TRIES, quick

BIG = os.urandom(1 << 20)


@pytest.fixture(params=RIGS, ids=name_of)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    found = request.param(tmp_path)
    yield found
    found.go_on()
    found.stop()


@pytest.fixture
async def bench(rig: Rig) -> AsyncIterator[Bench]:
    found = Bench(rig)
    await found.open()
    yield found
    await found.close()
    found.journal.close()


@only("stalls")
async def test_a_stalled_device_is_told_by_the_deadline_and_the_document_goes_on_where_it_stopped(
    rig: Rig, bench: Bench
) -> None:
    assert bench.session is not None
    bench.session.set_write_timeout(0.4)
    data = BIG * 8
    rig.stall()
    key = new_key()
    await bench.start(key)
    stopped = await bench.slice(key, offset=0, data=data)
    assert isinstance(stopped.error, WriteTimeout)
    assert stopped.error.win32 == 1460
    assert stopped.phase is Phase.IN_PROGRESS
    assert 0 < stopped.accepted < len(data)
    assert sum(bench.counters.stalls_s.values()) >= 0.35
    rig.go_on()
    bench.session.set_write_timeout(20)
    rest = await bench.slice(key, offset=stopped.accepted, data=data[stopped.accepted :])
    assert rest.error is None
    assert (await bench.end(key, len(data))).error is None
    got = rig.received(len(data))
    assert len(got) == len(data)
    assert hash(got) == hash(data)  # a diff of 8 MiB would take longer than the test may


@only("stalls")
@pytest.mark.alone
async def test_cancelling_a_stuck_write_takes_less_than_a_second(rig: Rig, bench: Bench) -> None:
    for left in reversed(range(TRIES)):
        assert bench.session is not None
        rig.stall()
        key = new_key()
        await bench.start(key)
        writing = await bench.stuck(key, BIG * 8)
        began = time.monotonic()
        ended = await bench.session.abort(key)
        took = time.monotonic() - began
        assert ended.phase is Phase.ENDED
        assert ended.win32 == 63
        assert ended.accepted < len(BIG) * 8
        assert isinstance((await writing).error, JobCanceled)
        rig.go_on()
        if rig.scheme != "serial":  # the pty still holds what the first document left in it
            assert (await bench.print(b"next")).error is None
        if quick(took, left):
            break


@only("stalls")
@pytest.mark.alone
async def test_closing_a_port_with_a_stuck_write_takes_less_than_a_second_and_keeps_the_offset(
    rig: Rig, bench: Bench
) -> None:
    for left in reversed(range(TRIES)):
        assert bench.session is not None
        rig.stall()
        key = new_key()
        await bench.start(key)
        writing = await bench.stuck(key, BIG * 8)
        began = time.monotonic()
        await bench.session.close()
        took = time.monotonic() - began
        known = bench.journal.outcome(key, "fabric")
        assert known.phase is Phase.ENDED
        assert known.win32 == 6
        assert 0 < known.accepted < len(BIG) * 8
        assert (await writing).error is not None
        rig.go_on()
        await bench.open()
        if quick(took, left):
            break


@only("breaks")
async def test_a_device_that_goes_away_ends_the_document_with_what_is_known(rig: Rig, bench: Bench) -> None:
    assert bench.session is not None
    key = new_key()
    await bench.start(key)
    sent = 0
    assert (await bench.slice(key, offset=0, data=BIG[:20_000])).error is None
    wait_for(lambda: len(rig.received()) == 20_000)
    rig.break_off()
    sent, end = 20_000, None
    for _ in range(50):
        end = await bench.slice(key, offset=sent, data=BIG[sent : sent + 4096])
        if end.phase is Phase.ENDED:
            break
        sent = end.accepted
        await asyncio.sleep(0.02)
    assert end is not None
    assert end.phase is Phase.ENDED
    known = bench.journal.outcome(key, "fabric")
    assert known.win32 in (29, 1167)
    assert known.acked <= known.accepted
    if rig.pipe:
        assert known.uncertain_end == 0 or not known.resumable
    else:
        assert not known.resumable
        assert known.uncertain_start <= 20_000 <= known.uncertain_end == known.accepted
    assert bench.session.state is (PortState.FAILED if rig.ended_by_break else PortState.OPEN)


@only("breaks")
async def test_after_a_break_the_port_prints_again(rig: Rig, bench: Bench) -> None:
    key = new_key()
    await bench.start(key)
    await bench.slice(key, offset=0, data=b"a" * 100)
    rig.received(100)
    rig.break_off()
    await asyncio.sleep(0.05)
    await bench.slice(key, offset=100, data=b"b" * 100)
    await bench.slice(key, offset=200, data=b"c" * 100)
    rig.mend()
    early = await bench.start(new_key())
    assert isinstance(
        early.error, PortBusy
    )  # nothing is begun behind half a document that nobody has looked at
    assert early.error.metadata["broken"] == str(key)
    assert bench.journal.settle([key], "fabric") == 1
    if rig.ended_by_break:
        refused = await bench.start(new_key())
        assert isinstance(refused.error, DeviceNotConnected)
        await bench.close()
        await bench.open()
    assert (await bench.print(b"whole")).error is None
    assert rig.received(105).endswith(b"whole")


@only("stalls")
async def test_a_document_that_still_waits_can_be_taken_back_and_nothing_of_it_is_printed(
    rig: Rig, bench: Bench
) -> None:
    session = bench.session
    assert session is not None
    rig.stall()
    first, second = new_key(), new_key()
    await bench.start(first)
    writing = await bench.stuck(first, BIG * 8)
    answers: list[Progress] = []
    session.submit(
        Slice(
            second, lambda one, _: answers.append(one), start=bench.info, data=b"no", end=Disposition.COMPLETE
        )
    )
    assert session.queued() == [second]
    taking_back = asyncio.create_task(session.abort(second))
    await asyncio.sleep(0.05)
    await session.abort(first)
    await writing
    taken_back = await taking_back
    await session.rest(time.monotonic() + 2)
    for found in (taken_back, *answers):
        assert found.phase is Phase.NEVER_SEEN
        assert isinstance(found.error, JobCanceled)
    assert bench.journal.outcome(second, "fabric").phase is Phase.NEVER_SEEN


async def test_what_waits_behind_a_document_that_breaks_is_given_back_unbegun(tmp_path: Path) -> None:
    rig = RawRig(tmp_path)
    bench = Bench(rig)
    session = await bench.open()
    rig.stall()
    first = new_key()
    await bench.start(first)
    writing = await bench.stuck(first, BIG * 8)
    waiting: list[Progress] = []
    for _ in range(3):  # past the back-pressure, which would hold them back behind so large a document
        session.submit(
            Slice(
                new_key(),
                lambda one, _: waiting.append(one),
                start=bench.info,
                data=b"x",
                end=Disposition.COMPLETE,
            )
        )
    rig.break_off()
    broken = await writing
    assert isinstance(broken.error, DeviceFault)
    assert broken.phase is Phase.ENDED
    await session.rest(time.monotonic() + 2)
    assert len(waiting) == 3
    for found in waiting:
        assert found.phase is Phase.NEVER_SEEN
        assert isinstance(found.error, FabricError)
        assert found.error.win32 == 170
        assert found.error.metadata["broken"] == str(first)
    assert bench.journal.settle([first], "fabric") == 1
    assert (await bench.print(b"then")).error is None
    await session.close()
    bench.journal.close()
    rig.stop()


async def test_a_reset_after_the_last_byte_is_not_called_success(tmp_path: Path) -> None:
    rig = RawRig(tmp_path)
    bench = Bench(rig)
    await bench.open()
    rig.stall()  # acknowledged by the peer's kernel, never read by its program
    key = new_key()
    await bench.start(key)
    await bench.slice(key, offset=0, data=b"z" * 5000)
    ending = asyncio.create_task(bench.end(key, 5000))
    await asyncio.sleep(0.1)
    rig.break_off()
    end = await ending
    assert isinstance(end.error, DeviceFault)
    assert end.phase is Phase.ENDED
    assert (end.acked, end.uncertain_start, end.uncertain_end) == (5000, 0, 5000)
    await bench.close()
    bench.journal.close()
    rig.stop()


async def test_a_refused_connection_leaves_the_document_unbegun_and_gives_the_others_back(
    tmp_path: Path,
) -> None:
    rig = RawRig(tmp_path)
    bench = Bench(rig)
    await bench.open()
    rig.stop()
    found = await asyncio.gather(
        *(bench.slice(new_key(), start=DocInfo(), data=b"x", end=Disposition.COMPLETE) for _ in range(5))
    )
    assert {(one.phase, one.error.win32 if one.error else 0) for one in found} == {(Phase.NEVER_SEEN, 1225)}
    assert bench.counters.documents == {"complete": 0, "broken": 0, "aborted": 0}
    await bench.close()
    bench.journal.close()


async def test_a_fifo_without_a_reader_is_a_device_that_is_not_there(tmp_path: Path) -> None:
    rig = FifoRig(tmp_path)
    rig.stop()
    bench = Bench(rig)
    with pytest.raises(DeviceNotConnected):
        await bench.open()
    bench.journal.close()
