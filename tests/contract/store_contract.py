"""What every store must do, whatever lies beneath. A new one is a class with an `opening` fixture.

`opening` is an async callable that opens the same store again, after closing it if it is open: a restart.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import (
    DigestMismatch,
    InvalidArgument,
    PrinterDeleted,
    PrinterNotFound,
    RequestIdReused,
)
from spooler.daily_window import Window
from spooler.job import Job, changed
from spooler.job_state import JobState
from spooler.ledger import (
    Outcome,
)
from spooler.new_job import INLINE_BYTES, Duplicate, FirstAttempt, Inline, NewJob, Sent
from spooler.printer import PortName, Printer
from spooler.store import Changes, Store

PORT = PortName("edge-7", "COM1:")
NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
Opening = Callable[[], Awaitable[Store]]


def label(data: bytes = b"^XA^XZ", **what: Any) -> NewJob:
    return NewJob(**{"printer": "labels", "document": Inline(data), **what})


async def accepted(store: Store, *new_jobs: NewJob) -> list[Job]:
    answers = await store.accept(new_jobs or [label()])
    jobs = [answer for answer in answers if isinstance(answer, Job)]
    assert len(jobs) == len(answers), answers
    return jobs


async def whole(store: Store, number: int) -> bytes:
    data = b""
    while part := await store.read(number, len(data), 100_000):
        data += part
    return data


def ended(job: Job, at: datetime = NOW, **what: Any) -> Job:
    return changed(job, state=JobState.COMPLETED, outcome=Outcome.PRINTED, ended_at=at, **what)


class StoreFixtures:
    @pytest.fixture
    async def store(self, opening: Opening) -> Store:
        store = await opening()
        await store.create_printer(Printer("labels", ports=(PORT,)))
        return store


class AcceptingContract(StoreFixtures):
    async def test_a_repeat_with_the_same_span_is_the_same_request_although_its_end_is_another(self, store):
        def wanted(seconds: int, **what: Any) -> NewJob:
            return label(request_id="r", expires_at=NOW + timedelta(seconds=seconds), **what)

        span = timedelta(minutes=5)
        first, at_once = await store.accept([wanted(1, ttl=span), wanted(2, ttl=span)])
        (later,) = await store.accept([wanted(60, ttl=span)])
        others = await store.accept([wanted(1, ttl=2 * span), wanted(1), wanted(1, ttl=span, copies=2)])

        assert (at_once, later) == (Duplicate(first), Duplicate(first))
        assert first.expires_at == NOW + timedelta(seconds=1)  # the first one's holds
        assert [type(other) for other in others] == [RequestIdReused] * 3

    async def test_an_accepted_job_is_all_there_after_a_restart(self, store, opening):
        new = label(
            b"data",
            document_name="Etikett\u00e9 \U0001f600.zpl",
            format="application/vnd.zebra-zpl",
            owner="spiffe://shop/tills",
            user="mia",
            client="10.0.0.9",
            request_id="r-1",
            copies=3,
            priority=7,
            attributes={"order": "4711", "": "empty"},
            held=True,
            hold_reason="mia asked",
            reasons=("job-hold-until-specified",),
            not_before=NOW,
            expires_at=NOW + timedelta(days=1, microseconds=1),
            window=Window(60, 120),
            retain=True,
        )
        (job,) = await accepted(store, new)

        assert (job.state, job.document.size_bytes) == (JobState.PENDING_HELD, 4)
        assert job.document.digest == hashlib.sha256(b"data").digest()
        store = await opening()
        assert await store.get_job(job.number) == job
        assert await store.get_job_by_uid(job.uid) == job
        assert (await store.load()).jobs == [job]

    async def test_numbers_rise_in_order_of_acceptance_over_all_callers(self, store):
        async def caller(index: int) -> list[Job]:
            return await accepted(store, *(label(user=f"{index}/{n}") for n in range(3)))

        answers = await asyncio.gather(*(caller(index) for index in range(40)))

        numbers = [job.number for jobs in answers for job in jobs]
        assert numbers == list(range(1, 121))
        assert len({job.uid for jobs in answers for job in jobs}) == 120

    async def test_a_number_is_never_given_twice(self, store, opening):
        (job,) = await accepted(store)
        await store.record(Changes(jobs=[ended(job)]))
        assert await store.remove_jobs([job.number]) == 1
        store = await opening()

        assert (await accepted(store))[0].number == job.number + 1

    async def test_a_refusal_does_not_touch_the_neighbours(self, store):
        first, second, third, last = await store.accept(
            [label(), label(printer="nowhere"), label(digest=bytes(32)), label()]
        )

        assert isinstance(first, Job)
        assert isinstance(second, PrinterNotFound)
        assert isinstance(third, DigestMismatch)
        assert isinstance(last, Job)
        assert [job.number for job in (await store.load()).jobs] == [first.number, last.number]

    async def test_a_value_that_cannot_be_stored_is_refused_and_its_neighbours_are_not(self, store):
        answers = await asyncio.gather(
            store.accept([label()]),
            store.accept([label(copies=1 << 70)]),
            store.accept([label(document_name="\ud800")]),
            store.accept([label()]),
            return_exceptions=True,
        )

        assert [type(answer) for answer in answers] == [list, InvalidArgument, InvalidArgument, list]
        assert len((await store.load()).jobs) == 2

    @pytest.mark.parametrize("text", ["a\0b", "\u2028", '"pending_deletion":true'], ids=ascii)
    async def test_a_printer_takes_jobs_whatever_its_texts_are_and_none_once_it_is_to_be_deleted(
        self, store, opening, text
    ):
        await store.create_printer(
            Printer("odd", (PortName(text, text),), description=text, attributes={"pending_deletion": text})
        )
        await accepted(store, label(printer="odd"))
        store = await opening()
        await accepted(store, label(printer="odd"))

        await store.delete_printer("odd")
        (refused,) = await store.accept([label(printer="odd")])
        assert isinstance(refused, PrinterDeleted)

    @pytest.mark.parametrize("size", [0, 1, INLINE_BYTES, INLINE_BYTES + 1, 1_000_000])
    async def test_documents_of_any_size_are_read_back_after_a_restart(self, store, opening, size):
        data = os.urandom(size)
        (job,) = await accepted(store, label(data, digest=hashlib.sha256(data).digest()))
        store = await opening()

        assert await whole(store, job.number) == data
        assert await store.read_small([job.number]) == ({job.number: data} if size <= INLINE_BYTES else {})

    async def test_a_job_may_begin_with_its_acceptance(self, store, opening):
        (job,) = await accepted(store, label(first_attempt=FirstAttempt(PORT, 2**64 - 1)))
        store = await opening()
        snapshot = await store.load()

        assert (job.state, job.attempts, job.port) == (JobState.PROCESSING, 1, PORT)
        assert snapshot.jobs == [job]
        (attempt,) = snapshot.open_attempts
        assert (attempt.job_uid, attempt.number, attempt.port, attempt.fence) == (job.uid, 1, PORT, 2**64 - 1)


class IdempotencyContract(StoreFixtures):
    async def test_the_same_request_again_is_the_same_job_as_it_is_now(self, store, opening):
        (job,) = await accepted(store, label(owner="me", request_id="r"))
        later = changed(job, priority=99)
        await store.record(Changes(jobs=[later]))
        store = await opening()

        assert await store.accept([label(owner="me", request_id="r")]) == [Duplicate(later)]
        assert await store.get_by_request_id("me", "r") == later
        assert len((await store.load()).jobs) == 1

    @pytest.mark.parametrize(
        "other",
        [{"document": Inline(b"other")}, {"copies": 2}, {"printer": "others"}, {"attributes": {"a": "b"}}],
    )
    async def test_the_same_request_id_for_another_job_is_an_error(self, store, other):
        await store.create_printer(Printer("others"))
        (job,) = await accepted(store, label(owner="me", request_id="r"))
        (answer,) = await store.accept([replace(label(owner="me", request_id="r"), **other)])

        assert isinstance(answer, RequestIdReused)
        assert answer.metadata["job"] == str(job.number)

    async def test_a_repeat_is_the_same_request_though_the_printer_has_other_defaults_by_now(
        self, store: Store
    ) -> None:
        def wanted(sent: Sent, **by_printer: Any) -> NewJob:
            return label(owner="me", request_id="r", sent=sent, **by_printer)

        nothing = Sent("", 0, retain=False)
        (job,) = await accepted(store, wanted(nothing, priority=50))
        answers = await store.accept(
            [
                wanted(nothing, format="text/plain", priority=70, retain=True),
                wanted(nothing._replace(priority=50), priority=50),
                wanted(nothing._replace(format="text/plain"), format="text/plain", priority=50),
            ]
        )
        assert answers[0] == Duplicate(job)
        assert [type(other) for other in answers[1:]] == [RequestIdReused] * 2

    async def test_request_ids_of_different_owners_are_different(self, store):
        jobs = await accepted(store, label(owner="me", request_id="r"), label(owner="you", request_id="r"))

        assert len({job.number for job in jobs}) == 2
        assert await store.get_by_request_id("you", "r") == jobs[1]
        assert await store.get_by_request_id("they", "r") is None

    async def test_jobs_without_request_ids_are_never_the_same(self, store):
        assert len(await accepted(store, label(), label())) == 2

    async def test_the_same_request_twice_at_once_makes_one_job(self, store):
        answers = await asyncio.gather(
            *(store.accept([label(owner="me", request_id="r")]) for _ in range(20))
        )

        assert [type(answer) for (answer,) in answers].count(Job) == 1
        assert [type(answer) for (answer,) in answers].count(Duplicate) == 19

    async def test_a_large_document_sent_twice_is_kept_once(self, store):
        await accepted(store, label(bytes(200_000), owner="me", request_id="r"))
        live = (await store.usage()).live_bytes
        (again,) = await store.accept([label(bytes(200_000), owner="me", request_id="r")])

        assert isinstance(again, Duplicate)
        assert (await store.usage()).live_bytes == live
