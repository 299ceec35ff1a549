"""Every end an attempt can have, and what follows from it."""

from __future__ import annotations

import pytest

from chassis.errors import (
    ConnectionRefused,
    DeviceFault,
    DigestMismatch,
    FabricError,
    JobCanceled,
    OutOfPaper,
    PortBusy,
    PortNotFound,
    WriteTimeout,
)
from spooler.delivery import INTERRUPTED, OUTCOME_UNKNOWN, PARTIALLY_PRINTED, PortAction, conclude
from spooler.job_state import JobEvent
from spooler.ledger import Outcome, Span
from spooler.new_job import UploadInterrupted
from spooler.port import DocumentKey, Phase, Progress

KEY = DocumentKey(b"u" * 16, 1)
SIZE = 1000


def ended(accepted: int = 0, error: FabricError | None = None, **more: object) -> Progress:
    return Progress(KEY, Phase.ENDED, accepted=accepted, error=error, **more)  # type: ignore[arg-type]


def test_a_document_that_ended_without_error_is_printed() -> None:
    result = conclude(ended(SIZE, acked=SIZE), SIZE, 0)
    assert (result.outcome, result.event) == (Outcome.PRINTED, JobEvent.COMPLETE)


def test_a_host_that_says_done_of_less_than_all_is_not_believed() -> None:
    result = conclude(ended(SIZE - 1), SIZE, 0)
    assert (result.outcome, result.event) == (Outcome.UNKNOWN, JobEvent.HOLD)
    assert result.uncertain == Span(SIZE - 1, SIZE)


def test_an_empty_document_is_printed() -> None:
    assert conclude(ended(0), 0, 0).outcome is Outcome.PRINTED


@pytest.mark.parametrize(
    "error", [ConnectionRefused("x"), PortBusy("x"), PortNotFound("x"), WriteTimeout("x")]
)
def test_an_untouched_document_goes_back_to_its_place_and_the_port_rests(error: FabricError) -> None:
    result = conclude(ended(0, error), SIZE, 0)
    assert (result.outcome, result.event) == (Outcome.NOT_PRINTED, JobEvent.REQUEUE)
    assert result.port_action is PortAction.PAUSE


def test_a_port_that_wants_a_person_is_stopped() -> None:
    assert conclude(ended(0, OutOfPaper("x")), SIZE, 0).port_action is PortAction.STOP


def test_a_document_that_can_never_print_is_aborted() -> None:
    assert conclude(ended(0, DigestMismatch("x")), SIZE, 0).event is JobEvent.ABORT


def test_a_document_the_host_never_saw_goes_back_to_its_place() -> None:
    result = conclude(Progress(KEY, Phase.NEVER_SEEN), SIZE, 0)
    assert (result.outcome, result.event) == (Outcome.NOT_PRINTED, JobEvent.REQUEUE)


def test_a_lost_journal_makes_the_whole_document_uncertain() -> None:
    result = conclude(Progress(KEY, Phase.UNKNOWN), SIZE, 100)
    assert (result.outcome, result.event, result.reason) == (Outcome.UNKNOWN, JobEvent.HOLD, OUTCOME_UNKNOWN)
    assert result.uncertain == Span(100, SIZE)


@pytest.mark.parametrize(("began_at", "confirmed", "start"), [(0, 500, 500), (600, 500, 600)])
def test_a_lost_journal_leaves_what_was_confirmed_before(began_at: int, confirmed: int, start: int) -> None:
    result = conclude(Progress(KEY, Phase.UNKNOWN), SIZE, began_at, confirmed=confirmed)
    assert (result.outcome, result.uncertain) == (Outcome.UNKNOWN, Span(start, SIZE))


def test_a_document_that_was_confirmed_whole_is_printed_though_the_journal_is_lost() -> None:
    result = conclude(Progress(KEY, Phase.UNKNOWN), SIZE, 0, confirmed=SIZE)
    assert (result.outcome, result.event, result.uncertain) == (Outcome.PRINTED, JobEvent.COMPLETE, None)


def test_a_lost_connection_holds_the_job_for_its_uncertain_span() -> None:
    result = conclude(ended(600, DeviceFault("x"), uncertain_start=400, uncertain_end=650), SIZE, 0)
    assert (result.outcome, result.event) == (Outcome.UNKNOWN, JobEvent.HOLD)
    assert result.uncertain == Span(400, 650)


def test_a_lost_connection_after_the_last_byte_is_not_called_printed() -> None:
    result = conclude(
        ended(SIZE, DeviceFault("x"), acked=SIZE, uncertain_start=800, uncertain_end=SIZE), SIZE, 0
    )
    assert result.outcome is Outcome.UNKNOWN


def test_a_byte_pipe_goes_on_at_its_byte_on_the_same_port() -> None:
    result = conclude(ended(600, DeviceFault("x"), resumable=True), SIZE, 0)
    assert (result.outcome, result.event, result.resume_offset) == (Outcome.PARTIAL, JobEvent.STOP, 600)


def test_a_byte_pipe_that_fails_again_untouched_keeps_its_place_on_its_port() -> None:
    result = conclude(ended(600, ConnectionRefused("x")), SIZE, 600, pinned=True)
    assert (result.event, result.resume_offset, result.outcome) == (JobEvent.STOP, 600, Outcome.PARTIAL)


def test_a_known_place_where_the_device_will_not_go_on_is_a_persons_decision() -> None:
    result = conclude(ended(600, DeviceFault("x")), SIZE, 0)
    assert (result.outcome, result.event, result.reason) == (
        Outcome.PARTIAL,
        JobEvent.HOLD,
        PARTIALLY_PRINTED,
    )


@pytest.mark.parametrize(
    ("progress", "outcome"),
    [
        (ended(0, JobCanceled("x")), Outcome.NOT_PRINTED),
        (Progress(KEY, Phase.NEVER_SEEN, error=JobCanceled("x")), Outcome.NOT_PRINTED),
        (ended(600, JobCanceled("x")), Outcome.PARTIAL),
        (ended(600, JobCanceled("x"), uncertain_start=1, uncertain_end=600), Outcome.UNKNOWN),
    ],
)
def test_a_canceled_job_ends_and_says_what_came_out(progress: Progress, outcome: Outcome) -> None:
    result = conclude(progress, SIZE, 0, cancelled=True)
    assert (result.event, result.outcome) == (JobEvent.CANCEL, outcome)


def test_a_job_that_printed_before_it_could_be_canceled_is_printed() -> None:
    assert conclude(ended(SIZE), SIZE, 0, cancelled=True).event is JobEvent.COMPLETE


@pytest.mark.parametrize(
    ("progress", "outcome", "uncertain"),
    [
        ({}, Outcome.NOT_PRINTED, None),
        ({"accepted": 400}, Outcome.PARTIAL, None),
        ({"accepted": 400, "resumable": True}, Outcome.PARTIAL, None),
        ({"accepted": 400, "uncertain_start": 300, "uncertain_end": 400}, Outcome.UNKNOWN, Span(300, 400)),
        ({"accepted": SIZE}, Outcome.PARTIAL, None),
    ],
    ids=["nothing", "a part", "a byte pipe", "uncertain", "all that came"],
)
def test_a_document_whose_rest_never_comes_ends_with_what_came_out(
    progress: dict[str, object], outcome: Outcome, uncertain: Span | None
) -> None:
    gone = UploadInterrupted("nothing more came")
    result = conclude(ended(error=gone, **progress), SIZE, 0, incoming=True)  # type: ignore[arg-type]
    assert (result.outcome, result.event, result.reason) == (outcome, JobEvent.ABORT, INTERRUPTED)
    assert result.uncertain == uncertain


def test_of_a_document_that_still_comes_in_nobody_can_say_that_it_is_printed() -> None:
    said = conclude(ended(SIZE), SIZE, 0, incoming=True)
    forgotten = conclude(Progress(KEY, Phase.UNKNOWN), SIZE, 0, confirmed=SIZE, incoming=True)
    assert said.outcome is forgotten.outcome is Outcome.UNKNOWN
