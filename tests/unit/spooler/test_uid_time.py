"""A clock that is set back dates no job before one that was accepted earlier."""

from __future__ import annotations

from pathlib import Path

import pytest

from spooler.job import Job, make_uid
from spooler.new_job import Inline, NewJob
from spooler.printer import Printer
from spooler.sql.accept import AcceptState
from spooler.sql.store import SqlStore
from spooler.sql.uid_time import ms_of


def test_a_clock_that_goes_back_goes_on_by_a_millisecond() -> None:
    state = AcceptState(0, {})
    assert [state.uid_ms(now) for now in (1000, 400, 1001, 2000)] == [1000, 1001, 1002, 2000]


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


async def test_the_newest_id_counts_and_not_that_of_the_newest_job(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path)
    await store.create_printer(Printer("labels"))
    [first] = await store.accept([NewJob("labels", Inline(b"1"))])
    assert isinstance(first, Job)
    traced = make_uid(1_000_000, bytes(10))  # of an upload that had come long before
    [second] = await store.accept([NewJob("labels", Inline(b"2"), uid=traced)])
    assert isinstance(second, Job)
    assert second.uid == traced
    await store.close()
    store = await SqlStore.open(tmp_path)
    [third] = await store.accept([NewJob("labels", Inline(b"3"))])
    assert isinstance(third, Job)
    assert ms_of(third.uid) > ms_of(first.uid)
    assert await store.uid_time_ms() >= ms_of(third.uid)
    await store.close()


def test_with_a_clock_that_was_ahead_jobs_are_newer_than_what_hosts_are_told() -> None:
    told_ms = 3_600_000  # the newest id
    assert AcceptState(0, {}, newest_ms=told_ms).uid_ms(1000) > told_ms
