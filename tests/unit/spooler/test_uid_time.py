"""A clock that is set back dates no job before one that was accepted earlier."""

from __future__ import annotations

from pathlib import Path

import pytest

from spooler.job import Job
from spooler.new_job import Inline, NewJob
from spooler.printer import Printer
from spooler.sql.accept import AcceptState
from spooler.sql.store import SqlStore
from spooler.sql.uid_time import ms_of


def test_a_clock_that_goes_back_stands_still() -> None:
    state = AcceptState(0, {})
    assert [state.uid_ms(now) for now in (1000, 400, 1001)] == [1000, 1000, 1001]


async def test_a_spooler_that_starts_with_a_clock_set_back_tells_no_time_before_its_newest_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqlStore.open(tmp_path)
    await store.create_printer(Printer("labels"))
    [job] = await store.accept([NewJob("labels", Inline(b"1"))])
    assert isinstance(job, Job)
    await store.close()
    monkeypatch.setattr("spooler.sql.questions.time.time_ns", lambda: 1_000_000)
    store = await SqlStore.open(tmp_path)
    assert await store.uid_time_ms() == ms_of(job.uid)
    await store.close()
