from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chassis.tracing import TRACEPARENT, Position, position_of
from spooler.job import Attempt, Document, HistoryEvent, Job, JobError, Sender, make_uid
from spooler.job_state import JobState
from spooler.job_trace import attempt_span, attempt_traceparent, job_span, submit_span, traced
from spooler.ledger import Evidence, EvidenceLevel, EvidenceSource, Ledger, Outcome
from spooler.new_job import Inline, NewJob
from spooler.printer import PortName
from spooler.trace_telling import TraceTelling
from tests.fakes.trace_exporter import TraceExporter, telling

NOW = datetime(2026, 11, 21, 17, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 10**9
SENDER = Position(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7)
NEW = NewJob("labels", Inline(b"^XA^XZ"), attributes={"order": "4711"})


@pytest.fixture
def told() -> Iterator[TraceExporter]:
    with telling() as exporter:
        yield exporter


def job(traceparent: str = SENDER.text, **what: object) -> Job:
    made = Job(
        4711, make_uid(NOW_NS // 10**6, bytes(range(10))), Document("secret.zpl", size_bytes=6), Sender("ada", "ben"), NOW,
        attributes={TRACEPARENT: traceparent}, printer="labels", state=JobState.COMPLETED, outcome=Outcome.PRINTED,
        attempts=1, ended_at=NOW,
    )  # fmt: skip
    return replace(made, **what)  # type: ignore[arg-type]


def attempt(number: int = 1, **what: object) -> Attempt:
    proof = Evidence(EvidenceLevel.CONFIRMED, EvidenceSource.ZPL, 6, NOW)
    made = Attempt(
        job().uid, 4711, number, PortName("edge", "COM1:"), 1, started_at=NOW, ended_at=NOW,
        ledger=Ledger(evidence=(proof,)), outcome=Outcome.PRINTED,
    )  # fmt: skip
    return replace(made, **what)  # type: ignore[arg-type]


def test_a_job_that_nobody_traces_begins_a_trace_with_its_own_span(told: TraceExporter):
    new = traced(NEW, "", NOW_NS)
    kept = position_of(new.attributes[TRACEPARENT])
    made = job(new.attributes[TRACEPARENT], uid=new.uid)
    span = job_span(made, [])
    assert kept == span.position
    assert span.parent == 0
    assert span.start_ns == NOW_NS
    assert new.attributes["order"] == "4711"


def test_a_job_goes_below_its_senders_span_and_its_own_word_before_its_calls(told: TraceExporter):
    assert traced(NEW, SENDER.text, NOW_NS).attributes[TRACEPARENT] == SENDER.text
    own = replace(NEW, attributes={TRACEPARENT: SENDER.text})
    assert traced(own, SENDER.child().text, NOW_NS).attributes[TRACEPARENT] == SENDER.text
    assert job_span(job(), []).parent == SENDER.span_id


def test_what_is_not_recorded_keeps_nothing(told: TraceExporter):
    assert traced(NEW, SENDER._replace(sampled=False).text, NOW_NS) is NEW
    told.keeps = False
    assert traced(NEW, "", NOW_NS) is NEW
    assert traced(NEW, "nonsense", NOW_NS) is NEW
    assert TRACEPARENT in traced(NEW, SENDER.text, NOW_NS).attributes


def test_all_spans_of_a_job_are_of_one_trace_and_an_attempts_is_where_its_host_was_told_that_it_is(
    told: TraceExporter,
):
    whole, tried = job_span(job(), []), attempt_span(job(), attempt())
    submitted = submit_span(job(), "/printfabric.spooler.v1.PrintService/SubmitJob", 1, 2)
    assert tried is not None
    assert {submitted.parent, tried.parent} == {whole.position.span_id}
    assert {one.position.trace_id for one in (whole, tried, submitted)} == {SENDER.trace_id}
    assert attempt_traceparent(job()) == tried.position.text
    assert attempt_traceparent(job(attempts=2)) != tried.position.text
    assert attempt_traceparent(job("nonsense")) == ""
    assert attempt_span(job(), attempt(ended_at=None)) is None


def test_spans_say_what_is_proven_and_why_not_and_name_no_people_and_no_words_of_theirs(told: TraceExporter):
    history = [
        HistoryEvent("accepted", "ada", "secret words", at=NOW),
        HistoryEvent("held", "ada", "secret words", at=NOW, attempt=1, state=JobState.PENDING_HELD),
    ]
    whole = job_span(
        job(outcome=Outcome.UNKNOWN, last_error=JobError("DEVICE_FAULT", 0, "secret words")), history
    )
    tried = attempt_span(
        job(), attempt(outcome=Outcome.PARTIAL, error=JobError("OUT_OF_PAPER", 0, "secret words"))
    )
    assert tried is not None
    assert [one.name for one in whole.events] == ["accepted", "held"]
    assert [one.name for one in tried.events] == ["confirmed"]
    assert (whole.error, tried.error) == ("DEVICE_FAULT", "OUT_OF_PAPER")
    said = repr((whole, tried))
    assert not any(word in said for word in ("secret", "ada", "ben"))


class Records:
    """What a store has, by hand."""

    def __init__(self, *attempts: Attempt) -> None:
        self.kept = list(attempts)

    async def attempts(self, number: int) -> list[Attempt]:
        return self.kept

    async def history(self, number: int = 0, *, limit: int = 1000) -> list[HistoryEvent]:
        return []


async def test_each_attempt_is_told_once_when_it_has_ended_and_the_job_at_last(told: TraceExporter):
    later = datetime(2100, 1, 1, tzinfo=UTC)
    records = Records(attempt(ended_at=later))
    heard: list[Job] = []
    telling = TraceTelling(records, heard.append)
    changes = [
        job(state=JobState.PENDING, attempts=0),
        job(state=JobState.PROCESSING),
        job(state=JobState.PENDING_HELD),
        job(state=JobState.PENDING_HELD, revision=2),
    ]
    for change in changes:
        telling.job_changed(change)
        await telling.tell()
    assert heard == changes
    assert [one.values.get("printfabric.attempt") for one in told.spans] == [1]
    records.kept.append(attempt(2, ended_at=later))
    for revision in (3, 4):  # what ended may still change
        telling.job_changed(job(attempts=2, ended_at=later, revision=revision))
        await telling.tell()
    assert [one.name for one in told.spans] == ["attempt labels", "attempt labels", "job labels"]


async def test_what_another_run_has_told_and_what_has_no_trace_is_not_told(told: TraceExporter):
    telling = TraceTelling(Records(attempt()), lambda _job: None)
    telling.job_changed(job(state=JobState.PENDING_HELD))
    telling.job_changed(job("", number=4712))
    await telling.tell()
    assert told.spans == []
