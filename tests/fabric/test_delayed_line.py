"""A client that is far away: windows follow bandwidth and delay, and what waits on the way is bounded at both ends."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from printfabric_client import Client
from tests.fabric.spooler_rig import SpoolerRig, eventually, spooler_running
from tests.rig.delaying_proxy import DelayingProxy

DELAY_S, RATE = (
    0.05,
    10_000_000,
)  # there and back; bytes a second. Windows of 64 KiB carry 1.3 MB/s of these ten
DOCUMENT = random.Random(59).randbytes(16 << 20)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[SpoolerRig]:
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        yield rig


@pytest.fixture
def line(rig: SpoolerRig) -> Iterator[DelayingProxy]:
    proxy = DelayingProxy(rig.address, DELAY_S, RATE)
    yield proxy
    proxy.close()


async def test_a_large_document_takes_half_of_a_long_line_or_more(line: DelayingProxy) -> None:
    async with Client(line.address) as fabric:
        await fabric.printers.get("labels")
        began = time.monotonic()
        job = await fabric.upload(DOCUMENT, printer="labels", hold=True)
        took_s = time.monotonic() - began

    assert job.digest == hashlib.sha256(DOCUMENT).digest()
    assert len(DOCUMENT) / took_s > RATE / 2


async def test_who_sends_faster_than_it_is_written_waits(rig: SpoolerRig, line: DelayingProxy) -> None:
    written, goes_on = 0, asyncio.Event()
    append = rig.store.append_upload

    async def stuck(upload_id: bytes, offset: int, *data: bytes) -> int:
        nonlocal written
        if offset > len(DOCUMENT) // 4:  # by now windows have grown
            await goes_on.wait()
        written = await append(upload_id, offset, *data)
        return written

    rig.store.append_upload = stuck  # type: ignore[method-assign]
    sent: list[int] = [0]
    document = DOCUMENT * 4
    async with Client(line.address) as fabric:
        uploading = asyncio.create_task(
            fabric.upload(document, printer="labels", hold=True, progress=lambda at, _size: sent.append(at))
        )

        async def ahead() -> tuple[int, int]:
            before = len(sent)
            await asyncio.sleep(10 * DELAY_S)
            return written, len(sent) - before

        await eventually(ahead, lambda now: now[0] and not now[1], 60)
        assert sent[-1] - written < 12 << 20
        goes_on.set()
        job = await uploading

    assert job.digest == hashlib.sha256(document).digest()
