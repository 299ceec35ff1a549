"""What every store must do, continued: lines of history in the commit of what they tell of, and those of what is done elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chassis.errors import EtagMismatch
from spooler.job import HistoryEvent
from spooler.printer import PortName, Printer
from spooler.store import Changes
from tests.contract.store_contract import NOW, StoreFixtures, accepted, ended, label


def said(before: Printer | None, after: Printer | None) -> HistoryEvent:
    words = [one.location if one is not None else "-" for one in (before, after)]
    return HistoryEvent("told", "mia", " ".join(words), printer="a", at=NOW)


class LinesContract(StoreFixtures):
    async def test_a_printer_changes_with_its_line_of_before_and_after_and_a_refusal_has_none(
        self, store, opening
    ):
        made = await store.create_printer(Printer("a", location="x"), owner="mia", request_id="r", line=said)
        await store.create_printer(Printer("a", location="x"), owner="mia", request_id="r", line=said)
        await store.update_printer(replace(made, location="y"), line=said)
        with pytest.raises(EtagMismatch):
            await store.update_printer(replace(made, location="z"), etag=made.etag, line=said)
        await store.delete_printer("a", line=said)
        store = await opening()

        assert [event.detail for event in await store.history(printer="a")] == ["- x", "x y", "y -"]

    async def test_a_printer_that_is_to_be_deleted_says_so_once(self, store):
        (job,) = await accepted(store)

        def line(before: Printer | None, after: Printer | None) -> HistoryEvent:
            return HistoryEvent("deleting" if after is not None else "deleted", "mia", printer="labels")

        await store.delete_printer("labels", line=line)
        await store.delete_printer("labels", line=line)
        await store.record(Changes(jobs=[ended(job)]))
        await store.delete_printer("labels", line=line)

        assert [event.what for event in await store.history(printer="labels")] == ["deleting", "deleted"]

    async def test_a_job_is_accepted_with_its_line_about_another_one_and_a_repeat_has_none(self, store):
        (first,) = await accepted(store)
        again = label(
            owner="mia",
            request_id="r",
            line=lambda job: HistoryEvent("reprinted", "mia", f"as {job.number}", first.number),
        )
        (made,) = await accepted(store, again)
        await store.accept([again])

        lines = [(event.what, event.detail) for event in await store.history(first.number)]
        assert lines == [("reprinted", f"as {made.number}")]

    async def test_a_note_is_kept_and_an_upload_forgotten_with_their_lines(self, store):
        upload = await store.create_upload("mia")
        await store.put_note("edge", "one", None, [HistoryEvent("kept", "mia")])
        with pytest.raises(EtagMismatch):
            await store.put_note("edge", "two", None, [HistoryEvent("kept again", "mia")])
        await store.abandon_upload(upload.id, [HistoryEvent("forgotten", "mia")])

        assert [event.what for event in await store.history_by_people()] == ["kept", "forgotten"]

    async def test_a_line_of_what_is_done_elsewhere_stays_until_it_is_told_what_was_done(
        self, store, opening
    ):
        port = PortName("edge", "COM1:")
        asked = HistoryEvent("asked", "mia", "to add it", port=PortName("edge", "COM01:"), at=NOW)
        done, undone, _lost = [await store.begin_line(asked) for _ in range(3)]
        await store.end_line(done, HistoryEvent("added", "mia", "with 9600 baud", port=port))
        await store.end_line(undone, None)
        store = await opening()

        lines = await store.history_by_people()
        assert lines == [asked._replace(what="added", detail="with 9600 baud", port=port), asked]
