"""A line that is held for each document alone (openMode=document): others may use it between documents, and not in one."""

from __future__ import annotations

import asyncio
import fcntl
import os
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portmon.document import DocInfo, Evidence, Phase
from portmon.reports import OPENING
from tests.contract.monitor_contract import Bench, new_key
from tests.contract.monitor_rigs import SerialRig
from tests.contract.peer import wait_for


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    rig = SerialRig(tmp_path)
    found = Bench(rig, openMode="document")
    await found.open()
    yield found
    await found.close()
    found.journal.close()
    rig.go_on()
    rig.stop()


def line(bench: Bench) -> SerialRig:
    assert isinstance(bench.rig, SerialRig)
    return bench.rig


def said_by_opening(bench: Bench) -> list[str]:
    assert bench.session is not None
    return [one.text for one in bench.session.reports.now() if one.reporter == OPENING]


async def test_the_line_belongs_to_others_between_documents_and_has_their_settings_back(bench: Bench) -> None:
    other = os.open(line(bench).path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    refused = await bench.start(new_key())
    assert refused.error is not None
    assert (refused.error.win32, refused.error.code, refused.phase) == (3012, "UNAVAILABLE", Phase.NEVER_SEEN)
    assert "is in use by" in refused.error.message
    os.close(other)
    key = new_key()
    assert (await bench.start(key)).error is None
    mine = os.open(line(bench).path, os.O_RDWR | os.O_NOCTTY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
    await bench.slice(key, offset=0, data=b"one")
    end = await bench.end(key, 3)
    assert (end.error, end.acked, end.evidence) == (None, 3, Evidence.OUTPUT_QUEUE)
    fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert termios.tcgetattr(mine) == line(bench).before
    os.close(mine)
    assert (await bench.print(b"two")).error is None
    assert bench.rig.received(6) == b"onetwo"


async def test_a_line_that_was_not_to_be_had_is_tried_and_said_to_be_back_and_kept_for_the_document(
    bench: Bench,
) -> None:
    other = os.open(line(bench).path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert (await bench.start(new_key())).error is not None
    await asyncio.to_thread(wait_for, lambda: said_by_opening(bench))
    os.close(other)
    await asyncio.to_thread(wait_for, lambda: not said_by_opening(bench))
    assert (await bench.print(b"one")).error is None
    assert bench.rig.received(3) == b"one"


async def test_a_document_that_is_broken_off_lets_the_line_go_and_another_attempt_goes_on(
    bench: Bench,
) -> None:
    key = new_key()
    await bench.slice(key, start=DocInfo(), data=b"half")
    assert bench.rig.received(4) == b"half"
    await bench.close()
    assert (broken := bench.journal.known(key)).resumable
    assert broken.accepted == 4
    await bench.open()
    mine = os.open(line(bench).path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(mine)
    second = key._replace(attempt=2)
    await bench.slice(second, start=DocInfo(), resume_offset=4, offset=4, data=b"done")
    assert (await bench.end(second, 8)).error is None
    assert bench.rig.received(8) == b"halfdone"


async def test_a_line_that_is_not_there_is_heard_of_by_the_document_and_is_there_for_the_next(
    bench: Bench,
) -> None:
    rig = line(bench)
    before = rig.path
    rig.break_off()
    refused = await bench.start(new_key())
    assert refused.error is not None
    assert refused.error.win32 == 3012
    rig.mend()
    if rig.path == before:  # the kernel gives the lowest number that is free
        assert (await bench.print(b"back")).error is None
