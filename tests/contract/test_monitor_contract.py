"""Every port monitor, with a real peer: bytes arrive once and in order, and every end is told truly."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chassis.errors import (
    WrongOffset,
)
from portmon.document import Disposition, DocInfo, Evidence, Phase, Progress, Slice
from tests.contract.monitor_contract import Bench, new_key
from tests.contract.monitor_rigs import RIGS, RawRig, Rig, name_of, only, wait_for

EVIDENCE = {
    "raw": Evidence.TCP_CLOSE,
    "lpr": Evidence.LPD,
    "ipp": Evidence.IPP_JOB,
    "serial": Evidence.OUTPUT_QUEUE,
    "device": Evidence.PIPE_READ,
    "file": Evidence.FILE_SYNC,
    "sim": Evidence.OUTPUT_QUEUE,
    "unix": Evidence.TCP_CLOSE,
}
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


@pytest.mark.parametrize("size", [0, 1, 4097, 300_001])
async def test_a_document_arrives_byte_for_byte_with_the_proof_this_port_can_give(
    bench: Bench, size: int
) -> None:
    data = BIG[:size]
    end = await bench.print(data, piece=50_000)
    assert (end.phase, end.error, end.accepted, end.acked) == (Phase.ENDED, None, size, size)
    assert end.evidence is EVIDENCE[bench.rig.scheme]
    assert bench.rig.received(len(data)) == data


async def test_documents_follow_each_other_without_mixing(bench: Bench) -> None:
    got = []
    for n in range(5):
        end = await bench.slice(
            new_key(), start=DocInfo(), data=bytes([65 + n]) * 1000, end=Disposition.COMPLETE, size=1000
        )
        assert end.phase is Phase.ENDED
        assert end.error is None
        got.append(bench.rig.received(1000 if bench.rig.scheme == "file" else 1000 * (n + 1)))
    if bench.rig.scheme == "file":
        assert got == [bytes([65 + n]) * 1000 for n in range(5)]
    else:
        assert got[-1] == b"".join(bytes([65 + n]) * 1000 for n in range(5))
    if isinstance(bench.rig, RawRig):
        assert [len(one) for one in bench.rig.connections] == [1000] * 5
    assert bench.counters.documents == {"complete": 5, "broken": 0, "aborted": 0}
    assert bench.counters.written_bytes == 5000


async def test_bytes_that_were_accepted_are_dropped_and_a_gap_is_refused_with_the_offset_to_go_on_at(
    bench: Bench,
) -> None:
    key, data = new_key(), BIG[:9000]
    await bench.start(key)
    await bench.slice(key, offset=0, data=data[:5000])
    gap = await bench.slice(key, offset=6000, data=data[6000:])
    assert isinstance(gap.error, WrongOffset)
    assert gap.error.expected == 5000
    assert gap.phase is Phase.IN_PROGRESS
    again = await bench.slice(key, offset=3000, data=data[3000:8000])
    assert (again.error, again.accepted) == (None, 8000)
    assert (await bench.slice(key, offset=1000, data=data[1000:2000])).accepted == 8000
    await bench.slice(key, offset=8000, data=data[8000:])
    assert (await bench.end(key, 9000)).error is None
    assert bench.rig.received(len(data)) == data


async def test_a_short_document_is_not_ended_as_if_it_were_whole(bench: Bench) -> None:
    key = new_key()
    await bench.start(key)
    await bench.slice(key, offset=0, data=b"x" * 10)
    early = await bench.end(key, 20)
    assert isinstance(early.error, WrongOffset)
    assert early.error.expected == 10
    assert early.phase is Phase.IN_PROGRESS
    await bench.slice(key, offset=10, data=b"y" * 10)
    assert (await bench.end(key, 20)).error is None


async def test_repeating_start_slices_and_end_of_a_document_does_nothing_more(bench: Bench) -> None:
    key = new_key()
    for _ in range(3):
        end = await bench.slice(key, start=DocInfo(), data=b"once", end=Disposition.COMPLETE, size=4)
        assert (end.phase, end.error, end.accepted) == (Phase.ENDED, None, 4)
    key = new_key()
    for _ in range(2):
        assert (await bench.start(key)).phase is Phase.IN_PROGRESS
    await bench.slice(key, offset=0, data=b"twice")
    first, second = await bench.end(key), await bench.end(key)
    assert (first.error, second.error, second.phase) == (None, None, Phase.ENDED)
    assert bench.rig.received(5 if bench.rig.scheme == "file" else 9) == (
        b"twice" if bench.rig.scheme == "file" else b"oncetwice"
    )
    assert sum(bench.counters.documents.values()) == 2


async def test_bytes_past_the_end_of_a_document_are_refused_and_those_it_has_are_not(bench: Bench) -> None:
    key = new_key()
    await bench.slice(key, start=DocInfo(), data=b"whole", end=Disposition.COMPLETE, size=5)
    for offset, data in ((5, b"!"), (0, b"whole!"), (3, b"le!")):
        past = await bench.slice(key, offset=offset, data=data)
        assert past.error is not None
        assert (past.error.win32, past.phase, past.accepted) == (6, Phase.ENDED, 5)
    again = await bench.slice(key, start=DocInfo(), data=b"whole!", end=Disposition.COMPLETE, size=6)
    assert again.error is not None
    for offset, data in ((0, b"whole"), (3, b"le"), (5, b"")):
        assert (await bench.slice(key, offset=offset, data=data)).error is None
    assert bench.rig.received(5) == b"whole"


async def test_a_second_document_waits_for_the_first_to_end(bench: Bench) -> None:
    first, second = new_key(), new_key()
    await bench.start(first)
    refused = await bench.start(second)
    assert refused.error is not None
    assert (refused.error.win32, refused.phase) == (170, Phase.NEVER_SEEN)
    assert (await bench.end(first)).error is None
    assert (await bench.start(second)).error is None


@only("answers")
async def test_what_the_device_says_can_be_read_and_never_blocks_a_document(rig: Rig, bench: Bench) -> None:
    assert bench.session is not None
    key = new_key()
    await bench.start(key)
    await bench.slice(key, offset=0, data=b"?")
    rig.received(1)
    rig.say(b"paper out")
    assert await bench.session.reading.read(100, 2.0) == b"paper out"
    assert await bench.session.reading.read(100, 0.05) == b""
    for _ in range(3):
        rig.say(b"x" * 3000)
        assert (await bench.slice(key, offset=1, data=b"")).error is None
    assert (await bench.end(key)).error is None
    await asyncio.to_thread(wait_for, lambda: bench.counters.read_bytes == 9 + 9000)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident() -> int:
    """Return this process's memory, bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.timeout(240)  # each opening of a line is three syncs of the disk
async def test_a_thousand_openings_leave_no_descriptor_no_thread_and_no_memory_behind(rig: Rig) -> None:
    bench = Bench(rig)
    before, memory, threads = 0, 0, threading.active_count()
    for n in range(1000):
        await bench.open()
        if n % 100 == 0:
            assert (await bench.print(b"x" * 100)).error is None
        await bench.close()
        before = descriptors() if n == 5 else before
        memory = resident() if n == 200 else memory
    rig.received()
    wait_for(lambda: threading.active_count() <= threads)
    assert descriptors() <= before + 1
    assert resident() - memory < 4 << 20
    bench.journal.close()


async def test_many_small_documents_are_taken_in_one_go_and_in_order(bench: Bench) -> None:
    assert bench.session is not None
    ends: list[bytes] = []
    done = asyncio.Event()

    def reply(progress: Progress, last: bool) -> None:
        assert progress.error is None
        ends.append(progress.key.uid)
        if len(ends) == 100:
            done.set()

    keys = [new_key() for _ in range(100)]
    for n, key in enumerate(keys):
        bench.session.submit(
            Slice(key, reply, start=bench.info, data=b"%06d" % n, end=Disposition.COMPLETE, size=6)
        )
    async with asyncio.timeout(30):
        await done.wait()
    assert ends == [key.uid for key in keys]
    expected = [b"%06d" % n for n in range(100)]
    assert bench.rig.received(6 if bench.rig.scheme == "file" else 600) == (
        expected[-1] if bench.rig.scheme == "file" else b"".join(expected)
    )
