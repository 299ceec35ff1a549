import asyncio
import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import FabricError, SpoolFull
from spooler.job import Job, changed
from spooler.job_state import JobState
from spooler.new_job import Inline, NewJob
from spooler.printer import Printer
from spooler.sql.store import SqlStore, StoreSettings
from spooler.store import Changes


@pytest.fixture
def small_volume(tmp_path):
    """A volume of 24 MiB."""
    if os.geteuid() != 0:
        pytest.skip("NOT CHECKED: a full volume needs root, to mount one")
    mounted = tmp_path / "small"
    mounted.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", mounted], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"NOT CHECKED: a full volume cannot be mounted here: {done.stderr.strip()}")
    yield mounted
    subprocess.run(["umount", "-l", mounted], check=True)


async def fill(store: SqlStore, size: int) -> dict[int, bytes]:
    """Send jobs from eight callers until each was refused; return what was accepted."""
    accepted: dict[int, bytes] = {}

    async def caller() -> None:
        while True:
            data = os.urandom(size)
            (job,) = await store.accept([NewJob("labels", Inline(data))])
            assert isinstance(job, Job)
            accepted[job.number] = data

    answers = await asyncio.gather(*(caller() for _ in range(8)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [SpoolFull] * 8
    return accepted


async def check(store: SqlStore, accepted: dict[int, bytes]) -> None:
    assert [job.number for job in (await store.load()).jobs] == sorted(accepted)
    for number, data in accepted.items():
        assert await store.read(number, 0, 1 << 20) == data


@pytest.mark.parametrize("size", [10_000, 200_000])
async def test_a_full_volume_is_told_before_ok_and_never_after_and_jobs_can_still_end(small_volume, size):
    store = await SqlStore.open(small_volume / "store")
    await store.create_printer(Printer("labels"))
    accepted = await fill(store, size)
    assert sum(map(len, accepted.values())) > 6_000_000

    await check(store, accepted)
    await store.close()
    store = await SqlStore.open(small_volume / "store")
    await check(store, accepted)
    for number in list(accepted)[: len(accepted) * 3 // 4]:
        job = changed(await store.get_job(number), state=JobState.COMPLETED, has_document=False)
        await store.record(Changes(jobs=[job], drop_documents=[number]))
        del accepted[number]
    await asyncio.sleep(1.1)  # room is asked back once a second at most

    accepted |= await fill(store, size)
    await check(store, accepted)
    assert await store.purge_finished(datetime.now(UTC) + timedelta(seconds=1), 100_000) > 0
    await store.close()


@pytest.mark.parametrize("size", [10_000, 200_000])
async def test_when_the_volume_is_full_without_a_reserve_nothing_accepted_is_lost(small_volume, size):
    ballast = small_volume / "ballast"
    ballast.write_bytes(bytes(512 * 1024))
    store = await SqlStore.open(small_volume / "store", StoreSettings(reserve_bytes=0))
    await store.create_printer(Printer("labels"))
    accepted = await fill(store, size)
    await check(store, accepted)
    await store.close()

    ballast.unlink()  # a start needs room, too
    store = await SqlStore.open(small_volume / "store", StoreSettings(reserve_bytes=0))
    await check(store, accepted)
    await store.close()


async def test_room_that_comes_back_is_used_at_once(small_volume):
    ballast = small_volume / "ballast"
    store = await SqlStore.open(small_volume / "store")
    await store.create_printer(Printer("labels"))
    ballast.write_bytes(bytes(24 * 1024 * 1024 - 900_000))
    new = NewJob("labels", Inline(b"^XA^XZ"))
    with pytest.raises(SpoolFull) as refused:
        await store.accept([new])
    assert isinstance(refused.value, FabricError)
    assert int(refused.value.metadata["free_bytes"]) < 1024 * 1024
    ballast.unlink()

    assert [type(answer) for answer in await store.accept([new])] == [Job]
    await store.close()
