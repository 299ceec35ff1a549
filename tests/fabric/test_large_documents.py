"""Documents of many pieces: read ahead, by one piece, and what is at hand goes with them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from spooler.job_state import JobState
from spooler.port import DocumentKey, Slice
from spooler.reading_ahead import CHUNK_BYTES
from tests.fabric.dispatch_rig import Rig, edge, eventually, running
from tests.fakes.host import FakeHost

DATA = random.Random(58).randbytes(7 * CHUNK_BYTES + 4321)


@pytest.fixture
async def host() -> AsyncIterator[FakeHost]:
    async with edge("P1:") as host:
        yield host


@pytest.fixture
async def rig(tmp_path: Path, host: FakeHost) -> AsyncIterator[Rig]:
    async with running(tmp_path, host) as rig:
        yield rig


def _reads(rig: Rig) -> list[tuple[int, int]]:
    """Return offset and size of each read of a document from now on."""
    seen: list[tuple[int, int]] = []
    read = rig.store.read

    async def noted(number: int, offset: int, max_bytes: int) -> bytes:
        seen.append((offset, max_bytes))
        return await read(number, offset, max_bytes)

    rig.store.read = noted  # type: ignore[method-assign]
    return seen


async def test_a_document_that_breaks_off_goes_on_at_its_byte(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    port.break_at, port.break_resumable = 3 * CHUNK_BYTES + 100, True
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", DATA)
    done = await rig.until(job.number, JobState.COMPLETED)

    assert b"".join(bytes(doc.data) for doc in port.printed) == DATA
    assert done.attempts == 2


async def test_a_document_whose_connection_breaks_goes_on_where_its_host_has_it(
    rig: Rig, host: FakeHost
) -> None:
    port = host.ports["P1:"]
    port.cut_at = 3 * CHUNK_BYTES + 100
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", DATA)
    done = await rig.until(job.number, JobState.COMPLETED)

    assert b"".join(bytes(doc.data) for doc in port.printed) == DATA
    assert done.attempts == 1


async def test_each_byte_is_read_once_whatever_is_ahead(rig: Rig, host: FakeHost) -> None:
    reads = _reads(rig)
    await rig.printer("labels", "P1:")
    job = await rig.submit("labels", DATA)
    await rig.until(job.number, JobState.COMPLETED)

    assert [offset for offset, _ in reads] == list(range(0, len(DATA), CHUNK_BYTES))
    assert sum(min(size, len(DATA) - offset) for offset, size in reads) == len(DATA)


async def test_a_host_that_takes_nothing_is_read_for_by_two_pieces_and_a_cancel_ends_it(
    rig: Rig, host: FakeHost
) -> None:
    reads = _reads(rig)
    port = host.ports["P1:"]
    await rig.printer("labels", "P1:")
    stuck = asyncio.Event()
    opening = rig.submit("labels", b"opens the port")
    await rig.until((await opening).number, JobState.COMPLETED)
    session = port.session
    assert session is not None
    send = session.send

    async def slow(slices: Sequence[Slice], settled: Sequence[DocumentKey] = ()) -> None:
        if slices and slices[0].offset:  # behind the first piece
            await stuck.wait()
        await send(slices, settled)

    session.send = slow  # type: ignore[method-assign]
    job = await rig.submit("labels", DATA)

    async def read() -> list[tuple[int, int]]:
        return reads

    await eventually(read, lambda seen: len(seen) >= 3)
    await asyncio.sleep(0.05)
    assert [offset for offset, _ in reads] == [0, CHUNK_BYTES, 2 * CHUNK_BYTES]  # the last one is at hand
    cancelling = asyncio.create_task(rig.steering.cancel(job.number, "ann"))
    await asyncio.sleep(0.01)
    stuck.set()
    await cancelling
    await rig.until(job.number, JobState.CANCELED)

    assert len(reads) == 3
    assert not [task for task in asyncio.all_tasks() if f"read {job.number}" in task.get_name()]
