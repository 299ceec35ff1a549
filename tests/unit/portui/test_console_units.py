"""Decisions about units, units printed again, and a job that goes on at one: the console's pages before a fake spooler."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from chassis.errors import AccessDenied, InvalidArgument, NotSupported, WrongState
from portui.model import Job, JobState, Outcome, Proof, Units
from portui.person import Person
from portui.web import coming_out
from spooler.unit_plan import DUPLICATE
from spooler.units import choose
from spooler.units.splitter import Splitter
from tests.unit.portui.job_desk import Desk, Jobs

LABELS = Proof(units=Units("label", 20, 8, 4), uncertain=(400, 800), uncertain_units=(5, 8))
BROKEN = Job(
    7, "labels", "Pallet tags", "me", 2000, JobState.HELD, Outcome.UNKNOWN, LABELS, attempts=1, error="cut"
)
ENDED = replace(BROKEN, state=JobState.COMPLETED, outcome=Outcome.PRINTED, proof=Proof(units=LABELS.units))
MARKED = "with “*** DUPLICATE? ***” on"


@pytest.fixture
def broken() -> Jobs:
    return Jobs(BROKEN)


async def test_each_uncertain_unit_is_skipped_printed_again_or_printed_again_with_a_mark(broken: Jobs):
    desk = Desk(broken)
    shown = await desk.get("/jobs/7")
    assert len(re.findall(r'name="unit\.\d+" value="reprint_marked"', shown.text)) == 4
    assert len(re.findall(r'value="skip" checked', shown.text)) == 4
    answer = await desk.post(
        "/jobs/7/decide",
        do="units",
        attempts="1",
        unit__5="reprint_marked",
        unit__6="reprint_marked",
        unit__7="reprint",
    )
    assert (answer.status, answer.place) == (303, "/jobs/7")
    assert broken.done == [[(5, 6, "reprint_marked"), (7, 7, "reprint"), (8, 8, "skip")]]


async def test_what_comes_out_of_a_choice_is_said_before_anything_is_printed(broken: Jobs):
    desk = Desk(broken)
    chosen = {"attempts": "1", "unit__5": "reprint_marked", "unit__7": "reprint"}
    outlook = f"Printer labels prints label 5 {MARKED} it, label 7 and labels 9 to 20."
    live_ = await desk.post("/jobs/7/decide", check="1", do="units", **chosen)
    assert (live_.status, live_.element("form-verdict")) == (200, outlook)
    shown = await desk.post("/jobs/7/decide", do="show", **chosen)
    assert (shown.element("form-verdict"), shown.value("seen")) == (outlook, outlook)
    # Without scripts: the choice is changed behind what was shown.
    other = await desk.post("/jobs/7/decide", do="units", seen=outlook, **{**chosen, "unit__8": "reprint"})
    assert other.status == 422
    assert "labels 7 to 20" in other.element("form-verdict")
    assert broken.done == []
    await desk.post("/jobs/7/decide", do="units", seen=outlook, **chosen)
    assert len(broken.done) == 1


@pytest.mark.parametrize(
    ("what", "outlook"),
    [
        ("skip", "Printer labels prints labels 9 to 20."),
        ("reprint", "Printer labels prints labels 5 to 20."),
        ("reprint_marked", f"Printer labels prints labels 5 to 8 {MARKED} each and labels 9 to 20."),
    ],
)
async def test_all_uncertain_units_are_decided_about_with_one_button_that_says_what_it_does(
    broken: Jobs, what: str, outlook: str
):
    desk = Desk(broken)
    assert (await desk.get("/jobs/7")).element(f"way-{what}") == outlook
    await desk.post("/jobs/7/decide", do=what, attempts="1")
    assert broken.done == [[(0, 0, what)]]


def splitters(kind: type[Splitter] = Splitter) -> list[type[Splitter]]:
    """Return the spooler's readers of languages."""
    found = [one for each in kind.__subclasses__() for one in (each, *splitters(each))]
    return [one for one in found if one.__module__.startswith(choose.__name__.rpartition(".")[0])]


def test_a_mark_is_offered_for_what_the_spooler_can_mark_and_in_its_words():
    assert {one.kind: one.has_mark for one in splitters()} == {
        one.kind: not coming_out.why_no_mark(one.kind) for one in splitters()
    }
    assert len({one.has_mark for one in splitters()}) == 2
    assert coming_out.MARK == DUPLICATE


async def test_pages_cannot_be_marked_and_it_is_said_why():
    jobs = Jobs(replace(BROKEN, proof=replace(LABELS, units=Units("page", 20, 8, 4))))
    desk = Desk(jobs)
    for path in ("/jobs/7", "/jobs/7/resume", "/jobs/7/reprint"):
        shown = await desk.get(path)
        assert (
            "Pages carry no mark: only labels (ZPL) and receipts (ESC/POS) have a place for one."
            in shown.text
        )
        assert 'reprint_marked"' not in shown.text
        assert 'name="mark"' not in shown.text
    refused = await desk.post("/jobs/7/reprint", do="go", first="1", last="2", mark="1")
    assert "Pages carry no mark" in refused.element("mark-say")
    await desk.post("/jobs/7/decide", do="units", attempts="1", unit__5="reprint_marked", unit__6="reprint")
    assert jobs.done == [[(5, 5, "skip"), (6, 6, "reprint"), (7, 8, "skip")]]


async def test_a_decision_that_is_sent_twice_is_taken_once_and_a_late_one_not_at_all(broken: Jobs):
    desk = Desk(broken)
    for _click in range(2):
        answer = await desk.post("/jobs/7/decide", do="reprint", attempts="1")
        assert answer.place == "/jobs/7"
    assert len(broken.done) == 1
    broken.one = replace(BROKEN, attempts=2)  # it broke off again: the open page is about another break
    late = await desk.post("/jobs/7/decide", do="reprint", attempts="1")
    assert "gone%20on%20meanwhile" in late.headers["set-cookie"]
    assert len(broken.done) == 1


@pytest.mark.parametrize(
    ("path", "fields"), [("decide", {"do": "skip"}), ("resume", {"do": "go", "unit": "5"})]
)
async def test_somebody_who_was_faster_is_no_error(broken: Jobs, path: str, fields: dict[str, str]):
    broken.refusal = WrongState("nothing of job 7 is uncertain")
    broken.meanwhile = replace(BROKEN, state=JobState.PENDING)
    answer = await Desk(broken).post(f"/jobs/7/{path}", attempts="1", **fields)
    assert (answer.status, answer.place) == (303, "/jobs/7")
    assert "gone%20on%20meanwhile" in answer.headers["set-cookie"]


async def test_a_decision_that_is_refused_says_why_and_keeps_what_was_chosen(broken: Jobs):
    desk = Desk(broken)
    broken.refusal = WrongState("job 7 cannot go on at label 6: fonts were downloaded")
    refused = await desk.post("/jobs/7/decide", do="units", attempts="1", unit__6="reprint")
    assert (refused.status, refused.element("form-wrong")) == (
        422,
        "Job 7 cannot go on at label 6: fonts were downloaded.",
    )
    assert 'name="unit.6" value="reprint" class="again" checked' in refused.text


async def test_a_job_goes_on_at_a_unit_that_is_named_with_a_mark_if_that_is_wanted(broken: Jobs):
    desk = Desk(broken)
    shown = await desk.get("/jobs/7/resume")
    assert shown.value("unit") == "5"
    assert shown.element("form-verdict") == (
        "Printer labels prints labels 5 to 20. What stands before label 5 counts as printed."
    )
    checked = await desk.post("/jobs/7/resume", check="1", attempts="1", unit="6", mark="1")
    assert checked.element("form-verdict").startswith(
        f"Printer labels prints label 6 {MARKED} it and labels 7 to 20."
    )
    for _click in range(2):
        answer = await desk.post("/jobs/7/resume", do="go", attempts="1", unit="6", mark="1")
        assert answer.place == "/jobs/7"
    assert broken.done == [(6, True)]


async def test_units_print_again_as_a_new_job_that_leads_back_and_a_form_sent_twice_prints_once():
    jobs = Jobs(ENDED)
    desk = Desk(jobs)
    assert 'href="/jobs/7/reprint"' in (await desk.get("/jobs/7")).text
    form = await desk.get("/jobs/7/reprint")
    asked = {"id": form.value("id"), "first": "2", "last": "3", "mark": "1"}
    outlook = f"Printer labels prints labels 2 to 3 {MARKED} each. They are a new job; job 7 stays as it is."
    assert (await desk.post("/jobs/7/reprint", check="1", **asked)).element("form-verdict") == outlook
    assert jobs.done == []
    for _click in range(2):
        answer = await desk.post("/jobs/7/reprint", do="go", **asked)
        assert answer.place == "/jobs/41"
        assert "2-3%20of%20job%207%20again" in answer.headers["set-cookie"]
    assert jobs.done == [((2, 3), True)]
    assert '2-3 of <a href="/jobs/7">job 7</a> again' in (await desk.get("/jobs/41")).text
    # Back at the form, for another label: that is another job.
    again = await desk.post("/jobs/7/reprint", do="go", **{**asked, "first": "3"})
    assert again.place == "/jobs/42"


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"first": "3", "last": "2"}, {"unit-last-say": "It is before the first, 3."}),
        ({"first": "2", "last": "21"}, {"unit-last-say": "The document has 20 labels."}),
        ({"first": "0", "last": "2"}, {"unit-first-say": "Write a number, counted from 1."}),
        ({"first": "²", "last": "x"}, {"unit-first-say": "Write a number, counted from 1."}),
        ({"first": "1", "last": ""}, {"unit-last-say": "Write a number, counted from 1."}),
    ],
)
async def test_numbers_that_are_wrong_are_told_at_their_field_and_stay_as_typed(
    typed: dict[str, str], wrong: dict[str, str]
):
    jobs = Jobs(ENDED)
    answer = await Desk(jobs).post("/jobs/7/reprint", do="go", id="i", **typed)
    assert answer.status == 422
    assert {id_: answer.element(id_) for id_ in wrong} == wrong
    assert (answer.value("first"), answer.value("last")) == (typed["first"], typed["last"])
    assert jobs.done == []


@pytest.mark.parametrize(
    ("refusal", "place", "text"),
    [
        (InvalidArgument("too many", fields=[("units", "too many")]), "unit-last-say", "Too many."),
        (InvalidArgument("too many marks", fields=[("mark", "x")]), "mark-say", "Too many marks."),
        (NotSupported("it has no mark"), "mark-say", "It has no mark."),
        (WrongState("the document is gone"), "form-wrong", "The document is gone."),
        (AccessDenied("no", role="operator"), "form-wrong", "takes the role operator"),
    ],
)
async def test_what_the_spooler_refuses_is_told_at_the_field_it_is_about(
    refusal: Exception, place: str, text: str
):
    jobs = Jobs(ENDED)
    jobs.refusal = refusal
    answer = await Desk(jobs).post("/jobs/7/reprint", do="go", id="i", first="1", last="2", mark="1")
    assert answer.status == 422
    assert text in answer.element(place)


async def test_of_a_document_that_nobody_counted_no_more_is_said_than_is_known():
    jobs = Jobs(replace(ENDED, proof=Proof()))
    answer = await Desk(jobs).post("/jobs/7/reprint", check="1", first="2", last="300")
    assert answer.element("form-verdict").startswith(
        "Printer labels prints 2 to 300, if the document has so many."
    )


async def test_who_only_looks_is_told_who_decides_and_has_no_buttons(broken: Jobs):
    desk = Desk(broken, Person("vera", "local", frozenset({"viewer"})))
    shown = await desk.get("/jobs/7")
    assert "You may look, not decide: whoever sent the job does, or an operator." in shown.text
    assert 'name="do"' not in shown.text
    for path in ("/jobs/7/resume", "/jobs/7/reprint"):
        page = await desk.get(path)
        assert "You may look, not print: whoever sent the job does, or an operator." in page.text
        assert "data-save" not in page.text


@pytest.mark.parametrize("path", ["/jobs/7/decide", "/jobs/7/resume", "/jobs/7/reprint"])
async def test_a_form_that_is_not_of_this_visit_prints_nothing(broken: Jobs, path: str):
    answer = await Desk(broken).post(
        path, token="another", do="reprint", attempts="1", unit="5", first="1", last="1"
    )
    assert answer.status == 403
    assert broken.done == []
