"""What every store must do, continued: changes of jobs, and forgetting them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.errors import DocumentLost, JobNotFound
from spooler.job import Attempt, HistoryEvent, Job, JobError, Segment, changed
from spooler.job_state import JobState
from spooler.ledger import (
    Evidence,
    EvidenceLevel,
    EvidenceSource,
    Ledger,
    Offsets,
    Outcome,
    Span,
    UnitKind,
    Units,
    UnitSpan,
)
from spooler.printer import Paused, PortName
from spooler.store import Changes, KeptDecisions
from spooler.units.prefix import Prefix, Taken
from tests.contract.store_contract import NOW, PORT, StoreFixtures, accepted, ended, label

LEDGER = Ledger(
    Offsets(6, 5, 4, 3),
    Units(UnitKind.LABEL, 10, 3, 2, 1),
    Span(3, 5),
    UnitSpan(2, 3),
    (Evidence(EvidenceLevel.ACKED, EvidenceSource.TCP_ACK, 4, NOW, "tcpi_bytes_acked"),),
)
ERROR = JobError("PORT_BUSY", 170, "port edge-7/COM1: is held", "reroute", NOW)


def cut_attempt(job: Job) -> Attempt:
    """An attempt with a value of its own in every field."""
    place = (job.uid, job.number, 1, PORT, 9, 2, 3, "^XA", "DUPLICATE?")
    return Attempt(*place, NOW, None, LEDGER, Outcome.PENDING, ERROR)


class RecordingContract(StoreFixtures):
    async def test_changes_are_all_there_after_a_restart(self, store, opening):
        (job,) = await accepted(store)
        later = changed(
            job,
            state=JobState.PROCESSING,
            reasons=("job-printing", "printer-stopped-partly"),
            port=PORT,
            attempts=1,
            resume_offset=3,
            rest=(
                Segment(3, 7, Prefix(b"\x1b@\xff"), "3 bytes before receipt 2", "DUPLICATE?"),
                Segment(9, 12, Prefix(b"\x1bE", (Taken(0, 1, 3), Taken(2, 4, 7))), "7 bytes before page 2"),
                Segment(13, 14),
            ),
            ledger=LEDGER,
            last_error=ERROR,
            started_at=NOW,
            redirected=True,
        )
        attempt = cut_attempt(later)
        await store.record(Changes(jobs=[later], attempts=[attempt]))
        store = await opening()

        snapshot = await store.load()
        assert (snapshot.jobs, snapshot.open_attempts) == ([later], [attempt])
        done = replace(attempt, ended_at=NOW, outcome=Outcome.UNKNOWN)
        await store.record(Changes(jobs=[ended(later)], attempts=[done]))
        store = await opening()
        snapshot = await store.load()
        assert (snapshot.jobs, snapshot.open_attempts) == ([], [])
        assert await store.attempts(job.number) == [done]
        assert await store.get_job(job.number) == ended(later)

    async def test_an_older_revision_never_overwrites_a_newer_one(self, store):
        (job,) = await accepted(store)
        newer = changed(changed(job, priority=60), priority=70)
        await store.record(Changes(jobs=[newer]))
        await store.record(Changes(jobs=[changed(job, priority=60)]))

        assert await store.get_job(job.number) == newer

    async def test_what_is_recorded_soon_is_there_after_a_flush_and_in_order(self, store):
        (job,) = await accepted(store)
        for priority in range(1, 50):
            job = changed(job, priority=priority)
            store.record_soon(Changes(jobs=[job]))
        await store.flush()

        assert (await store.get_job(job.number)).priority == 49

    async def test_what_is_recorded_soon_is_there_soon_by_itself_and_at_the_end(self, store, opening):
        first, second = await accepted(store, label(), label())
        store.record_soon(Changes(jobs=[changed(first, priority=99)]))
        await asyncio.sleep(0.3)
        assert (await store.get_job(first.number)).priority == 99
        store.record_soon(Changes(jobs=[changed(second, priority=98)]))
        store = await opening()

        assert (await store.get_job(second.number)).priority == 98

    async def test_history_is_kept_in_order_for_jobs_and_printers(self, store, opening):
        (job,) = await accepted(store)
        events = [HistoryEvent(f"event-{n}", "mia", "why", job.number, "", NOW) for n in range(5)]
        paused = HistoryEvent("paused", "bob", "", 0, "labels", NOW)
        await store.record(Changes(history=[*events[:3], paused]))
        await store.record(Changes(history=events[3:]))
        store = await opening()

        assert await store.history(job.number) == events
        assert await store.history(job.number, limit=2) == events[-2:]
        assert await store.history(printer="labels") == [paused]

    async def test_what_people_did_is_found_whatever_they_did_it_to(self, store):
        (job,) = await accepted(store)
        held = HistoryEvent("held", "mia", "why", job.number, "", NOW)
        stopped = HistoryEvent("broke-off", "spooler", "cable", job.number, "", NOW)
        paused = HistoryEvent("paused", "bob", "", 0, "labels", NOW)
        await store.record(Changes(history=[held, stopped, paused]))

        assert await store.history_by_people() == [held, paused]
        assert await store.history_by_people(limit=1) == [paused]

    async def test_an_event_keeps_its_attempt_its_port_and_the_state_after_it(self, store, opening):
        (job,) = await accepted(store)
        stopped = HistoryEvent(
            "broke-off", "spooler", "cable", job.number, "labels", NOW, 3, PORT, JobState.PROCESSING_STOPPED
        )
        paused = HistoryEvent("paused", "mia", at=NOW, port=PORT)
        await store.record(Changes(history=[stopped, paused]))
        store = await opening()

        assert await store.history(job.number) == [stopped]
        assert await store.history(port=PORT) == [stopped, paused]
        assert await store.history(port=PortName("EDGE-7", "com1:"), limit=1) == [paused]
        assert await store.history(port=PortName("edge-7", "COM2:")) == []

    async def test_ports_that_people_paused_stay_so_until_they_are_resumed(self, store, opening):
        other = PortName("edge-7", "COM2:")
        await store.record(Changes(pauses=[(PORT, Paused("mia", NOW, "moved")), (other, Paused("bob", NOW))]))
        await store.record(Changes(pauses=[(PORT, Paused("bob", NOW, "still moved"))]))
        store = await opening()
        assert sorted((await store.load()).paused_ports) == [
            (PORT, Paused("bob", NOW, "still moved")),
            (other, Paused("bob", NOW)),
        ]
        await store.record(Changes(pauses=[(PortName("EDGE-7", "com1:"), None), (other, None)]))
        await store.record(Changes(pauses=[(other, None)]))  # nothing to resume
        store = await opening()
        assert (await store.load()).paused_ports == []

    async def test_a_dropped_document_is_gone_and_its_space_is_free(self, store, opening):
        before = (await store.usage()).live_bytes
        small, large = await accepted(store, label(b"small"), label(bytes(300_000)))
        await store.record(Changes(drop_documents=[small.number, large.number]))

        assert (await store.usage()).live_bytes == before
        for number in (small.number, large.number):
            assert not (await store.get_job(number)).has_document
            with pytest.raises(DocumentLost):
                await store.read(number, 0, 10)
        store = await opening()
        assert (await store.load()).lost_documents == []

    async def test_removing_takes_ended_jobs_only_and_all_that_is_theirs(self, store):
        waiting, gone = await accepted(store, label(), label(bytes(100_000)))
        attempt = Attempt(gone.uid, gone.number, 1, PORT, 1, ended_at=NOW, outcome=Outcome.PRINTED)
        event = HistoryEvent("broke-off", "spooler", job_number=gone.number)
        await store.record(Changes(jobs=[ended(gone)], attempts=[attempt], history=[event]))

        assert await store.remove_jobs([waiting.number, gone.number, 999]) == 1
        assert (await store.get_job(waiting.number)) == waiting
        with pytest.raises(JobNotFound):
            await store.get_job(gone.number)
        with pytest.raises(JobNotFound):
            await store.read(gone.number, 0, 10)
        assert (await store.attempts(gone.number), await store.history(gone.number)) == ([], [])
        assert (await store.usage()).live_bytes == 0

    async def test_purging_takes_the_oldest_ends_first_and_leaves_what_is_retained(self, store):
        jobs = await accepted(store, *(label() for _ in range(6)))
        ends = [ended(job, NOW + timedelta(minutes=-index)) for index, job in enumerate(jobs[:5])]
        ends[4] = replace(ends[4], retain=True)
        await store.record(Changes(jobs=ends))

        assert await store.purge_finished(NOW, max_count=2) == 2
        left = {job.number for job in (await store.list_jobs()).jobs}
        assert left == {1, 2, 5, 6}
        assert await store.purge_finished(NOW + timedelta(seconds=1)) == 2
        assert {job.number for job in (await store.list_jobs()).jobs} == {5, 6}

    async def test_purging_keeps_only_so_many_ended_jobs_whatever_their_age(self, store):
        jobs = await accepted(store, *(label() for _ in range(8)))
        await store.record(
            Changes(jobs=[ended(job, NOW + timedelta(minutes=job.number)) for job in jobs[:7]])
        )

        assert await store.purge_finished(NOW - timedelta(days=1), keep_jobs=5) == 3
        assert {job.number for job in (await store.list_jobs()).jobs} == {4, 5, 6, 7, 8}
        assert await store.purge_finished(NOW - timedelta(days=1), keep_jobs=5) == 0
        assert await store.purge_finished(NOW - timedelta(days=1), max_count=1, keep_jobs=0) == 1

    async def test_what_happened_to_printers_and_ports_is_forgotten_by_its_age_and_decisions_are_not(
        self, store
    ):
        [job] = await accepted(store, label())
        old, new = NOW - timedelta(days=100), NOW
        events = [
            HistoryEvent("printer-deleted", "spooler", printer="labels", at=old),
            HistoryEvent("closed", "spooler", port=PORT, at=old),
            HistoryEvent("paused", "mia", port=PORT, at=old),
            HistoryEvent("resumed", "mia", printer="labels", at=new),
            HistoryEvent("released", "mia", job_number=job.number, printer="labels", at=old),
        ]
        await store.record(Changes(history=events))

        assert await store.purge_events(NOW - timedelta(days=90), max_count=1) == 1
        assert await store.purge_events(NOW - timedelta(days=90)) == 1
        assert await store.purge_events(NOW - timedelta(days=90)) == 0
        assert {event.what for event in await store.history(printer="labels")} == {"resumed", "released"}
        assert [event.what for event in await store.history(port=PORT)] == ["paused"]
        assert len(await store.history(job.number)) == 1

    async def test_what_people_decided_about_a_job_outlives_it(self, store, opening):
        (job,) = await accepted(store)
        lines = [
            HistoryEvent("held", "mia", "wrong roll", job.number, "labels", NOW),
            HistoryEvent("attempt-started", "spooler", "", job.number, "labels", NOW),
            HistoryEvent(
                "decided", "bob", "labels 17 to 18 skip: I saw them", job.number, "labels", NOW, 1, PORT
            ),
        ]
        await store.record(Changes(jobs=[ended(job)], history=lines))
        assert await store.remove_jobs([job.number]) == 1
        store = await opening()

        decided = [lines[0], lines[2]]
        assert await store.history(job.number) == decided
        assert await store.history(printer="labels") == decided
        assert await store.history(port=PORT) == [lines[2]]
        assert await store.history_by_people() == decided

    async def test_decisions_are_forgotten_by_age_by_number_and_by_bytes_oldest_first(self, store):
        def line(day: int, what: str = "held") -> HistoryEvent:
            return HistoryEvent(what, "mia", "x" * 100, day, "labels", NOW + timedelta(days=day))

        other = line(0, "broke-off")._replace(who="spooler")
        for batch in ([line(1), other, line(2)], [line(3)], [line(day) for day in range(4, 11)]):
            await store.record(Changes(history=batch))

        async def days() -> list[int]:
            return [event.job_number for event in await store.history_by_people()]

        assert await store.purge_decisions(KeptDecisions(NOW)) == 0
        assert await store.purge_decisions(KeptDecisions(NOW + timedelta(days=3))) == 2
        assert await days() == [3, 4, 5, 6, 7, 8, 9, 10]
        assert await store.purge_decisions(KeptDecisions(NOW, count=6), max_count=1) == 1
        assert await store.purge_decisions(KeptDecisions(NOW, count=6)) == 1
        assert await days() == [5, 6, 7, 8, 9, 10]
        assert await store.purge_decisions(KeptDecisions(NOW, bytes=700)) == 2  # a line has 177
        assert await days() == [7, 8, 9, 10]
        assert await store.purge_decisions(KeptDecisions(NOW, count=0)) == 4
        assert await store.purge_decisions(KeptDecisions(NOW, count=0)) == 0
        assert await store.history(printer="labels") == [other]
        await store.record(Changes(history=[line(11)]))
        assert await days() == [11]
