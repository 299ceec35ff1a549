from dataclasses import replace
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest

from spooler.book import Book
from spooler.job import Document, Job, Sender
from spooler.job_state import JobState
from spooler.ledger import Ledger, Outcome, Span, UnitSpan
from spooler.metrics import SpoolerMetrics
from tests.rig.steps import steps_of

JOB = Job(1, bytes(16), Document(), Sender("ann"), datetime.now(UTC) - timedelta(minutes=1), printer="labels")


def page(metrics, live=()):
    registry, book = CollectorRegistry(), Book(0)
    for number, job in enumerate(live, 1):
        book.add(replace(job, number=number))
    with metrics.shown_in(registry, book.tallies):
        return generate_latest(registry).decode()


def value(text, sample):
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(sample + " "))


def test_jobs_are_counted_when_they_are_accepted_and_when_they_end():
    metrics = SpoolerMetrics()
    metrics.accepted(3, 0.002)
    metrics.job_changed(JOB)
    metrics.job_changed(replace(JOB, state=JobState.COMPLETED, outcome=Outcome.PRINTED, attempts=2))
    metrics.job_changed(replace(JOB, state=JobState.CANCELED))
    text = page(metrics)
    assert value(text, 'printfabric_jobs_total{outcome="accepted"}') == 3
    assert value(text, 'printfabric_jobs_total{outcome="printed"}') == 1
    assert value(text, 'printfabric_jobs_total{outcome="canceled"}') == 1
    assert value(text, "printfabric_attempts_total") == 0
    metrics.attempts_ended(2)
    assert value(page(metrics), "printfabric_attempts_total") == 2
    assert value(text, "printfabric_submit_seconds_count") == 3
    assert value(text, 'printfabric_submit_seconds_bucket{le="0.001"}') == 0
    assert value(text, 'printfabric_submit_seconds_bucket{le="0.0025"}') == 3


def test_what_waits_is_worked_out_for_each_printer():
    job = replace(JOB, created_at=datetime.now(UTC) - timedelta(minutes=1))
    ledger = Ledger(uncertain=Span(0, 1), uncertain_units=UnitSpan(17, 18))
    unsure = replace(job, state=JobState.PENDING_HELD, ledger=ledger)
    text = page(SpoolerMetrics(), [job, unsure, replace(job, printer="other")])
    assert value(text, 'printfabric_jobs_waiting{printer="labels"}') == 2
    assert value(text, 'printfabric_uncertain_jobs{printer="labels"}') == 1
    assert value(text, 'printfabric_uncertain_jobs{printer="other"}') == 0
    assert value(text, 'printfabric_uncertain_units{printer="labels"}') == 2
    assert value(text, 'printfabric_uncertain_units{printer="other"}') == 0
    assert 60 <= value(text, 'printfabric_oldest_job_age_seconds{printer="labels"}') < 70


def test_the_numbers_of_a_printer_cost_the_same_whatever_waits_there():
    def cost(jobs):
        book, registry, metrics = Book(0), CollectorRegistry(), SpoolerMetrics()
        for number in range(1, jobs + 1):
            book.add(replace(JOB, number=number))
        with metrics.shown_in(registry, book.tallies):
            assert (
                value(generate_latest(registry).decode(), 'printfabric_jobs_waiting{printer="labels"}')
                == jobs
            )
            return steps_of(lambda: generate_latest(registry))

    assert cost(100_000) == cost(1_000)


def test_no_label_carries_a_job_or_a_user():
    text = page(SpoolerMetrics(), [JOB])
    assert "ann" not in text
    assert 'job="' not in text


def test_the_room_of_a_store_that_knows_none_is_not_shown():
    metrics = SpoolerMetrics()
    metrics.spool_free_bytes = 1 << 62
    assert "\nprintfabric_spool_free_bytes " not in page(metrics)
    metrics.spool_free_bytes, metrics.spool_reserve_bytes = 300, 100
    assert value(page(metrics), "printfabric_spool_free_bytes") == 300
    assert value(page(metrics), "printfabric_spool_reserve_bytes") == 100


def test_hosts_that_answer_are_told_from_those_that_do_not():
    registry = CollectorRegistry()
    with SpoolerMetrics().shown_in(registry, list, lambda: [("edge-7", True), ("edge-8", False)]):
        text = generate_latest(registry).decode()
    assert value(text, 'printfabric_host_online{host="edge-7"}') == 1
    assert value(text, 'printfabric_host_online{host="edge-8"}') == 0


def test_who_answers_for_a_host_and_is_not_taken_for_it_is_told_with_the_reason():
    registry = CollectorRegistry()
    with SpoolerMetrics().shown_in(registry, list, list, lambda: [("edge-7", "UNPROVEN_HOST")]):
        text = generate_latest(registry).decode()
    assert value(text, 'printfabric_host_not_believed{host="edge-7",reason="UNPROVEN_HOST"}') == 1
