"""What a host is told is on the disk before: that a document begins, and that its outcome is known for good.

A spooler that is killed at any moment goes by its own rows. A start that a host heard of first would be printed twice,
an outcome that a host forgot first would be unknown for ever. The host is a fake, commits take 20 ms, and each message
is held against what another connection finds in the database.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from spooler.job import Job
from spooler.job_state import JobState
from spooler.port import DocumentKey, Slice
from spooler.sql.writer import Writer
from tests.fabric.dispatch_rig import Rig, running
from tests.fakes.host import FakeHost, FakeOpenPort, FakePort

LABEL = b"^XA^XZ"
COMMIT_S = 0.02


class Witness:
    """Counts what was told, and notes what was told too early."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.starts = self.settled = 0
        self.early: list[str] = []

    def hear(self, slices: Sequence[Slice], settled: Sequence[DocumentKey]) -> None:
        for piece in slices:
            if piece.start is not None:
                self.starts += 1
                if self._row(piece.key) is None:
                    self.early.append(f"job {piece.start.job_number} begins")
        for key in settled:
            self.settled += 1
            row = self._row(key)
            if row is None or row[0] is None:
                self.early.append(f"attempt {key.attempt} of {key.uid.hex()} is settled")

    def _row(self, key: DocumentKey) -> tuple[int | None] | None:
        question = "SELECT ended_at FROM attempts WHERE job_uid = ? AND number = ?"
        found: tuple[int | None] | None = self.database.execute(question, key).fetchone()
        return found


@pytest.fixture
async def slow_rig(tmp_path: Path, host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    """A spooler whose commits take their time."""
    end = Writer._end

    def slowly(writer: Writer) -> None:
        time.sleep(COMMIT_S)
        end(writer)

    async with running(tmp_path, host) as rig:
        monkeypatch.setattr(Writer, "_end", slowly)
        yield rig


@pytest.fixture
def witness(slow_rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Witness]:
    with closing(sqlite3.connect(tmp_path / "spooler.db")) as database:
        witness = Witness(database)
        send = FakeOpenPort.send

        async def watched(
            session: FakeOpenPort, slices: Sequence[Slice], settled: Sequence[DocumentKey] = ()
        ) -> None:
            witness.hear(slices, settled)
            await send(session, slices, settled)

        monkeypatch.setattr(FakeOpenPort, "send", watched)
        yield witness


@pytest.fixture
def port(host: FakeHost) -> FakePort:
    return host.ports["P1:"]


async def all_end(rig: Rig, jobs: Sequence[Job]) -> None:
    for job in jobs:
        await rig.until(job.number, JobState.COMPLETED)


async def test_jobs_that_follow_one_another(slow_rig: Rig, witness: Witness) -> None:
    await slow_rig.printer("labels", "P1:")
    jobs = [await slow_rig.submit("labels", LABEL) for _ in range(12)]
    await all_end(slow_rig, jobs)
    assert witness.early == []
    assert witness.starts == 12
    assert witness.settled > 0


async def test_jobs_that_waited(slow_rig: Rig, witness: Witness, port: FakePort) -> None:
    """Their starts are no part of their acceptance."""
    await slow_rig.printer("labels", "P1:")
    port.paused.clear()
    jobs = [await slow_rig.submit("labels", LABEL) for _ in range(40)]
    port.paused.set()
    await all_end(slow_rig, jobs)
    assert witness.early == []
    assert witness.starts == 40
    assert witness.settled > 0


async def test_copies_and_what_broke(slow_rig: Rig, witness: Witness, port: FakePort) -> None:
    """An outcome that is no success is settled at once, and waits for its commit all the same."""
    await slow_rig.printer("labels", "P1:")
    port.break_at = 3
    broken = await slow_rig.submit("labels", LABEL)
    await slow_rig.until(broken.number, JobState.PENDING_HELD)
    copies = await slow_rig.submit("labels", LABEL, copies=3)
    await slow_rig.until(copies.number, JobState.COMPLETED)
    assert witness.early == []
    assert witness.settled >= 2
