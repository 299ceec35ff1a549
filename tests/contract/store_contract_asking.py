"""What every store must do, continued: lists, uploads, printers, and what a spooler begins with."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import (
    DigestMismatch,
    EtagMismatch,
    InvalidArgument,
    JobNotFound,
    PrinterDeleted,
    PrinterExists,
    PrinterNotFound,
    RequestIdReused,
    WrongOffset,
)
from spooler.job import Job, changed
from spooler.job_state import JobState
from spooler.new_job import Duplicate, Uploaded, UploadNotFound
from spooler.printer import Limits, OnUncertain, Paused, PoolOrder, Printer
from spooler.store import Changes, JobFilter, JobOrder
from tests.contract.store_contract import NOW, PORT, StoreFixtures, accepted, ended, label, whole


class AskingContract(StoreFixtures):
    async def test_unknown_jobs_are_not_found(self, store):
        with pytest.raises(JobNotFound):
            await store.get_job(1)
        with pytest.raises(JobNotFound):
            await store.get_job_by_uid(bytes(16))
        with pytest.raises(JobNotFound):
            await store.read(1, 0, 10)
        assert await store.attempts(1) == []

    @pytest.mark.parametrize("order", JobOrder)
    async def test_pages_neither_shift_nor_repeat_while_jobs_come_and_go(self, store, order):
        jobs = await accepted(store, *(label() for _ in range(25)))
        seen: list[int] = []
        token = ""
        while True:
            page = await store.list_jobs(order=order, limit=10, page_token=token)
            seen += [job.number for job in page.jobs]
            token = page.next_token
            if not token:
                break
            if len(seen) == 10:
                await store.record(Changes(jobs=[ended(jobs[seen[0] - 1])]))
                await store.remove_jobs([seen[0]])

        assert seen == (list(range(1, 26)) if order is JobOrder.OLDEST_FIRST else list(range(25, 0, -1)))

    @pytest.mark.parametrize("token", ["x", "o", "o1x", "n5", "o" + "9" * 40, "o-1", "o\u0663"])
    async def test_a_page_token_that_is_not_ours_is_refused(self, store, token):
        with pytest.raises(InvalidArgument):
            await store.list_jobs(page_token=token)

    async def test_all_conditions_of_a_list_hold_together(self, store):
        await store.create_printer(Printer("others"))
        a, b, c, d = await accepted(
            store,
            label(user="mia", owner="till"),
            label(user="bob", owner="till", request_id="r"),
            label(user="mia", owner="till", printer="others"),
            label(user="mia", owner="desk", held=True),
        )
        await store.record(Changes(jobs=[ended(a)]))

        async def numbers(**where: object) -> list[int]:
            return [job.number for job in (await store.list_jobs(JobFilter(**where))).jobs]  # type: ignore[arg-type]

        assert await numbers() == [a.number, b.number, c.number, d.number]
        assert await numbers(printer="labels") == [a.number, b.number, d.number]
        assert await numbers(printer="labels", user="mia") == [a.number, d.number]
        assert await numbers(states=frozenset({JobState.PENDING, JobState.PENDING_HELD}), user="mia") == [
            c.number,
            d.number,
        ]
        assert await numbers(states=frozenset({JobState.COMPLETED, JobState.PENDING})) == [
            a.number,
            b.number,
            c.number,
        ]
        assert await numbers(owner="till", request_id="r") == [b.number]
        assert await numbers(
            created_from=a.created_at, created_until=d.created_at + timedelta(seconds=1)
        ) == [1, 2, 3, 4]
        assert await numbers(created_from=d.created_at + timedelta(seconds=1)) == []

    async def test_documents_that_may_be_given_back_are_those_of_ended_jobs_that_are_not_retained(
        self, store
    ):
        jobs = await accepted(store, label(), label(retain=True), label(), label())
        await store.record(Changes(jobs=[ended(job) for job in jobs[:3]]))

        async def spare() -> list[int]:
            return [job.number for job in (await store.list_jobs(JobFilter(spare=True))).jobs]

        assert await spare() == [jobs[0].number, jobs[2].number]
        await store.record(Changes(drop_documents=[jobs[0].number]))
        assert await spare() == [jobs[2].number]

    async def test_a_question_does_not_wait_for_the_writer(self, store):
        (job,) = await accepted(store)
        writing = [
            asyncio.ensure_future(store.accept([label(os.urandom(10_000)) for _ in range(200)]))
            for _ in range(10)
        ]
        await asyncio.sleep(0)
        assert await store.get_job(job.number) == job

        assert not all(one.done() for one in writing)
        await asyncio.gather(*writing)


class UploadingContract(StoreFixtures):
    @pytest.mark.parametrize("size", [0, 100, 100_000, 3_000_000])
    async def test_an_upload_becomes_a_job_s_document(self, store, opening, size):
        data = os.urandom(size)
        upload = await store.create_upload("me")
        for offset in range(0, size, 70_000):
            await store.append_upload(upload.id, offset, data[offset : offset + 70_000])
        assert (await store.get_upload(upload.id)).size_bytes == size
        digest = hashlib.sha256(data).digest()
        (job,) = await accepted(store, label(document=Uploaded(upload.id, size), digest=digest))
        store = await opening()

        assert (job.document.size_bytes, job.document.digest) == (size, digest)
        assert await whole(store, job.number) == data
        with pytest.raises(UploadNotFound):
            await store.get_upload(upload.id)
        assert (await store.load()).uploads == []

    async def test_an_upload_goes_on_after_a_restart(self, store, opening):
        data = os.urandom(2_000_000)
        upload = await store.create_upload("me", request_id="u", attributes={"name": "long.zpl"})
        await store.append_upload(upload.id, 0, data[:1_500_000])
        store = await opening()

        (found,) = (await store.load()).uploads
        assert (found.id, found.owner, found.attributes) == (upload.id, "me", {"name": "long.zpl"})
        again = await store.create_upload("me", request_id="u")
        assert again.id == upload.id
        assert 0 < again.size_bytes <= 1_500_000
        await store.append_upload(upload.id, again.size_bytes, data[again.size_bytes :])
        (job,) = await accepted(store, label(document=Uploaded(upload.id)))
        assert await whole(store, job.number) == data

    async def test_an_upload_that_is_finished_twice_is_one_job(self, store):
        upload = await store.create_upload("me")
        await store.append_upload(upload.id, 0, bytes(1_000_000))
        new = label(document=Uploaded(upload.id, 1_000_000), owner="me", request_id="r")
        (job,) = await accepted(store, new)

        assert await store.accept([new]) == [Duplicate(job)]
        other = await store.create_upload("me")
        await store.append_upload(other.id, 0, bytes(1_000_000))
        assert await store.accept([replace(new, document=Uploaded(other.id))]) == [Duplicate(job)]
        with pytest.raises(UploadNotFound):
            await store.get_upload(other.id)
        assert await whole(store, job.number) == bytes(1_000_000)

    async def test_an_upload_that_is_not_what_was_announced_makes_no_job_and_may_go_on(self, store):
        data = os.urandom(600_000)
        upload = await store.create_upload("me")
        await store.append_upload(upload.id, 0, data[:500_000])
        digest = hashlib.sha256(data).digest()

        (short,) = await store.accept([label(document=Uploaded(upload.id, 600_000), digest=digest)])
        assert isinstance(short, WrongOffset)
        assert short.expected == 500_000
        (wrong,) = await store.accept([label(document=Uploaded(upload.id), digest=digest)])
        assert isinstance(wrong, DigestMismatch)
        (long,) = await store.accept([label(document=Uploaded(upload.id, 400_000))])
        assert isinstance(long, DigestMismatch)
        await store.append_upload(upload.id, 500_000, data[500_000:])
        assert await accepted(store, label(document=Uploaded(upload.id, 600_000), digest=digest))

    async def test_an_unknown_upload_makes_no_job(self, store):
        (answer,) = await store.accept([label(document=Uploaded(bytes(16)))])

        assert isinstance(answer, UploadNotFound)

    async def test_abandoned_uploads_leave_nothing(self, store, opening):
        first, second = await store.create_upload("me"), await store.create_upload("me")
        for upload in (first, second):
            await store.append_upload(upload.id, 0, bytes(600_000))
        await store.abandon_upload(first.id)
        await store.abandon_upload(first.id)
        assert await store.abandon_idle_uploads(datetime.now(UTC) - timedelta(hours=1)) == 0
        assert await store.abandon_idle_uploads(datetime.now(UTC) + timedelta(hours=1)) == 1

        assert (await store.usage()).live_bytes == 0
        store = await opening()
        assert (await store.load()).uploads == []


class PrinterContract(StoreFixtures):
    async def test_a_printer_is_all_there_after_a_restart(self, store, opening):
        printer = Printer(
            "r\u00f6lls",
            ports=(PORT,),
            description="d",
            location="l",
            paused=Paused("mia", NOW, "lunch"),
            accepting=False,
            language_monitor="zpl",
            on_uncertain=OnUncertain.SKIP,
            pool_order=PoolOrder.LEAST_LOADED,
            max_backlog_age_s=60.5,
            keep_printed=True,
            limits=Limits(1000, 10),
            attributes={"floor": "2"},
        )
        stored = await store.create_printer(printer)
        store = await opening()

        assert await store.get_printer("r\u00f6lls") == stored
        assert replace(stored, created_at=None, revision=0) == printer
        assert [one.name for one in await store.list_printers()] == ["labels", "r\u00f6lls"]
        assert (await store.load()).printers == await store.list_printers()

    async def test_a_name_is_given_once_and_a_request_is_heard_once(self, store):
        first = await store.create_printer(Printer("a"), owner="me", request_id="r")

        assert await store.create_printer(Printer("a"), owner="me", request_id="r") == first
        with pytest.raises(PrinterExists):
            await store.create_printer(Printer("a"))
        with pytest.raises(RequestIdReused):
            await store.create_printer(Printer("b"), owner="me", request_id="r")
        with pytest.raises(InvalidArgument):
            await store.create_printer(Printer("a,b"))

    async def test_a_change_with_an_old_etag_is_refused(self, store):
        old = await store.get_printer("labels")
        new = await store.update_printer(replace(old, location="here"), etag=old.etag)

        assert new.etag != old.etag
        with pytest.raises(EtagMismatch):
            await store.update_printer(replace(old, location="there"), etag=old.etag)
        with pytest.raises(EtagMismatch):
            await store.delete_printer("labels", etag=old.etag)
        assert (await store.update_printer(replace(old, location="there"))).location == "there"
        with pytest.raises(PrinterNotFound):
            await store.update_printer(Printer("nowhere"))

    async def test_a_printer_with_jobs_goes_when_they_are_gone(self, store):
        (job,) = await accepted(store)
        left = await store.delete_printer("labels")
        assert left is not None
        assert left.pending_deletion

        (answer,) = await store.accept([label()])
        assert isinstance(answer, PrinterDeleted)
        await store.record(Changes(jobs=[ended(job)]))
        assert await store.delete_printer("labels") is None
        with pytest.raises(PrinterNotFound):
            await store.get_printer("labels")
        (answer,) = await store.accept([label()])
        assert isinstance(answer, PrinterNotFound)

    async def test_a_printer_pending_deletion_is_revived_by_creating_it_again(self, store):
        await accepted(store)
        await store.delete_printer("labels")
        revived = await store.create_printer(Printer("labels", location="new"))

        assert (revived.pending_deletion, revived.location) == (False, "new")
        assert await accepted(store)


class BeginningContract(StoreFixtures):
    async def test_epochs_rise_over_restarts_and_the_fabric_keeps_its_id(self, store, opening):
        epochs = [await store.next_epoch(), await store.next_epoch()]
        fabric_id = (await store.load()).fabric_id
        store = await opening()
        epochs.append(await store.next_epoch())

        assert epochs == sorted(set(epochs))
        assert (await store.load()).fabric_id == fabric_id != ""

    async def test_a_spooler_begins_with_what_is_unfinished_in_order(self, store, opening):
        jobs = await accepted(store, *(label(priority=n % 5 + 1) for n in range(20)))
        await store.record(Changes(jobs=[ended(job) for job in jobs[::3]]))
        store = await opening()
        snapshot = await store.load()

        assert snapshot.jobs == [job for job in jobs if job not in jobs[::3]]
        assert snapshot.last_number == 20
        assert isinstance(snapshot.jobs[0], Job)

    async def test_a_restarted_job_is_unfinished_again(self, store, opening):
        (job,) = await accepted(store)
        done = ended(job)
        await store.record(Changes(jobs=[done]))
        await store.record(Changes(jobs=[changed(done, state=JobState.PENDING, ended_at=None)]))
        store = await opening()

        assert [one.number for one in (await store.load()).jobs] == [job.number]

    async def test_notes_are_kept_by_compare_and_swap(self, store, opening):
        assert await store.get_note("edge") is None
        await store.put_note("edge", "one", None)
        for wrong in (None, "two"):
            with pytest.raises(EtagMismatch):
                await store.put_note("edge", "three", wrong)
        await store.put_note("edge", "two", "one")
        store = await opening()
        assert await store.get_note("edge") == "two"
        assert await store.get_note("other") is None
