"""Outcomes that the store does not take: said, tried again without a restart, and nobody else's trouble."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from chassis.errors import DeviceNotConnected, InvalidArgument, SpoolFull, StoreUnavailable
from chassis.tasks import Backoff
from spooler import acts, unwritten
from spooler.api.look import Look
from spooler.explain.facts import PATIENT, Explanation, Source, Verdict
from spooler.explain.jobs import explain_job
from spooler.job_state import IPP_NUMBER, JobState
from spooler.ledger import Outcome
from spooler.sql.store import SqlStore
from spooler.store import Changes
from spooler.unwritten import UNWRITTEN
from tests.fabric.dispatch_rig import Rig, order_at, running
from tests.fakes.host import FakeHost
from tests.rig.until import until

Database = Callable[[str], None]
TRIGGER = "CREATE TRIGGER refused BEFORE UPDATE ON jobs WHEN new.number = {} AND new.state <> {} BEGIN SELECT RAISE(ABORT, 'no such outcome'); END"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Lend a way to change the database beside the spooler, which tries again soon what it refuses."""
    monkeypatch.setattr(unwritten, "AGAIN", Backoff(first_s=0.02, most_s=0.1))
    monkeypatch.setattr(unwritten, "RETRY", Backoff(first_s=0.01, most_s=0.01))

    def execute(statement: str) -> None:
        with closing(sqlite3.connect(tmp_path / "spooler.db", isolation_level=None)) as connection:
            connection.execute(statement)

    return execute


def refuse(database: Database, number: int) -> None:
    """Let the database refuse whatever becomes of a job that is being printed."""
    database(TRIGGER.format(number, IPP_NUMBER[JobState.PROCESSING]))


def allow(database: Database) -> None:
    database("DROP TRIGGER refused")


def explained(rig: Rig, number: int) -> Explanation:
    hosts = SimpleNamespace(get=lambda _host: None, port=lambda _port: None)
    inside = SimpleNamespace(dispatch=rig.dispatcher, hosts=hosts, fabric_id="f1", patience=PATIENT)
    job = rig.dispatcher.live_job(number)
    assert job is not None
    return explain_job(Look(inside, SimpleNamespace()).job_facts(job))  # type: ignore[arg-type]


async def refused(rig: Rig, number: int) -> None:
    """Wait until the outcome of a job is set aside."""
    await until(lambda: (job := rig.dispatcher.live_job(number)) is not None and UNWRITTEN in job.reasons)


async def spoiled(rig: Rig, host: FakeHost, database: Database) -> int:
    """Return a job that has come out at P1, of which the database refuses that."""
    host.ports["P1:"].paused.clear()
    job = await rig.submit("labels", b"spoiled")
    await until(lambda: host.ports["P1:"].order == [job.number])
    refuse(database, job.number)
    host.ports["P1:"].paused.set()
    await refused(rig, job.number)
    return job.number


async def test_a_job_whose_outcome_is_refused_says_so_and_ends_when_it_is_taken(
    rig: Rig, host: FakeHost, database: Database
) -> None:
    await rig.printer("labels", "P1:")
    number = await spoiled(rig, host, database)
    said = explained(rig, number)
    assert said.verdict is Verdict.RETRY
    assert "what became of it cannot be written down: " in str(said.headline)
    assert "no such outcome" in str(said.headline)
    assert said.facts[0].source is Source.SPOOLER
    live = await rig.job(number)
    assert (live.state, live.attempts) == (JobState.PROCESSING, 1)
    allow(database)
    ended = await rig.until(number, JobState.COMPLETED)
    assert (ended.outcome, ended.reasons) == (Outcome.PRINTED, ("job-completed-successfully",))
    assert rig.dispatcher.unwritten(number) is None
    assert await order_at(host) == [number]
    await until(lambda: not host.ports["P1:"].documents)  # its host has been told, now that it is durable


async def test_whatever_is_printed_meanwhile_is_written_down_and_its_host_forgets_nothing_of_it(
    rig: Rig, host: FakeHost, database: Database
) -> None:
    await rig.printer("labels", "P1:")
    await rig.printer("slips", "P2:")
    number = await spoiled(rig, host, database)
    behind = [(await rig.submit(name, b"behind")).number for name in ("labels", "slips") * 10]
    for other in behind:
        await rig.until(other, JobState.COMPLETED)
    rig.dispatcher.lanes["edge", "p1:"].release()  # and opened anew the host tells of the document again
    last = await rig.submit("labels", b"last")
    await rig.until(last.number, JobState.COMPLETED)
    assert number in {doc.job_number for doc in host.ports["P1:"].documents.values()}
    allow(database)
    await rig.until(number, JobState.COMPLETED)
    assert (await order_at(host)).count(number) == 1


async def test_a_job_that_comes_back_is_printed_once_its_return_is_written_down(
    rig: Rig, host: FakeHost, database: Database
) -> None:
    await rig.printer("labels", "P1:")
    port = host.ports["P1:"]
    port.refuses = DeviceNotConnected("the printer is away")
    port.takes.clear()
    job = await rig.submit("labels", b"comes back")
    await until(lambda: rig.dispatcher.flight_of(job.number) is not None and port.session is not None)
    refuse(database, job.number)
    port.takes.set()
    await refused(rig, job.number)
    assert rig.dispatcher.book.queues["labels"].returning == 0  # others go on
    port.refuses = None
    rig.dispatcher.lanes["edge", "p1:"].clear()
    behind = await rig.submit("labels", b"behind")
    await rig.until(behind.number, JobState.COMPLETED)
    allow(database)
    await rig.until(job.number, JobState.COMPLETED)
    assert await order_at(host) == [behind.number, job.number]
    assert rig.dispatcher.book.queues["labels"].returning == 0


async def test_a_broken_document_goes_on_at_its_byte_once_the_break_is_written_down(
    rig: Rig, host: FakeHost, database: Database
) -> None:
    port = host.ports["P1:"]
    port.break_at, port.break_resumable = 600, True
    port.takes.clear()
    await rig.printer("labels", "P1:")
    data = bytes(range(250)) * 4
    job = await rig.submit("labels", data)
    await until(lambda: rig.dispatcher.flight_of(job.number) is not None)
    refuse(database, job.number)
    port.takes.set()
    await refused(rig, job.number)
    other = await rig.submit("labels", b"other")
    await asyncio.sleep(0.1)
    assert not any(doc.job_number == other.number for doc in port.printed)  # its rest comes first
    allow(database)
    await rig.until(job.number, JobState.COMPLETED)
    await rig.until(other.number, JobState.COMPLETED)
    assert b"".join(bytes(doc.data) for doc in port.printed if doc.job_number == job.number) == data


async def test_nobody_acts_on_a_job_whose_outcome_is_not_written_down(
    rig: Rig, host: FakeHost, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acts, "STOP_WAIT_S", 0.05)
    await rig.printer("labels", "P1:")
    number = await spoiled(rig, host, database)
    with pytest.raises(StoreUnavailable, match="still being written"):
        await rig.steering.cancel(number, "ann")
    allow(database)
    assert (await rig.until(number, JobState.COMPLETED, JobState.CANCELED)).outcome is Outcome.PRINTED


async def test_a_spooler_that_restarts_meanwhile_asks_the_host_and_prints_nothing_twice(
    tmp_path: Path, host: FakeHost, database: Database
) -> None:
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        number = await spoiled(rig, host, database)
    allow(database)
    async with running(tmp_path, host) as rig:
        ended = await rig.until(number, JobState.COMPLETED)
        assert (ended.outcome, ended.attempts) == (Outcome.PRINTED, 1)
    assert await order_at(host) == [number]


async def test_whoever_has_the_printer_next_asks_the_host(
    rig: Rig, host: FakeHost, database: Database
) -> None:
    await rig.printer("labels", "P1:")
    number = await spoiled(rig, host, database)
    rig.dispatcher.settings = rig.dispatcher.settings.__class__(drain_s=0.01)
    await rig.dispatcher.let_go(["labels"])
    await asyncio.sleep(0.05)  # the try that was under way
    allow(database)
    await until(lambda: rig.dispatcher.unwritten(number) is None)
    assert (await rig.store.get_job(number)).state is JobState.PROCESSING
    assert [doc.job_number for doc in host.ports["P1:"].documents.values()] == [number]
    await rig.dispatcher.take_up(["labels"], await rig.store.load())
    rig.dispatcher.let_send(["labels"])
    await rig.until(number, JobState.COMPLETED)
    assert await order_at(host) == [number]


@pytest.mark.parametrize("error", [SpoolFull("no room"), StoreUnavailable("the disk does not answer")])
async def test_a_store_that_fails_is_said_of_each_job_whose_outcome_waits_for_it(
    rig: Rig, host: FakeHost, database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    await rig.printer("labels", "P1:")
    host.ports["P1:"].paused.clear()
    job = await rig.submit("labels", b"job")
    await until(lambda: host.ports["P1:"].order == [job.number])
    works, record = asyncio.Event(), SqlStore.record

    async def failing(store: SqlStore, changes: Changes, *, within_s: float = 0.0) -> None:
        if not works.is_set():
            raise error
        await record(store, changes, within_s=within_s)

    monkeypatch.setattr(SqlStore, "record", failing)
    host.ports["P1:"].paused.set()
    await until(lambda: rig.dispatcher.unwritten(job.number) is not None)
    assert str(error) in str(explained(rig, job.number).headline)
    assert rig.dispatcher.unconcluded() == 1  # a store that fails is waited for, also at the end
    works.set()
    await rig.until(job.number, JobState.COMPLETED)
    assert rig.dispatcher.unwritten(job.number) is None


async def test_an_outcome_that_no_store_takes_is_tried_more_seldom_each_time(
    rig: Rig, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    class Counted(Backoff):
        def wait_s(self, failures: int) -> float:
            waits.append(super().wait_s(failures))
            return waits[-1] / 1000

    monkeypatch.setattr(unwritten, "AGAIN", Counted(unwritten.AGAIN.first_s, unwritten.AGAIN.most_s))
    record = SqlStore.record

    async def picky(store: SqlStore, changes: Changes, *, within_s: float = 0.0) -> None:
        if any(job.ended for job in changes.jobs):
            raise InvalidArgument("a value that no column takes")
        await record(store, changes, within_s=within_s)

    monkeypatch.setattr(SqlStore, "record", picky)
    await rig.printer("labels", "P1:")
    await rig.submit("labels", b"job")
    await until(lambda: len(waits) >= 9)
    assert all(later > sooner for sooner, later in pairwise(waits[:8]))
    assert waits[0] <= 0.2
    assert 38 <= waits[8] <= 60
