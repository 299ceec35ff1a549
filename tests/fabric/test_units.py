"""Jobs that broke off, spoken of and steered by labels and receipts: dispatcher and store are real, the host is a fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.errors import InvalidArgument, NotSupported, RequestIdReused, WrongState
from spooler.explain.facts import JobFacts
from spooler.explain.jobs import explain_job
from spooler.job import Job
from spooler.job_state import JobState
from spooler.ledger import EvidenceLevel, EvidenceSource, Outcome, UnitKind, Units, UnitSpan
from spooler.reprinting import Asking
from spooler.unit_plan import Decision, What
from tests.fabric.dispatch_rig import Rig, running
from tests.fakes.host import FakeHost, FakePort

LABEL = b"^XA^FO1,1^FDlabel %02d^FS^XZ\n"
LABELS = b"".join(LABEL % number for number in range(1, 21))
SIZE = len(LABEL % 1)
RECEIPT = b"\x1b@\x1bt\x13receipt %02d\n\x1dV\x00"
RECEIPTS = b"".join(RECEIPT % number for number in range(1, 11))


@pytest.fixture
async def rig(tmp_path: Path, host: FakeHost) -> AsyncIterator[Rig]:
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        yield rig


async def broken(rig: Rig, port: FakePort, document: bytes, at: int, unsure: int, **more: object) -> Job:
    """Return a job that broke off after `at` bytes, of which the last `unsure` are uncertain."""
    port.break_at, port.break_uncertain = at, unsure
    job = await rig.submit("labels", document, **more)
    return await rig.until(job.number, JobState.PENDING_HELD)


def on_paper(port: FakePort, job: Job) -> list[bytes]:
    """Return what came out after the break, prefixes included."""
    return [doc.prefix + bytes(doc.data) for doc in port.printed if doc.job_number == job.number]


async def finished(rig: Rig, job: Job) -> Job:
    return await rig.until(job.number, JobState.COMPLETED)


async def test_a_job_that_broke_off_says_which_labels_may_have_printed(rig: Rig, host: FakeHost) -> None:
    job = await broken(rig, host.ports["P1:"], LABELS, 18 * SIZE + 5, 2 * SIZE)
    assert job.outcome is Outcome.UNKNOWN
    assert job.hold_reason == "labels 17 to 18 of 20 may have printed"
    assert job.ledger.units == Units(UnitKind.LABEL, 20, 18, 16, 0)
    assert job.ledger.uncertain_units == UnitSpan(17, 18)
    stored = await rig.store.get_job(job.number)
    assert (stored.ledger, stored.hold_reason) == (job.ledger, job.hold_reason)
    [attempt] = await rig.store.attempts(job.number)
    assert attempt.ledger.uncertain_units == UnitSpan(17, 18)
    answer = explain_job(JobFacts(job.created_at, job, None))
    said = "Nobody knows what came out: look at the paper and decide about labels 17 to 18."
    assert str(answer.headline) == said
    assert answer.loss == "Labels 17 to 18 may or may not have come out."


async def test_a_document_without_units_is_spoken_of_in_bytes(rig: Rig, host: FakeHost) -> None:
    job = await broken(rig, host.ports["P1:"], bytes(1000), 600, 200)
    assert job.hold_reason == "nobody can say whether bytes 400 to 600 of 1000 were printed"
    assert job.ledger.units == Units(UnitKind.DOCUMENT, 1)
    assert job.ledger.uncertain_units is None


async def test_a_label_printed_several_times_is_one(rig: Rig, host: FakeHost) -> None:
    document = b"^XA^FDa^FS^PQ3^XZ" * 4
    job = await broken(rig, host.ports["P1:"], document, 51, 34)
    assert job.hold_reason.startswith(
        "labels 2 to 3 of 4 may have printed (one that is printed several times"
    )


@pytest.mark.parametrize(("decisions", "parts"), [
    ([Decision(None, What.SKIP)], [(19, 20)]),
    ([Decision(None, What.REPRINT)], [(17, 20)]),
    ([Decision(UnitSpan(17, 17), What.SKIP), Decision(UnitSpan(18, 18), What.REPRINT)], [(18, 20)]),
    ([Decision(UnitSpan(17, 17), What.REPRINT), Decision(UnitSpan(18, 18), What.SKIP)], [(17, 17), (19, 20)]),
])  # fmt: skip
@pytest.mark.parametrize("more", [b"", b"^XA^FDx" + bytes(100_000) + b"^FS^XZ"], ids=["small", "large"])
async def test_a_person_decides_about_each_label_and_each_comes_out_as_decided(
    rig: Rig, host: FakeHost, decisions: list[Decision], parts: list[tuple[int, int]], more: bytes
) -> None:
    port = host.ports["P1:"]
    document = LABELS + more
    job = await broken(rig, port, document, 18 * SIZE + 5, 2 * SIZE)
    await rig.steering.resolve_units(job.number, "ann", decisions, "I saw it")
    done = await finished(rig, job)
    labels = [LABEL % number for number in range(1, 21)]
    expected = [b"~JX" + b"".join(labels[first - 1 : last]) for first, last in parts]
    # A label's new line is counted with the next one.
    assert [paper.replace(b"\n", b"") for paper in on_paper(port, job)] == [
        one.replace(b"\n", b"") for one in [*expected[:-1], expected[-1] + more]
    ]
    assert (done.outcome, done.rest, done.copies_printed) == (Outcome.PRINTED, (), 1)
    skipped = any(decision.what is What.SKIP for decision in decisions)
    assert ("warnings" in done.reasons[0]) is skipped
    assert any(one.source is EvidenceSource.OPERATOR for one in done.ledger.evidence) is skipped
    history = [event for event in await rig.store.history(job.number) if event.what == "decided"]
    assert (history[0].who, "I saw it" in history[0].detail, "label" in history[0].detail) == (
        "ann",
        True,
        True,
    )
    attempts = await rig.store.attempts(job.number)
    assert [one.resume_prefix for one in attempts[1:]] == [
        f"3 bytes before label {first}" for first, _ in parts
    ]


async def test_attempts_speak_of_units_whether_they_went_well_or_not(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    job = await broken(rig, port, LABELS, 18 * SIZE + 5, 2 * SIZE)
    await rig.steering.resolve(job.number, "ann", "skip")
    done = await finished(rig, job)
    first, last = await rig.steering.in_units(done, await rig.store.attempts(job.number))
    assert (first.ledger.units.accepted, first.ledger.uncertain_units) == (18, UnitSpan(17, 18))
    assert {one.source for one in first.ledger.evidence} == {EvidenceSource.JOURNAL}
    assert (last.ledger.units.kind, last.ledger.units.total, last.ledger.units.acked) == (
        UnitKind.LABEL,
        20,
        20,
    )


async def test_a_held_job_says_which_copy_nobody_knows_about(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    job = await broken(rig, port, LABELS, 18 * SIZE + 5, 2 * SIZE, copies=3)
    assert job.hold_reason.startswith("copy 1 of 3: labels 17 to 18 of 20 may have printed")


async def test_skipping_the_last_labels_ends_the_job(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    job = await broken(rig, port, LABELS, len(LABELS) - 1, 2 * SIZE)
    assert job.ledger.uncertain_units == UnitSpan(19, 20)
    done = await rig.steering.resolve(job.number, "ann", "skip")
    assert (done.state, on_paper(port, job)) == (JobState.COMPLETED, [])


async def test_a_decision_leaves_no_label_out_and_names_none_twice(rig: Rig, host: FakeHost) -> None:
    job = await broken(rig, host.ports["P1:"], LABELS, 18 * SIZE + 5, 2 * SIZE)
    for decisions, why in (
        ([Decision(UnitSpan(17, 17), What.SKIP)], "label 18 would be left undecided"),
        ([Decision(UnitSpan(18, 18), What.SKIP)], "label 17 would be left undecided"),
        ([Decision(None, What.SKIP), Decision(UnitSpan(17, 17), What.REPRINT)], "twice"),
        (
            [Decision(UnitSpan(16, 18), What.SKIP)],
            "labels 16 to 18: labels 17 to 18 is what nobody knows about",
        ),
    ):
        with pytest.raises(InvalidArgument, match=why):
            await rig.steering.resolve_units(job.number, "ann", decisions)
    assert (await rig.job(job.number)).state is JobState.PENDING_HELD


async def test_a_mark_is_put_on_each_label_that_is_printed_again(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    job = await broken(rig, port, LABELS, 18 * SIZE + 5, 2 * SIZE)
    await rig.steering.resolve(job.number, "ann", "reprint_marked")
    await finished(rig, job)
    mark = b"^XA^FO20,10^A0N,28,28^FD*** DUPLICATE? ***^FS"
    marked = [b"~JX\n" + mark + (LABEL % number)[3:] for number in (17, 18)]
    rest = b"~JX" + LABEL % 19 + LABEL % 20
    assert [paper.replace(b"\n", b"") for paper in on_paper(port, job)] == [
        paper.replace(b"\n", b"") for paper in (*marked, rest)
    ]
    marks = [one.mark for one in await rig.store.attempts(job.number)]
    assert marks == ["", "*** DUPLICATE? ***", "*** DUPLICATE? ***", ""]


async def test_a_language_without_a_mark_says_so(rig: Rig, host: FakeHost) -> None:
    job = await broken(rig, host.ports["P1:"], b"page one\x0cpage two\x0cpage three\x0c", 17, 10)
    with pytest.raises(NotSupported, match="mark"):
        await rig.steering.resolve(job.number, "ann", "reprint_marked")
    assert (await rig.job(job.number)).state is JobState.PENDING_HELD


async def test_a_job_is_printed_again_with_a_mark_on_each_of_its_labels(rig: Rig, host: FakeHost) -> None:
    document = b"^XA^DFR:F^FS^XZ" + LABEL % 1 + LABEL % 2
    job = await rig.submit("labels", document)
    await finished(rig, job)
    await rig.steering.restart(job.number, "ann", mark=True)
    await finished(rig, job)
    whole, first, second = on_paper(host.ports["P1:"], job)
    assert whole == document
    assert first.count(b"DUPLICATE?") == second.count(b"DUPLICATE?") == 1
    # What stands before a label belongs to it, and goes before its mark.
    assert first.startswith(b"^XA^DFR:F^FS^XZ^XA^FO20,10^A0N")
    assert first.endswith(b"^FDlabel 01^FS^XZ")
    assert second.rstrip().endswith(b"^FDlabel 02^FS^XZ")


@pytest.mark.parametrize("how", ["resolve", "resume"])
async def test_what_was_skipped_once_stays_skipped_when_it_breaks_again(
    rig: Rig, host: FakeHost, how: str
) -> None:
    port = host.ports["P1:"]
    job = await broken(rig, port, LABELS, 18 * SIZE + 5, 2 * SIZE)
    port.break_at, port.break_uncertain = 17 * SIZE - 1, SIZE - 1  # within the first stretch, label 17 alone
    decisions = [Decision(UnitSpan(17, 17), What.REPRINT), Decision(UnitSpan(18, 18), What.SKIP)]
    await rig.steering.resolve_units(job.number, "ann", decisions)
    held = await rig.until(job.number, JobState.PENDING_HELD)
    assert held.ledger.uncertain_units == UnitSpan(17, 17)
    if how == "resume":
        await rig.steering.resume_at_unit(job.number, "ann", 17)
    else:
        await rig.steering.resolve(job.number, "ann", "reprint")
    await finished(rig, job)
    text = b"".join(on_paper(port, job))
    assert [number for number in range(1, 21) if b"label %02d" % number in text] == [17, 19, 20]


async def test_marks_that_were_decided_on_stay_when_somebody_names_the_place(
    rig: Rig, host: FakeHost
) -> None:
    port = host.ports["P1:"]
    job = await broken(rig, port, LABELS, 10 * SIZE + 5, 8 * SIZE)
    port.break_at, port.break_uncertain = 3 * SIZE - 1, SIZE - 1
    await rig.steering.resolve(job.number, "ann", "reprint_marked")
    held = await rig.until(job.number, JobState.PENDING_HELD)
    assert held.ledger.uncertain_units == UnitSpan(3, 3)
    await rig.steering.resume_at_unit(job.number, "ann", 3)
    await finished(rig, job)
    text = b"".join(on_paper(port, job))
    assert text.count(b"DUPLICATE") == 8
    assert text.count(b"^XA") == 18


async def test_it_goes_on_at_a_label_with_what_earlier_labels_have_set(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    document = b"~DGR:A.GRF,3,1,FFFFFF\n^XA^PW400^FDx^FS^XZ" + LABELS
    job = await broken(rig, port, document, 200, 100)
    await rig.steering.resume_at_unit(job.number, "ann", 20)
    await finished(rig, job)
    assert on_paper(port, job) == [b"~JX~DGR:A.GRF,3,1,FFFFFF\n^XA^PW400^XZ\n\n" + LABEL % 19 + LABEL % 20]
    [_, attempt] = await rig.store.attempts(job.number)
    assert (attempt.outcome, attempt.resume_offset) == (
        Outcome.PRINTED,
        document.index(b"\n^XA^FO1,1^FDlabel 19"),
    )


@pytest.mark.parametrize("copies", [1, 2])
async def test_what_a_person_left_out_is_called_proven_by_nobody(
    rig: Rig, host: FakeHost, copies: int
) -> None:
    job = await broken(rig, host.ports["P1:"], LABELS, 3 * SIZE + 5, 2 * SIZE, copies=copies)
    await rig.steering.resume_at_unit(job.number, "ann", 20)
    done = await finished(rig, job)
    assert len(on_paper(host.ports["P1:"], job)) == copies
    assert done.reasons == ("job-completed-with-warnings",)
    assert done.ledger.level is EvidenceLevel.NONE
    [word] = done.ledger.decided
    assert (word.source, word.detail) == (EvidenceSource.OPERATOR, "ann: resumed at label 20")
    answer = explain_job(JobFacts(done.created_at, done, None))
    assert "ann: resumed at label 20" in str(answer.headline)
    assert "only the paper tells" in answer.loss


async def test_what_is_proven_before_the_place_needs_nobodys_word(rig: Rig, host: FakeHost) -> None:
    job = await broken(rig, host.ports["P1:"], LABELS, 3 * SIZE + 5, 2 * SIZE)
    await rig.steering.resume_at_unit(job.number, "ann", 2)
    done = await finished(rig, job)
    assert done.reasons == ("job-completed-successfully",)
    assert done.ledger.level is EvidenceLevel.ACKED


async def test_a_decision_is_remembered_when_the_rest_breaks_too(rig: Rig, host: FakeHost) -> None:
    job = await broken(rig, host.ports["P1:"], LABELS, 3 * SIZE + 5, 2 * SIZE)
    host.ports["P1:"].break_at, host.ports["P1:"].break_uncertain = 8 * SIZE, SIZE
    await rig.steering.resolve(job.number, "ann", "skip")
    again = await rig.until(job.number, JobState.PENDING_HELD)
    await rig.steering.resolve(again.number, "ben", "reprint")
    done = await finished(rig, job)
    assert [one.detail[:4] for one in done.ledger.decided] == ["ann:"]
    assert done.reasons == ("job-completed-with-warnings",)


async def test_a_place_that_is_not_there_or_not_safe_is_refused_with_the_reason(
    rig: Rig, host: FakeHost
) -> None:
    port = host.ports["P1:"]
    job = await broken(rig, port, LABELS, 200, 100)
    with pytest.raises(InvalidArgument, match="there is no label 21: job 1 has 20 labels"):
        await rig.steering.resume_at_unit(job.number, "ann", 21)
    pages = await broken(rig, port, b"\x1bE\x1b&l1O" + b"page\x0c" * 5, 20, 10)
    with pytest.raises(
        WrongState, match="cannot go on at page 3: it begins in the column in which the page before it ended"
    ):
        await rig.steering.resume_at_unit(pages.number, "ann", 3)
    waiting = await rig.submit("labels", LABELS, held=True)
    other = await rig.submit("labels", LABELS)
    await finished(rig, other)
    with pytest.raises(WrongState, match="does not wait"):
        await rig.steering.resume_at_unit(other.number, "ann", 3)
    await rig.steering.resume_at_unit(waiting.number, "ann", 19)
    await finished(rig, waiting)
    assert b"label 18" not in on_paper(port, waiting)[0]


async def test_receipts_are_reset_and_may_be_marked(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    size = len(RECEIPT % 1)
    job = await broken(rig, port, RECEIPTS, 5 * size + 3, size)
    assert job.hold_reason == "receipts 5 to 6 of 10 may have printed"
    decisions = [Decision(UnitSpan(5, 5), What.SKIP), Decision(UnitSpan(6, 6), What.REPRINT_MARKED)]
    await rig.steering.resolve_units(job.number, "ann", decisions)
    await finished(rig, job)
    setup = b"\x1b@\x1bt\x13"
    assert on_paper(port, job) == [
        setup + b"*** DUPLICATE? ***\n" + RECEIPT % 6,
        setup + b"".join(RECEIPT % number for number in range(7, 11)),
    ]
    marks = [one.mark for one in await rig.store.attempts(job.number)]
    assert marks == ["", "*** DUPLICATE? ***", ""]


async def test_copies_that_follow_a_resumed_one_are_whole(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    job = await broken(rig, port, LABELS, 18 * SIZE + 5, 2 * SIZE, copies=2)
    await rig.steering.resolve(job.number, "ann", "skip")
    done = await finished(rig, job)
    assert done.copies_printed == 2
    assert on_paper(port, job) == [b"~JX\n" + LABEL % 19 + LABEL % 20, LABELS]


async def test_the_rest_is_known_after_a_restart_of_the_spooler(tmp_path: Path, host: FakeHost) -> None:
    port = host.ports["P1:"]
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        job = await broken(rig, port, LABELS, 18 * SIZE + 5, 2 * SIZE)
        await rig.printers.pause_printer("labels", "ann")
        decisions = [Decision(UnitSpan(17, 17), What.REPRINT), Decision(UnitSpan(18, 18), What.SKIP)]
        waiting = await rig.steering.resolve_units(job.number, "ann", decisions)
        assert len(waiting.rest) == 2
    async with running(tmp_path, host) as rig:
        assert (await rig.store.get_job(job.number)).rest == waiting.rest
        await rig.printers.resume_printer("labels", "ann")
        await finished(rig, job)
    text = b"".join(on_paper(port, job))
    assert [number for number in range(1, 21) if b"label %02d" % number in text] == [17, 19, 20]


async def test_a_decision_is_remembered_when_the_job_is_held_moved_and_released(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("other", "P2:")
    job = await broken(rig, host.ports["P1:"], LABELS, 18 * SIZE + 5, 2 * SIZE)
    await rig.printers.pause_printer("labels", "ann")
    await rig.steering.resolve_units(job.number, "ann", [Decision(UnitSpan(17, 18), What.SKIP)])
    await rig.steering.hold(job.number, "bob")
    await rig.steering.move(job.number, "other", "bob")
    await rig.steering.release(job.number, "bob")
    done = await finished(rig, job)
    text = b"".join(on_paper(host.ports["P2:"], job))
    assert [number for number in range(1, 21) if b"label %02d" % number in text] == [19, 20]
    assert done.ledger.offsets.accepted == len(LABELS)


async def test_units_that_take_long_to_count_are_told_later(
    rig: Rig, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spooler.concluding.COUNT_WAIT_S", 0.0)
    document = LABELS + b"^XA^FDx" + bytes(5_000_000) + b"^FS^XZ"  # cannot be counted at once
    job = await broken(rig, host.ports["P1:"], document, 18 * SIZE + 5, 2 * SIZE)
    assert "bytes" in job.hold_reason
    counted = await rig.steering.counted(job)
    assert counted.hold_reason == "labels 17 to 18 of 21 may have printed"
    assert (await rig.store.get_job(job.number)).ledger == counted.ledger
    assert [event.what for event in await rig.store.history(job.number)][-1] == "counted"
    await rig.store.flush()
    [attempt] = await rig.store.attempts(job.number)
    assert attempt.ledger.uncertain_units == UnitSpan(17, 18)


async def test_a_cancelled_job_says_which_labels_it_had_printed(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    port.break_at, port.break_uncertain = 18 * SIZE + 5, 2 * SIZE
    job = await broken(rig, port, LABELS, 18 * SIZE + 5, 2 * SIZE)
    done = await rig.steering.cancel(job.number, "ann")
    assert (done.state, done.ledger.uncertain_units) == (JobState.CANCELED, UnitSpan(17, 18))


ASKING = Asking("ann", "127.0.0.1", "req-1")


async def test_units_are_printed_again_by_a_job_of_their_own(rig: Rig, host: FakeHost) -> None:
    port = host.ports["P1:"]
    first = await rig.submit("labels", LABELS, attributes={"order": "812"})
    await finished(rig, first)
    again = await rig.steering.reprint(first.number, ASKING, [UnitSpan(3, 4), UnitSpan(20, 20)])
    await finished(rig, again)
    assert dict(again.attributes) == {"order": "812", "reprint-of": "jobs/1", "reprint-units": "3-4, 20"}
    assert on_paper(port, again) == [b"~JX\n" + LABEL % 3 + (LABEL % 4)[:-1] + b"~JX\n" + LABEL % 20]
    twin = await rig.steering.reprint(first.number, ASKING, [UnitSpan(3, 4), UnitSpan(20, 20)])
    assert twin.number == again.number
    with pytest.raises(RequestIdReused):
        await rig.steering.reprint(first.number, ASKING, [UnitSpan(3, 3)])
    with pytest.raises(InvalidArgument, match="job 1 has 20 labels"):
        await rig.steering.reprint(first.number, ASKING._replace(request_id=""), [UnitSpan(20, 21)])
    receipts = await rig.submit("labels", RECEIPTS)
    await finished(rig, receipts)
    marked = await rig.steering.reprint(
        receipts.number, ASKING._replace(request_id="2"), [UnitSpan(2, 3)], mark=True
    )
    await finished(rig, marked)
    assert on_paper(port, marked)[0].count(b"DUPLICATE?") == 2


async def test_many_units_are_printed_again_from_the_spool(rig: Rig, host: FakeHost) -> None:
    large = b"".join(b"^XA^FD%05d" % number + b"x" * 1000 + b"^FS^XZ" for number in range(4000))
    first = await rig.submit("labels", large)
    await finished(rig, first)
    again = await rig.steering.reprint(first.number, ASKING, [UnitSpan(1001, 3000)])
    await finished(rig, again)
    assert on_paper(host.ports["P1:"], again)[0] == b"~JX" + large[1000 * 1017 : 3000 * 1017]
