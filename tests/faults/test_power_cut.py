"""The power goes at a random moment: nothing that was accepted is missing, and the journal claims nothing it cannot know."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from portmon.document import DocKey, Evidence, Phase
from portmon.journal.fabric_times import FabricTimes
from portmon.journal.port_journal import Journal
from spooler.printer import Printer
from spooler.sql.store import SqlStore
from tests.contract import crash_child
from tests.faults.power_cut import MARK, Disk, compile_shim, environment, read_log
from tests.rig.memory import memory_folder
from tests.surroundings import missing

MOMENTS = 200
_ACCEPT_S = 1.5
_CHILD = "import sys; from pathlib import Path; from tests.contract import crash_child; crash_child.run(Path(sys.argv[1]), int(sys.argv[2]), 1)"


async def _prepare(root: Path) -> None:
    store = await SqlStore.open(root)
    await store.create_printer(Printer("labels"))
    await store.close()


def _recorded(folder: Path) -> tuple[Path, Path]:
    """Return a store's folder as it was before it was used, and the log of what was done to it."""
    root, log = folder / "store", folder / "operations"
    asyncio.run(_prepare(root))
    shim = compile_shim(folder)
    if shim is None:
        missing("no C compiler")
    assert shim is not None
    start = folder / "start"
    shutil.copytree(root, start)
    hearing, saying = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(root), str(saying)],
        env=environment(shim, root, log, saying),
        pass_fds=[saying],
    )
    os.close(saying)
    assert os.read(hearing, 65536), "it accepted nothing"
    ends = time.monotonic() + _ACCEPT_S
    while time.monotonic() < ends:
        assert os.read(hearing, 65536)
    child.kill()
    child.wait()
    os.close(hearing)
    return start, log


@cache
def _document(seed: int) -> tuple[int, bytes]:
    """Return the size and the digest of what was sent."""
    data = crash_child.document(seed)
    return len(data), sha256(data).digest()


async def _has_all(folder: Path, accepted: dict[int, int], ended: set[int], read: set[int]) -> None:
    """Fail unless every accepted job that has not ended is there with its digest, and the bytes of those to be `read`."""
    store = await SqlStore.open(folder)
    try:
        snapshot = await store.load()
        open_jobs = {job.number: job for job in snapshot.jobs}
        assert not set(snapshot.lost_documents) & (accepted.keys() - ended)
        for number, seed in accepted.items():
            if number in ended:
                continue
            job = open_jobs.get(number) or await store.get_job(number)
            if number not in open_jobs:  # it ended a moment before that was told
                continue
            size_bytes, digest = _document(seed)
            assert (job.document.size_bytes, job.document.digest) == (size_bytes, digest)
            if number in read:
                data = await store.read(number, 0, size_bytes)
                assert sha256(data).digest() == digest, f"job {number} has other bytes"
    finally:
        await store.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_nothing_accepted_is_missing_after_a_power_cut_at_any_moment(tmp_path: Path, chance: random.Random):
    start, log = _recorded(tmp_path)
    operations = list(read_log(log))
    root = tmp_path / "store"
    moments = sorted(chance.randrange(len(operations)) for _ in range(MOMENTS))
    disk, done, accepted, ended = Disk(root, start), 0, {}, set()
    for number, moment in enumerate(moments):
        for op in operations[done:moment]:
            if op.kind != MARK:
                disk.do(op)
                continue
            for line in op.data.decode().splitlines():
                word, _, rest = line.partition(" ")
                if word == "ended":
                    ended.add(int(rest))
                else:
                    accepted[int(word)] = int(rest)
        done = moment
        # In memory, where there is some: looking at what is left shall not take longer than losing it.
        with tempfile.TemporaryDirectory(dir=memory_folder()) as after:
            disk.lose_power(Path(after), chance if number % 2 else None)
            read = set(accepted) if number % 10 == 0 else set(list(accepted)[-40:])
            asyncio.run(_has_all(Path(after), accepted, ended, read))
    print(f"{MOMENTS} power cuts in {len(operations)} file operations; {len(accepted)} jobs accepted")
    assert len(accepted) > 50


def _uid(number: int) -> bytes:
    """Return a UUIDv7 of now."""
    uid = bytearray(int(time.time() * 1000).to_bytes(6, "big") + number.to_bytes(10, "big"))
    uid[6], uid[8] = uid[6] & 0x0F | 0x70, uid[8] & 0x3F | 0x80
    return bytes(uid)


def _told_now() -> FabricTimes:
    times = FabricTimes()
    times.hear("fabric", int(time.time() * 1000))
    return times


@pytest.mark.timeout(180)
@pytest.mark.parametrize("behind_s", [0, 3600], ids=["clock right", "clock an hour behind"])
def test_after_a_power_cut_the_journal_never_says_that_it_never_saw_what_it_wrote(
    tmp_path: Path, chance: random.Random, monkeypatch: pytest.MonkeyPatch, behind_s: int
) -> None:
    path = tmp_path / "p.journal"
    journal = Journal.open(path, "P", slots=64, times=_told_now())
    journal.store_fence("fabric", 1)
    images, begun = [path.read_bytes()], []
    for number in range(40):
        key = DocKey(_uid(number), 1)
        at = journal.begin(key, "fabric", 0, pipe=bool(number % 2))
        begun.append(key)
        for offset in (100, 200, 300):
            journal.intend(at, offset)
            images.append(path.read_bytes())
            journal.accept(at, offset)
            images.append(path.read_bytes())
        if number % 3:
            journal.end(at, 0, Evidence.TCP_ACK)
            images.append(path.read_bytes())
    # The host's clock comes back with a time of before; the spooler's has gone on, and is told.
    host_ns = time.time_ns() - behind_s * 10**9
    monkeypatch.setattr("portmon.journal.port_journal.time.time_ns", lambda: host_ns)
    times = _told_now()
    for cut in range(MOMENTS):
        # Pages reach the platter in any order, each in any state it had since the file was synced.
        size = len(images[0])
        mixed = b"".join(
            images[chance.randrange(len(images))][page : page + 4096] for page in range(0, size, 4096)
        )
        after = tmp_path / f"after-{cut}.journal"
        after.write_bytes(_of_another_boot(mixed))
        for key in begun:
            found = Journal.open(after, "P", slots=64, times=times).outcome(key, "fabric")
            assert found.phase is not Phase.NEVER_SEEN, key
            break_ = found.phase is Phase.ENDED and found.win32 == 0
            assert not break_ or found.accepted == 300
        after.unlink()


def _of_another_boot(image: bytes) -> bytes:
    """Return a journal as if it had been written before this boot, and not closed."""
    words = bytearray(image)
    words[4 * 8 : 6 * 8] = random.Random(image[:64]).randbytes(16)
    words[8 * 8 : 9 * 8] = bytes(8)  # not closed in order
    return bytes(words)
