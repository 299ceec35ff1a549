"""The LPR port and its daemon: sizes announced and counted, every refusal, and what the last octet proves."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import DeviceFault, DeviceOffline, JobCanceled, WriteTimeout
from portmon.document import Disposition, DocInfo, Evidence, Phase
from portmon.journal.port_journal import Journal
from tests.contract.monitor_contract import Bench, new_key
from tests.contract.network_rigs import LprRig
from tests.contract.peer import wait_for

BIG = os.urandom(1 << 20)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[LprRig]:
    found = LprRig(tmp_path)
    yield found
    found.go_on()
    found.stop()


@pytest.fixture
async def bench(rig: LprRig, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    found = Bench(rig, **getattr(request, "param", {}))
    await found.open()
    yield found
    await found.close()
    found.journal.close()


def using(**settings: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("bench", [settings], indirect=True, ids=" ".join)


async def send(bench: Bench, data: bytes, **info: Any):
    return await bench.slice(
        new_key(), start=DocInfo(**info), data=data, end=Disposition.COMPLETE, size=len(data)
    )


async def test_a_size_that_is_known_is_announced_and_the_last_octet_is_the_proof(
    rig: LprRig, bench: Bench
) -> None:
    end = await send(
        bench, b"label" * 100, size_bytes=500, job_number=4711, user="maria", document_name="pick list"
    )
    assert (end.error, end.acked, end.evidence) == (None, 500, Evidence.LPD)
    assert rig.commands[0] == b"\x02lp\n"
    assert rig.commands[1].endswith(b" cfA711bench\n")
    assert rig.commands[2] == b"\x03500 dfA711bench\n"
    assert rig.controls == [b"Hbench\nPmaria\nJpick list\nldfA711bench\nUdfA711bench\nNpick list\n"]


async def test_what_was_sent_before_is_not_counted_and_what_goes_before_is(rig: LprRig, bench: Bench) -> None:
    key = new_key()
    start = DocInfo(size_bytes=1000)
    end = await bench.slice(
        key, start=start, resume_offset=400, resume_prefix=b"^XA", offset=400, data=b"x" * 600,
        end=Disposition.COMPLETE, size=1000,
    )  # fmt: skip
    assert (end.error, end.accepted, end.acked) == (None, 1000, 1000)
    assert rig.commands[2].startswith(b"\x03603 ")
    assert rig.received(603) == b"^XA" + b"x" * 600


@using(controlFile="last")
async def test_the_control_file_follows_when_it_shall(rig: LprRig, bench: Bench) -> None:
    assert (await send(bench, b"x" * 9, size_bytes=9)).evidence is Evidence.LPD
    assert [command[0] for command in rig.commands] == [2, 3, 2]
    assert len(rig.controls) == 1


@using(byteCounting=True)
async def test_a_document_of_unknown_size_is_counted_before_it_is_announced(
    rig: LprRig, bench: Bench
) -> None:
    end = await bench.print(BIG[:300_001], piece=50_000)
    assert (end.error, end.acked, end.evidence) == (None, 300_001, Evidence.LPD)
    assert rig.commands[2].startswith(b"\x03300001 ")
    assert rig.received(300_001) == BIG[:300_001]


@using(byteCounting=True)
@pytest.mark.alone
async def test_a_counted_document_that_stalls_waits_can_go_on_and_can_be_cancelled_in_time(
    rig: LprRig, bench: Bench
) -> None:
    assert bench.session is not None
    bench.session.set_write_timeout(0.3)
    rig.stall()
    key, data = new_key(), BIG * 8
    await bench.start(key)
    for at in range(0, len(data), 1 << 20):
        assert (await bench.slice(key, offset=at, data=data[at : at + (1 << 20)])).error is None
    stuck = await bench.end(key, len(data))
    assert isinstance(stuck.error, WriteTimeout)
    assert stuck.phase is Phase.IN_PROGRESS
    rig.go_on()
    bench.session.set_write_timeout(20)
    assert (await bench.end(key, len(data))).error is None
    assert rig.received(len(data)) == data

    rig.stall()
    key = new_key()
    await bench.start(key)
    for at in range(0, len(data), 1 << 20):
        await bench.slice(key, offset=at, data=data[at : at + (1 << 20)])
    ending = asyncio.create_task(bench.end(key, len(data)))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    ended = await bench.session.abort(key)
    assert time.monotonic() - began < 1
    assert ended.win32 == 63
    assert isinstance((await ending).error, JobCanceled)
    rig.go_on()
    assert (await bench.print(b"next")).error is None


@pytest.mark.parametrize(
    ("octet", "answer", "sentence"),
    [
        (0, b"\x01no queue named lp\n", "refuses the job: no queue named lp"),
        (0, b"\x01", "refuses the job: octet 1: no such queue"),
        (2, b"\x02", "refuses the control file: octet 2: no room"),
        (3, b"\x7f", "refuses the data file: octet 127"),
        (0, b"", "refuses the job: it closed the connection"),
    ],
)
async def test_a_refusal_before_the_document_leaves_it_unbegun_and_says_what_the_daemon_said(
    rig: LprRig, bench: Bench, octet: int, answer: bytes, sentence: str
) -> None:
    rig.refuse[octet] = answer
    found = await send(bench, b"x" * 10, size_bytes=10)
    assert found.phase is Phase.NEVER_SEEN
    assert isinstance(found.error, DeviceOffline)
    assert sentence in found.error.message
    rig.refuse.clear()
    assert (await send(bench, b"x" * 10, size_bytes=10)).error is None


@using(byteCounting=True)
@pytest.mark.parametrize("octet", [0, 2, 3])
async def test_what_was_counted_and_then_refused_has_not_left_and_goes_again(
    rig: LprRig, bench: Bench, octet: int
) -> None:
    rig.refuse[octet] = b"\x01come later\n"
    key = new_key()
    await bench.start(key, resume_offset=400, resume_prefix=b"^XA")
    await bench.slice(key, offset=400, data=b"x" * 600)
    found = await bench.end(key, 1000)
    assert isinstance(found.error, DeviceOffline)
    assert (found.phase, found.accepted, found.uncertain_end) == (Phase.ENDED, 400, 0)
    assert bench.journal.known(key).accepted == 400
    rig.refuse.clear()
    assert (await bench.print(b"y" * 600)).error is None
    assert rig.received(600) == b"y" * 600


@using(byteCounting=True)
async def test_what_is_still_counted_has_not_left_when_it_is_canceled_or_its_port_monitor_killed(
    rig: LprRig, bench: Bench
) -> None:
    assert bench.session is not None
    key = new_key()
    await bench.start(key)
    await bench.slice(key, offset=0, data=b"x" * 600)
    shutil.copy(rig.folder / "journal", rig.folder / "after the kill")
    killed = Journal.open(rig.folder / "after the kill", rig.port)
    after = killed.known(key)
    killed.close()
    assert (after.phase, after.accepted, after.uncertain_end) == (Phase.INTERRUPTED, 0, 0)
    ended = await bench.session.abort(key)
    assert (ended.win32, ended.accepted, ended.uncertain_end) == (63, 0, 0)
    assert rig.commands == []


async def test_a_document_that_the_daemon_refuses_at_the_end_is_in_doubt_as_a_whole(
    rig: LprRig, bench: Bench
) -> None:
    rig.last_word = b"\x01disk full\n"
    found = await send(bench, b"x" * 5000, size_bytes=5000)
    assert isinstance(found.error, DeviceFault)
    assert "disk full" in found.error.message
    assert (found.phase, found.uncertain_start, found.uncertain_end) == (Phase.ENDED, 0, 5000)


@using(answerTimeoutS=0.2)
async def test_a_daemon_without_a_last_word_is_waited_for_and_then_told_about(
    rig: LprRig, bench: Bench
) -> None:
    rig.last_word = b""
    key = new_key()
    found = await bench.slice(key, start=DocInfo(size_bytes=3), data=b"abc", end=Disposition.COMPLETE, size=3)
    assert isinstance(found.error, WriteTimeout)
    assert "gave no word about the document" in found.error.message
    assert found.phase is Phase.IN_PROGRESS
    assert bench.session is not None
    assert (await bench.session.abort(key)).uncertain_end == 3


async def test_more_bytes_than_announced_break_the_document_off_instead_of_the_next_one(
    rig: LprRig, bench: Bench
) -> None:
    found = await bench.slice(new_key(), start=DocInfo(size_bytes=3), data=b"abcd", end=Disposition.COMPLETE)
    assert isinstance(found.error, DeviceFault)
    assert "longer than announced" in found.error.message


@using(connectTimeoutS=20)
@pytest.mark.alone
async def test_cancelling_a_document_whose_daemon_is_silent_takes_less_than_a_second(
    rig: LprRig, bench: Bench
) -> None:
    assert bench.session is not None
    rig._ended = True  # listens and never accepts
    rig._thread.join()
    key = new_key()
    starting = asyncio.create_task(bench.start(key))
    await asyncio.sleep(0.2)
    began = time.monotonic()
    ended = await bench.session.abort(key)
    assert time.monotonic() - began < 1
    assert isinstance((await starting).error, JobCanceled)
    assert ended.phase is Phase.NEVER_SEEN


@pytest.mark.skipif(os.geteuid() != 0, reason="source ports below 1024 need a right")
@using(sourcePorts="rfc1179")
async def test_many_documents_come_from_the_eleven_ports_of_the_rfc(rig: LprRig, bench: Bench) -> None:
    for _ in range(8):
        assert (await send(bench, b"abc", size_bytes=3)).error is None
        await asyncio.to_thread(wait_for, lambda: rig._present is None)
    assert set(rig.peers) <= set(range(721, 732))
    assert len(set(rig.peers)) == 8
