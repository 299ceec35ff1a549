"""A process that accepts jobs and says so on a pipe, until it is killed."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

from spooler.job import Job, changed
from spooler.job_state import JobState
from spooler.new_job import Inline, NewJob, Uploaded
from spooler.sql.store import SqlStore, StoreSettings
from spooler.store import Changes

SEGMENT_BYTES = 2_000_000
SIZES = (50, 3000, 16_384, 16_385, 70_000, 400_000)


def document(seed: int) -> bytes:
    """Return the bytes of a seed: parent and child agree on them without a word."""
    source = random.Random(seed)
    return source.randbytes(source.choice(SIZES))


def run(directory: Path, pipe: int, first_seed: int) -> None:
    """Accept jobs of rising seeds for ever; write `number seed` once a job is OK, `ended number` once that is."""
    asyncio.run(_run(directory, pipe, first_seed))


async def _run(directory: Path, pipe: int, first_seed: int) -> None:
    store = await SqlStore.open(directory, StoreSettings(segment_bytes=SEGMENT_BYTES))
    seeds = iter(range(first_seed, first_seed + 1_000_000))
    await asyncio.gather(*(_caller(store, pipe, seeds) for _ in range(8)))


async def _caller(store: SqlStore, pipe: int, seeds: Iterator[int]) -> None:
    for seed in seeds:
        data = document(seed)
        new = NewJob("labels", Inline(data), owner="till", request_id=str(seed))
        if seed % 5 == 0:
            new = NewJob("labels", await _upload(store, data), owner="till", request_id=str(seed))
        (job,) = await store.accept([new])
        assert isinstance(job, Job)
        os.write(pipe, f"{job.number} {seed}\n".encode())
        if seed % 7 == 0:
            done = changed(job, state=JobState.COMPLETED, has_document=False)
            await store.record(Changes(jobs=[done], drop_documents=[job.number]))
            os.write(pipe, f"ended {job.number}\n".encode())


async def _upload(store: SqlStore, data: bytes) -> Uploaded:
    upload = await store.create_upload("till")
    for offset in range(0, len(data), 50_000):
        await store.append_upload(upload.id, offset, data[offset : offset + 50_000])
    return Uploaded(upload.id, len(data))
