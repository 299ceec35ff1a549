"""What every store must do, continued: jobs that begin before their documents have come whole."""

from __future__ import annotations

import hashlib
import os

import pytest

from chassis.errors import DigestMismatch, DocumentLost, WrongOffset
from spooler.job import changed
from spooler.job_state import JobState
from spooler.new_job import Duplicate, Incoming, Uploaded, UploadNotFound
from spooler.store import Changes
from tests.contract.store_contract import StoreFixtures, accepted, label, whole

DATA = os.urandom(1_200_000)
DIGEST = hashlib.sha256(DATA).digest()


async def begun(store):
    """Accept a job of which only the beginning is there; return it and its upload's id."""
    upload = await store.create_upload("me", request_id="r")
    await store.append_upload(upload.id, 0, DATA[:700_000])
    durable = await store.sync_upload(upload.id)
    assert 512 * 1024 <= durable <= 700_000, "whole pieces of what has come"
    new = label(document=Incoming(upload.id, durable), owner="me", request_id="r", digest=DIGEST)
    (job,) = await accepted(store, new)
    return job, upload.id


class IncomingContract(StoreFixtures):
    async def test_a_job_may_be_accepted_before_its_document_is_whole(self, store, opening):
        job, upload_id = await begun(store)
        assert (job.incoming, job.has_document, job.document.digest) == (True, False, b"")
        with pytest.raises(DocumentLost):
            await store.read(job.number, 0, 10)
        assert await store.read_upload(upload_id, 500_000, 20_000) == DATA[500_000:520_000]

        store = await opening()

        snapshot = await store.load()
        assert [one.incoming for one in snapshot.jobs] == [True]
        assert [one.id for one in snapshot.uploads] == [upload_id]
        size = await store.sync_upload(upload_id)
        assert size >= job.document.size_bytes, "what was durable is there"
        await store.append_upload(upload_id, size, DATA[size:])
        complete = await store.complete_upload(job.number, Uploaded(upload_id, len(DATA)), DIGEST)
        assert (complete.number, complete.incoming, complete.has_document) == (job.number, False, True)
        assert (complete.document.size_bytes, complete.document.digest) == (len(DATA), DIGEST)
        assert await store.get_job(job.number) == complete
        assert await whole(store, job.number) == DATA
        assert (await store.load()).uploads == []

    async def test_the_same_request_is_the_same_incoming_job(self, store):
        job, upload_id = await begun(store)

        new = label(document=Incoming(upload_id, 600_000), owner="me", request_id="r", digest=DIGEST)
        (again,) = await store.accept([new])

        assert isinstance(again, Duplicate)
        assert again.job == job
        assert (await store.get_upload(upload_id)).size_bytes == 700_000, "the upload goes on"

    async def test_an_incoming_document_that_is_not_the_announced_one_stays_incoming(self, store):
        job, upload_id = await begun(store)

        with pytest.raises(WrongOffset) as short:
            await store.complete_upload(job.number, Uploaded(upload_id, len(DATA)), DIGEST)
        assert short.value.expected == 700_000
        with pytest.raises(DigestMismatch):
            await store.complete_upload(job.number, Uploaded(upload_id, 600_000), DIGEST)
        with pytest.raises(DigestMismatch):
            await store.complete_upload(job.number, Uploaded(upload_id, 700_000), DIGEST)

        assert (await store.get_job(job.number)).incoming

    async def test_an_incoming_job_whose_upload_was_abandoned_never_has_a_document(self, store, opening):
        job, upload_id = await begun(store)
        await store.abandon_upload(upload_id)
        with pytest.raises(UploadNotFound):
            await store.complete_upload(job.number, Uploaded(upload_id), b"")

        await store.record(Changes(jobs=[changed(job, state=JobState.ABORTED)]))
        store = await opening()

        gone = await store.get_job(job.number)
        assert (gone.incoming, gone.has_document, gone.document.digest) == (False, False, b"")
        assert (await store.usage()).live_bytes == 0
