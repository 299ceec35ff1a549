"""What another spooler writes, taken into this one's memory: never something that is known better here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path

import pytest

from spooler.job import Document, Job, Sender, make_uid
from spooler.job_state import JobState
from spooler.membership import News
from spooler.printer import Printer
from spooler.replicas.mirror import Mirror
from tests.fabric.dispatch_rig import Rig, running
from tests.fakes.host import FakeHost
from tests.rig.until import until


class FakeMembership:
    """Answers with `stored`, as it was when the question came, once `lets_go` is set."""

    def __init__(self) -> None:
        self.stored: dict[int, Job] = {}
        self.lets_go = asyncio.Event()
        self.lets_go.set()
        self.asked = asyncio.Event()

    async def jobs(self, numbers: Collection[int]) -> list[Job]:
        found = [self.stored[number] for number in numbers if number in self.stored]
        self.asked.set()
        await self.lets_go.wait()
        return found

    async def revisions(self) -> dict[int, int]:
        return {number: job.revision for number, job in self.stored.items()}

    async def fingerprint(self) -> object:
        return dict(await self.revisions())

    async def paused_ports(self) -> list[object]:
        return []


class Taking:
    """A mirror on a spooler's memory."""

    def __init__(self, rig: Rig) -> None:
        self.membership = FakeMembership()
        self.book = rig.dispatcher.book
        self.dispatcher = rig.dispatcher
        self.mirror = Mirror(self.membership, rig.store, rig.dispatcher)  # type: ignore[arg-type]

    def job(self, number: int, printer: str, state: JobState = JobState.PENDING, revision: int = 1) -> Job:
        job = Job(
            number,
            make_uid(0, bytes([number] * 10)),
            Document("", "", 1, b""),
            Sender("owner", "", "", ""),
            created_at=self.dispatcher.book.queue(printer).printer.created_at,  # type: ignore[arg-type]
            printer=printer,
            state=state,
            revision=revision,
        )
        self.membership.stored[number] = job
        return job

    async def take(self, *numbers: int) -> None:
        await self.mirror.take_in(News(jobs=frozenset(numbers)))


@pytest.fixture
async def taking(tmp_path: Path) -> AsyncIterator[Taking]:
    async with running(tmp_path, FakeHost("edge")) as rig:
        await rig.printer("mine")
        await rig.printer("others")
        taking = Taking(rig)
        taking.book.queue("others").mine = taking.book.queue("others").sends = False
        yield taking


async def test_anothers_jobs_are_known_until_they_end(taking: Taking):
    job = taking.job(7, "others")
    await taking.take(7)
    assert taking.book.jobs[7] == job
    taking.membership.stored[7] = replace(job, state=JobState.COMPLETED, revision=2)
    await taking.take(7)
    assert 7 not in taking.book.jobs


async def test_what_nobody_has_told_is_found_by_comparing_and_once_a_line_was_cut(
    taking: Taking, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("spooler.replicas.mirror.COMPARE_S", 0.01)
    taking.job(1, "others")
    running = asyncio.create_task(taking.mirror.run())
    try:
        await until(lambda: 1 in taking.book.jobs)
        taking.job(1, "others", JobState.PENDING_HELD, revision=2)
        await until(lambda: taking.book.jobs[1].state is JobState.PENDING_HELD)
        del taking.membership.stored[1]
        await until(lambda: 1 not in taking.book.jobs)
    finally:
        running.cancel()
    taking.job(2, "others")
    await taking.mirror.take_in(News(lost=True))
    assert 2 in taking.book.jobs


async def test_while_nothing_stored_changes_it_is_compared_twice(
    taking: Taking, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("spooler.replicas.mirror.COMPARE_S", 0.01)
    looks: list[str] = []
    asked: list[object] = []
    fingerprint = taking.membership.fingerprint

    async def counted() -> object:
        asked.append(None)
        return await fingerprint()

    monkeypatch.setattr(taking.membership, "fingerprint", counted)
    taking.mirror.on_owners = lambda: looks.append("owners")
    taking.job(1, "others")
    running = asyncio.create_task(taking.mirror.run())
    try:
        await until(lambda: len(asked) > 5)
        assert len(looks) == 2
        taking.job(2, "others")
        await until(lambda: 2 in taking.book.jobs)
        count = len(asked)
        await until(lambda: len(asked) > count + 5)
        assert len(looks) == 4
    finally:
        running.cancel()


async def test_a_change_and_one_back_of_which_only_the_first_was_told_are_found(
    taking: Taking, monkeypatch: pytest.MonkeyPatch
):
    """What is stored then has the fingerprint that it had when all was compared last; what is known here is another."""
    monkeypatch.setattr("spooler.replicas.mirror.COMPARE_S", 0.05)
    first = taking.job(1, "others")
    looks: list[str] = []
    taking.mirror.on_owners = lambda: looks.append("owners")
    running = asyncio.create_task(taking.mirror.run())
    try:
        await until(lambda: looks)
        taking.job(2, "others")
        taking.mirror._hear(News(jobs=frozenset({2})))
        await until(lambda: 2 in taking.book.jobs)
        del taking.membership.stored[2]
        await until(lambda: 2 not in taking.book.jobs)
    finally:
        running.cancel()
    assert taking.book.jobs[1] == first


async def test_an_older_reading_changes_nothing(taking: Taking):
    newer = taking.job(7, "others", JobState.PENDING_HELD, revision=3)
    await taking.take(7)
    taking.job(7, "others", revision=2)
    await taking.take(7)
    assert taking.book.jobs[7] == newer


async def test_a_job_that_another_accepted_for_ones_own_printer_waits_there(taking: Taking):
    taking.job(7, "mine")
    await taking.take(7)
    assert 7 in taking.book.queue("mine").waiting


async def test_a_job_that_ended_here_while_it_was_read_does_not_come_back(taking: Taking):
    job = taking.job(7, "mine")
    taking.membership.lets_go.clear()
    reading = asyncio.ensure_future(taking.take(7))
    await taking.membership.asked.wait()
    taking.dispatcher.ended(replace(job, state=JobState.COMPLETED))
    taking.membership.lets_go.set()
    await reading
    assert 7 not in taking.book.jobs


async def test_what_was_read_before_its_printer_changed_hands_is_read_again(taking: Taking):
    taking.job(7, "others")
    taking.membership.lets_go.clear()
    reading = asyncio.ensure_future(taking.take(7))
    await taking.membership.asked.wait()
    taking.book.queue("others").mine = True
    taking.membership.lets_go.set()
    await reading
    assert 7 not in taking.book.jobs
    await taking.take(7)
    assert 7 in taking.book.jobs


async def test_what_is_known_better_here_is_left_alone(taking: Taking):
    mine = taking.job(7, "mine", JobState.PENDING_HELD)
    await taking.take(7)
    taking.job(7, "mine", revision=9)
    await taking.take(7)
    assert taking.book.jobs[7] == mine


async def test_a_printer_that_came_here_during_a_reading_is_not_forgotten(taking: Taking):
    listed = asyncio.ensure_future(taking.mirror.take_in(News(printers=True)))
    await asyncio.sleep(0)  # it has begun
    taking.book.put_printer(Printer("new", revision=1))
    taking.book.queue("new").mine = False
    await listed
    assert "new" in taking.book.queues
